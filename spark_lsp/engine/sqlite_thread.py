"""A thread of its own for one SQLite file.

What is kept is written a batch at a time, and nobody waits for it; what is asked for is answered behind
that. A file that cannot be used is reported once and left alone: everything goes on without it.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from spark_lsp.engine.sqlite_file import SqliteFile, Write
from spark_lsp.errors import StoreError

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_File = TypeVar("_File", bound=SqliteFile)

GATHERING = 0.5
"""Seconds that writes are gathered for."""

WAITING = 1000
"""Writes that may wait for a slow disk; more are not kept."""

CLOSING = 2.0
"""Seconds that `aclose` waits at most."""


@dataclass(frozen=True, slots=True)
class _Question(Generic[_File, _Result]):
    """Answered as soon as what was written before it is in the file; `otherwise` when there is no file."""

    ask: Callable[[_File], _Result]
    otherwise: _Result
    answer: Future[_Result]


class _End:
    """The last job."""


class SqliteThread(Generic[_File]):
    """The thread that has the file. `aclose` writes what waits.

    Made on a running loop. Nothing is touched before the first call. When the file cannot be used,
    `complain` is called on the loop, once, with the reason; from then on nothing is kept or found.
    """

    def __init__(self, file: _File, complain: Callable[[str], None]) -> None:
        self._file: _File | None = file
        self._complain = complain
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Write | _Question[_File, Any] | _End] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # from now on nobody's impatience cancels it
        self._closed = False

    def __repr__(self) -> str:
        return f"<SqliteThread of {self._file}>"

    # --- on the loop

    def write(self, write: Write | None) -> None:
        """It is in the file within a second. None is nothing to write."""
        if write is not None and not self._closed and self._jobs.qsize() < WAITING:
            self._jobs.put(write)
            self._begin()

    async def ask(self, ask: Callable[[_File], _Result], otherwise: _Result) -> _Result:
        """What `ask`, called in the thread, returns, or `otherwise` when there is no file."""
        if self._closed:
            return otherwise
        question = _Question(ask, otherwise, Future())
        self._jobs.put(question)
        self._begin()
        return await asyncio.wrap_future(question.answer)

    async def aclose(self) -> None:
        """Write what waits and close the file, in `CLOSING` seconds or not at all."""
        self._closed = True
        if self._thread is not None:
            self._jobs.put(_End())
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(self._ended), CLOSING)

    def _begin(self) -> None:
        if self._thread is None:
            # A daemon: a disk that hangs must not keep the process.
            self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
            self._thread.start()

    # --- in the thread

    def _serve(self) -> None:
        batch: list[Write] = []
        job: object = None
        while not isinstance(job, _End):
            job = self._gather(batch)
            if batch:
                written = self._use(lambda file: file.write(batch), otherwise=True)
                # What others kept the file locked for goes with the next batch.
                del batch[: None if written else -WAITING]
            if isinstance(job, _Question) and job.answer.set_running_or_notify_cancel():
                job.answer.set_result(self._use(job.ask, job.otherwise))
        if self._file is not None:
            self._file.close()
        self._ended.set_result(None)

    def _gather(self, batch: list[Write]) -> object:
        """Put the next writes into the batch. Returns the job that ends it, None when its time is up."""
        until = time.monotonic() + GATHERING if batch else None
        while True:
            try:
                job = self._jobs.get(timeout=None if until is None else max(until - time.monotonic(), 0))
            except queue.Empty:
                return None
            if not isinstance(job, Write):
                return job
            batch.append(job)
            until = until or time.monotonic() + GATHERING

    def _use(self, work: Callable[[_File], _Result], otherwise: _Result) -> _Result:
        """What the work returns, or `otherwise` when the file is of no use, or has just become so."""
        if self._file is None:
            return otherwise
        try:
            return work(self._file)
        except Exception as error:  # whatever it is: somebody waits for an answer
            # What is not ours may quote the user's text.
            reason = str(error) if isinstance(error, StoreError) else type(error).__name__
            self._file.close()
            self._file = None
        log.warning("nothing is kept: %s", reason)
        # The loop may have ended meanwhile: then nobody is there to be told.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._complain, reason)
        return otherwise
