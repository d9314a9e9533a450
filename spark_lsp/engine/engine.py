"""One session's engine: documents in, answers out. Everything below `lsp` and `cli` meets here."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from spark_lsp.completion.cache import PrefixCache
from spark_lsp.config import BackendSettings, Config
from spark_lsp.engine.complete import Completer
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.flights import Flights
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.memory import Memory
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.query import NOTHING, Answer, Place, Query
from spark_lsp.engine.reactions import Reactions
from spark_lsp.engine.status import StatusKind, status_of
from spark_lsp.engine.tasks import Tasks
from spark_lsp.text import Document, Encoding, Snapshot, column_of
from spark_lsp.values import Reach

log = logging.getLogger(__name__)

SETTLING = 0.3
"""Seconds that changes on disk are gathered for before they are read."""


LOOKING_AGAIN = 60.0
"""Seconds after which opening a document looks for backends again."""

RESTORED_AT_ONCE = 20
"""Suggestions from the store: half a millisecond of the loop's time."""

RESTING = 1.0
"""Seconds without a key after which a place that was answered from the cache is read ahead."""


class Listener(Protocol):
    """Whom the engine tells what the user should see."""

    def warn(self, message: str) -> None: ...

    def learned(self, done: int, total: int) -> None: ...

    def status(self, kind: StatusKind, message: str) -> None: ...


class Change(NamedTuple):
    """One content change: a range (start line, start character, end line, end character) in client
    units and its new text; no range replaces everything."""

    range: tuple[int, int, int, int] | None
    text: str


@dataclass(slots=True)
class Open:
    """A document that an editor has open.

    `reach` tells how far its text may go: looking that up reads ignore files. `changed_at` is when its
    latest change arrived; `unanswered` until the first answer after it. `resting` prefills
    where the cursor is when nothing happens.
    """

    document: Document
    path: str
    reach: asyncio.Task[Reach]
    changed_at: float
    unanswered: bool = False
    resting: asyncio.TimerHandle | None = None


