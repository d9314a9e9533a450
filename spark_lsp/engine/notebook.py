"""What is remembered of the backends over restarts: how fast they were, and what was spent.

One small SQLite file for all servers of this user. Of two that measured the same, the one that heard of it
last is right. What they spend is added up, so that a limit for a day holds for all of them together.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from spark_lsp.engine.sqlite_file import Layout, SqliteFile, Write, storable
from spark_lsp.engine.sqlite_thread import SqliteThread
from spark_lsp.routing.spend import Spent

VERSION = 1
APPLICATION = 0x53504152 + 1  # one more than the file of suggestions

SUBJECTS = 512
DAYS = 31
ROW_BYTES = 4096
MOST = 1 << 50  # tokens of one row: sums of them stay whole numbers

_TABLES = """
CREATE TABLE measured (
    subject TEXT PRIMARY KEY,
    heard REAL NOT NULL,  -- Unix time of the last observation
    report BLOB NOT NULL  -- JSON
);
CREATE TABLE spent (
    day TEXT NOT NULL,  -- the user's: 2026-11-23
    name TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    PRIMARY KEY (day, name)
);
"""
_LAYOUT = Layout(
    "what was measured and spent",
    APPLICATION,
    VERSION,
    frozenset({"measured", "spent"}),
    _TABLES,
    replaced=False,
)
# What was heard in the future was written with a wrong clock, and must not be right for ever.
_KEEP = (
    "INSERT INTO measured (subject, heard, report) VALUES (?1, ?2, ?3) ON CONFLICT (subject) DO UPDATE"
    " SET heard = ?2, report = ?3 WHERE heard <= ?2 OR heard > ?4"
)
_FORGET = (
    "DELETE FROM measured WHERE subject NOT IN (SELECT subject FROM measured ORDER BY heard DESC LIMIT ?)"
)
_SPEND = (
    "INSERT INTO spent (day, name, prompt_tokens, completion_tokens) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (day, name) DO UPDATE SET"
    " prompt_tokens = prompt_tokens + ?3, completion_tokens = completion_tokens + ?4"
)
_SPENT = "SELECT day, name, prompt_tokens, completion_tokens FROM spent WHERE day >= ?"
# What a wrong clock spent on a day to come is spent today: else it would count on each day until then.
_BRING_BACK = (
    "INSERT INTO spent (day, name, prompt_tokens, completion_tokens)"
    " SELECT ?1, name, sum(prompt_tokens), sum(completion_tokens) FROM spent WHERE day > ?1 GROUP BY name"
    " ON CONFLICT (day, name) DO UPDATE SET prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
    " completion_tokens = completion_tokens + excluded.completion_tokens"
)
_BROUGHT_BACK = "DELETE FROM spent WHERE day > ?"
_FORGET_DAYS = "DELETE FROM spent WHERE day NOT IN (SELECT DISTINCT day FROM spent ORDER BY day DESC LIMIT ?)"


class Notes(NamedTuple):
    """For `Measurements.restore`, a report and its age in seconds; for `Spend.learn`, rows."""

    measurements: dict[str, Any]
    age_s: float
    spent: list[Spent]


def notebook_path() -> Path:
    # Imported here: 15 ms that the server's start need not pay for.
    from platformdirs import user_state_path

    return user_state_path("spark-lsp", appauthor=False) / "routing.sqlite"


class Notebook:
    """The file at `path`, only this user's. `aclose` writes what waits.

    Made on a running loop. Nothing is touched before the first call. When the file cannot be used,
    `complain` is called on the loop, once, with a sentence for the user; from then on nothing is kept or
    found. `clock` is the Unix time.
    """

    def __init__(
        self, path: Path, complain: Callable[[str], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._thread = SqliteThread(
            SqliteFile(path, _LAYOUT),
            lambda reason: complain(
                "What is measured and spent is not kept over restarts (routing.remember), and limits for a"
                f" day hold for this session alone: {reason}"
            ),
        )

    def __repr__(self) -> str:
        return f"<Notebook {self._thread}>"

    async def load(self) -> Notes:
        """What was remembered. A clock that had been ahead when it was written counts as right until now."""
        now = self._clock()
        nothing = Notes({}, 0.0, [])
        return await self._thread.ask(
            lambda file: file.change(lambda connection: _notes(connection, now), nothing), nothing
        )

    def keep(self, report: Mapping[str, Any]) -> None:
        """Keep what `Measurements.report` said just now. It is in the file within a second."""
        now = self._clock()
        for subject, row in report.items():
            content = orjson.dumps(row)
            if len(content) <= ROW_BYTES and storable(subject):
                self._thread.write(Write(_KEEP, (subject, now - row["age"], content, now)))
        self._thread.write(Write(_FORGET, (SUBJECTS,)))

    def note_spend(self, name: str, day: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Add to what a backend spent on a day (ISO text). It is in the file within a second."""
        tokens = [min(max(count, 0), MOST) for count in (prompt_tokens, completion_tokens)]
        if any(tokens) and storable(name, day):
            self._thread.write(Write(_SPEND, (day, name, *tokens)))

    async def spent(self, day: str) -> list[Spent]:
        """What all servers spent on that day and later, behind what this one noted."""
        nothing: list[Spent] = []
        return await self._thread.ask(
            lambda file: file.attempt(lambda connection: _spent(connection, day), nothing), nothing
        )

    async def aclose(self) -> None:
        """Write what waits and close the file, in two seconds or not at all."""
        await self._thread.aclose()


def _notes(connection: sqlite3.Connection, now: float) -> Notes:
    today = date.fromtimestamp(now).isoformat()
    connection.execute(_BRING_BACK, (today,))
    connection.execute(_BROUGHT_BACK, (today,))
    connection.execute(_FORGET_DAYS, (DAYS,))
    rows = connection.execute("SELECT subject, heard, report FROM measured").fetchall()
    ages = {subject: max(now - heard, 0.0) for subject, heard, _ in rows if _is_time(heard)}
    youngest = min(ages.values(), default=0.0)
    measurements = {
        subject: {**report, "age": ages[subject] - youngest}
        for subject, _, content in rows
        if subject in ages and (report := _report(content)) is not None
    }
    return Notes(measurements, youngest, _spent(connection, today))


def _is_time(heard: object) -> bool:
    return isinstance(heard, float) and math.isfinite(heard)


def _report(content: object) -> dict[str, Any] | None:
    """None for what none of us has written."""
    try:
        report = orjson.loads(content) if isinstance(content, bytes) else None
    except orjson.JSONDecodeError:
        return None
    return report if isinstance(report, dict) else None


def _spent(connection: sqlite3.Connection, day: str) -> list[Spent]:
    """The rows that one of us has written."""
    rows = connection.execute(_SPENT, (day,)).fetchall()
    return [
        Spent(day, name, int(min(prompt, MOST)), int(min(completion, MOST)))
        for day, name, prompt, completion in rows
        if isinstance(name, str) and isinstance(prompt, int | float) and isinstance(completion, int | float)
    ]
