"""What is told of elsewhere with each document's prompts: chosen ahead of need, and kept while it is good.

A server that keeps the last prompt reads what is told once. So it is not chosen anew at each key, but where
the cursor has gone far, and when the user rests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from spark_lsp.backends.base import Backend
from spark_lsp.completion.context import gather
from spark_lsp.completion.related import CHARACTERS, RESTED, Candidate, Kind, Place, affordable, pack
from spark_lsp.config import InlineSettings
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.learn import Learner
from spark_lsp.privacy.detect import OF_MANY_LINES, find
from spark_lsp.text import Snapshot, line_body
from spark_lsp.values import Excerpt, Reach
from spark_lsp.workspace.neighbours import Alike, tell
from spark_lsp.workspace.outline import Import, imports

log = logging.getLogger(__name__)

HEADER = 300
"""Lines at a document's top that are looked at for imports."""

CHOOSING = 0.25
"""Seconds that the first request at a place may wait for what is told there, and no longer than it will wait
for its answer's first token."""


class Edited(NamedTuple):
    """A line of a file that was edited lately, as a diff."""

    path: str
    line: int
    text: str
    worth: float


@dataclass(slots=True)
class _Chosen:
    """What could be told at a place, and what is told there by budget, in characters."""

    place: Place
    reach: Reach
    whole: bool
    imported: list[Import]
    candidates: list[Candidate]
    around: str
    budgets: dict[str, int] = field(default_factory=dict)
    told: dict[int, tuple[Excerpt, ...]] = field(default_factory=dict)


class Relater:
    """Chooses for the documents of one client.

    `shown` is what others may see of a path, `reads` how many tokens a second a backend reads, None where
    that is not known, `metered` whether they cost money, `edits` what was edited lately.
    """

    def __init__(
        self,
        settings: InlineSettings,
        learner: Learner,
        shown: Callable[[str], str],
        reads: Callable[[Backend], float | None],
        metered: Callable[[Backend], bool],
        edits: Callable[[], Sequence[Edited]],
    ) -> None:
        self._settings = settings
        self._learner = learner
        self._shown = shown
        self._reads = reads
        self._metered = metered
        self._edits = edits
        self._chosen: dict[str, _Chosen] = {}
        self._choosing: dict[str, asyncio.Task[None]] = {}

    def configure(self, settings: InlineSettings, learner: Learner) -> None:
        """Go on with other settings: everything is chosen anew."""
        self._settings, self._learner = settings, learner
        self.forget()

    def forget(self) -> None:
        """What may be told has changed."""
        self._chosen.clear()
        for task in self._choosing.values():
            task.cancel()
        self._choosing.clear()

    def closed(self, uri: str) -> None:
        self._chosen.pop(uri, None)
        if (task := self._choosing.pop(uri, None)) is not None:
            task.cancel()

    @property
    def is_on(self) -> bool:
        return self._settings.context_tokens != 0 and "context" not in self._settings.without

    # --- what is told

    def excerpts(self, snapshot: Snapshot, backend: Backend) -> tuple[Excerpt, ...]:
        """What this backend is told with the text at a cursor: the same from key to key."""
        chosen = self._chosen.get(snapshot.uri)
        if chosen is None or backend.name == NAME or not self.is_on:
            return ()
        budget = chosen.budgets.get(backend.name)
        if budget is None:
            budget = chosen.budgets[backend.name] = CHARACTERS * self._tokens(backend)
        told = chosen.told.get(budget)
        if told is None:
            told = chosen.told[budget] = pack(chosen.candidates, budget, chosen.around)
        return told

    def _tokens(self, backend: Backend) -> int:
        tokens = self._settings.context_tokens
        if tokens != "auto":
            return tokens
        return affordable(self._reads(backend), local=backend.local, metered=self._metered(backend))

    # --- choosing

    def begin(
        self, snapshot: Snapshot, path: str, reach: Reach, *, rested: bool = False
    ) -> asyncio.Task[None] | None:
        """Choose for this place, where what was chosen before is not good any more; None where it is.

        `rested`: there is time, and what is near counts for more.
        """
        if not self.is_on or reach == "process":
            return None
        uri = snapshot.uri
        running = self._choosing.get(uri)
        if running is not None:
            return running
        chosen = self._chosen.get(uri)
        if chosen is not None and chosen.reach == reach and self._is_good(chosen, snapshot, rested=rested):
            return None
        task = asyncio.create_task(self._choose(snapshot, path, reach), name=f"what is told with {uri}")
        self._choosing[uri] = task
        task.add_done_callback(lambda done: self._done(uri, done))
        return task

    def _is_good(self, chosen: _Chosen, snapshot: Snapshot, *, rested: bool) -> bool:
        if not chosen.whole and self._learner.ready:
            return False
        if not rested:
            return chosen.place.holds(snapshot)
        return chosen.place.holds(snapshot, RESTED) and chosen.imported == _imports(snapshot)

    def _done(self, uri: str, task: asyncio.Task[None]) -> None:
        if self._choosing.get(uri) is task:
            del self._choosing[uri]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("nothing is told of elsewhere", exc_info=error)

    async def _choose(self, snapshot: Snapshot, path: str, reach: Reach) -> None:
        learner = self._learner
        whole = learner.ready
        imported = _imports(snapshot)
        found = await learner.neighbours(path, snapshot.line, imported)
        around = gather(snapshot, path=path)
        first = snapshot.line - around.before.count("\n")
        seen = range(first, snapshot.line + around.after.count("\n") + 1)

        edits = [edit for edit in self._edits() if edit.path != path or edit.line not in seen]

        def candidates_in(texts: Mapping[str, Sequence[str]]) -> list[Candidate]:
            told = tell(found.wanted, texts.get, path, seen)
            alike = [one for one in found.alike if one.path in texts]
            secrets = _told_by_others(texts.values())
            found_here: tuple[tuple[Kind, Sequence[Alike | Edited]], ...] = (
                ("definition", told),
                ("similar", alike),
                ("edit", edits),
            )
            return [
                Candidate(kind, self._shown(one.path), one.text, one.worth)
                for kind, several in found_here
                for one in several
                if one.path in texts and not any(secret in one.text for secret in secrets)
            ]

        paths = {one.path for several in (found.wanted, found.alike, edits) for one in several}
        candidates = await learner.from_texts(paths, reach, candidates_in)
        before = self._chosen.get(snapshot.uri)
        text = around.before + around.after
        chosen = _Chosen(Place(snapshot.line), reach, whole, imported, candidates, text)
        if before is not None and before.reach == reach:
            for budget, kept in before.told.items():
                chosen.told[budget] = pack(candidates, budget, text, kept)
            chosen.budgets = before.budgets
        self._chosen[snapshot.uri] = chosen


def _told_by_others(texts: Iterable[Sequence[str]]) -> set[str]:
    """Secrets that other lines give away, a private key's body by what stands above it: cut out of its file
    it is not known for what it is any more."""
    found: set[str] = set()
    for lines in texts:
        if any("PRIVATE KEY" in line or "ecret" in line for line in lines):
            text = "\n".join(map(line_body, lines))
            found.update(text[span.start : span.end] for span in find(text) if span.rule in OF_MANY_LINES)
    return found


def _imports(snapshot: Snapshot) -> list[Import]:
    return imports(list(snapshot.lines.slice(0, HEADER)))
