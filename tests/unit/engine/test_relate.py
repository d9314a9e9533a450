"""What is told with a document's prompts: chosen once, kept while one types, and only what may be told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.base import Backend
from spark_lsp.completion.context import gather
from spark_lsp.completion.prompt import render
from spark_lsp.config import Config
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.relate import Edited, Relater
from spark_lsp.text import Document, Snapshot
from spark_lsp.values import Excerpt, Reach

BASKET = "class Basket:\n    def total_price(self, discount):\n        return self.sum_of(discount)\n"
START = "from basket import Basket\n\nbasket = Basket()\n"
TYPED = "price = basket.total_price(0.1)\nfor article in basket:\n    show(article)\n" * 6
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEowIBAAKCAQEAwordtotalprice\n" * 12
    + "-----END RSA PRIVATE KEY-----\n"
)


class Asked:
    """A backend of which nothing else counts."""

    def __init__(self, name: str = "asked", *, local: bool = False) -> None:
        self.name, self.local = name, local


def backend(**said: Any) -> Backend:
    return Asked(**said)  # type: ignore[return-value]  # nothing else of it counts


class World:
    """A workspace, and a document that somebody types in."""

    def __init__(
        self, root: Path, files: dict[str, str], edits: list[Edited] | None = None, **inline: Any
    ) -> None:
        self.root = root
        config = Config()
        for name, text in files.items():
            (root / name).write_text(text)
        self.learner = Learner(config.workspace, config.privacy)
        self.learner.set_folders([root])
        settings = replace(config.inline, **inline)
        self.relater = Relater(
            settings,
            self.learner,
            lambda path: Path(path).name,
            lambda _: None,
            lambda _: False,
            lambda: edits or [],
        )
        self.path = str(root / "order.py")
        self.document = Document("file:///order.py", START, language="python", encoding="utf-32")

    async def learned(self) -> None:
        await self.learner.learn_folders(lambda done, total: None)
        self.learner.opened(self.path, self.document)

    @property
    def end(self) -> Snapshot:
        line = self.document.lines.count - 1
        return self.document.snapshot(line, len(self.document.lines[line]))

    def type(self, text: str) -> Iterator[Snapshot]:
        for key in text:
            line = self.document.lines.count - 1
            column = len(self.document.lines[line])
            span = self.document.edit(line, column, line, column, key)
            self.learner.edited(self.path, self.document.lines, span)
            yield self.end

    async def choose(self, reach: Reach = "anywhere", *, rested: bool = False) -> bool:
        task = self.relater.begin(self.end, self.path, reach, rested=rested)
        if task is not None:
            await task
        return task is not None

    def told(self, asked: Backend | None = None) -> tuple[Excerpt, ...]:
        return self.relater.excerpts(self.end, asked or backend())


async def test_it_stays_while_one_types(tmp_path: Path) -> None:
    world = World(tmp_path, {"basket.py": BASKET})
    await world.learned()
    assert await world.choose()
    first = world.told()
    assert "def total_price" in first[0].text
    last = ""
    for snapshot in world.type(TYPED):
        assert not await world.choose()
        assert world.told() == first
        context = replace(gather(snapshot, path="order.py"), excerpts=world.told())
        text = render(context, "suffix", max_tokens=1).text
        assert text.startswith(last)
        last = text


async def test_it_is_chosen_anew_far_away_and_keeps_its_front(tmp_path: Path) -> None:
    world = World(tmp_path, {"basket.py": BASKET, "rows.py": "def parse_row(line, strict): ...\n"})
    await world.learned()
    await world.choose()
    first = world.told()
    for _ in world.type("x = 1\n" * 30 + "from rows import parse_row\nbasket.total_price\nparse_row("):
        pass
    assert not await world.choose()
    assert await world.choose(rested=True)
    assert world.told()[: len(first)] == first
    assert "def parse_row" in world.told()[-1].text
    assert not await world.choose(rested=True)


async def test_what_was_half_learned_is_chosen_anew(tmp_path: Path) -> None:
    world = World(tmp_path, {"basket.py": BASKET})
    world.learner.opened(world.path, world.document)
    await world.choose()
    assert world.told() == ()
    await world.learner.learn_folders(lambda done, total: None)
    assert await world.choose()
    assert world.told()


@pytest.mark.parametrize(
    ("reach", "asked", "inline", "some"),
    [
        ("anywhere", Asked(), {}, True),
        ("machine", Asked(), {}, True),
        ("process", Asked(), {}, False),
        ("anywhere", Asked("workspace"), {}, False),
        ("anywhere", Asked(), {"context_tokens": 0}, False),
        ("anywhere", Asked(), {"context_tokens": 16}, False),
        ("anywhere", Asked(), {"without": ("context",)}, False),
    ],
)
async def test_who_is_told(
    reach: Reach, asked: Asked, inline: dict[str, Any], some: bool, tmp_path: Path
) -> None:
    world = World(tmp_path, {"basket.py": BASKET}, **inline)
    await world.learned()
    await world.choose(reach)
    assert bool(world.told(asked)) == some  # type: ignore[arg-type]  # nothing else of it counts


async def test_no_part_of_a_private_key_is_told(tmp_path: Path) -> None:
    lines = "\n".join(f"x{n} = {n}" for n in range(600))  # further down than a file's head is looked at
    opened = "vault = open_vault(agent, customs)\n"
    world = World(tmp_path, {"basket.py": f'{BASKET}\n{lines}\n{opened}key = """\n{KEY}"""\n'})
    world.document = Document("file:///order.py", START + opened, language="python", encoding="utf-32")
    await world.learned()
    found = await world.learner.neighbours(world.path, 4, [])
    assert any("MIIEowIBAAKCAQEAwordtotalprice" in one.text for one in found.alike), (
        "the test has lost its point"
    )
    await world.choose()
    assert world.told()
    assert not any("MIIEowIBAAKCAQEA" in one.text for one in world.told())


async def test_edits_elsewhere_are_told_as_diffs(tmp_path: Path) -> None:
    edit = Edited(str(tmp_path / "basket.py"), 1, "-def price():\n+def total_price():", 0.5)
    hidden = "-def hidden_price():\n+def hidden_total():"
    gone = edit._replace(path=str(tmp_path / "ignored.py"), text=hidden)
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    world = World(tmp_path, {"basket.py": BASKET, "ignored.py": BASKET}, [edit, gone])
    await world.learned()
    await world.choose()
    assert world.told()[-1] == Excerpt("basket.py", edit.text)
    assert {one.path for one in world.told()} == {"basket.py"}


async def test_a_closed_document_is_forgotten(tmp_path: Path) -> None:
    world = World(tmp_path, {"basket.py": BASKET})
    await world.learned()
    task = world.relater.begin(world.end, world.path, "anywhere")
    assert task is not None
    world.relater.closed("file:///order.py")
    await asyncio.wait([task])
    assert world.told() == ()
