"""The SQLite file of suggestions.

A row is a suggestion and the little document that it depends on, so that it is found by what stands
around the cursor and never by a path alone. A file that is damaged or another program's is made anew.
"""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from spark_lsp.engine.sqlite_file import Layout, SqliteFile, Write, number, storable
from spark_lsp.values import Suggestion

VERSION = 1
APPLICATION = 0x53504152  # "SPAR": whose file it is

PER_DOCUMENT = 500
ROW_BYTES = 64 << 10  # a larger one would drive out too many others
EVICTED_AT_ONCE = 0.05  # of all rows

_TABLES = """
CREATE TABLE completions (
    id INTEGER PRIMARY KEY,  -- the newest has the largest
    key BLOB NOT NULL UNIQUE,  -- a digest of all that says where
    uri TEXT NOT NULL,
    language TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    surroundings TEXT NOT NULL,
    cursor_line INTEGER NOT NULL,
    cursor_column INTEGER NOT NULL,
    text TEXT NOT NULL,
    backend TEXT NOT NULL,
    model TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    confidence REAL,
    used INTEGER NOT NULL  -- counts up; no clock, which may be set back
);
CREATE INDEX by_document ON completions (uri, language, fingerprint, id);
CREATE INDEX by_use ON completions (used, id);
CREATE TABLE learned (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""
_NEXT_USE = "(SELECT coalesce(max(used), 0) + 1 FROM completions)"
_KEEP = (
    "INSERT OR REPLACE INTO completions (key, uri, language, fingerprint, surroundings, cursor_line,"
    " cursor_column, text, backend, model, tokens, confidence, used)"
    f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {_NEXT_USE})"
)
_LOAD = (
    "SELECT surroundings, cursor_line, cursor_column, text, backend, model, tokens, confidence"
    " FROM completions WHERE uri = ? AND language = ? AND fingerprint = ? ORDER BY id DESC LIMIT ?"
)
_USE = f"UPDATE completions SET used = {_NEXT_USE} WHERE uri = ? AND language = ? AND fingerprint = ?"
_EVICT = "DELETE FROM completions WHERE id IN (SELECT id FROM completions ORDER BY used, id LIMIT ?)"
_FORGET = "DELETE FROM completions WHERE uri = ?"
_KEEP_ODDS = "INSERT OR REPLACE INTO learned (name, value) VALUES ('odds', ?)"

_LAYOUT = Layout(
    "the kept suggestions",
    APPLICATION,
    VERSION,
    frozenset({"completions", "learned"}),
    _TABLES,
    replaced=True,
)

Row = tuple[Any, ...]
"""Surroundings, the cursor's line and column in them, text, backend, model, tokens, confidence.

Nothing is certain of the values, whoever wrote the file.
"""


class Kept(NamedTuple):
    """Where a suggestion belongs: what stands there, and under which settings it was made."""

    uri: str
    language: str
    fingerprint: str
    surroundings: str
    line: int
    column: int


def keeping(where: Kept, suggestion: Suggestion) -> Write | None:
    """Keeps a suggestion. None for one that is too large, or that SQLite has no text for."""
    said = (suggestion.text, suggestion.backend, suggestion.model, suggestion.tokens)
    if len(where.surroundings) + len(suggestion.text) > ROW_BYTES or not storable(*where, *said):
        return None
    return Write(_KEEP, (_digest(where), *where, *said, suggestion.confidence))


def using(uri: str, language: str, fingerprint: str) -> Write:
    """Makes what was kept of a document the last to go."""
    return Write(_USE, (uri, language, fingerprint))


def forgetting(uri: str) -> Write | None:
    """Drops what was kept of a document."""
    return Write(_FORGET, (uri,)) if storable(uri) else None


def keeping_odds(report: dict[str, list[float]]) -> Write | None:
    """Replaces the report. None for one that is too large."""
    content = orjson.dumps(report)
    return Write(_KEEP_ODDS, (content,)) if len(content) <= ROW_BYTES else None


class StoreFile(SqliteFile):
    """The file at `path`, of at most `max_bytes` but for its log.

    All of it raises StoreError, with a reason for the user, when the file cannot be used.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(path, _LAYOUT)
        self._max_bytes = max_bytes

    def wrote(self, connection: sqlite3.Connection) -> None:
        """Make room for it."""
        while _size(connection) > self._max_bytes:
            rows = number(connection, "SELECT count(*) FROM completions")
            if not rows:
                return
            connection.execute(_EVICT, (max(1, int(rows * EVICTED_AT_ONCE)),))

    def load(self, uri: str, language: str, fingerprint: str) -> list[Row]:
        """At most `PER_DOCUMENT` rows, the newest first."""
        where = (uri, language, fingerprint)
        if not storable(*where):
            return []
        nothing: list[Row] = []
        return self.attempt(
            lambda connection: connection.execute(_LOAD, (*where, PER_DOCUMENT)).fetchall(), otherwise=nothing
        )

    def odds(self) -> dict[str, list[float]]:
        """Empty where nothing was kept."""
        question = "SELECT value FROM learned WHERE name = 'odds'"
        return _odds(self.attempt(lambda connection: connection.execute(question).fetchone(), otherwise=None))


def _size(connection: sqlite3.Connection) -> int:
    """What the file will have when the transaction ends, in bytes."""
    pages = number(connection, "PRAGMA page_count") - number(connection, "PRAGMA freelist_count")
    return pages * number(connection, "PRAGMA page_size")


def _digest(where: Kept) -> bytes:
    digest = blake2b(digest_size=16)
    for part in where:
        encoded = str(part).encode()
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.digest()


def _odds(row: Any) -> dict[str, list[float]]:
    """Empty for what none of us has written."""
    try:
        report = orjson.loads(row[0]) if row else {}
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(report, dict):
        return {}
    return {
        name: [float(count) for count in counts]
        for name, counts in report.items()
        if isinstance(counts, list) and all(isinstance(count, int | float) for count in counts)
    }
