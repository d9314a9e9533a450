"""Asking ahead, for the states that the user probably comes to next.

What is shown leads to a few states: all of it is taken, or that and Enter. Each
of them that nothing is known about is a bet, and the best are asked for while the
user is still looking. What they bring is in the cache when the user comes there, and
leads to further states. A bet ends when the user goes another way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spark_lsp.backends.base import Backend
from spark_lsp.completion.block import plain
from spark_lsp.completion.cache import Found
from spark_lsp.completion.fit import fit
from spark_lsp.completion.odds import Odds
from spark_lsp.completion.speculate import DEPTH, Branch, branches, worth
from spark_lsp.completion.typed import typed_since
from spark_lsp.config import Config
from spark_lsp.engine.course import Course, inline
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.flight import Allowance, Flight
from spark_lsp.engine.flights import Flights
from spark_lsp.engine.metrics import Metrics
from spark_lsp.routing.budget import Budget
from spark_lsp.text import Snapshot
from spark_lsp.values import Offer, Reach, Suggestion

log = logging.getLogger(__name__)

READ_ON = 64
"""Tokens that a stream is read on for, behind the text that is shown."""

AHEAD = 128
"""Tokens that are asked for of a state ahead of need."""

USUAL_ANSWER = 32.0
"""Tokens: what a bet is expected to cost before any came in."""

SETTLING = 8
"""Bets over which that is averaged."""

MOST = 3
"""Bets at a time, however many slots there are: the fourth best is seldom worth its tokens."""

Way = tuple[tuple[Snapshot, str], ...]
"""How a state is come to: the states before it, each with what has to be typed or taken there."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An offer on the screen, the document's path, and how far its text may go. `after_accept`: an accept led
    to it."""

    snapshot: Snapshot
    offer: Offer
    path: str
    reach: Reach = "anywhere"
    after_accept: bool = False


@dataclass(frozen=True, slots=True)
class Bet:
    """A state that nothing is known about, and what asking for it is worth."""

    snapshot: Snapshot
    way: Way
    path: str
    after_accept: bool
    probability: float
    depth: int


class _Allowance:
    """`limit` tokens, of those that the minute has left."""

    def __init__(self, limit: int, budget: Budget, metrics: Metrics) -> None:
        self._limit = self._left = limit
        self._budget = budget
        self._metrics = metrics

    def spend(self, tokens: int) -> bool:
        now = time.monotonic()
        self._left -= tokens
        self._budget.spend(tokens, now)
        self._metrics.tokens["prefetched"] += tokens
        return self._left > 0 and self._budget.left(now) > 0

    def renew(self) -> None:
        self._left = self._limit


class Prefetcher:
    """The bets of one session.

    `peek` tells what the cache knows about a state, `others` what it knows beside a text there, `ask` makes a
    flight for one.
    """

    def __init__(
        self,
        config: Config,
        fleet: Fleet,
        flights: Flights,
        metrics: Metrics,
        peek: Callable[[Snapshot], Found | None],
        others: Callable[[Snapshot, str], Sequence[Suggestion]],
        ask: Callable[[Snapshot, str, Course, bool], Flight],
    ) -> None:
        self.odds = Odds()
        self._settings = config.prefetch
        self._denies = bool(config.privacy.deny)
        self._fleet = fleet
        self._flights = flights
        self._metrics = metrics
        self._peek = peek
        self._others = others
        self._ask = ask
        self._budget = Budget(config.prefetch.tokens_per_minute)
        self._shown: dict[str, Shown] = {}
        self._ways: dict[Flight, Way] = {}
        self._answer_tokens = USUAL_ANSWER

    def configure(self, config: Config) -> None:
        self._settings = config.prefetch
        self._denies = bool(config.privacy.deny)
        self._budget.configure(config.prefetch.tokens_per_minute)
        self._shown.clear()
        for flight in list(self._ways):
            self._flights.end(flight)

    # --- what it is told

    def offered(self, shown: Shown) -> None:
        """This is on the screen now, and all of it is known."""
        self._shown[shown.snapshot.uri] = shown
        self._bet(shown)

    def extend(self, shown: Shown) -> None:
        """What is on the screen is the predictor's and asked nobody: have a model say it again, and go on."""
        course = self.course(shown.snapshot, shown.reach)
        if course is not None and self.may_spend and self._has_room(course.backends[0]):
            self._place(Bet(shown.snapshot, (), shown.path, shown.after_accept, 1.0, 0), course)

    def moved(self, snapshot: Snapshot) -> None:
        """The cursor stands here now: bets that cannot be won any more are ended."""
        shown = self._shown.get(snapshot.uri)
        if shown is not None and not _leads(((shown.snapshot, plain(shown.offer.text)),), snapshot):
            del self._shown[snapshot.uri]
        for flight, way in list(self._ways.items()):
            if flight.uri == snapshot.uri and not (_leads(way, snapshot) or flight.fits(snapshot)):
                self._flights.end(flight)

    def ended(self, uri: str) -> None:
        """The document is gone."""
        self._shown.pop(uri, None)

    def make_way(self, backend: Backend) -> None:
        """A request to this backend is about to start: bets give their slots back."""
        slots = self._fleet.slots(backend.name)
        for flight in sorted(self._ways, key=lambda flight: -len(self._ways[flight])):
            if flight.ahead and slots and len(self._flights) >= slots:
                self._flights.end(flight)

    # --- what it may spend

    def course(self, snapshot: Snapshot, reach: Reach) -> Course | None:
        """Who may be asked about this state ahead of need, if anybody."""
        if not self._settings.enabled:
            return None
        return self._fleet.ahead(inline(snapshot, reach), metered=self._settings.metered)

    def may_read_on(self, backend: Backend) -> bool:
        """Whether this backend's streams may be read on behind what was asked for."""
        return self.may_spend and self._fleet.cheap(backend.name, metered=self._settings.metered)

    @property
    def may_spend(self) -> bool:
        """Whether anything may be said ahead of need now."""
        return self._settings.enabled and self._budget.left(time.monotonic()) > 0

    def allowance(self, limit: int) -> Allowance:
        """What one stream may say ahead of need."""
        return _Allowance(limit, self._budget, self._metrics)

    # --- bets

    def _bet(self, shown: Shown) -> None:
        here_only = shown.reach == "anywhere" and self._stays_here(shown.offer.suggestion)
        course = self.course(shown.snapshot, "machine" if here_only else shown.reach)
        if course is None:
            return
        speed = course.route.contenders[0].forecast
        tokens = self._answer_tokens
        bets = [
            (value, bet)
            for bet in self._unknown(shown, 1.0, 1, ())
            if (value := worth(bet.probability, speed.until(tokens), tokens)) > 0
        ]
        for _, bet in sorted(bets, key=lambda pair: -pair[0]):
            if self._budget.left(time.monotonic()) < tokens:
                break
            if not self._has_room(course.backends[0]):
                break
            self._place(bet, course)

    def _has_room(self, backend: Backend) -> bool:
        """One slot stays free. Where there is one alone, it is lent while nobody needs it."""
        if sum(flight.ahead for flight in self._flights) >= MOST:
            return False
        slots = self._fleet.slots_of(backend)
        # A flight that was just placed has its slot a moment later.
        return not slots.would_wait("ahead", beside=len(self._flights) - slots.busy)

    def _unknown(self, shown: Shown, probability: float, depth: int, way: Way) -> list[Bet]:
        """The states that nothing is known about, behind those that something is known about."""
        found: list[Bet] = []
        taken_is_known = True
        after_accept = shown.after_accept or depth > 1
        for branch in branches(
            shown.snapshot,
            shown.offer,
            self.odds,
            after_accept=after_accept,
            other=self._other(shown) if depth == 1 else None,
            probability=probability,
        ):
            if branch.step == "newline" and not taken_is_known:
                continue  # what follows the accept mostly begins with that line end
            steps = (*way, (shown.snapshot, branch.goal))
            known = self._peek(branch.snapshot)
            if branch.step == "all":
                taken_is_known = known is not None and known.suggestion.complete
            if self._flights.covering(branch.snapshot) is not None:
                continue
            if known is None:
                ends_with_it = branch.step != "newline"
                found.append(Bet(branch.snapshot, steps, shown.path, ends_with_it, branch.probability, depth))
            elif depth < DEPTH:
                found += self._behind(known, branch, depth, steps, shown.path)
        return found

    def _other(self, shown: Shown) -> Offer | None:
        """The second candidate."""
        for suggestion in self._others(shown.snapshot, shown.offer.suggestion.text):
            return None if self._stays_here(suggestion) else fit(suggestion, shown.snapshot, "cached")
        return None

    def _stays_here(self, suggestion: Suggestion) -> bool:
        """Whether a text may hold what `privacy.deny` keeps on this machine: the predictor has read it.

        Once the user takes it, it is theirs and in their document.
        """
        return self._denies and suggestion.backend == NAME

    def _behind(self, known: Found, branch: Branch, depth: int, way: Way, path: str) -> list[Bet]:
        if known.negative or known.rejected or self._stays_here(known.suggestion):
            return []
        offer = fit(known.suggestion, branch.snapshot, "speculative")
        if offer is None:
            return []
        return self._unknown(Shown(branch.snapshot, offer, path), branch.probability, depth + 1, way)

    def _place(self, bet: Bet, course: Course) -> None:
        log.debug("asking ahead, depth %d, probability %.2f: %r", bet.depth, bet.probability, bet.snapshot)
        flight = self._ask(bet.snapshot, bet.path, course, bet.after_accept)
        self._ways[flight] = bet.way
        self._flights.start(flight).add_done_callback(lambda task: self._came(flight, task))

    def _came(self, flight: Flight, task: asyncio.Task[None]) -> None:
        self._ways.pop(flight, None)
        shown = self._shown.get(flight.uri)
        if not task.cancelled():
            self._answer_tokens += (flight.tokens - self._answer_tokens) / SETTLING
        # A bet that brought nothing to know would be placed again, and again.
        if shown is not None and not task.cancelled() and self._peek(flight.reached) is not None:
            self._bet(shown)


def _leads(way: Way, snapshot: Snapshot) -> bool:
    """Whether the cursor stands on this way."""
    for origin, goal in way:
        typed = typed_since(origin, snapshot)
        if typed is not None and goal.startswith(typed):
            return True
    return False
