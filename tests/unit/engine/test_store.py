"""What is kept over restarts: found again where it belongs, and never in anybody's way."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_lsp.completion.cache import PrefixCache, surroundings
from spark_lsp.engine import sqlite_file, sqlite_thread
from spark_lsp.engine.sqlite_file import LOG_BYTES
from spark_lsp.engine.store import Store, store_path
from spark_lsp.engine.store_file import APPLICATION, PER_DOCUMENT, ROW_BYTES, VERSION
from spark_lsp.text import Lines, Snapshot
from spark_lsp.values import Suggestion

MAX_BYTES = 1 << 20
URI = "file:///a.py"
ODDS = {"python/line": [3.0, 1.5]}


def at(text: str, line: int = 0, column: int = 0, uri: str = URI, language: str = "python") -> Snapshot:
    return Snapshot(uri, 7, language, Lines.of(text), line, column)


class Kept:
    """A file, the stores that a test opens on it, and what they complained of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = Path(f"{path}-wal")
        self.complaints: list[str] = []

    def store(self, max_bytes: int = MAX_BYTES) -> Store:
        return Store(self.path, max_bytes, self.complaints.append)

    async def keep(self, *entries: tuple[Snapshot, Suggestion], fingerprint: str = "f") -> None:
        """In a session of its own."""
        store = self.store()
        for snapshot, suggestion in entries:
            store.keep(snapshot, suggestion, fingerprint)
        await store.aclose()

    async def load(
        self, uri: str = URI, language: str = "python", fingerprint: str = "f"
    ) -> list[tuple[Snapshot, Suggestion]]:
        """In a session of its own."""
        store = self.store()
        entries = await store.load(uri, language, fingerprint)
        await store.aclose()
        return entries

    async def texts(self, **where: str) -> list[str]:
        return [suggestion.text for _, suggestion in await self.load(**where)]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine is no fault."""
    monkeypatch.setattr(sqlite_file, "BUSY", 20.0)
    monkeypatch.setattr(sqlite_thread, "CLOSING", 20.0)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "cache" / "completions.sqlite")


def test_the_file_is_in_the_users_cache() -> None:
    assert store_path().is_relative_to(os.environ["XDG_CACHE_HOME"])


# --- what is kept is found


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.sampled_from("aé\0\r\n \U0001f600"), max_size=4), min_size=1, max_size=12),
    st.data(),
)
async def test_a_restored_entry_is_the_one_that_was_kept(
    kept: Kept, lines: list[str], data: st.DataObject
) -> None:
    text = "\n".join(lines)
    line = data.draw(st.integers(0, Lines.of(text).count - 1))
    column = data.draw(st.integers(0, len(Lines.of(text)[line].rstrip("\r\n"))))
    now = at(text, line, column)
    suggestion = Suggestion(
        data.draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)),
        "remote",
        "model",
        data.draw(st.integers(0, 500)),
        confidence=data.draw(st.none() | st.floats(0, 1)),
    )
    await kept.keep((now, suggestion))
    snapshot, found = (await kept.load())[-1]
    assert found == suggestion
    around = surroundings(now)
    assert (snapshot.uri, snapshot.language) == (around.uri, around.language)
    assert (snapshot.line, snapshot.column) == (around.line, around.column)
    assert snapshot.lines.text() == around.lines.text()
    cache = PrefixCache(100_000)
    cache.put(snapshot, found)
    assert (answer := cache.get(now)) is not None
    assert answer.suggestion == suggestion
    assert not kept.complaints


async def test_the_newest_comes_last_and_each_place_once(kept: Kept) -> None:
    start, end = at("f\n"), at("f\n", 0, 1)
    await kept.keep((start, Suggestion("one")), (end, Suggestion("two")), (start, Suggestion("three")))
    assert await kept.texts() == ["two", "three"]


async def test_only_whole_suggestions_are_kept(kept: Kept) -> None:
    half = "\ud83d"
    await kept.keep(
        (at("a"), Suggestion("unfinished", complete=False)),
        (at("b"), Suggestion("")),
        (at("c"), Suggestion("x" * ROW_BYTES)),
        (at("d"), Suggestion(half)),
        (at(half), Suggestion("text")),
        (at("e"), Suggestion("kept")),
    )
    assert await kept.texts() == ["kept"]
    assert await kept.texts(uri=half) == []
    assert not kept.complaints


@pytest.mark.parametrize(
    "elsewhere", [{"uri": "file:///b.py"}, {"language": "go"}, {"fingerprint": "other settings"}]
)
async def test_another_file_language_or_fingerprint_finds_nothing(
    kept: Kept, elsewhere: dict[str, str]
) -> None:
    await kept.keep((at("f"), Suggestion("(1)")))
    assert await kept.texts(**elsewhere) == []
    assert await kept.texts() == ["(1)"]


async def test_the_path_alone_finds_nothing(kept: Kept) -> None:
    """The file was changed while nobody looked: its rows are there, and no cursor comes to them."""
    before = "\n".join(f"line {number}" for number in range(20))
    await kept.keep((at(before, 10, 4), Suggestion("text")))
    cache = PrefixCache(100_000)
    for snapshot, suggestion in await kept.load():
        cache.put(snapshot, suggestion)
    assert cache.get(at(before, 10, 4)) is not None
    assert cache.get(at("new line\n" + before, 11, 4)) is not None
    for changed in ("line 9", "line 10", "line 11"):
        after = before.replace(changed, f"{changed}!")
        assert cache.get(at(after, 10, 4)) is None
    with closing(sqlite3.connect(kept.path)) as connection:
        assert connection.execute("SELECT surroundings FROM completions").fetchall() == [
            ("".join(f"line {number}\n" for number in range(4, 14)),)
        ]


async def test_what_is_asked_for_is_behind_what_was_kept(kept: Kept) -> None:
    store = kept.store()
    store.keep(at("f"), Suggestion("(1)"), "f")
    store.keep_odds(ODDS)
    assert [suggestion.text for _, suggestion in await store.load(URI, "python", "f")] == ["(1)"]
    assert await store.odds() == ODDS
    store.forget(URI)
    assert await store.load(URI, "python", "f") == []
    store.forget("\ud83d")
    store.keep(at("f"), Suggestion("(2)"), "f")
    assert len(await store.load(URI, "python", "f")) == 1
    await store.aclose()
    assert not kept.complaints


async def test_it_is_written_within_a_second_or_at_the_end(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_thread, "GATHERING", 0.01)
    first = kept.store()
    first.keep(at("f"), Suggestion("(1)"), "f")
    for _ in range(200):
        if await kept.texts() == ["(1)"]:
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError("nothing was written")
    monkeypatch.setattr(sqlite_thread, "GATHERING", 1000.0)
    last = kept.store()
    last.keep(at("g"), Suggestion("(2)"), "f")
    await first.aclose()
    await last.aclose()
    assert await kept.texts() == ["(1)", "(2)"]


async def test_a_closed_store_keeps_quiet(kept: Kept) -> None:
    store = kept.store()
    await store.aclose()
    store.keep(at("f"), Suggestion("(1)"), "f")
    assert await store.load(URI, "python", "f") == []
    await store.aclose()
    assert not kept.path.exists(), "nothing is touched before the first use"


async def test_who_loses_patience_breaks_nothing(kept: Kept) -> None:
    store = kept.store()
    impatient = asyncio.create_task(store.load(URI, "python", "f"))
    await asyncio.sleep(0)
    impatient.cancel()
    store.keep(at("f"), Suggestion("(1)"), "f")
    assert len(await store.load(URI, "python", "f")) == 1
    await store.aclose()


# --- bounds


@pytest.mark.parametrize("max_bytes", [64 << 10, 256 << 10])
async def test_the_file_is_bounded_and_the_least_used_goes_first(kept: Kept, max_bytes: int) -> None:
    used, unused = at("used", uri="file:///used"), at("unused", uri="file:///unused")
    store = kept.store(max_bytes)
    for snapshot in (used, unused):
        store.keep(snapshot, Suggestion("x" * 200), "f")
    sizes = []
    for number in range(2000):
        store.keep(at(f"line {number}"), Suggestion(f"{number} " + "x" * 200), "f")
        if number % 50 == 0:
            assert await store.load("file:///used", "python", "f")
            sizes.append(kept.path.stat().st_size)
            assert kept.log.stat().st_size <= LOG_BYTES + max_bytes
    await store.aclose()
    assert max(sizes) <= max_bytes
    assert max_bytes / 2 < kept.path.stat().st_size <= max_bytes
    assert await kept.texts(uri="file:///unused") == []
    newest = await kept.texts()
    assert len(newest) <= PER_DOCUMENT
    assert [int(text.split()[0]) for text in newest] == list(range(2000 - len(newest), 2000))


async def test_a_document_is_given_its_newest(kept: Kept) -> None:
    await kept.keep(*((at(f"line {number}"), Suggestion(f"{number}")) for number in range(PER_DOCUMENT + 3)))
    assert await kept.texts() == [str(number) for number in range(3, PER_DOCUMENT + 3)]


# --- privacy


async def test_nobody_else_may_read_it(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even before its first byte: who opens it then can read what is written later."""
    first_modes = []
    opened = os.open

    def watched(path: Path, flags: int, mode: int) -> int:
        first_modes.append(mode)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", watched)
    old = os.umask(0)
    try:
        store = kept.store()
        store.keep(at("f"), Suggestion("(1)"), "f")
        await store.load(URI, "python", "f")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in kept.path.parent.iterdir()}
        await store.aclose()
    finally:
        os.umask(old)
    assert first_modes == [0o600]
    name = kept.path.name
    assert modes == {name: 0o600, f"{name}-wal": 0o600, f"{name}-shm": 0o600}
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700