class Engine:
    """Completes the documents of one client. Made on a running loop; `close` gives everything back."""

    def __init__(self, config: Config, listener: Listener) -> None:
        self.config = config
        self.metrics = Metrics()
        self._listener = listener
        self._tasks = Tasks()
        self._documents: dict[str, Open] = {}
        self._folders: tuple[Path, ...] = ()
        self._folders_known = asyncio.Event()
        self._changed_files: set[Path] = set()
        self._learning: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self._found: tuple[BackendSettings, ...] = ()
        self._told: tuple[StatusKind, str] | None = None
        self._learner = Learner(config.workspace, config.privacy)
        self._fleet = Fleet(self.metrics, listener.warn, self._tell_status)
        self._memory = Memory(listener.warn)
        self._completer = Completer(
            config,
            PrefixCache(config.cache.max_bytes),
            Flights(self._tasks),
            self._fleet,
            self.metrics,
            self._is_current,
            self._shown,
            self._memory.keep,
        )
        self.reactions = Reactions(
            self.metrics, self._completer.prefetcher.odds, self._completer.reject, learns=self._learns
        )

    # --- life

    async def start(self, folders: Sequence[Path]) -> None:
        """Make the backends and begin to learn the folders in the background."""
        await self._fleet.configure(self.config, self._learner)
        await self._remember()
        self.set_folders(folders)
        if self._finds_backends:
            self._looking = self._tasks.start(self._discover(), "discover")
        else:
            self._tasks.start(self._fleet.connect(), "connect")
        self._tell_status()

    async def _remember(self) -> None:
        """Go on with the odds of earlier sessions, if they were kept."""
        odds = await self._memory.configure(self.config, self.reactions.odds)
        self.reactions.odds = self._completer.prefetcher.odds = odds

    @property
    def _finds_backends(self) -> bool:
        return not self.config.backends and self.config.routing.discover

    async def _discover(self) -> None:
        """Use the backends that are found by themselves: a server may have been started, or have gone."""
        # Imported when it is needed: what it brings would cost the server's start 15 ms.
        from spark_lsp.backends.discovery import discover

        self._looked_at = time.monotonic()
        found = await discover(os.environ)
        if not self._finds_backends:
            return  # the settings changed meanwhile
        self._found = tuple(one.settings for one in found)
        await self._fleet.configure(self._in_force, self._learner)
        self._tell_status()
        await self._fleet.connect()

    @property
    def _in_force(self) -> Config:
        """The settings, with the backends that were found where they name none."""
        return replace(self.config, backends=self._found) if self._finds_backends else self.config

    async def discovered(self) -> None:
        """Wait until backends have been looked for and are connected, if they are looked for at all."""
        if self._looking is not None:
            await asyncio.wait([self._looking])

    def set_folders(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._learner.set_folders(self._folders)
        for entry in self._documents.values():
            entry.reach = self._look_up_reach(entry.path)
        self._folders_known.set()
        if self._learning is not None:
            self._learning.cancel()
        if self.config.workspace.enabled:
            self._learning = self._tasks.start(
                self._learner.learn_folders(self._listener.learned), "learn folders"
            )

    def _look_up_reach(self, path: str) -> asyncio.Task[Reach]:
        async def look_up() -> Reach:
            # A document can be opened before the folders, and so their ignore files, are known.
            await self._folders_known.wait()
            return await self._learner.reach(path)

        return self._tasks.start(look_up(), f"reach of {path}")

    async def learned(self, limit: float) -> None:
        """Wait until the workspace is learned, `limit` seconds at most."""
        if self._learning is not None:
            await asyncio.wait([self._learning], timeout=limit)

    async def configure(self, config: Config) -> None:
        """Go on with other settings. What was cached under the old ones is not offered any more."""
        if config == self.config:
            return
        before, self.config = self.config, config
        self._completer.configure(config)
        self.reactions.learns = self._learns
        if (before.workspace, before.privacy) != (config.workspace, config.privacy):
            self._learner.stop()
            self._learner = Learner(config.workspace, config.privacy)
            for entry in self._documents.values():
                self._learner.opened(entry.path, entry.document)
            self.set_folders(self._folders)
        await self._remember()
        await self._fleet.configure(self._in_force, self._learner)
        if self._finds_backends:
            self._looking = self._tasks.start(self._discover(), "discover")
        else:
            self._tasks.start(self._fleet.connect(), "connect")
        self._tell_status()

    async def close(self) -> None:
        self._learner.stop()
        await self._tasks.close()
        await self._memory.aclose(self.reactions.odds)
        await self._fleet.aclose()

    def _tell_status(self) -> None:
        """Tell the client how things stand, when they stand differently than before."""
        status = status_of(self.config, self._fleet)
        if status != self._told:
            self._told = status
            self._listener.status(*status)

    # --- documents

    def open(
        self, uri: str, path: str, text: str, *, language: str, version: int, encoding: Encoding
    ) -> None:
        document = Document(uri, text, language=language, version=version, encoding=encoding)
        self.reactions.opened(uri)
        self._documents[uri] = Open(document, path, self._look_up_reach(path), time.monotonic())
        if self._finds_backends and time.monotonic() - self._looked_at > LOOKING_AGAIN:
            self._looking = self._tasks.start(self._discover(), "discover")
        if self.config.workspace.enabled:
            self._learner.opened(path, document)
            self._tasks.start(self._learner.settle(path), f"settle {uri}")
        self._tasks.start(self._restore(self._documents[uri], uri, language), f"restore {uri}")
        end = document.lines.count - 1
        self._tasks.start(
            self._prefill(self._documents[uri], document.snapshot(end, len(document.lines[end]))),
            f"prefill {uri}",
        )

    async def _restore(self, entry: Open, uri: str, language: str) -> None:
        if await asyncio.shield(entry.reach) == "process":
            # It may have been kept before an ignore file came to list it.
            self._memory.forget(uri)
            return
        for index, (snapshot, suggestion) in enumerate(await self._memory.restored(uri, language)):
            if uri in self._documents:
                self._completer.restore(snapshot, suggestion)
            if index % RESTORED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _prefill(self, entry: Open, snapshot: Snapshot) -> None:
        """Have the server read what was opened, or where the cursor rests, if it does that for nothing."""
        reach = await asyncio.shield(entry.reach)
        if reach != "process" and self._is_current(snapshot):
            await self._completer.prefill(snapshot, entry.path, reach)

    def change(self, uri: str, version: int, changes: Iterable[Change]) -> None:
        entry = self._documents.get(uri)
        if entry is None:
            log.warning("ignored a change of a document that is not open: %s", uri)
            return
        document = entry.document
        if version <= document.version:
            log.warning(
                "%s went from version %d to %d: applied in the order of arrival",
                uri,
                document.version,
                version,
            )
        document.version = version
        now = time.monotonic()
        anew = self._fleet.stirred()
        if anew is not None:
            self._tasks.start(self._fleet.connect(anew=anew), "connect after idling")
        entry.changed_at, entry.unanswered = now, True
        self.reactions.begin(uri)
        self._completer.pace.typed(now)
        for change in changes:
            self._apply(entry, change)

    def _apply(self, entry: Open, change: Change) -> None:
        document = entry.document
        if change.range is None:
            span = document.replace(change.text)
            self._completer.changed(document.uri)
        else:
            span = document.edit(*change.range, change.text)
            line, character = change.range[:2]
            if change.range[2:] == change.range[:2] and line < document.lines.count:
                column = column_of(document.lines[line], character, document.encoding)
                self._completer.inserted(document.uri, line, column, change.text)
            else:
                self._completer.changed(document.uri)
        if self.config.workspace.enabled:
            self._learner.edited(entry.path, document.lines, span)
        self.reactions.changed(document.uri, change.text, span, document.lines)

    def close_document(self, uri: str) -> None:
        entry = self._documents.pop(uri, None)
        if entry is None:
            return
        if entry.resting is not None:
            entry.resting.cancel()
        self._completer.ended(uri)
        self.reactions.closed(uri)
        self._learner.closed(entry.path)
        self.files_changed([Path(entry.path)])

    def document(self, uri: str) -> Document | None:
        entry = self._documents.get(uri)
        return None if entry is None else entry.document

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Files changed, came or went on disk."""
        if not self.config.workspace.enabled:
            return
        if not self._changed_files:
            self._tasks.start(self._learn_changed_files(), "learn changed files")
        self._changed_files.update(paths)

    async def _learn_changed_files(self) -> None:
        # A checkout changes hundreds of files in hundreds of messages.
        await asyncio.sleep(SETTLING)
        changed, self._changed_files = self._changed_files, set()
        await self._learner.learn_files(changed)

    def _is_current(self, snapshot: Snapshot) -> bool:
        entry = self._documents.get(snapshot.uri)
        return entry is not None and entry.document.version == snapshot.version

    def _shown(self, path: str) -> str:
        """The path within its workspace folder, outside of all the name alone."""
        for folder in self._folders:
            if Path(path).is_relative_to(folder):
                return Path(path).relative_to(folder).as_posix()
        return Path(path).name

    # --- answers

    def complete_now(self, query: Query) -> Answer | None:
        """The answer if it is here already: all that a keystroke along a suggestion costs."""
        arrived = time.monotonic()
        entry = self._documents.get(query.snapshot.uri)
        if entry is None:
            return NOTHING
        answer = self._completer.now(query, self._place(entry))
        return None if answer is None else self._count(answer, entry, query, arrived)

    async def complete_later(self, query: Query) -> Answer:
        """The answer after waiting for a generation. Raises nothing but CancelledError."""
        arrived = time.monotonic()
        entry = self._documents.get(query.snapshot.uri)
        if entry is None:
            return NOTHING
        if not entry.reach.done():
            await asyncio.shield(entry.reach)
        return self._count(await self._completer.later(query, self._place(entry)), entry, query, arrived)

    def _place(self, entry: Open) -> Place:
        reach: Reach = entry.reach.result() if entry.reach.done() else "process"
        return Place(entry.path, reach, self.reactions.after_accept(entry.document.uri))

    @property
    def _learns(self) -> bool:
        return "feedback" not in self.config.inline.without

    def _count(self, answer: Answer, entry: Open, query: Query, arrived: float) -> Answer:
        # An editor that waits before it asks makes the person wait just the same; but one who comes
        # back to a place after a while has waited for nothing.
        since = entry.changed_at if entry.unanswered else arrived
        entry.unanswered = False
        waited = time.monotonic() - min(since, arrived)
        self.metrics.answered(answer.hit, waited)
        if answer.hit in ("cached", "speculative"):
            self._rest(entry, query)
        return self.reactions.answered(query.snapshot.uri, answer, waited)

    def _rest(self, entry: Open, query: Query) -> None:
        if entry.resting is not None:
            entry.resting.cancel()

        def rested() -> None:
            if self._is_current(query.snapshot):
                self._tasks.start(self._prefill(entry, query.snapshot), "prefill")

        entry.resting = asyncio.get_running_loop().call_later(RESTING, rested)

    def metrics_report(self) -> dict[str, Any]:
        index = self._learner.index
        return {
            **self.metrics.report(),
            "backends": self._fleet.report(),
            "workspace": {
                "files": index.files,
                "tokens": index.tokens,
                "bytes": index.size_bytes,
                "ready": self._learner.ready,
            },
        }
