"""What a session keeps for the next one, and that it keeps nothing unless it was asked to."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from tests.scenario.conftest import Session, Sessions, served_by

DONE = """\
def total_price(items, discount):
    subtotal = sum(item.price * item.quantity for item in items)
    return subtotal * (1 - discount)


def describe(items):
    return ", ".join(item.name for item in items)
"""
HEAD, BODY = DONE.split("    subtotal", 1)
AFTER = "\n\n\ndef describe(items):\n" + DONE.split("def describe(items):\n")[1]
START = HEAD + "    " + AFTER
LINE, COLUMN = 1, 4
GHOST = "subtotal = sum(item.price * item.quantity for item in items)\n    return subtotal * (1 - discount)"

KEPT = {"max_bytes": 1 << 20, "persist": True}


def kept_file() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"]) / "spark-lsp" / "completions.sqlite"


async def first_session(sessions: Sessions, cache: dict[str, Any]) -> dict[str, Any]:
    """One in which a model answers in two files. Returns its settings: the model's server is gone then."""
    async with FakeServer(Oracle({"shop.py": DONE})) as server:
        settings = served_by(server, deadline_ms=1000, cache=cache)
        async with sessions(settings) as session:
            for name in ("shop.py", "store.py"):
                await said(session, server, name)
        assert server.stats.requests == 2
    return settings


async def restored(session: Session, name: str) -> None:
    """Wait until what was kept of this file is back: nobody else has an answer."""
    await answered(session, session.open(name, START))


async def answered(session: Session, uri: str) -> None:
    """Wait for the whole answer: a part of it may be shown first."""
    for _ in range(200):
        ghost = await session.ghost(uri, LINE, COLUMN)
        if ghost == GHOST:
            return
        assert GHOST.startswith(ghost)
        await asyncio.sleep(0.05)
    raise AssertionError("no answer in 10 seconds")


async def said(session: Session, server: FakeServer, name: str) -> str:
    """Have the model answer in this file, to its end. Returns the file's URI."""
    uri = session.open(name, START)
    await answered(session, uri)
    for _ in range(200):
        await session.metrics()
        if not server.stats.open:
            return uri
        await asyncio.sleep(0.02)
    raise AssertionError("the stream does not end")


async def test_what_was_suggested_is_there_after_a_restart(sessions: Sessions) -> None:
    settings = await first_session(sessions, KEPT)
    assert stat.S_IMODE(kept_file().stat().st_mode) == 0o600
    async with sessions(settings) as session:
        await restored(session, "shop.py")
        uri = (session.root / "shop.py").as_uri()
        session.type(uri, LINE, COLUMN, GHOST[:3])
        assert await session.ghost(uri, LINE, COLUMN + 3) == GHOST[3:]
        assert (await session.metrics())["hits"]["typed_through"] == 1


async def test_a_path_alone_brings_nothing_back(sessions: Sessions) -> None:
    """The file was changed between the sessions, near the cursor: its old text is not offered."""
    settings = await first_session(sessions, KEPT)
    async with sessions(settings) as session:
        changed = session.open("store.py", START.replace("total_price", "total_weight"))
        await restored(session, "shop.py")
        assert await session.ghost(changed, LINE, COLUMN) == ""
        elsewhere = session.open("copy.py", START)
        assert await session.ghost(elsewhere, LINE, COLUMN) == ""


async def test_other_settings_bring_nothing_back(sessions: Sessions) -> None:
    settings = await first_session(sessions, KEPT)
    settings["inline"]["max_tokens"] = 17
    async with sessions(settings) as session:
        uri = session.open("shop.py", START)
        for _ in range(5):
            assert await session.ghost(uri, LINE, COLUMN) == ""


async def test_nothing_is_kept_unless_asked_for(sessions: Sessions) -> None:
    await first_session(sessions, {})
    assert not kept_file().exists()


def damaged(path: Path) -> None:
    path.write_bytes(b"no database")


def of_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("ALTER TABLE completions ADD more; PRAGMA user_version = 99")


@pytest.mark.parametrize("spoil", [damaged, of_another_version])
async def test_a_file_that_cannot_be_understood_is_made_anew(
    sessions: Sessions, spoil: Callable[[Path], None]
) -> None:
    await first_session(sessions, KEPT)
    spoil(kept_file())
    settings = await first_session(sessions, KEPT)
    async with sessions(settings) as session:
        await restored(session, "shop.py")
        assert not any("persist" in message.message for message in session.client.messages)


async def test_a_place_that_cannot_be_written_is_said_once(sessions: Sessions) -> None:
    kept_file().parent.mkdir(parents=True)
    kept_file().mkdir()
    async with (
        FakeServer(Oracle({"shop.py": DONE})) as server,
        sessions(served_by(server, cache=KEPT)) as session,
    ):
        for name in ("shop.py", "store.py"):
            await said(session, server, name)
        told = [message.message for message in session.client.messages]
    assert len(told) == 1
    assert "cache.persist" in told[0]
    assert str(kept_file()) in told[0]


async def test_what_may_not_leave_this_process_is_not_kept(sessions: Sessions) -> None:
    """Its file is ignored, or looks like one of secrets; a model of this machine may answer in it."""
    (sessions.root / ".aiignore").write_text("shop.py\n")
    async with (
        FakeServer(Oracle({"shop.py": DONE})) as server,
        sessions(served_by(server, cache=KEPT)) as session,
    ):
        uri = session.open("shop.py", START)
        assert await session.ghost(uri, LINE, COLUMN) == ""
        other = await said(session, server, "store.py")
    with closing(sqlite3.connect(kept_file())) as connection:
        rows = connection.execute("SELECT uri FROM completions").fetchall()
    assert rows == [(other,)]


async def test_what_has_become_private_is_forgotten(sessions: Sessions) -> None:
    settings = await first_session(sessions, KEPT)
    (sessions.root / ".aiignore").write_text("shop.py\n")
    async with sessions(settings) as session:
        uri = session.open("shop.py", START)
        assert await session.ghost(uri, LINE, COLUMN) == ""
        await restored(session, "store.py")
    with closing(sqlite3.connect(kept_file())) as connection:
        rows = connection.execute("SELECT uri FROM completions").fetchall()
    assert rows == [((sessions.root / "store.py").as_uri(),)]


async def test_two_sessions_at_once_keep_what_both_were_told(sessions: Sessions) -> None:
    async with FakeServer(Oracle({"shop.py": DONE})) as server:
        settings = served_by(server, deadline_ms=1000, cache=KEPT)
        async with sessions(settings) as one, sessions(settings) as other:
            for session, name in ((one, "shop.py"), (other, "store.py")):
                await said(session, server, name)
    async with sessions(settings) as session:
        for name in ("shop.py", "store.py"):
            await restored(session, name)
