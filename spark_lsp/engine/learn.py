"""Keeps the index in step with the workspace: the files on disk, and the documents as they are typed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from spark_lsp.config import PrivacySettings, WorkspaceSettings
from spark_lsp.text import Document, Lines, Span, split_lines
from spark_lsp.values import Prompt, Reach
from spark_lsp.workspace.deny import Denied
from spark_lsp.workspace.discover import Ignores, discover, read
from spark_lsp.workspace.index import Index, Prepared
from spark_lsp.workspace.neighbours import Neighbours, neighbours
from spark_lsp.workspace.outline import Import
from spark_lsp.workspace.predict import Prediction, predict
from spark_lsp.workspace.survey import Survey, Surveys

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

WAYS: tuple[Reach, ...] = ("process", "machine", "anywhere")
"""How far a text may go, the shortest way first."""

Progress = Callable[[int, int], None]
"""Files done, files in all."""

EDITS_AT_ONCE = 32
"""Edits that are noted before they are taken in: so many cost a fifth of a millisecond."""

SETTLING_PAUSE = 0.002
"""Seconds between steps of half a millisecond: most keys in a file of 100,000 lines fall between them."""

SURVEYS = 4
"""The part of the index's memory that surveys may take beside it, as a divisor."""

BINARY_WITHIN = 8_000
"""Characters: a text has no NUL among the first of them."""

HANDED_OVER = 8
"""Prepared files that may wait for the event loop: bounds the memory between the two threads."""


