"""The way of a request: the cache, a flight that still fits, and only then a new generation."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from spark_lsp.completion.along import Along
from spark_lsp.completion.block import plain
from spark_lsp.completion.boundary import first_boundary
from spark_lsp.completion.cache import Found, PrefixCache
from spark_lsp.completion.fit import fit
from spark_lsp.completion.gate import Gate, Moment
from spark_lsp.completion.gates import refusal
from spark_lsp.completion.pace import Pace
from spark_lsp.completion.typed import typed_since
from spark_lsp.config import Config
from spark_lsp.engine.course import Course, inline
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.flight import Flight
from spark_lsp.engine.flights import Flights
from spark_lsp.engine.launch import Launcher
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.prefetch import AHEAD, READ_ON, Prefetcher, Shown
from spark_lsp.engine.query import NOTHING, Answer, Place, Query
from spark_lsp.engine.relate import CHOOSING, Relater
from spark_lsp.engine.sent import Sent, letters
from spark_lsp.text import Snapshot
from spark_lsp.values import Hit, Offer, Reach, Suggestion

log = logging.getLogger(__name__)

INVOKED_DEADLINE = 10.0
"""Seconds that a person who asked for a suggestion is kept waiting."""

SLOW = 1.5
"""Times its usual first-token time: a backend that is never there by the deadline is waited for so long."""


class Completer:
    """Answers queries of one session.

    `current` tells whether a snapshot is what the editor has now, `shown` what others may see of a path;
    `keep` is told what may be remembered over restarts; `relater` knows what is told of elsewhere.
    """

    def __init__(
        self,
        config: Config,
        cache: PrefixCache,
        flights: Flights,
        fleet: Fleet,
        metrics: Metrics,
        current: Callable[[Snapshot], bool],
        shown: Callable[[str], str],
        keep: Callable[[Snapshot, Suggestion], None],
        relater: Relater,
    ) -> None:
        self.settings = config.inline
        self.stand_in = config.workspace.stand_in
        self.pace = Pace()
        self.gate = Gate()
        self.prefetcher = Prefetcher(
            config, fleet, flights, metrics, self._peek, self.others, self._ask_ahead
        )
        self._launcher = Launcher(
            config.inline,
            cache,
            fleet,
            shown,
            self.prefetcher.may_read_on,
            self.prefetcher.allowance,
            keep,
            relater.excerpts,
            lambda: self.prefetcher.odds,
        )
        self._relater = relater
        self._cache = cache
        self._flights = flights
        self._fleet = fleet
        self._current = current
        self._turns: dict[str, asyncio.Future[None]] = {}
        self._along: dict[str, Along] = {}
        self._on_screen: dict[str, tuple[Snapshot, str]] = {}
        self._judged: dict[str, tuple[Snapshot, tuple[str, ...]]] = {}

    @property
    def generation(self) -> int:
        """How often the settings changed: what was made under other ones is not offered."""
        return self._launcher.generation

    def configure(self, config: Config) -> None:
        """Go on with other settings: what was made under the old ones is not offered any more."""
        self.settings = self._launcher.settings = config.inline
        self.stand_in = config.workspace.stand_in
        self._launcher.generation += 1
        self._along.clear()
        self._on_screen.clear()
        # Who waits still holds the old course: a path denied just now would be sent after the debounce.
        for uri in list(self._turns):
            self._end_turn(uri)
        self.prefetcher.configure(config)

    def inserted(self, uri: str, line: int, column: int, text: str) -> None:
        """The user, or the editor for them, inserted text. Columns are code points."""
        along = self._along.get(uri)
        if along is not None and not along.insert(line, column, text):
            del self._along[uri]

    def changed(self, uri: str) -> None:
        """The document changed in another way."""
        self._along.pop(uri, None)

    def now(self, query: Query, place: Place) -> Answer | None:
        """The answer if nothing has to be waited for; None when a generation is needed or under way."""
        snapshot = query.snapshot
        self._end_turn(snapshot.uri)
        along = self._along.get(snapshot.uri)
        if along is not None and query.origin is None:
            offer = along.rest(snapshot.line, snapshot.column)
            if offer is not None:
                return Answer(offer, "typed_through", along.whole, continues=True)
        self.prefetcher.moved(snapshot)
        reason = self._refusal(snapshot, place.path)
        if reason is not None:
            log.debug("no suggestion: %s", reason)
            return NOTHING
        if not self._uses("cache"):
            return None
        found = self._peek(snapshot)
        if found is None or (found.negative and not query.automatic):
            return None
        if found.rejected and query.automatic:
            return NOTHING
        if not found.suggestion.complete:
            flight = self._find(snapshot)
            if flight is not None:
                if not self._says_enough(found, snapshot):
                    return None
                flight.shown = True
                return self._offer(found, query, place, "flight")
        answer = self._offer(found, query, place, "typed_through" if found.typed else "cached")
        return None if answer.offer is None and found.typed else answer

    async def later(self, query: Query, place: Place) -> Answer:
        """The answer at its first boundary or the deadline; nothing when a newer query took its turn.

        A private document is answered from this process only.
        """
        snapshot = query.snapshot
        turn = self._take_turn(snapshot.uri)
        flight = self._find(snapshot)
        hit: Hit = "flight"
        try:
            deadline = self._deadline(query)
            if flight is None:
                course = self._fleet.course(inline(snapshot, place.reach))
                if not course.backends:
                    return NOTHING
                deadline = self._deadline(query, course)
                hit = "workspace" if course.backends[0].name == NAME else "network"
                choosing = None
                if hit == "network":
                    choosing = self._relater.begin(snapshot, place.path, place.reach)
                if hit == "network" and query.automatic:
                    predicted = await self.predict(query, place) if self.stand_in < 1 else None
                    if (answer := self._stand_in(query, place, predicted)) is not None:
                        self._extend(query, place, answer)
                        return answer
                    if self._hopeless(query, place, predicted):
                        return NOTHING
                    await self._debounce(turn, course)
                    # What a session's start costs is not the backend's slowness.
                    if await self._fleet.warmed_up():
                        deadline = self._deadline(query, course)
                if choosing is not None:
                    patience = min(CHOOSING, course.ttft or CHOOSING)
                    await asyncio.wait(
                        [choosing, turn], timeout=patience, return_when=asyncio.FIRST_COMPLETED
                    )
                if turn.done() or not self._current(query.origin or snapshot):
                    return NOTHING
                flight = self._launch(query, place, course)
            return await self._wait(query, place, flight, turn, deadline, hit)
        finally:
            if self._turns.get(snapshot.uri) is turn:
                del self._turns[snapshot.uri]

    def under_way(self, snapshot: Snapshot) -> Flight | None:
        """The flight that has not said all of what belongs here."""
        found = self._peek(snapshot)
        flight = self._flights.covering(snapshot)
        if found is None or not found.suggestion.complete:
            return flight
        return flight if self._may_grow(found, flight) else None

    def _may_grow(self, found: Found, flight: Flight | None) -> bool:
        """Whether a model is saying what the predictor said, and has not contradicted it yet."""
        if flight is None or flight.landed or found.suggestion.backend != NAME:
            return False
        said = flight.suggestion.text
        return said.startswith(found.whole) or found.whole.startswith(said)

    def grown(self, before: Answer, query: Query, place: Place) -> tuple[Answer | None, bool]:
        """(What this answer has grown to, None when it has not; whether there will be no more of it)."""
        snapshot = query.snapshot
        found = self._peek(snapshot)
        if found is None or found.rejected or not self._current(query.origin or snapshot):
            return None, False
        whole, hit = found.suggestion.complete, before.hit
        if whole and self._may_grow(found, self._flights.covering(snapshot)):
            whole = False
        if before.offer is None:
            hit = "workspace" if found.suggestion.backend == NAME else "network"
        offer = fit(found.suggestion, snapshot, hit)
        if offer is None or (before.offer is not None and not offer.extends(before.offer)):
            return None, whole
        answer = self._offer(found, query, place, hit)
        return answer._replace(hit=hit, continues=before.offer is not None), whole

    async def predict(self, query: Query, place: Place) -> Suggestion | None:
        """What the embedded predictor says here."""
        embedded, invoked = self._fleet.embedded, not query.automatic
        if embedded is None:
            return None
        return await self._launcher.predict(query.snapshot, place.path, embedded, invoked=invoked)

    def restore(self, snapshot: Snapshot, suggestion: Suggestion) -> None:
        """This was kept from an earlier session. What is known already is fresher."""
        if self._peek(snapshot) is None:
            self._cache.put(snapshot, suggestion, generation=self.generation)

    def reject(self, snapshot: Snapshot, text: str) -> None:
        """The user does not want this text in this state."""
        self._cache.reject(snapshot, text, generation=self.generation)

    async def prefill(self, snapshot: Snapshot, path: str, reach: Reach) -> None:
        """Have a server that can read what stands here, before the first key."""
        course = self.prefetcher.course(snapshot, reach)
        if course is not None and self.settings.enabled and self._refusal(snapshot, path) is None:
            await self._launcher.prefill(snapshot, path, course.backends[0])

    def sent(self, snapshot: Snapshot, place: Place) -> Sent:
        """What would leave this process for an answer here."""
        reason = self._refusal(snapshot, place.path)
        if reason is not None:
            return Sent(reason=reason)
        course = self._fleet.course(inline(snapshot, place.reach))
        return Sent(letters(self._launcher.asked(snapshot, place.path, course)))

    def ended(self, uri: str) -> None:
        """The document is gone."""
        self._end_turn(uri)
        self._along.pop(uri, None)
        self._on_screen.pop(uri, None)
        self._judged.pop(uri, None)
        self.prefetcher.ended(uri)
        self._flights.end_all(uri)
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

    def _uses(self, mechanism: str) -> bool:
        return mechanism not in self.settings.without

    def _find(self, snapshot: Snapshot) -> Flight | None:
        return self._flights.find(snapshot) if self._uses("flights") else None

    def _launch(self, query: Query, place: Place, course: Course) -> Flight:
        self.prefetcher.make_way(course.backends[0])
        if not self._uses("cache"):
            self._cache.forget(query.snapshot.uri)
        flight = self._launcher.flight(
            query.snapshot,
            place.path,
            course,
            limit=READ_ON,
            invoked=not query.automatic,
            after_accept=place.after_accept,
            private=place.private,
        )
        self.pace.asked(time.monotonic())
        self._flights.start(flight).add_done_callback(lambda task: self._landed(flight, place, task))
        return flight

    def _ask_ahead(self, snapshot: Snapshot, path: str, course: Course, after_accept: bool) -> Flight:
        return self._launcher.flight(
            snapshot, path, course, limit=AHEAD, after_accept=after_accept, ahead=True
        )

    def _landed(self, flight: Flight, place: Place, task: asyncio.Task[None]) -> None:
        """All of what a request saw the beginning of is there now."""
        if task.cancelled() or not flight.shown or place.private:
            return
        origin = flight.reached
        found = self._peek(origin)
        if found is not None and not found.rejected:
            offer = fit(found.suggestion, origin, "cached")
            if offer is not None:
                after_accept = place.after_accept or origin is not flight.origin
                self.prefetcher.offered(Shown(origin, offer, place.path, place.reach, after_accept))

    async def _wait(
        self,
        query: Query,
        place: Place,
        flight: Flight,
        turn: asyncio.Future[None],
        deadline: float,
        hit: Hit,
    ) -> Answer:
        snapshot = query.snapshot
        loop = asyncio.get_running_loop()
        with flight.wanted():
            while True:
                left = deadline - loop.time()
                found = self._peek(snapshot)
                if flight.landed or left <= 0 or (found is not None and self._says_enough(found, snapshot)):
                    break
                if not flight.fits(snapshot):
                    break
                await asyncio.wait([flight.moved, turn], timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if turn.done():
                    break
        if not self._uses("flights"):
            self._flights.end(flight)
        if turn.done() or not self._current(query.origin or snapshot):
            return NOTHING
        if found is None:
            return await self._again(query, place, flight, turn, deadline)
        if not flight.landed:
            flight.shown = True
        if hit != "flight":
            # The first choice may have failed and another have answered.
            hit = "workspace" if found.suggestion.backend == NAME else "network"
        return self._offer(found, query, place, hit)

    def _stand_in(self, query: Query, place: Place, suggestion: Suggestion | None) -> Answer | None:
        """The predictor's word, where it is as good as sure: then no model has to be asked."""
        snapshot = query.snapshot
        if suggestion is None or (suggestion.confidence or 0.0) < self.stand_in:
            return None
        self._cache.put(snapshot, suggestion, generation=self.generation)
        found = self._peek(snapshot)
        if found is None or found.rejected or not self._current(query.origin or snapshot):
            return None
        answer = self._offer(found, query, place, "workspace")
        return None if answer.offer is None else answer

    def _extend(self, query: Query, place: Place, answer: Answer) -> None:
        """Where a block is wanted and costs nothing, a model goes on with what stands in for it.

        What it says is more of the same where it agrees; where it does not, the cache keeps what is shown.
        """
        snapshot = query.snapshot
        if self._uses("flights") and answer.offer is not None and self._launcher.wants_lines(snapshot):
            self.prefetcher.extend(Shown(snapshot, answer.offer, place.path, place.reach, place.after_accept))

    def _hopeless(self, query: Query, place: Place, predicted: Suggestion | None) -> bool:
        """Whether this person hardly ever takes what is shown at such a moment."""
        if not self._uses("gate") or self.settings.gate == "off":
            return False
        known = self.stand_in < 1 and self._fleet.embedded is not None
        confidence = 0.0 if predicted is None else predicted.confidence or 0.0
        features = self._features(query.snapshot, place, confidence if known else None)
        self._judged[query.snapshot.uri] = query.snapshot, features
        judgement = self.gate.judge(features, self.settings.gate)
        if not judgement.asks or judgement.explores:
            log.info("%s: %s", "asked all the same" if judgement.asks else "no model is asked", judgement)
        return not judgement.asks

    def _features(self, snapshot: Snapshot, place: Place, confidence: float | None = None) -> tuple[str, ...]:
        judged, features = self._judged.get(snapshot.uri, (None, ()))
        if judged is snapshot:
            return features
        moment = Moment(snapshot, place.after_accept, place.erased, self.pace.interval, confidence)
        return self.gate.features(moment)

    async def _again(
        self, query: Query, place: Place, flight: Flight, turn: asyncio.Future[None], deadline: float
    ) -> Answer:
        """What was waited for turned out to be the continuation of something else: ask for this one."""
        snapshot = query.snapshot
        same = typed_since(flight.reached, snapshot) == ""
        if same or asyncio.get_running_loop().time() >= deadline:
            return NOTHING
        course = self._fleet.course(inline(snapshot, place.reach))
        if not course.backends:
            return NOTHING
        hit: Hit = "workspace" if course.backends[0].name == NAME else "network"
        if hit == "network" and query.automatic:
            if self._hopeless(query, place, await self.predict(query, place) if self.stand_in < 1 else None):
                return NOTHING
            await self._debounce(turn, course)
            if turn.done() or not self._current(query.origin or snapshot):
                return NOTHING
        deadline = self._deadline(query, course)
        return await self._wait(query, place, self._launch(query, place, course), turn, deadline, hit)

    # --- answers

    def _peek(self, snapshot: Snapshot) -> Found | None:
        return self._cache.get(snapshot, generation=self.generation, peek=True)

    def others(self, snapshot: Snapshot, besides: str) -> list[Suggestion]:
        """What the cache knows beside a text."""
        return self._cache.others(snapshot, generation=self.generation, besides=besides)

    def _offer(self, found: Found, query: Query, place: Place, hit: Hit) -> Answer:
        snapshot = query.snapshot
        offer = fit(found.suggestion, snapshot, hit)
        if offer is not None or found.negative:
            self._cache.show(found)
        if offer is None:
            self._on_screen.pop(snapshot.uri, None)
            return NOTHING
        continues = self._continues(snapshot, offer)
        if found.suggestion.speculative and hit != "network" and not continues:
            hit = "speculative"
        if query.origin is None:
            self._show(snapshot, offer, found.whole, place, continues=continues)
        features = () if continues else self._features(snapshot, place)
        return Answer(offer, hit, found.whole, continues=continues, features=features)

    def _continues(self, snapshot: Snapshot, offer: Offer) -> bool:
        """Whether this is what was on the screen, less what was typed since."""
        origin, text = self._on_screen.get(snapshot.uri, (snapshot, ""))
        typed = typed_since(origin, snapshot) if text else None
        if not typed or len(typed) >= len(text):
            return False
        return text.startswith(typed) and plain(offer.text).startswith(text[len(typed) :])

    def _show(self, snapshot: Snapshot, offer: Offer, whole: str, place: Place, *, continues: bool) -> None:
        self._on_screen[snapshot.uri] = snapshot, plain(offer.text)
        if not self._uses("cache"):
            return
        if self._flights.covering(snapshot) is None:
            along = Along.of(offer, whole, snapshot)
            if along is not None:
                self._along[snapshot.uri] = along
            if not continues and not place.private:
                shown = Shown(snapshot, offer, place.path, place.reach, place.after_accept)
                # Behind the answer: it is on its way when the next states are weighed.
                asyncio.get_running_loop().call_soon(self.prefetcher.offered, shown)

    def _refusal(self, snapshot: Snapshot, path: str) -> str | None:
        if not self.settings.enabled:
            return "inline.enabled is off"
        return refusal(snapshot, path=path, languages=self.settings.languages)

    def _deadline(self, query: Query, course: Course | None = None) -> float:
        patience = self.settings.deadline_ms / 1000
        if not query.automatic or not self._uses("pieces"):
            patience = INVOKED_DEADLINE
        usual = course.ttft if course is not None else None
        if usual is not None:
            patience = max(patience, min(SLOW * usual, INVOKED_DEADLINE))
        return asyncio.get_running_loop().time() + patience

    async def _debounce(self, turn: asyncio.Future[None], course: Course) -> None:
        """Wait whether another key comes, before the network is used."""
        setting = self.settings.debounce_ms
        delay = self.pace.delay(time.monotonic(), course.ttft) if setting == "auto" else setting / 1000
        if delay > 0:
            await asyncio.wait([turn], timeout=delay)

    def _says_enough(self, found: Found, snapshot: Snapshot) -> bool:
        suggestion = found.suggestion
        if suggestion.complete or not self._uses("pieces"):
            return suggestion.complete
        return first_boundary(suggestion.text, snapshot.line_before) is not None
