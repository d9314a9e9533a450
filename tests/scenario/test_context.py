"""What a model is told of elsewhere, as it arrives at a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from tests.scenario.conftest import Session, Sessions, served_by
from tests.scenario.test_commands import run
from tests.scenario.test_privacy import SECRET, through, wire_to

NEIGHBOUR = '''\
class Basket:
    """What a customer is about to buy."""

    def add_article(self, article: str, pieces: int = 1) -> None:
        self.articles[article] = self.articles.get(article, 0) + pieces

    def total_price(self, discount: float = 0.0) -> float:
        total = sum(price_of(article) * pieces for article, pieces in self.articles.items())
        rounded = round(total * (1 - discount), 2)
        if rounded < 0:
            raise ValueError(f"a price below nothing: {rounded}")
        log.debug("the basket costs %s", rounded)
        return rounded
'''
TOLD = "def total_price(self, discount: float = 0.0) -> float:"
TEXT = "from basket import Basket\n\nbasket = Basket()\nprice = basket."


async def asked(session: Session, text: str = TEXT, name: str = "order.py") -> None:
    await session.learned()
    lines = text.split("\n")
    uri = session.open(name, text)
    await session.complete(uri, len(lines) - 1, len(lines[-1]), invoked=True)


@pytest.mark.parametrize("fim", ["suffix", "prefix", "qwen", "starcoder", "codestral", "mellum", "chat"])
async def test_a_definition_elsewhere_arrives(fim: str, sessions: Sessions) -> None:
    (sessions.root / "basket.py").write_text(NEIGHBOUR)
    async with FakeServer() as server, wire_to(server) as wire:
        settings = through(wire)
        settings["backend"][0]["fim"] = fim
        async with sessions(settings) as session:
            await asked(session)
    seen = wire.seen.decode()
    assert TOLD in seen
    assert "basket.py" in seen
    assert seen.index(TOLD) < seen.rindex("price = basket.")


@pytest.mark.parametrize("off", [{"context_tokens": 0}, {"without": ["context", "pieces"]}])
async def test_nothing_is_told_where_it_is_off(off: dict[str, Any], sessions: Sessions) -> None:
    (sessions.root / "basket.py").write_text(NEIGHBOUR)
    async with FakeServer() as server, wire_to(server) as wire:
        settings = through(wire)
        settings["inline"] |= off
        async with sessions(settings) as session:
            await asked(session)
    assert b"price = basket." in wire.seen
    assert b"total_price" not in wire.seen


@pytest.mark.parametrize(
    ("name", "ignores", "privacy"),
    [
        ("basket.py", "basket.py\n", {}),
        ("basket.py", "", {"deny": ["basket.py"]}),
        ("secrets.json", "", {}),
    ],
)
async def test_what_must_not_leave_is_not_told(
    name: str, ignores: str, privacy: dict[str, Any], sessions: Sessions
) -> None:
    (sessions.root / ".gitignore").write_text(ignores)
    (sessions.root / name).write_text(NEIGHBOUR)
    async with (
        FakeServer() as server,
        wire_to(server) as wire,
        sessions(through(wire, privacy=privacy)) as session,
    ):
        session.open(name, NEIGHBOUR)
        await asked(session)
    assert b"price = basket." in wire.seen
    assert b"total_price" not in wire.seen


@pytest.mark.parametrize("fim", ["suffix", "qwen", "prefix"])
async def test_a_neighbours_secret_does_not_leave(fim: str, sessions: Sessions, tmp_path: Path) -> None:
    (sessions.root / "basket.py").write_text(f'def total_price():\n    password = "{SECRET}"\n')
    async with FakeServer() as server, wire_to(server) as wire:
        settings = through(wire)
        settings["backend"][0]["fim"] = fim
        async with sessions(settings) as session:
            await asked(session, "from basket import total_price\n\nx = total_price(")
    assert b"def total_price" in wire.seen
    assert b'password = \\"' in wire.seen
    assert SECRET.encode() not in wire.seen


async def test_sent_shows_what_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / ".gitignore").write_text("hidden.py\n")
    (tmp_path / "basket.py").write_text(f'{NEIGHBOUR}\n    def key(self):\n        password = "{SECRET}"\n')
    (tmp_path / "hidden.py").write_text("def total_price(hidden_argument): ...\n")
    (tmp_path / "order.py").write_text(TEXT)
    async with FakeServer() as server:
        settings = served_by(server)
        (tmp_path / "config.json").write_text(json.dumps(settings))
        place = ("config", "--show", "--sent", "order.py:4:16", "--config", "config.json", "--json")
        status, out, err = await run(*place, cwd=tmp_path)
        assert (status, err) == (0, "")
        assert not [entry for entry in server.stats.log if "completions" in entry.path]
    [letter] = json.loads(out)["sent"]
    assert f"#     {TOLD}" in letter["body"]["prompt"]
    assert letter["body"]["prompt"].endswith(TEXT)
    assert SECRET not in out
    assert "hidden_argument" not in out
