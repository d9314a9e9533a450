"""What is remembered of the backends: found by the next server, added up over all, and never in the way."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.engine import sqlite_file, sqlite_thread
from spark_lsp.engine.notebook import APPLICATION, DAYS, MOST, SUBJECTS, VERSION, Notebook, notebook_path
from spark_lsp.routing.measure import Measurements, Subject
from spark_lsp.routing.spend import Limits, Spend, Spent

DAY = "2026-11-23"
NOON = datetime.fromisoformat(f"{DAY}T12:00").timestamp()
SUBJECT = Subject("a", "m", "instant", 2)


class Kept:
    """A file, the notebooks that a test opens on it, the time, and what they complained of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOON
        self.complaints: list[str] = []

    def notebook(self) -> Notebook:
        return Notebook(self.path, self.complaints.append, lambda: self.now)

    async def keep(self, report: dict[str, Any] | None = None, *spent: Spent) -> None:
        """In a session of its own."""
        notebook = self.notebook()
        notebook.keep(report or {})
        for row in spent:
            notebook.note_spend(row.name, row.day, row.prompt_tokens, row.completion_tokens)
        await notebook.aclose()

    async def ages(self) -> dict[str, float]:
        """What a new session finds: how old each report is, in seconds."""
        notebook = self.notebook()
        notes = await notebook.load()
        await notebook.aclose()
        return {subject: row["age"] + notes.age_s for subject, row in notes.measurements.items()}

    async def spent(self) -> list[Spent]:
        """What a new session finds."""
        notebook = self.notebook()
        notes = await notebook.load()
        await notebook.aclose()
        return sorted(notes.spent)

    def edit(self, statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(statements)


def aged(**ages: float) -> dict[str, Any]:
    return {subject: {"age": age, "first": [0, 1, 100]} for subject, age in ages.items()}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine is no fault."""
    monkeypatch.setattr(sqlite_file, "BUSY", 20.0)
    monkeypatch.setattr(sqlite_thread, "CLOSING", 20.0)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "state" / "routing.sqlite")


def test_the_file_is_in_the_users_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert sys.platform != "linux" or notebook_path() == tmp_path / "spark-lsp" / "routing.sqlite"


# --- what was measured


async def test_the_next_server_forecasts_what_this_one_would_have(kept: Kept) -> None:
    here, next_one = Measurements(), Measurements()
    for number in range(30):
        here.meter(SUBJECT).first_token(0.05 + number / 1000, float(number))
        here.meter(SUBJECT).rate(200.0, float(number))
    notebook = kept.notebook()
    notebook.keep(here.report(60.0))
    await notebook.aclose()
    kept.now += 600
    notebook = kept.notebook()
    notes = await notebook.load()
    await notebook.aclose()
    next_one.restore(notes.measurements, notes.age_s, 5.0)
    before = here.meter(SUBJECT).forecast(660.0)
    assert next_one.meter(SUBJECT).forecast(5.0) == pytest.approx(before, rel=0.02)
    assert not kept.complaints


async def test_who_heard_of_it_last_is_right(kept: Kept) -> None:
    await kept.keep(aged(both=10, first=100))
    kept.now += 5
    await kept.keep(aged(both=300, second=0))
    assert await kept.ages() == {"both": 15, "first": 105, "second": 0}
    kept.now += 5
    await kept.keep(aged(both=1))
    assert await kept.ages() == {"both": 1, "first": 110, "second": 5}


async def test_a_file_from_the_future_counts_as_of_now_and_not_for_ever(kept: Kept) -> None:
    kept.now += 1e6
    await kept.keep(aged(a=0, b=0))
    kept.now = NOON
    assert await kept.ages() == {"a": 0, "b": 0}
    await kept.keep(aged(a=50))
    assert await kept.ages() == {"a": 50, "b": 0}


async def test_the_subjects_heard_of_last_are_kept(kept: Kept) -> None:
    await kept.keep(aged(**{f"{number}": number for number in range(SUBJECTS)}))
    await kept.keep(aged(new=0.5))
    ages = await kept.ages()
    assert len(ages) == SUBJECTS
    assert "new" in ages
    assert f"{SUBJECTS - 1}" not in ages


@pytest.mark.parametrize(
    "change",
    [
        "heard = 'yesterday'",
        "heard = 1e999",
        "heard = -1e999",
        "report = 'text'",
        "report = x'ff'",
        "report = 7",
        "report = CAST('[1]' AS BLOB)",
    ],
)
async def test_a_row_of_nonsense_costs_the_others_nothing(kept: Kept, change: str) -> None:
    await kept.keep(aged(bad=3, good=5))
    kept.edit(f"UPDATE measured SET {change} WHERE subject = 'bad'")
    assert await kept.ages() == {"good": 5}
    await kept.keep(aged(bad=0, **{"half a \ud83d": 0}))
    assert (await kept.ages())["good"] == 5
    assert not kept.complaints


# --- what was spent


async def test_what_all_servers_spend_is_added_up(kept: Kept) -> None:
    notebooks = [kept.notebook() for _ in range(3)]
    for number in range(50):
        for notebook in notebooks:
            notebook.note_spend("a", DAY, number, 1)
            notebook.note_spend("b", DAY, 0, 2)
    for notebook in notebooks[1:]:
        await notebook.aclose()
    assert sorted(await notebooks[0].spent(DAY)) == [
        Spent(DAY, "a", 3 * 50 * 49 // 2, 150),
        Spent(DAY, "b", 0, 300),
    ]
    await notebooks[0].aclose()
    assert not kept.complaints


async def test_a_limit_holds_over_restarts(kept: Kept) -> None:
    await kept.keep(None, Spent(DAY, "a", 600, 0), Spent(DAY, "a", 400, 0))
    spend = Spend()
    spend.configure({"a": Limits(tokens_per_day=1000)})
    spend.learn(await kept.spent())
    assert not spend.left("a", DAY)
    kept.now += 86_400
    assert await kept.spent() == []


async def test_a_clock_set_back_gives_nothing_again_and_a_wrong_one_takes_one_day(kept: Kept) -> None:
    await kept.keep(
        None, Spent(DAY, "a", 1, 2), Spent("2026-11-24", "a", 10, 20), Spent("2099-01-01", "b", 100, 200)
    )
    notebook = kept.notebook()
    assert sum(row.prompt_tokens for row in await notebook.spent(DAY)) == 111
    await notebook.aclose()
    assert await kept.spent() == [Spent(DAY, "a", 11, 22), Spent(DAY, "b", 100, 200)]
    kept.now += 86_400
    assert await kept.spent() == []


async def test_few_days_are_kept(kept: Kept) -> None:
    days = [f"{year}-01-01" for year in range(1970, 2027)]
    await kept.keep(None, *(Spent(day, "a", 1, 1) for day in days))
    await kept.spent()
    notebook = kept.notebook()
    assert [row.day for row in sorted(await notebook.spent(""))] == days[-DAYS:]
    await notebook.aclose()


async def test_amounts_that_cannot_be_break_no_sum(kept: Kept) -> None:
    half = "\ud83d"
    notes = [
        Spent(DAY, "a", 10**30, -5),
        Spent(DAY, "a", 1, 1),
        Spent(DAY, "b", -1, 0),
        Spent(DAY, half, 1, 1),
    ]
    await kept.keep(None, *notes)
    assert await kept.spent() == [Spent(DAY, "a", MOST, 1)]
    kept.edit("UPDATE spent SET prompt_tokens = 9223372036854775807")
    await kept.keep(None, *notes)
    assert await kept.spent() == [Spent(DAY, "a", MOST, 2)]
    kept.edit("UPDATE spent SET prompt_tokens = 'many'; INSERT INTO spent VALUES ('2026-11-23', 'c', 1, 2)")
    assert await kept.spent() == [Spent(DAY, "c", 1, 2)]
    assert not kept.complaints


# --- the file


async def test_nobody_else_may_read_it_and_nothing_is_touched_before_the_first_use(kept: Kept) -> None:
    unused = kept.notebook()
    await unused.aclose()
    assert not kept.path.parent.exists()
    old = os.umask(0)
    try:
        await kept.keep(aged(a=0))
    finally:
        os.umask(old)
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.path.parent.stat().st_mode) == 0o700


async def test_a_closed_notebook_keeps_quiet(kept: Kept) -> None:
    notebook = kept.notebook()
    await notebook.load()
    await notebook.aclose()
    notebook.keep(aged(a=0))
    notebook.note_spend("a", DAY, 1, 1)
    assert await notebook.load() == ({}, 0.0, [])
    assert await notebook.spent(DAY) == []
    await notebook.aclose()
    assert await kept.ages() == {}
    assert not kept.complaints


async def test_what_waits_is_written_within_a_second(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_thread, "GATHERING", 0.01)
    notebook = kept.notebook()
    notebook.note_spend("a", DAY, 1, 2)
    for _ in range(200):
        if await kept.spent():
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError("nothing was written")
    await notebook.aclose()


async def test_a_file_that_others_keep_locked_is_written_later(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY", 0.01)
    monkeypatch.setattr(sqlite_thread, "GATHERING", 0.01)
    notebook = kept.notebook()
    notebook.note_spend("a", DAY, 1, 2)
    assert await notebook.spent(DAY) == [Spent(DAY, "a", 1, 2)]
    with closing(sqlite3.connect(kept.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        notebook.note_spend("a", DAY, 10, 20)
        assert await notebook.load() == ({}, 0.0, [])
        assert await notebook.spent(DAY) == [Spent(DAY, "a", 1, 2)]
        other.execute("ROLLBACK")
    assert await notebook.spent(DAY) == [Spent(DAY, "a", 11, 22)]
    await notebook.aclose()
    assert not kept.complaints


def scrambled(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


def of_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"ALTER TABLE spent ADD extra; PRAGMA user_version = {VERSION + 1}")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(("spoil", "complaints"), [(scrambled, 1), (of_another_version, 0), (emptied, 0)])
async def test_a_spoiled_file_is_begun_anew_at_the_next_start_at_latest(
    kept: Kept, spoil: Callable[[Path], None], complaints: int
) -> None:
    await kept.keep(aged(**{f"{number}": 0 for number in range(200)}))
    spoil(kept.path)
    await kept.ages()
    assert len(kept.complaints) == complaints
    await kept.keep(aged(a=7))
    assert await kept.ages() == {"a": 7}
    assert len(kept.complaints) == complaints
    with closing(sqlite3.connect(kept.path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, not at all" * 500)


def of_another_program(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE spent (day); INSERT INTO spent VALUES ('x')")


def folder_is_a_file(path: Path) -> None:
    path.parent.write_text("")


def file_is_a_folder(path: Path) -> None:
    path.mkdir(parents=True)


@pytest.mark.parametrize("place", [no_database, of_another_program, folder_is_a_file, file_is_a_folder])
async def test_a_file_that_cannot_be_used_is_reported_once_and_left_alone(
    kept: Kept, place: Callable[[Path], None]
) -> None:
    place(kept.path)
    before = kept.path.read_bytes() if kept.path.is_file() else b""
    await fails_quietly(kept)
    assert (kept.path.read_bytes() if kept.path.is_file() else b"") == before
    assert not kept.path.parent.is_dir() or os.listdir(kept.path.parent) == [kept.path.name]


class ReadOnly(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        if arguments[0].startswith(("BEGIN", "INSERT", "PRAGMA journal_mode")):
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorcode = sqlite3.SQLITE_READONLY
            raise error
        return super().execute(*arguments)


async def test_a_disk_that_cannot_be_written_is_reported_once(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *path, **options: connect(*path, factory=ReadOnly, **options)
    )
    await fails_quietly(kept)


async def fails_quietly(kept: Kept) -> None:
    notebook = kept.notebook()
    for _ in range(3):
        notebook.keep(aged(a=0))
        notebook.note_spend("a", DAY, 1, 1)
        assert await notebook.load() == ({}, 0.0, [])
        assert await notebook.spent(DAY) == []
    await notebook.aclose()
    (complaint,) = kept.complaints
    assert "routing.remember" in complaint
    assert str(kept.path) in complaint


SPENDER = """
import asyncio, sys
from pathlib import Path
from spark_lsp.engine import notebook, sqlite_file, sqlite_thread

sqlite_file.BUSY = sqlite_thread.CLOSING = 20.0

async def main(path, day):
    kept = notebook.Notebook(Path(path), lambda message: print(message, file=sys.stderr))
    for _ in range(100):
        kept.note_spend("a", day, 1, 2)
        await kept.spent(day)
    await kept.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


def spender(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SPENDER, str(path), DAY], stderr=subprocess.PIPE, text=True
    )


async def test_processes_share_the_file_from_its_first_byte(kept: Kept) -> None:
    for process in [spender(kept.path) for _ in range(2)]:
        _, complaint = await asyncio.to_thread(process.communicate, timeout=40)
        assert (process.returncode, complaint) == (0, "")
    assert await kept.spent() == [Spent(DAY, "a", 200, 400)]
