"""One question's way through the fleet: the race's rules, and the record of what each backend did."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from spark_lsp.backends.base import Backend
from spark_lsp.completion.context import AFTER, BEFORE
from spark_lsp.engine.embedded import NAME
from spark_lsp.errors import BackendError
from spark_lsp.routing.route import Ask, Role, Route
from spark_lsp.routing.slots import Rank
from spark_lsp.text import Snapshot
from spark_lsp.values import Delta, Reach

if TYPE_CHECKING:
    from spark_lsp.engine.fleet import Fleet


LINE = 32
"""Characters of a usual line of code, line end and indentation included."""


def inline(snapshot: Snapshot, reach: Reach) -> Ask:
    """What an inline completion asks of the router. The prompt is made later: its size is a guess."""
    before = LINE * snapshot.line + snapshot.column
    after = LINE * (snapshot.lines.count - snapshot.line)
    size = min(before, BEFORE) + min(after, AFTER)
    return Ask("instant", size, snapshot.uri, snapshot.language, reach)


class Course:
    """Whom to ask about one thing, in order, and when the next one. `race` runs it."""

    def __init__(self, fleet: Fleet, ask: Ask, route: Route, backends: list[Backend], rank: Rank) -> None:
        self.backends = backends
        self.ask = ask
        self.route = route
        self.stall = fleet.router.policy.stall
        self._fleet = fleet
        self._rank = rank

    @property
    def beside(self) -> Backend | None:
        """Who is asked at once beside the first."""
        beside = self.route.beside
        return (
            next((backend for backend in self.backends if backend.name == beside), None) if beside else None
        )

    @property
    def ttft(self) -> float | None:
        """The first one's usual first-token time, in seconds; None while nothing was heard of it."""
        if not self.route.contenders:
            return None
        forecast = self.route.contenders[0].forecast
        return forecast.ttft if forecast.weight else None

    @property
    def rate(self) -> float | None:
        """Its usual tokens a second; None while nothing was heard of it."""
        if not self.route.contenders:
            return None
        forecast = self.route.contenders[0].forecast
        return forecast.rate if forecast.weight else None

    def attempt(self, backend: Backend, role: Role) -> Record:
        if role == "first" and self._rank != "ahead":
            self._fleet.decided(self.ask, self.route)
        return Record(self._fleet, backend, self.ask, "ahead" if self._rank == "ahead" else role)

    async def slot(self, backend: Backend, taken_back: Callable[[], None]) -> AbstractContextManager[object]:
        return await self._fleet.slots_of(backend).lease(self._rank, taken_back)

    def patience(self, backend: Backend) -> float:
        return self._fleet.router.patience(backend.name, self.ask, time.monotonic())

    def line_within(self, backend: Backend) -> float:
        return self._fleet.router.line_within(backend.name, self.ask, time.monotonic())

    def stalls_after(self, backend: Backend) -> float:
        return self._fleet.router.stalls_after(backend.name, self.ask, time.monotonic())

    def give_up(self, backend: Backend, *, alone: bool) -> float | None:
        return self._fleet.router.give_up(backend.name, self.ask, time.monotonic(), alone=alone)

    def may_hedge(self, backend: Backend, beside: Backend) -> bool:
        # What costs less the later it comes is worth no second request.
        return self._rank != "batch" and self._fleet.router.may_hedge(
            backend.name, time.monotonic(), beside.name
        )

    def may_continue(self, backend: Backend) -> bool:
        # The predictor repeats what this workspace says, not what a model was about to.
        return backend.name != NAME


class Record:
    """One request to one backend, as it goes: what is measured of it, counted, and paid for."""

    def __init__(self, fleet: Fleet, backend: Backend, ask: Ask, role: Role = "first") -> None:
        self._name = backend.name
        self._fleet = fleet
        self._run = fleet.router.begin(backend.name, ask, time.monotonic(), role)
        self._score = fleet.metrics.backend(backend.name)
        self._score.requests += 1
        self._score.hedges += role in ("hedge", "beside")
        self._score.failovers += role == "failover"
        self._prompt_tokens = ask.size // 4
        self._completion_tokens = 0
        self._reported: int | None = None
        self._failed = self._paid = False

    def heard(self, delta: Delta) -> None:
        now = time.monotonic()
        if delta.usage is not None:
            self._run.usage(delta.usage, now)
            self._reported = delta.usage.completion_tokens or self._reported
            self._prompt_tokens = delta.usage.prompt_tokens or self._prompt_tokens
        if not delta.text:
            return
        first = self._run.took is None
        self._completion_tokens += delta.tokens
        self._fleet.metrics.tokens["generated"] += delta.tokens
        if self._run.heard(delta.tokens, now):
            self._fleet.recovered(self._name)
        if first and (took := self._run.took) is not None:
            self._score.ttft_ms.append(took * 1000)

    def ended(self) -> None:
        """No more will be heard, by whoever's wish."""
        self._run.ended(time.monotonic())
        if self._paid:
            return
        self._paid = True
        if (rate := self._run.rate) is not None:
            self._score.tokens_per_s.append(rate)
        # A model that thinks reports more tokens than it says.
        completion = max(self._completion_tokens, self._reported or 0)
        # What was read is paid for, whether or not anybody waited for the answer.
        self._fleet.spent(
            self._name, 0 if self._failed and not completion else self._prompt_tokens, completion
        )

    def failed(self, error: BackendError) -> None:
        self._failed = True
        self._score.errors += 1
        self._run.failed(error, time.monotonic())
        self._fleet.failed(self._name, error)
