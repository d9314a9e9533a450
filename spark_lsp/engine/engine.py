"""One session's engine: documents in, answers out. Everything below `lsp` and `cli` meets here."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from spark_lsp.completion.cache import PrefixCache
from spark_lsp.config import BackendSettings, Config
from spark_lsp.engine.complete import NOTHING, Answer, Completer, Query
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.flight import Flights
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.tasks import Tasks
from spark_lsp.text import Document, Encoding, Snapshot, column_of

log = logging.getLogger(__name__)

REMEMBERED_OFFERS = 512

SETTLING = 0.3
"""Seconds that changes on disk are gathered for before they are read."""


IDLE = 30.0
"""Seconds without a change after which connections may be gone: the next key has them opened ahead."""

LOOKING_AGAIN = 60.0
"""Seconds after which opening a document looks for backends again."""

StatusKind = Literal["Normal", "Warning", "Error", "Inactive"]


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

    `private` tells whether its text may not leave this process: looking that up reads ignore
    files. `changed_at` is when its latest change arrived; `unanswered` until the first answer after it.
    """

    document: Document
    path: str
    private: asyncio.Task[bool]
    changed_at: float
    unanswered: bool = False


class Engine:
    """Completes the documents of one client. Made on a running loop; `close` gives everything back."""

    def __init__(self, config: Config, listener: Listener) -> None:
        self.config = config
        self.metrics = Metrics()
        self._listener = listener
        self._tasks = Tasks()
        self._documents: dict[str, Open] = {}
        self._offers: OrderedDict[str, Answer] = OrderedDict()
        self._offered = 0
        self._folders: tuple[Path, ...] = ()
        self._folders_known = asyncio.Event()
        self._changed_files: set[Path] = set()
        self._learning: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self._found: tuple[BackendSettings, ...] = ()
        self._learner = Learner(config.workspace, config.privacy)
        self._fleet = Fleet(self.metrics, listener.warn)
        self._cache = PrefixCache(config.cache.max_bytes)
        self._completer = Completer(
            config.inline, self._cache, Flights(self._tasks), self._fleet, self._is_current, self._shown
        )

    # --- life

    async def start(self, folders: Sequence[Path]) -> None:
        """Make the backends and begin to learn the folders in the background."""
        await self._fleet.configure(self.config, self._learner)
        self.set_folders(folders)
        if self._finds_backends:
            self._looking = self._tasks.start(self._discover(), "discover")
        else:
            self._tasks.start(self._fleet.connect(), "connect")
        self._tell_status()

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
            entry.private = self._look_up_privacy(entry.path)
        self._folders_known.set()
        if self._learning is not None:
            self._learning.cancel()
        if self.config.workspace.enabled:
            self._learning = self._tasks.start(
                self._learner.learn_folders(self._listener.learned), "learn folders"
            )

    def _look_up_privacy(self, path: str) -> asyncio.Task[bool]:
        async def look_up() -> bool:
            # A document can be opened before the folders, and so their ignore files, are known.
            await self._folders_known.wait()
            return await self._learner.private(path)

        return self._tasks.start(look_up(), f"privacy of {path}")

    async def learned(self, limit: float) -> None:
        """Wait until the workspace is learned, `limit` seconds at most."""
        if self._learning is not None:
            await asyncio.wait([self._learning], timeout=limit)

    async def configure(self, config: Config) -> None:
        """Go on with other settings. What was cached under the old ones is not offered any more."""
        if config == self.config:
            return
        before, self.config = self.config, config
        self._completer.configure(config.inline)
        if (before.workspace, before.privacy) != (config.workspace, config.privacy):
            self._learner.stop()
            self._learner = Learner(config.workspace, config.privacy)
            for entry in self._documents.values():
                self._learner.opened(entry.path, entry.document)
            self.set_folders(self._folders)
        await self._fleet.configure(self._in_force, self._learner)
        if self._finds_backends:
            self._looking = self._tasks.start(self._discover(), "discover")
        else:
            self._tasks.start(self._fleet.connect(), "connect")
        self._tell_status()

    async def close(self) -> None:
        self._learner.stop()
        await self._tasks.close()
        await self._fleet.aclose()

    def _tell_status(self) -> None:
        if not self.config.inline.enabled:
            self._listener.status("Inactive", "switched off by inline.enabled")
        elif names := self._fleet.networked:
            self._listener.status("Normal", f"backends: {', '.join(names)}")
        elif self.config.workspace.enabled:
            self._listener.status("Normal", "workspace only: set CEREBRAS_API_KEY or start a local model")
        else:
            self._listener.status("Warning", "no backend: none is configured and workspace.enabled is off")

    # --- documents

    def open(
        self, uri: str, path: str, text: str, *, language: str, version: int, encoding: Encoding
    ) -> None:
        document = Document(uri, text, language=language, version=version, encoding=encoding)
        self._documents[uri] = Open(document, path, self._look_up_privacy(path), time.monotonic())
        if self._finds_backends and time.monotonic() - self._looked_at > LOOKING_AGAIN:
            self._looking = self._tasks.start(self._discover(), "discover")
        if self.config.workspace.enabled:
            self._learner.opened(path, document)
            self._tasks.start(self._learner.settle(path), f"settle {uri}")

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
        if now - entry.changed_at > IDLE:
            self._tasks.start(self._fleet.connect(), "connect after idling")
        entry.changed_at, entry.unanswered = now, True
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

    def close_document(self, uri: str) -> None:
        entry = self._documents.pop(uri, None)
        if entry is None:
            return
        self._completer.ended(uri)
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
        answer = self._completer.now(query, entry.path)
        return None if answer is None else self._count(answer, entry, arrived)

    async def complete_later(self, query: Query) -> Answer:
        """The answer after waiting for a generation. Raises nothing but CancelledError."""
        arrived = time.monotonic()
        entry = self._documents.get(query.snapshot.uri)
        if entry is None:
            return NOTHING
        private = entry.private.result() if entry.private.done() else await asyncio.shield(entry.private)
        return self._count(await self._completer.later(query, entry.path, private=private), entry, arrived)

    def remember(self, answer: Answer) -> str:
        """A name for an offer that is shown, by which `accepted` knows it again."""
        self._offered += 1
        name = str(self._offered)
        self._offers[name] = answer
        if len(self._offers) > REMEMBERED_OFFERS:
            self._offers.popitem(last=False)
        self.metrics.shown += 1
        return name

    def accepted(self, name: str) -> None:
        """The user took this offer."""
        answer = self._offers.pop(name, None)
        if answer is None:
            log.info("an offer was accepted that is not remembered: %s", name)
            return
        self.metrics.took(answer.tokens, answer.waited)

    def _count(self, answer: Answer, entry: Open, arrived: float) -> Answer:
        # An editor that waits before it asks makes the person wait just the same; but one who comes
        # back to a place after a while has waited for nothing.
        since = entry.changed_at if entry.unanswered else arrived
        entry.unanswered = False
        waited = time.monotonic() - min(since, arrived)
        self.metrics.answered(answer.hit, waited)
        return answer._replace(waited=waited)

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
