"""One session's engine: documents in, answers out. Everything below `lsp` and `cli` meets here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spark_lsp.completion.cache import PrefixCache
from spark_lsp.config import Config
from spark_lsp.engine.act import Actor
from spark_lsp.engine.actions import Actions
from spark_lsp.engine.alternatives import alternatives
from spark_lsp.engine.complete import Completer
from spark_lsp.engine.documents import Change, Open
from spark_lsp.engine.fleet import Fleet, Make
from spark_lsp.engine.flights import Flights
from spark_lsp.engine.following import EditQuery, Following, Offered
from spark_lsp.engine.found import Found
from spark_lsp.engine.growth import Growths, Stage
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.memory import Memory
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.engine.query import NOTHING, Answer, Place, Query
from spark_lsp.engine.reactions import Reactions
from spark_lsp.engine.relate import Edited, Relater
from spark_lsp.engine.sent import Sent, why
from spark_lsp.engine.status import StatusKind, status_of
from spark_lsp.engine.tasks import Tasks
from spark_lsp.text import Document, Encoding, Snapshot, column_of
from spark_lsp.values import Reach

if TYPE_CHECKING:  # a server never needs it, or not from its start on
    from spark_lsp.engine.check import Checks
    from spark_lsp.engine.mend import Mender
    from spark_lsp.engine.next_edit_model import NextEditModel

log = logging.getLogger(__name__)

SETTLING = 0.3
"""Seconds that changes on disk are gathered for before they are read."""


RESTORED_AT_ONCE = 20
"""Suggestions from the store: half a millisecond of the loop's time."""

FILES = "file:", "vscode-notebook-cell:"
"""How the URI of a document begins that is a file, or a part of one."""

EDITS_TOLD, EDIT_WORTH = 6, 0.5
"""How many of the latest edits a model may be told of, and what the newest is worth."""

RESTING = 1.0
"""Seconds without a key after which a place that was answered from the cache is read ahead."""


class Listener(Protocol):
    """Whom the engine tells what the user should see."""

    def warn(self, message: str) -> None: ...

    def learned(self, done: int, total: int) -> None: ...

    def status(self, kind: StatusKind, message: str) -> None: ...


