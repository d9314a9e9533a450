"""A server that can read a prompt without answering it does so before the first key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spark_lsp.backends.fake import FakeBackend
from spark_lsp.config import BackendSettings, CacheSettings, Config, PrefetchSettings, WorkspaceSettings
from spark_lsp.engine import engine, fleet
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.query import Query
from spark_lsp.engine.redacting import RedactingBackend
from spark_lsp.values import Prompt
from tests.unit.engine.test_idling import Nobody, until

TEXT = "def double(x):\n    return 2 * x\n"


class ReadsAhead(FakeBackend):
    """Remembers what it was given to read."""

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        self.read: list[str] = []

    async def prefill(self, prompt: Prompt) -> None:
        self.read.append(prompt.prefix)


def begun(monkeypatch: pytest.MonkeyPatch, *, metered: bool = False, enabled: bool = True) -> Engine:
    monkeypatch.setattr(fleet, "make", ReadsAhead)
    return Engine(
        Config(
            backends=(BackendSettings(name="a", kind="fake", metered=metered),),
            cache=CacheSettings(),
            prefetch=PrefetchSettings(enabled=enabled),
            workspace=WorkspaceSettings(enabled=False),
        ),
        Nobody(),
    )


def reader(session: Engine) -> ReadsAhead:
    [backend] = session._fleet._backends.values()
    assert isinstance(backend, RedactingBackend)
    assert isinstance(backend.asked, ReadsAhead)
    return backend.asked


@pytest.mark.parametrize(
    ("name", "metered", "enabled", "read"),
    [
        ("a.py", False, True, [TEXT]),
        ("a.py", True, True, []),
        ("a.py", False, False, []),
        (".env", False, True, []),
        ("ignored.py", False, True, []),
    ],
)
async def test_what_is_opened_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, metered: bool, enabled: bool, read: list[str]
) -> None:
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    session = begun(monkeypatch, metered=metered, enabled=enabled)
    try:
        await session.start([tmp_path])
        path = tmp_path / name
        session.open(path.as_uri(), str(path), TEXT, language="python", version=1, encoding="utf-16")
        await until(len(read), reader(session).read)
        await asyncio.sleep(0.05)
        assert reader(session).read == read
    finally:
        await session.close()


async def test_where_the_cursor_rests_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine, "RESTING", 0.05)
    session = begun(monkeypatch)
    try:
        await session.start([tmp_path])
        path, uri = tmp_path / "a.py", (tmp_path / "a.py").as_uri()
        session.open(uri, str(path), TEXT, language="python", version=1, encoding="utf-16")
        document = session.document(uri)
        assert document is not None
        query = Query(document.snapshot(1, 4))
        assert (await session.complete_later(query)).hit == "network"
        answer = session.complete_now(query)
        assert answer is not None
        assert answer.hit == "cached"
        await until(2, reader(session).read)
        assert reader(session).read == [TEXT, "def double(x):\n    "]
    finally:
        await session.close()
