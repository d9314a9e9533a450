"""One SQLite file that several servers may share, for the thread that has it (`sqlite_thread.py`).

Transactions are short, and who finds the file locked comes again.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EEXIST
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import Any, NamedTuple, TypeVar

from spark_lsp.errors import StoreError

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

BUSY = 0.5
"""Seconds that we wait for another server's transaction, which takes milliseconds."""

RETRYING = 0.02
"""Seconds between two attempts then."""

LOG_BYTES = 1 << 20  # beside the file, while it is open

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Write(NamedTuple):
    """One statement of a batch."""

    statement: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Whose file it is, and what is in it. A file of another version is emptied."""

    content: str  # in words
    application: int
    version: int
    tables: frozenset[str]
    statements: str  # that make them, each ended by ";\n"
    replaced: bool
    """Whether a file that is damaged or another program's is made anew at once, because nobody misses what
    was in it. Else the first is made anew and reported, and the second is reported and left alone."""


class SqliteFile:
    """The file and the connection to it, opened at its first use, in the thread that uses it.

    All of it raises StoreError, with a reason for the user, when the file cannot be used.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        self._open: sqlite3.Connection | None = None
        self._identity = (0, 0)

    def __repr__(self) -> str:
        return str(self._path)

    def write(self, batch: list[Write]) -> bool:
        """All of the batch in one transaction. False: others have it locked."""

        def work(connection: sqlite3.Connection) -> bool:
            for statement, values in batch:
                connection.execute(statement, values)
            self.wrote(connection)
            return True

        return self.change(work, otherwise=False)

    def wrote(self, connection: sqlite3.Connection) -> None:
        """What belongs into the transaction of each batch, at its end."""

    def change(self, work: Callable[[sqlite3.Connection], _Result], otherwise: _Result) -> _Result:
        """What the work returns, done in one transaction, or `otherwise` when others keep the file locked."""

        def whole(connection: sqlite3.Connection) -> _Result:
            with _transaction(connection):
                return work(connection)

        return self.attempt(whole, otherwise)

    def attempt(self, work: Callable[[sqlite3.Connection], _Result], otherwise: _Result) -> _Result:
        """What the work returns, or `otherwise` when others keep the file locked."""
        try:
            try:
                return self._patiently(work, otherwise)
            except sqlite3.DatabaseError as error:
                if not self._may_renew(error):
                    raise
                log.warning("%s: damaged (%s), begun anew", self._layout.content, error)
                self._renew()
                if not self._layout.replaced:
                    raise StoreError(f"{self._path} was damaged, and is begun anew next time") from error
                return self._patiently(work, otherwise)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error

    def close(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _patiently(self, work: Callable[[sqlite3.Connection], _Result], otherwise: _Result) -> _Result:
        """Some locks are refused at once: two servers that make the file at the same time."""
        until = time.monotonic() + BUSY
        while True:
            try:
                return work(self._connection)
            except sqlite3.OperationalError as error:
                if not _is(error, _BUSY):
                    raise
                if time.monotonic() > until:
                    log.debug("another server keeps the file locked")
                    return otherwise
            time.sleep(RETRYING)

    def _may_renew(self, error: sqlite3.DatabaseError) -> bool:
        return _is(error, _DAMAGED if self._layout.replaced else (sqlite3.SQLITE_CORRUPT,))

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
            if not self._layout.replaced:
                _whose(connection, self._layout)  # before the first thing that writes into it
            # A file that is bounded gives back what is deleted; this counts before the first table.
            connection.execute("PRAGMA auto_vacuum = FULL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            # Bytes that are no text make a row that fits nowhere, and not a file that cannot be read.
            connection.text_factory = lambda content: content.decode("utf-8", "replace")
            connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // 4096}")
            with _transaction(connection):
                _have_tables(connection, self._layout)
        except BaseException:
            connection.close()
            raise
        return connection


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


def _whose(connection: sqlite3.Connection, layout: Layout) -> set[str]:
    """The names of its tables. Raises for a file that is not ours."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {name for (name,) in names if not name.startswith("sqlite_")}
    if tables and number(connection, "PRAGMA application_id") != layout.application:
        error = sqlite3.DatabaseError("it is another program's")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error
    return tables


def _have_tables(connection: sqlite3.Connection, layout: Layout) -> None:
    """Make the tables where there are none of this version. Raises for a file that is not ours.

    In place, in a transaction: another server may have the file open, and removing it under its hands
    could damage ours.
    """
    tables = _whose(connection, layout)
    if number(connection, "PRAGMA user_version") == layout.version and tables == layout.tables:
        return
    for table in tables:
        connection.execute(f'DROP TABLE "{table}"')
    for statement in layout.statements.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {layout.application}")
    connection.execute(f"PRAGMA user_version = {layout.version}")


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


def number(connection: sqlite3.Connection, question: str) -> int:
    return int(connection.execute(question).fetchone()[0])


def _is(error: sqlite3.Error, codes: tuple[int, ...]) -> bool:
    # The lower byte: the others say which kind of it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in codes


def storable(*values: str | int) -> bool:
    """Half a character, which JSON can hold, is no text for SQLite."""
    try:
        "".join(value for value in values if isinstance(value, str)).encode()
    except UnicodeEncodeError:
        return False
    return True
