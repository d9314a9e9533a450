"""The way of a request: the cache, a flight that still fits, and only then a new generation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from spark_lsp.backends.base import Backend
from spark_lsp.completion.along import Along
from spark_lsp.completion.boundary import first_boundary
from spark_lsp.completion.cache import Found, PrefixCache
from spark_lsp.completion.context import gather
from spark_lsp.completion.fit import fit
from spark_lsp.completion.gates import refusal
from spark_lsp.completion.prompt import render, template_for
from spark_lsp.config import InlineSettings
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.flight import Flight, Flights
from spark_lsp.engine.race import race
from spark_lsp.text import Snapshot
from spark_lsp.values import Hit, Offer, Prompt, Suggestion

log = logging.getLogger(__name__)

AUTO_DEBOUNCE = 0.06
"""Seconds: about the shortest interval between two keys (5% are under 57 ms). A burst costs one request."""

INVOKED_DEADLINE = 10.0
"""Seconds that a person who asked for a suggestion is kept waiting."""


@dataclass(frozen=True, slots=True)
class Query:
    """What an editor asks: a suggestion for this snapshot.

    With an item selected in the completion menu, `snapshot` is the text with
    that item in place, `origin` the text as it is, and `selected` the item's
    columns (start, end) in it.
    """

    snapshot: Snapshot
    automatic: bool = True
    origin: Snapshot | None = None
    selected: tuple[int, int] | None = None


class Answer(NamedTuple):
    """An offer, or none; `hit` says where it came from.

    `tokens` of the model's are in the offer's text; `waited` is in seconds, from the keystroke on.
    """

    offer: Offer | None
    hit: Hit
    tokens: int = 0
    waited: float = 0.0


NOTHING = Answer(None, "none")


class Completer:
    """Answers queries of one session.

    `current` tells whether a snapshot is what the editor has now, `shown` what others may see of a path.
    """

    def __init__(
        self,
        settings: InlineSettings,
        cache: PrefixCache,
        flights: Flights,
        fleet: Fleet,
        current: Callable[[Snapshot], bool],
        shown: Callable[[str], str],
    ) -> None:
        self.settings = settings
        self.generation = 0
        self._cache = cache
        self._flights = flights
        self._fleet = fleet
        self._current = current
        self._shown = shown
        self._turns: dict[str, asyncio.Future[None]] = {}
        self._along: dict[str, Along] = {}

    def configure(self, settings: InlineSettings) -> None:
        """Go on with other settings: what was made under the old ones is not offered any more."""
        self.settings = settings
        self.generation += 1
        self._along.clear()

    def inserted(self, uri: str, line: int, column: int, text: str) -> None:
        """The user, or the editor for them, inserted text. Columns are code points."""
        along = self._along.get(uri)
        if along is not None and not along.insert(line, column, text):
            del self._along[uri]

    def changed(self, uri: str) -> None:
        """The document changed in another way."""
        self._along.pop(uri, None)

    def now(self, query: Query, path: str) -> Answer | None:
        """The answer if nothing has to be waited for; None when a generation is needed or under way."""
        snapshot = query.snapshot
        self._end_turn(snapshot.uri)
        along = self._along.get(snapshot.uri)
        if along is not None and query.origin is None:
            offer = along.rest(snapshot.line, snapshot.column)
            if offer is not None:
                return Answer(offer, "typed_through", along.tokens)
        reason = self._refusal(snapshot, path)
        if reason is not None:
            log.debug("no suggestion: %s", reason)
            return NOTHING
        found = self._cache.get(snapshot, generation=self.generation)
        if found is None or (found.negative and not query.automatic):
            return None
        if found.rejected:
            return NOTHING
        if not found.suggestion.complete:
            flight = self._flights.find(snapshot)
            if flight is not None:
                return self._offer(found, query, "flight") if _says_enough(found, snapshot) else None
        answer = self._offer(found, query, "typed_through" if found.typed else "cached")
        return None if answer.offer is None and found.typed else answer

    async def later(self, query: Query, path: str, *, private: bool) -> Answer:
        """The answer at its first boundary or the deadline; nothing when a newer query took its turn.

        A `private` document is answered from this process only.
        """
        snapshot = query.snapshot
        turn = self._take_turn(snapshot.uri)
        deadline = self._deadline(query)
        try:
            flight = self._flights.find(snapshot)
            hit: Hit = "flight"
            if flight is None:
                backends = self._fleet.choose("instant", local_only=private)
                if not backends:
                    return NOTHING
                hit = "workspace" if backends[0].name == NAME else "network"
                if hit == "network" and query.automatic:
                    await asyncio.wait([turn], timeout=self._debounce())
                    # What a session's start costs is not the backend's slowness.
                    if await self._fleet.warmed_up():
                        deadline = self._deadline(query)
                if turn.done() or not self._current(query.origin or snapshot):
                    return NOTHING
                flight = self._launch(query, path, backends)
            return await self._wait(query, flight, turn, deadline, hit)
        finally:
            if self._turns.get(snapshot.uri) is turn:
                del self._turns[snapshot.uri]

    def ended(self, uri: str) -> None:
        """The document is gone."""
        self._end_turn(uri)
        self._along.pop(uri, None)
        self._flights.end(uri)
        self._cache.forget(uri)

    # --- turns: at most one query of a document waits

    def _take_turn(self, uri: str) -> asyncio.Future[None]:
        self._end_turn(uri)
        turn = self._turns[uri] = asyncio.get_running_loop().create_future()
        return turn

    def _end_turn(self, uri: str) -> None:
        turn = self._turns.pop(uri, None)
        if turn is not None and not turn.done():
            turn.set_result(None)

    # --- generations

    def _launch(self, query: Query, path: str, backends: list[Backend]) -> Flight:
        snapshot = query.snapshot
        context = gather(snapshot, path=self._shown(path), multiline=self.settings.multiline)

        def prompt_for(backend: Backend) -> Prompt:
            fim = backend.fim or template_for(backend.model)
            prompt = render(context, fim, max_tokens=self.settings.max_tokens)
            prompt = replace(prompt, invoked=not query.automatic, line=snapshot.line)
            # The index knows files by where they are; to others that would tell the user's name, and more.
            return replace(prompt, path=path) if backend.name == NAME else prompt

        generation = self.generation

        def fill(origin: Snapshot, suggestion: Suggestion) -> None:
            self._cache.put(origin, suggestion, generation=generation)

        flight = Flight(snapshot, context, race(backends, prompt_for, self._fleet.record), fill)
        self._flights.start(flight)
        return flight

    async def _wait(
        self, query: Query, flight: Flight, turn: asyncio.Future[None], deadline: float, hit: Hit
    ) -> Answer:
        snapshot = query.snapshot
        loop = asyncio.get_running_loop()
        with flight.wanted():
            while True:
                left = deadline - loop.time()
                found = self._cache.get(snapshot, generation=self.generation)
                if flight.landed or left <= 0 or (found is not None and _says_enough(found, snapshot)):
                    break
                await asyncio.wait([flight.moved, turn], timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if turn.done():
                    return NOTHING
        if found is None or not self._current(query.origin or snapshot):
            return NOTHING
        if hit != "flight":
            # The first choice may have failed and another have answered.
            hit = "workspace" if found.suggestion.backend == NAME else "network"
        return self._offer(found, query, hit)

    # --- answers

    def _offer(self, found: Found, query: Query, hit: Hit) -> Answer:
        snapshot = query.snapshot
        offer = fit(found.suggestion, snapshot, hit)
        if offer is None:
            return NOTHING
        share = len(offer.text) / max(found.typed + len(found.suggestion.text), 1)
        tokens = max(1, round(found.suggestion.tokens * share))
        if query.origin is None and self._flights.find(snapshot) is None:
            along = Along.of(offer, tokens, snapshot)
            if along is not None:
                self._along[snapshot.uri] = along
        return Answer(offer, hit, tokens)

    def _refusal(self, snapshot: Snapshot, path: str) -> str | None:
        if not self.settings.enabled:
            return "inline.enabled is off"
        return refusal(snapshot, path=path, languages=self.settings.languages)

    def _deadline(self, query: Query) -> float:
        patience = self.settings.deadline_ms / 1000 if query.automatic else INVOKED_DEADLINE
        return asyncio.get_running_loop().time() + patience

    def _debounce(self) -> float:
        setting = self.settings.debounce_ms
        return AUTO_DEBOUNCE if setting == "auto" else setting / 1000


def _says_enough(found: Found, snapshot: Snapshot) -> bool:
    return (
        found.suggestion.complete or first_boundary(found.suggestion.text, snapshot.line_before) is not None
    )