class Learner:
    """Owns the index. Files are read and tokenized in a thread; the index itself changes on the loop only."""

    def __init__(self, workspace: WorkspaceSettings, privacy: PrivacySettings) -> None:
        self.index = Index(workspace.max_index_bytes)
        self.surveys = Surveys(self.index.vocabulary, workspace.max_index_bytes // SURVEYS)
        self.ready = False
        self._workspace = workspace
        self._privacy = privacy
        self._open: set[str] = set()
        self._on_disk: set[str] = set()
        self._edits: list[tuple[str, Lines, Span]] = []
        self._folders: tuple[Path, ...] = ()
        self._ignores: tuple[Ignores, ...] = ()
        self._denied = Denied(privacy.deny, ())
        self._stop = threading.Event()
        self._one_at_a_time = asyncio.Lock()

    # --- documents

    def opened(self, path: str, document: Document) -> None:
        """The open text counts from now on, whatever the file on disk says.

        One that would not be read from disk is not followed either: what stands around the cursor is all that
        its predictions know of it.
        """
        self._catch_up()
        reason = self._no_use(document.lines)
        if reason:
            log.info("nothing is learned from %s: %s", path, reason)
            return
        self._open.add(path)
        self.index.open(path, list(document.lines))
        self.index.touch(path, time.monotonic())

    def _no_use(self, lines: Lines) -> str:
        """Why a text is none to learn from, "" for one that is."""
        size = 0
        for line in lines:
            if size < BINARY_WITHIN and "\0" in line:
                return "it is no text"
            size += len(line)
            if size > self._workspace.max_file_bytes:
                return "it is larger than workspace.max_file_bytes"
        return ""

    async def settle(self, path: str) -> None:
        """Take in an opened document's text now, which its first prediction would have to wait for."""
        self._catch_up()
        await _in_steps(self.index.settle(path), pause=SETTLING_PAUSE)

    def edited(self, path: str, lines: Lines, span: Span) -> None:
        """An open document changed; `lines` are those right after the change.

        Only noted: a key that is typed along with a suggestion needs no prediction.
        """
        self._edits.append((path, lines, span))
        if len(self._edits) >= EDITS_AT_ONCE:
            self._catch_up()

    def _catch_up(self) -> None:
        now = time.monotonic()
        for path, lines, (first, removed, added) in self._edits:
            if path in self._open:
                self.index.edit(path, first, removed, list(lines.slice(first, first + added)))
                self.index.touch(path, now)
        self._edits.clear()

    def predict(self, prompt: Prompt, max_lines: int) -> Generator[None, None, Prediction | None]:
        """What the index expects at the prompt's cursor; yields about once a millisecond."""
        self._catch_up()
        return predict(
            self.index,
            path=prompt.path,
            before=prompt.prefix,
            after=prompt.suffix,
            max_lines=max_lines,
            now=time.monotonic(),
            line=prompt.line,
        )

    def closed(self, path: str) -> None:
        """Back to what the disk says, read by `learn_files`."""
        self._catch_up()
        self._open.discard(path)
        self.index.close(path)

    async def reach(self, path: str, *, file: bool = True) -> Reach:
        """How far a document's text may go: what ignore files list, or its name gives away, goes nowhere.

        What is no `file` goes no further than the settings let it.
        """
        look_up = self._judge_reach(path)
        return await self._in_thread(lambda: look_up(path, file))

    def _judge_reach(self, path: str) -> Callable[[str, bool], Reach]:
        """What tells how far a file's text may go, by the settings and folders of now."""
        ignores = self._ignores or (Ignores(Path(path).parent, self._privacy.ignore_files),)
        denied, untitled = self._denied, self._privacy.untitled

        def look_up(path: str, file: bool) -> Reach:
            if any(each.ignored(Path(path)) for each in ignores):
                return "process"
            allowed: Reach = "anywhere" if file else untitled
            return "machine" if allowed == "anywhere" and denied.holds(Path(path)) else allowed

        return look_up

    # --- what is told of elsewhere

    async def neighbours(self, path: str, line: int, imported: Sequence[Import]) -> Neighbours:
        """What of the workspace belongs to a cursor in the open document `path`."""
        self._catch_up()
        await _in_steps(self.index.settle(path), pause=SETTLING_PAUSE)
        steps = neighbours(self.index, self.surveys, path, line, imported)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: Neighbours = end.value
                return found
            await asyncio.sleep(0)

    async def from_texts(
        self, paths: Collection[str], reach: Reach, use: Callable[[Mapping[str, Sequence[str]]], _Result]
    ) -> _Result:
        """What `use` makes, in a thread, of the lines of those among these files whose text may go as far as
        `reach`: as their editor has them, else as they are on disk."""
        self._catch_up()
        lives = {path: live.lines for path in paths if (live := self.index.live(path)) is not None}
        limit = self._workspace.max_file_bytes

        def look() -> _Result:
            found: dict[str, Sequence[str]] = {}
            for path in paths:
                look_up = self._judge_reach(path)
                if WAYS.index(look_up(path, True)) < WAYS.index(reach):
                    continue
                lines = lives.get(path)
                text = read(Path(path), limit) if lines is None else None
                if lines is not None:
                    found[path] = list(lines)
                elif text is not None:
                    found[path] = split_lines(text)
            return use(found)

        return await self._in_thread(look)

    # --- files

    def set_folders(self, folders: Sequence[Path]) -> None:
        """These are the workspace: what their ignore files say holds from now on, learned or not.

        A document's reach is to be looked up again.
        """
        self.stop()
        self._stop = threading.Event()
        self.ready = False
        self._folders = tuple(folders)
        self._ignores = tuple(Ignores(folder, self._privacy.ignore_files) for folder in folders)
        self._denied = Denied(self._privacy.deny, self._folders)

    async def learn_folders(self, progress: Progress) -> None:
        """Read everything worth reading below the folders; what was learned elsewhere before is dropped."""
        async with self._one_at_a_time:
            found = await self._find()
            progress(0, len(found))
            await self._learn(found, progress)
            progress(len(found), len(found))
            self.ready = True
        index = self.index
        log.info("learned %d files, %d tokens, %d bytes", index.files, index.tokens, index.size_bytes)

    async def learn_files(self, changed: Collection[Path]) -> None:
        """Read these files again if they are worth it: they changed on disk, or are not open any more."""
        async with self._one_at_a_time:
            await self._learn([path for path in await self._find() if path in changed], _nobody)

    async def _find(self) -> list[Path]:
        """What there is to learn now. What was learned and is not among it any more is dropped."""
        found = await self._in_thread(lambda: list(self._discover()))
        wanted = set(map(str, found))
        for path in self._on_disk - wanted:
            self.surveys.drop(path)
            if path not in self._open:
                self.index.drop(path)
        self._on_disk = wanted
        return found

    def stop(self) -> None:
        """Ends the reading thread after the file it is at."""
        self._stop.set()

    def _discover(self) -> Iterator[Path]:
        stop = self._stop
        for folder in self._folders:
            for found in discover(
                folder,
                ignore_files=self._privacy.ignore_files,
                max_files=self._workspace.max_files,
                max_bytes=self._workspace.max_file_bytes,
                stop=stop.is_set,
            ):
                yield found.path

    async def _learn(self, paths: Sequence[Path], progress: Progress) -> None:
        loop, stop = asyncio.get_running_loop(), self._stop
        handed: asyncio.Queue[tuple[int, Prepared, Survey] | None] = asyncio.Queue()
        room = threading.Semaphore(HANDED_OVER)

        def hand_over(item: tuple[int, Prepared, Survey] | None) -> None:
            loop.call_soon_threadsafe(handed.put_nowait, item)

        def work() -> None:
            try:
                for done, path in enumerate(paths, 1):
                    text = read(path, self._workspace.max_file_bytes)
                    if text is not None:
                        prepared = self.index.prepare(str(path), text)
                        survey = self.surveys.look(str(path), text, prepared)
                        while not room.acquire(timeout=0.5) and not stop.is_set():
                            pass
                        hand_over((done, prepared, survey))
                    if stop.is_set():
                        break
            finally:
                hand_over(None)

        reading = loop.create_task(self._in_thread(work))
        while (item := await handed.get()) is not None:
            done, prepared, survey = item
            if not stop.is_set():
                self.surveys.enter(survey)
            if prepared.path not in self._open and not stop.is_set():
                await _in_steps(self.index.installing(prepared))
            room.release()
            if done < len(paths):
                progress(done, len(paths))
        await reading

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run in a daemon thread: an executor's would keep the process alive until the last file is read."""
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[_Result] = loop.create_future()

        def settle(set_outcome: Callable[[], None]) -> None:
            if not finished.done():
                set_outcome()

        def run() -> None:
            try:
                result = work()
            except Exception as error:
                outcome = partial(finished.set_exception, error)
            else:
                outcome = partial(finished.set_result, result)
            # RuntimeError: the loop is gone, and with it whoever waited.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, outcome)

        threading.Thread(target=run, name="learn", daemon=True).start()
        return await finished


async def _in_steps(steps: Iterable[None], pause: float = 0.0) -> None:
    """Let the event loop breathe between steps of a millisecond or two."""
    for _ in steps:
        await asyncio.sleep(pause)


def _nobody(done: int, total: int) -> None:
    """Nobody watches a few files being read."""