class Engine:
    """Completes the documents of one client. Made on a running loop; `close` gives everything back.

    `make` makes the backends, where not as usual: a benchmark counts what they are asked.
    """

    def __init__(self, config: Config, listener: Listener, make: Make | None = None) -> None:
        self.config = config
        self.metrics = Metrics()
        self.next_edits = NextEdits()
        self._listener = listener
        self._tasks = Tasks()
        self._documents: dict[str, Open] = {}
        self._folders: tuple[Path, ...] = ()
        self._folders_known = asyncio.Event()
        self._configuring = asyncio.Lock()
        self._changed_files: set[Path] = set()
        self._learning: asyncio.Task[None] | None = None
        self._found = Found(config, self._tasks, self._use_found)
        self._told: tuple[StatusKind, str] | None = None
        self._learner = Learner(config.workspace, config.privacy)
        self._fleet = Fleet(self.metrics, listener.warn, self._tell_status, make)
        self._memory = Memory(listener.warn)
        self._relater = Relater(
            config.inline,
            self._learner,
            self._shown,
            self._fleet.reads,
            self._fleet.metered,
            self._edited,
        )
        self._completer = Completer(
            config,
            PrefixCache(config.cache.max_bytes),
            Flights(self._tasks),
            self._fleet,
            self.metrics,
            self._is_current,
            self._shown,
            self._memory.keep,
            self._relater,
        )
        self.actions = Actions(
            config,
            Actor(config, self._fleet, self._completer.prefetcher),
            self._documents.get,
            self._folder,
            self._shown,
        )
        self._following = Following(
            self._documents,
            self.next_edits,
            config,
            self._next_edit_model,
            self._shown,
        )
        self._growths = Growths(self._completer, self._tasks)
        self.reactions = Reactions(
            self.metrics,
            self._completer.prefetcher.odds,
            self._completer.gate,
            self._completer.reject,
            learns=self._learns,
        )

    # --- life

    async def start(self, folders: Sequence[Path]) -> None:
        """Make the backends and begin to learn the folders in the background."""
        await self._fleet.configure(self.config, self._learner)
        await self._remember()
        self.set_folders(folders)
        self._reach_backends()
        self._tell_status()

    async def _remember(self) -> None:
        """Go on with what earlier sessions learned of this person, if it was kept."""
        odds, gate = await self._memory.configure(self.config, self.reactions.odds, self.reactions.gate)
        self.reactions.odds = self._completer.prefetcher.odds = odds
        self.reactions.gate = self._completer.gate = gate

    def _reach_backends(self) -> None:
        if self._found.wanted:
            self._found.look()
        else:
            self._tasks.start(self._fleet.connect(), "connect")

    async def _use_found(self) -> None:
        await self._fleet.configure(self._found.in_force, self._learner)
        self._tell_status()
        await self._fleet.connect()

    async def discovered(self) -> None:
        """Wait until backends have been looked for and are connected, if they are looked for at all."""
        await self._found.looked()

    def set_folders(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._learner.set_folders(self._folders)
        self._relater.forget()
        for entry in self._documents.values():
            entry.reach = self._look_up_reach(entry.document.uri, entry.path)
        self._folders_known.set()
        if self._learning is not None:
            self._learning.cancel()
        if self.config.workspace.enabled:
            self._learning = self._tasks.start(
                self._learner.learn_folders(self._listener.learned), "learn folders"
            )

    def _look_up_reach(self, uri: str, path: str) -> asyncio.Task[Reach]:
        async def look_up() -> Reach:
            # A document can be opened before the folders, and so their ignore files, are known.
            await self._folders_known.wait()
            return await self._learner.reach(path, file=uri.startswith(FILES))

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
        self._found.config = config
        for uri in self._documents:
            self._growths.end(uri)
        self._completer.configure(config)
        self._following.configure(config)
        self.reactions.learns = self._learns
        if (before.workspace, before.privacy) != (config.workspace, config.privacy):
            self._learner.stop()
            self._learner = Learner(config.workspace, config.privacy)
            for entry in self._documents.values():
                self._learner.opened(entry.path, entry.document)
            self.set_folders(self._folders)
        self._relater.configure(config.inline, self._learner)
        async with self._configuring:
            await self.actions.configure(config)
            await self._remember()
            await self._fleet.configure(self._found.in_force, self._learner)
        self._reach_backends()
        self._tell_status()

    async def close(self) -> None:
        self._learner.stop()
        self._relater.forget()
        await self.actions.aclose()
        await self._tasks.close()
        await self._memory.aclose(self.reactions.odds, self.reactions.gate)
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
        self._documents[uri] = Open(document, path, self._look_up_reach(uri, path), time.monotonic())
        self.focused()
        if self.config.workspace.enabled:
            self._learner.opened(path, document)
            self._tasks.start(self._learner.settle(path), f"settle {uri}")
        self._tasks.start(self._restore(self._documents[uri], uri, language), f"restore {uri}")
        end = document.lines.count - 1
        self._tasks.start(
            self._prefill(self._documents[uri], document.snapshot(end, len(document.lines[end]))),
            f"prefill {uri}",
        )

    def focused(self) -> None:
        """The user comes to a document, perhaps from starting a server."""
        self._found.look_again()

    async def _restore(self, entry: Open, uri: str, language: str) -> None:
        if await entry.known_reach() == "process":
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
        reach = await entry.known_reach()
        if reach != "process" and self._is_current(snapshot):
            await self._relate(snapshot, entry.path, reach, rested=True)
            await self._completer.prefill(snapshot, entry.path, reach)

    def _edited(self) -> list[Edited]:
        """What was edited lately in the documents that are files, the document changed last first."""
        documents = sorted(self._documents.values(), key=lambda entry: -entry.changed_at)
        return [
            Edited(entry.path, line, diff, EDIT_WORTH / (1 + number))
            for entry in documents
            if entry.document.uri.startswith(FILES)
            for number, (line, diff) in enumerate(self.next_edits.latest(entry.document, EDITS_TOLD))
        ][:EDITS_TOLD]

    async def _relate(self, snapshot: Snapshot, path: str, reach: Reach, *, rested: bool = False) -> None:
        """Choose what is told of elsewhere, where that is to be chosen."""
        choosing = self._relater.begin(snapshot, path, reach, rested=rested)
        if choosing is not None:
            await asyncio.wait([choosing])

    def change(self, uri: str, version: int, changes: Iterable[Change]) -> None:
        entry = self._documents.get(uri)
        if entry is None:
            log.warning("ignored a change of a document that is not open: %s", uri)
            return
        document = entry.document
        if version <= document.version:
            # The same version again is copilot.vim in Vim, which sends the whole text before each request.
            level = logging.INFO if version == document.version else logging.WARNING
            log.log(
                level,
                "%s went from version %d to %d: applied in the order of arrival",
                uri,
                document.version,
                version,
            )
        document.version = version
        self._growths.end(uri)
        now = time.monotonic()
        anew = self._fleet.stirred()
        if anew is not None:
            self._tasks.start(self._fleet.connect(anew=anew), "connect after idling")
        entry.changed_at, entry.unanswered, entry.erased, entry.asked = now, True, True, None
        self.reactions.begin(uri)
        self.actions.changed(uri)
        self._completer.pace.typed(now)
        for change in changes:
            self._apply(entry, change)

    def _apply(self, entry: Open, change: Change) -> None:
        document = entry.document
        before = document.lines
        entry.erased = entry.erased and not change.text
        if change.range is None:
            if change.text == document.text():
                return
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
        self.next_edits.changed(document, before, change.range, change.text, span)
        self._following.superseded(document.uri)
        if self.config.workspace.enabled:
            self._learner.edited(entry.path, document.lines, span)
        self.reactions.changed(document.uri, change.text, span, document.lines)

    def close_document(self, uri: str) -> None:
        entry = self._documents.pop(uri, None)
        if entry is None:
            return
        if entry.resting is not None:
            entry.resting.cancel()
        self._growths.end(uri)
        self._completer.ended(uri)
        self.actions.changed(uri)
        self.next_edits.closed(uri)
        self._following.closed(uri)
        self.reactions.closed(uri)
        self._relater.closed(uri)
        self._learner.closed(entry.path)
        self.files_changed([Path(entry.path)])

    def document(self, uri: str) -> Document | None:
        entry = self._documents.get(uri)
        return None if entry is None else entry.document

    def files_changed(self, paths: Iterable[Path]) -> None:
        """Files changed, came or went on disk."""
        paths = list(paths)
        if any(path.name in self.config.privacy.ignore_files for path in paths):
            self._relater.forget()
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
        folder = self._folder(path)
        return Path(path).relative_to(folder).as_posix() if Path(path).is_relative_to(folder) else path

    def _folder(self, path: str) -> Path:
        """The workspace folder that a path is in; outside of all the one it lies in."""
        within = (folder for folder in self._folders if Path(path).is_relative_to(folder))
        return next(within, Path(path).parent)

    # --- answers

    def complete_now(self, query: Query) -> Answer | None:
        """The answer if it is here already: all that a keystroke along a suggestion costs."""
        arrived = time.monotonic()
        entry = self._documents.get(query.snapshot.uri)
        if entry is None:
            return NOTHING
        entry.asked = query
        self._growths.asked(query)
        answer = self._completer.now(query, self._place(entry))
        return None if answer is None else self._count(answer, entry, query, arrived)

    def next_edit(self, query: EditQuery) -> Offered | Coroutine[Any, Any, Offered | None] | None:
        """The likely next edit, None where there is none, or a coroutine that comes to it."""
        return self._following.ask(query) if self.config.inline.next_edit else None

    def _next_edit_model(self, config: Config) -> NextEditModel:
        from spark_lsp.engine.next_edit_model import NextEditModel

        return NextEditModel(config, self._fleet, self._completer.prefetcher)

    async def complete_later(self, query: Query) -> Answer:
        """The answer after waiting for a generation. Raises nothing but CancelledError."""
        arrived = time.monotonic()
        entry = self._documents.get(query.snapshot.uri)
        if entry is None:
            return NOTHING
        while True:
            await entry.known_reach()
            config = self.config
            answer = await self._completer.later(query, self._place(entry))
            if self.config is config or entry.asked is not query:
                return self._count(answer, entry, query, arrived)
            # The settings that came meanwhile ended the wait: editors send theirs late, and ask once.
            async with self._configuring:
                self._growths.asked(query)

    async def alternatives(self, answer: Answer, query: Query) -> list[Answer]:
        """What else could be offered, to somebody who looks through it."""
        entry = self._documents.get(query.snapshot.uri)
        if entry is None:
            return []
        return await alternatives(self._completer, answer, query, self._place(entry))

    def grow(self, answer: Answer, query: Query, tell: Callable[[Stage], None]) -> None:
        """`answer` is given to this query; tell how it grows, until something newer is asked or typed."""
        entry = self._documents.get(query.snapshot.uri)
        if entry is None:
            return

        def grown(stage: Stage) -> None:
            # More of what is there already was not waited for.
            waited = 0.0 if stage.answer.continues else time.monotonic() - entry.changed_at
            answer = self.reactions.answered(query.snapshot.uri, stage.answer, waited)
            tell(stage._replace(answer=answer))

        self._growths.begin(answer, query, self._place(entry), grown)

    async def sent(self, snapshot: Snapshot) -> Sent:
        """What would leave this process for an answer here, and to whom. Sends nothing."""
        entry = self._documents[snapshot.uri]
        reach = await entry.known_reach()
        await self._fleet.warmed_up()
        await self._relate(snapshot, entry.path, reach)
        reason = why(reach, entry.path, file=snapshot.uri.startswith(FILES))
        sent = self._completer.sent(snapshot, self._place(entry))
        return replace(sent, reason=reason or sent.reason)

    def _place(self, entry: Open) -> Place:
        reach: Reach = entry.reach.result() if entry.reach.done() else "process"
        return Place(entry.path, reach, self.reactions.after_accept(entry.document.uri), entry.erased)

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

    # --- without an editor

    async def mender(self, checks: Checks) -> Mender:
        """Mends files as they are on disk. Waits until the backends are there."""
        from spark_lsp.engine.mend import Mender

        await self.discovered()
        await self._fleet.warmed_up()
        return Mender(self._fleet, checks, self.config.actions.rounds, self._learner.reach, self._shown)

    def metrics_report(self) -> dict[str, Any]:
        index = self._learner.index
        return {
            **self.metrics.report(),
            "gate": self._completer.gate.counts(),
            "backends": self._fleet.report(),
            "workspace": {
                "files": index.files,
                "tokens": index.tokens,
                "bytes": index.size_bytes,
                "ready": self._learner.ready,
            },
        }