async def test_a_file_that_others_could_read_is_closed_to_them(kept: Kept) -> None:
    kept.path.parent.mkdir()
    kept.path.touch(0o644)
    await kept.keep((at("f"), Suggestion("(1)")))
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600


# --- files that are not as they should be


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database, not at all" * 500)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def scrambled(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


def garbage_beside(path: Path) -> None:
    Path(f"{path}-wal").write_bytes(b"nonsense" * 1000)


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE completions (id); INSERT INTO completions VALUES (1)")


def of_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"ALTER TABLE completions ADD extra; PRAGMA user_version = {VERSION + 1}")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE completions")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil",
    [
        garbage,
        cut_off,
        scrambled,
        garbage_beside,
        of_another_program,
        of_another_version,
        without_a_table,
        emptied,
    ],
)
async def test_a_file_that_cannot_be_understood_is_made_anew(
    kept: Kept, spoil: Callable[[Path], None]
) -> None:
    await kept.keep(*((at(f"line {number}"), Suggestion("old")) for number in range(100)))
    spoil(kept.path)
    for text in ("one", "two"):
        await kept.keep((at(text), Suggestion(text)))
    assert (await kept.texts())[-2:] == ["one", "two"]
    assert not kept.complaints
    with closing(sqlite3.connect(kept.path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (1,)


async def test_a_file_that_is_damaged_while_it_is_used_is_made_anew(kept: Kept) -> None:
    await kept.keep(*((at(f"line {number}"), Suggestion("old" * 100)) for number in range(200)))
    store = kept.store()
    await store.odds()
    scrambled(kept.path)
    assert await store.load(URI, "python", "f") == []
    store.keep(at("f"), Suggestion("(1)"), "f")
    await store.aclose()
    assert await kept.texts() == ["(1)"]
    assert not kept.complaints


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("surroundings", "CAST(x'fffe' AS TEXT)"),
        ("surroundings", "x'ff'"),
        ("cursor_line", "1000000"),
        ("cursor_line", "-1"),
        ("cursor_column", "'x'"),
        ("cursor_column", "1000000"),
        ("text", "x'ff'"),
        ("model", "x'ff'"),
        ("tokens", "'many'"),
        ("confidence", "'high'"),
    ],
)
async def test_a_row_of_nonsense_costs_the_others_nothing(kept: Kept, column: str, value: str) -> None:
    await kept.keep((at("f"), Suggestion("(1)")), (at("g"), Suggestion("(2)")))
    with closing(sqlite3.connect(kept.path)) as connection, connection:
        connection.execute(f"UPDATE completions SET {column} = {value} WHERE id = 1")
    *others, (snapshot, suggestion) = await kept.load()
    assert (snapshot.lines.text(), suggestion.text) == ("g", "(2)")
    for around, what_else in others:
        PrefixCache(100_000).put(around, what_else)
        assert isinstance(what_else.model, str)
        assert isinstance(what_else.confidence, float | None)
    assert not kept.complaints


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"a": 1, "b": ["x"], "python/line": [3, 1.5]}', 5, "text"]
)
async def test_odds_of_nonsense_are_left_out(kept: Kept, content: Any) -> None:
    store = kept.store()
    store.keep_odds({"a": [1.0]})
    store.keep_odds({"too much": [0.0] * ROW_BYTES})
    assert await store.odds() == {"a": [1.0]}
    await store.aclose()
    with closing(sqlite3.connect(kept.path)) as connection, connection:
        connection.execute("UPDATE learned SET value = ?", (content,))
    store = kept.store()
    assert await store.odds() in ({}, ODDS)
    await store.aclose()
    assert not kept.complaints


