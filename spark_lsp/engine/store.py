"""What the cache and the odds keep over restarts, when `cache.persist` is on.

A thread of its own has the file (`store_file.py`). What is kept is written a batch at a time, and nobody
waits for it; what is asked for is answered behind that. A file that cannot be used is reported once and
left alone: everything goes on without it.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from spark_lsp.completion.cache import surroundings
from spark_lsp.engine.store_file import Kept, Row, StoreFile, Write, forgetting, keeping, keeping_odds, using
from spark_lsp.errors import StoreError
from spark_lsp.text import Lines, Snapshot, line_body
from spark_lsp.values import Suggestion

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

GATHERING = 0.5
"""Seconds that writes are gathered for."""

WAITING = 1000
"""Writes that may wait for a slow disk; more are not kept."""

CLOSING = 2.0
"""Seconds that `aclose` waits at most."""


def store_path() -> Path:
    # Imported here, as for the models' lists: most sessions need no place for this.
    from platformdirs import user_cache_path

    return user_cache_path("spark-lsp", appauthor=False) / "completions.sqlite"


@dataclass(frozen=True, slots=True)
class _Question(Generic[_Result]):
    """Answered as soon as what was written before it is in the file; `otherwise` when there is no file."""

    ask: Callable[[StoreFile], _Result]
    otherwise: _Result
    answer: Future[_Result]


class _End:
    """The last job."""


class Store:
    """The file at `path`, of at most `max_bytes` but for its log. `aclose` writes what waits.

    Made on a running loop. Nothing is touched before the first call. `complain` is called on the loop,
    once, with a sentence for the user, when the file cannot be used; from then on nothing is kept or found.
    """

    def __init__(self, path: Path, max_bytes: int, complain: Callable[[str], None]) -> None:
        self._file: StoreFile | None = StoreFile(path, max_bytes)
        self._complain = complain
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Write | _Question[Any] | _End] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()
        self._ended.set_running_or_notify_cancel()  # from now on nobody's impatience cancels it
        self._closed = False

    def __repr__(self) -> str:
        return f"<Store {self._file}>"

    # --- on the loop

    async def load(self, uri: str, language: str, fingerprint: str) -> list[tuple[Snapshot, Suggestion]]:
        """What was kept of a document under these settings, the newest last.

        Each snapshot is the little document around its cursor: what `completion.cache.surroundings` makes.
        """
        nothing: list[tuple[Snapshot, Suggestion]] = []
        entries = await self._ask(
            lambda file: _entries(uri, language, file.load(uri, language, fingerprint)), nothing
        )
        if entries:
            self._write(using(uri, language, fingerprint))
        return entries

    def keep(self, snapshot: Snapshot, suggestion: Suggestion, fingerprint: str) -> None:
        """Keep a complete suggestion for what stands around the cursor; others are not kept.

        It is in the file within a second. What was kept for the same place before is replaced.
        """
        if suggestion.complete and suggestion.text:
            around = surroundings(snapshot)
            kept = Kept(
                around.uri, around.language, fingerprint, around.lines.text(), around.line, around.column
            )
            self._write(keeping(kept, suggestion))

    def forget(self, uri: str) -> None:
        """Drop what was kept of a document."""
        self._write(forgetting(uri))

    async def odds(self) -> dict[str, list[float]]:
        """The report that was kept last, empty when there is none."""
        return await self._ask(StoreFile.odds, {})

    def keep_odds(self, report: dict[str, list[float]]) -> None:
        """Keep what is known of the user's choices; the last server to say it is right."""
        self._write(keeping_odds(report))

    async def aclose(self) -> None:
        """Write what waits and close the file, in `CLOSING` seconds or not at all."""
        self._closed = True
        if self._thread is not None:
            self._jobs.put(_End())
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(self._ended), CLOSING)

    def _write(self, write: Write | None) -> None:
        if write is not None and not self._closed and self._jobs.qsize() < WAITING:
            self._jobs.put(write)
            self._begin()

    async def _ask(self, ask: Callable[[StoreFile], _Result], otherwise: _Result) -> _Result:
        if self._closed:
            return otherwise
        question = _Question(ask, otherwise, Future())
        self._jobs.put(question)
        self._begin()
        return await asyncio.wrap_future(question.answer)

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

    def _use(self, work: Callable[[StoreFile], _Result], otherwise: _Result) -> _Result:
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
        log.warning("suggestions are not kept: %s", reason)
        # The loop may have ended meanwhile: then nobody is there to be told.
        with suppress(RuntimeError):
            message = f"Suggestions are not kept over restarts (cache.persist): {reason}"
            self._loop.call_soon_threadsafe(self._complain, message)
        return otherwise


def _entries(uri: str, language: str, rows: Sequence[Row]) -> list[tuple[Snapshot, Suggestion]]:
    restored = (_restored(uri, language, row) for row in reversed(rows))
    return [entry for entry in restored if entry is not None]


def _restored(uri: str, language: str, row: Row) -> tuple[Snapshot, Suggestion] | None:
    """None for a row that none of us has written."""
    around, line, column, text, backend, model, tokens, confidence = row
    if not all(isinstance(value, str) for value in (around, text, backend, model)):
        return None
    if not all(isinstance(value, int) for value in (line, column, tokens)):
        return None
    lines = Lines.of(around)
    if not 0 <= line < lines.count or not 0 <= column <= len(line_body(lines[line])):
        return None
    confidence = confidence if isinstance(confidence, float) else None
    suggestion = Suggestion(text, backend, model, tokens, confidence=confidence)
    return Snapshot(uri, 0, language, lines, line, column), suggestion
