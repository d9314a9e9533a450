"""One SQLite file of suggestions, for the thread that has it (`store.py`).

A row is a suggestion and the little document that it depends on, so that it is found by what stands
around the cursor and never by a path alone. Several servers may share the file: transactions are short,
and who finds it locked comes again. A file that is damaged or another program's is made anew.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EEXIST
from hashlib import blake2b
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import Any, NamedTuple, TypeVar

import orjson

from spark_lsp.errors import StoreError
from spark_lsp.values import Suggestion

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

VERSION = 1  # of the tables; a file of another one is emptied
APPLICATION = 0x53504152  # "SPAR": whose file it is

BUSY = 0.5
"""Seconds that we wait for another server's transaction, which takes milliseconds."""

RETRYING = 0.02
"""Seconds between two attempts then."""

PER_DOCUMENT = 500
ROW_BYTES = 64 << 10  # a larger one would drive out too many others
LOG_BYTES = 1 << 20  # beside the file, while it is open
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

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


Row = tuple[Any, ...]
"""Surroundings, the cursor's line and column in them, text, backend, model, tokens, confidence.

Nothing is certain of the values, whoever wrote the file.
"""


class Write(NamedTuple):
    """One statement of a batch."""

    statement: str
    values: tuple[Any, ...]


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
    if len(where.surroundings) + len(suggestion.text) > ROW_BYTES or not _storable(*where, *said):
        return None
    return Write(_KEEP, (_digest(where), *where, *said, suggestion.confidence))


def using(uri: str, language: str, fingerprint: str) -> Write:
    """Makes what was kept of a document the last to go."""
    return Write(_USE, (uri, language, fingerprint))


def forgetting(uri: str) -> Write | None:
    """Drops what was kept of a document."""
    return Write(_FORGET, (uri,)) if _storable(uri) else None


def keeping_odds(report: dict[str, list[float]]) -> Write | None:
    """Replaces the report. None for one that is too large."""
    content = orjson.dumps(report)
    return Write(_KEEP_ODDS, (content,)) if len(content) <= ROW_BYTES else None


class StoreFile:
    """The file and the connection to it, opened at its first use, in the thread that uses it.

    All of it raises StoreError, with a reason for the user, when the file cannot be used.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._open: sqlite3.Connection | None = None
        self._identity = (0, 0)

    def __repr__(self) -> str:
        return str(self._path)

    def write(self, batch: list[Write]) -> bool:
        """All of the batch, and what has to go for it, in one transaction. False: others have it locked."""

        def work() -> bool:
            connection = self._connection
            with _transaction(connection):
                for statement, values in batch:
                    connection.execute(statement, values)
                self._make_room(connection)
            return True

        return self._attempt(work, otherwise=False)

    def load(self, uri: str, language: str, fingerprint: str) -> list[Row]:
        """At most `PER_DOCUMENT` rows, the newest first."""
        where = (uri, language, fingerprint)
        if not _storable(*where):
            return []
        nothing: list[Row] = []
        return self._attempt(
            lambda: self._connection.execute(_LOAD, (*where, PER_DOCUMENT)).fetchall(), otherwise=nothing
        )

    def odds(self) -> dict[str, list[float]]:
        """Empty where nothing was kept."""
        question = "SELECT value FROM learned WHERE name = 'odds'"
        return _odds(self._attempt(lambda: self._connection.execute(question).fetchone(), otherwise=None))

    def close(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _attempt(self, work: Callable[[], _Result], otherwise: _Result) -> _Result:
        """What the work returns, or `otherwise` when others keep the file locked."""
        try:
            try:
                return _patiently(work, otherwise)
            except sqlite3.DatabaseError as error:
                if not _is(error, _DAMAGED):
                    raise
                log.warning("the kept suggestions are damaged (%s): begun anew", error)
                self._renew()
                return _patiently(work, otherwise)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error

    def _renew(self) -> None:
        """Begin with an empty file, unless another server has done so meanwhile."""
        ours = self._path.exists() and _identity(self._path.stat()) == self._identity
        self.close()
        if ours:
            for end in ("", "-wal", "-shm", "-journal"):
                Path(f"{self._path}{end}").unlink(missing_ok=True)

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._connect()
        return self._open

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._identity = _make_private(self._path)
        connection = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None)
        try:
            # A file that is bounded gives back what is deleted; this counts before the first table.
            connection.execute("PRAGMA auto_vacuum = FULL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            # Bytes that are no text make a row that fits nowhere, and not a file that cannot be read.
            connection.text_factory = lambda content: content.decode("utf-8", "replace")
            connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // 4096}")
            with _transaction(connection):
                _have_tables(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_room(self, connection: sqlite3.Connection) -> None:
        while self._size(connection) > self._max_bytes:
            rows = _number(connection, "SELECT count(*) FROM completions")
            if not rows:
                return
            connection.execute(_EVICT, (max(1, int(rows * EVICTED_AT_ONCE)),))

    @staticmethod
    def _size(connection: sqlite3.Connection) -> int:
        """What the file will have when the transaction ends, in bytes."""
        pages = _number(connection, "PRAGMA page_count") - _number(connection, "PRAGMA freelist_count")
        return pages * _number(connection, "PRAGMA page_size")


def _make_private(path: Path) -> tuple[int, int]:
    """The file is nobody else's from its first byte on; SQLite gives its companions the same mode.

    Returns which file it is.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    # One that exists is not opened: to close it would take the locks of this process's other connections.
    status = path.stat()
    if not S_ISREG(status.st_mode):
        raise OSError(EEXIST, "it is not a file")
    if os.name == "posix" and S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o600)
    return _identity(status)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _have_tables(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none of this version. Raises for a file that is not ours.

    In place, in a transaction: another server may have the file open, and removing it under its hands
    could damage ours.
    """
    application = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {name for (name,) in names if not name.startswith("sqlite_")}
    if tables and application != APPLICATION:
        error = sqlite3.DatabaseError("it is another program's")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error
    if version == VERSION and tables == {"completions", "learned"}:
        return
    for table in tables:
        connection.execute(f'DROP TABLE "{table}"')
    for statement in _TABLES.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _number(connection: sqlite3.Connection, question: str) -> int:
    return int(connection.execute(question).fetchone()[0])


def _patiently(work: Callable[[], _Result], otherwise: _Result) -> _Result:
    """Some locks are refused at once: two servers that make the file at the same time."""
    until = time.monotonic() + BUSY
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if not _is(error, _BUSY):
                raise
            if time.monotonic() > until:
                log.debug("another server keeps the file locked")
                return otherwise
        time.sleep(RETRYING)


def _is(error: sqlite3.Error, codes: tuple[int, ...]) -> bool:
    # The lower byte: the others say which kind of it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in codes


def _storable(*values: str | int) -> bool:
    """Half a character, which JSON can hold, is no text for SQLite."""
    try:
        "".join(value for value in values if isinstance(value, str)).encode()
    except UnicodeEncodeError:
        return False
    return True


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