# --- files that cannot be used


class NoRoomOnDisk(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if arguments[0].startswith("INSERT"):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return super().execute(*arguments)


class BrokenDisk(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        raise error


class StaysDamaged(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


class RaisesTheUnexpected(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        raise ValueError(f"secret text of the user: {arguments}")


@pytest.mark.parametrize("disk", [NoRoomOnDisk, BrokenDisk, StaysDamaged, RaisesTheUnexpected])
async def test_a_disk_that_fails_is_reported_once(
    kept: Kept,
    disk: type[sqlite3.Connection],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *path, **options: connect(*path, factory=disk, **options))
    await fails_quietly(kept)
    assert "secret" not in kept.complaints[0] + caplog.text


def folder_is_a_file(path: Path, _: pytest.MonkeyPatch) -> None:
    path.parent.write_text("")


def file_is_a_folder(path: Path, _: pytest.MonkeyPatch) -> None:
    path.mkdir(parents=True)
    path.chmod(0o755)


def read_only_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir(mode=0o500)
    if os.geteuid() == 0:  # may write everywhere
        monkeypatch.setattr(os, "open", refused)


def read_only_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    path.chmod(0o400)
    if os.geteuid() == 0:
        monkeypatch.setattr(
            sqlite3,
            "connect",
            lambda path, *, connect=sqlite3.connect, **options: connect(
                f"{path.as_uri()}?mode=ro", uri=True, **options
            ),
        )
        monkeypatch.setattr(Path, "unlink", refused)


def refused(*_: object, **__: object) -> int:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("place", [folder_is_a_file, file_is_a_folder, read_only_folder, read_only_file])
async def test_a_place_that_cannot_be_written_is_reported_once(
    kept: Kept, place: Callable[[Path, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    place(kept.path, monkeypatch)
    await fails_quietly(kept)
    if kept.path.is_dir():
        assert stat.S_IMODE(kept.path.stat().st_mode) == 0o755, "a folder was changed"


async def fails_quietly(kept: Kept) -> None:
    store = kept.store()
    for _ in range(3):
        store.keep(at("f"), Suggestion("(1)"), "f")
        assert await store.load(URI, "python", "f") == []
        assert await store.odds() == {}
    await store.aclose()
    assert len(kept.complaints) == 1
    assert "cache.persist" in kept.complaints[0]
    assert str(kept.path) in kept.complaints[0] or "ValueError" in kept.complaints[0]


# --- several servers


async def test_two_stores_share_the_file(kept: Kept) -> None:
    stores = [kept.store() for _ in range(4)]
    for number in range(100):
        for index, store in enumerate(stores):
            store.keep(at(f"{index} line {number}"), Suggestion("x"), "f")
    seen = await asyncio.gather(*(store.load(URI, "python", "f") for store in stores))
    assert all(seen)
    await asyncio.gather(*(store.aclose() for store in stores))
    assert len(await kept.load()) == 400
    assert not kept.complaints


async def test_what_another_keeps_locked_is_written_later(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY", 0.01)
    monkeypatch.setattr(sqlite_thread, "GATHERING", 0.01)
    store = kept.store()
    store.keep(at("f"), Suggestion("(1)"), "f")
    assert await store.load(URI, "python", "f")
    with closing(sqlite3.connect(kept.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.keep(at("g"), Suggestion("(2)"), "f")
        # Reading goes on, and so does the store: this answer comes behind an attempt to write.
        assert len(await store.load(URI, "python", "f")) == 1
        other.execute("ROLLBACK")
    assert len(await store.load(URI, "python", "f")) == 2
    await store.aclose()
    assert not kept.complaints


WRITER = """
import asyncio, sys
from pathlib import Path
from spark_lsp.engine import sqlite_file, sqlite_thread, store
from spark_lsp.text import Lines, Snapshot
from spark_lsp.values import Suggestion

sqlite_file.BUSY = sqlite_thread.CLOSING = 20.0

async def main(path, name, count):
    kept = store.Store(Path(path), 1 << 20, lambda message: print(message, file=sys.stderr))
    for number in range(int(count)):
        now = Snapshot("file:///a.py", 0, "python", Lines.of(f"{name} line {number}"), 0, 0)
        kept.keep(now, Suggestion("x" * 100), "f")
        if number % 10 == 0:
            await kept.load("file:///a.py", "python", "f")
            print(number, flush=True)
    await kept.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_two_processes_share_the_file_from_its_first_byte(kept: Kept) -> None:
    writers = [writer(kept.path, name, 100) for name in "ab"]
    for process in writers:
        _, complaint = await asyncio.to_thread(process.communicate, timeout=30)
        assert (process.returncode, complaint) == (0, "")
    assert len(await kept.load()) == 200


async def test_a_process_killed_while_it_writes_leaves_a_usable_file(kept: Kept) -> None:
    process = writer(kept.path, "a", 1_000_000)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        for _ in range(20):
            await asyncio.to_thread(process.stdout.readline)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    assert len(await kept.load()) >= 190
    await kept.keep((at("after"), Suggestion("(1)")))
    assert (await kept.texts())[-1] == "(1)"
    assert not kept.complaints
    with closing(sqlite3.connect(kept.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
