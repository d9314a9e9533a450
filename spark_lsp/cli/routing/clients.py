"""Who asks on a made-up clock: our router by the rules of our race, and ordinary clients. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import inf

from spark_lsp.cli.routing.policies import FAILED, Policy
from spark_lsp.cli.routing.script import LINE
from spark_lsp.cli.routing.world import ROUND_TRIP, STALLS_AFTER, Server, World
from spark_lsp.errors import BackendError, BrokenStream, RateLimited, TimedOut, Unreachable
from spark_lsp.routing.route import Ask, Entrant, Role
from spark_lsp.routing.route import Policy as Settings
from spark_lsp.routing.router import Router
from spark_lsp.routing.run import Run
from spark_lsp.values import Usage

LOST = 10.0
"""Seconds after which a request is given up, and that it counts for."""

DOCUMENTS = 8
PROMPT = 2_400
"""Characters."""


class Waits:
    """When each request came, and how long its first line took; in the order in which they were done."""

    def __init__(self) -> None:
        self.at = array("d")
        self.took = array("d")

    def done(self, at: float, took: float) -> None:
        self.at.append(at)
        self.took.append(took)


class _Attempt:
    """One request to one backend. `first` is when its first token comes, once it has started."""

    __slots__ = (
        *("begun", "closed", "first", "overdue", "owner", "run", "server", "spoke", "stalls", "started"),
        "world",
    )

    def __init__(self, owner: _Request | _Turn, server: Server, world: World, now: float) -> None:
        self.owner = owner
        self.server = server
        self.world = world
        self.run: Run | None = None
        self.begun = now
        self.first = inf
        self.spoke = self.started = self.closed = self.overdue = self.stalls = False

    def start(self, now: float) -> None:
        """It has a slot: what becomes of it is drawn."""
        self.started = True
        server, world = self.server, self.world
        if server.limit and world.limited(server, now):
            world.at(now + ROUND_TRIP, self._limited)
            return
        world.count(server, now)
        if server.state == "refuses":
            world.at(now + ROUND_TRIP, self._refused)
            return
        if server.state == "hangs":
            return
        self.first = now + world.wait(server, self.owner.number)
        self.stalls = server.state == "stalls"
        world.at(self.first, self._breaks if server.state == "breaks" else self._speaks)

    def close(self, now: float) -> None:
        """Nothing more is wanted of it."""
        if self.closed:
            return
        self.closed = True
        if self.started:
            self.world.free(self.server, now)
        else:
            self.world.withdraw(self.server, self.start)

    def _speaks(self, now: float) -> None:
        if not self.closed:
            self.spoke = True
            self.owner.heard(self, now)
            if not self.stalls:
                self.world.at(now + LINE / self.server.rate, self._has_line)

    def _has_line(self, now: float) -> None:
        if not self.closed:
            self.owner.has_line(self, now)

    def _breaks(self, now: float) -> None:
        if not self.closed:
            self.spoke = True
            self.owner.heard(self, now)
            self.world.at(now + LINE / self.server.rate / 2, self._broken)

    def _broken(self, now: float) -> None:
        self.fail(BrokenStream("the stream broke off"), now)

    def _refused(self, now: float) -> None:
        self.fail(Unreachable("connection refused"), now)

    def _limited(self, now: float) -> None:
        wait = max(self.server.window_ends - now, 0.0)
        self.fail(RateLimited("too many requests", retry_after=wait), now)

    def fail(self, error: BackendError, now: float) -> None:
        if not self.closed:
            self.close(now)
            self.owner.failed(self, error, now)


class Ours:
    """The real router, and the rules of the real race."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.router = Router()
        self.servers = {server.name: server for server in world.servers}
        entrants = [
            Entrant(server.name, ("instant",), server=server.name, slots=server.slots)
            for server in world.servers
        ]
        self.router.configure(entrants, Settings())
        self.asks = [Ask("instant", PROMPT, f"document {number}") for number in range(DOCUMENTS)]
        self.waits = Waits()
        self.hedges = self.besides = 0
        self.wasted = 0.0

    def request(self, number: int, now: float) -> None:
        _Request(self, number, now)


class _Request:
    """One request: whoever has the first line wins."""

    __slots__ = ("_ask", "_at", "_client", "_left", "_route", "_running", "number")

    def __init__(self, client: Ours, number: int, now: float) -> None:
        self.number = number
        self._client = client
        self._at = now
        self._ask = client.asks[number % DOCUMENTS]
        self._running: list[_Attempt] = []
        self._left: list[str] | None = None
        route = self._route = client.router.route(self._ask, now)
        if not route.contenders:
            client.waits.done(now, LOST)
            return
        self._enter(route.contenders[0].name, "first", now)
        if route.beside:
            client.besides += 1
            self._enter(route.beside, "beside", now)

    def _enter(self, name: str, role: Role, now: float) -> None:
        client = self._client
        router, world = client.router, client.world
        attempt = _Attempt(self, client.servers[name], world, now)
        attempt.run = router.begin(name, self._ask, now, role)
        self._running.append(attempt)
        world.slot(attempt.server, now, attempt.start)
        patience = router.patience(name, self._ask, now)
        if attempt.first > now + patience:
            world.at(now + patience, _Alarm(attempt, self.late))
            gone = router.give_up(name, self._ask, now, alone=not self._waiting)
            if gone is not None and attempt.first > now + gone:
                world.at(now + gone, _Alarm(attempt, self._given_up))
            if attempt.first > self._at + LOST:
                world.at(self._at + LOST, _Alarm(attempt, self._lost))

    @property
    def _waiting(self) -> list[str]:
        """Who may still be asked. Most requests never want to know."""
        if self._left is None:
            _, *others = self._route.names
            self._left = [name for name in others if name != self._route.beside]
        return self._left

    def heard(self, attempt: _Attempt, now: float) -> None:
        run, server = attempt.run, attempt.server
        assert run is not None
        if server.limit:
            left, resets = server.limit - server.used, (server.window_ends - now) * 1000
            run.usage(Usage(requests_left=left, resets_ms=max(resets, 0.0)), now)
        run.heard(1, now)
        within = self._client.router.line_within(server.name, self._ask, now)
        world = self._client.world
        if attempt.stalls or LINE / server.rate > within:
            world.at(now + within, _Alarm(attempt, self.late))
        if attempt.stalls:
            silent_since = now + STALLS_AFTER / server.rate
            stall = self._client.router.stalls_after(server.name, self._ask, now)
            world.at(silent_since + stall, _Alarm(attempt, self._stalled))

    def has_line(self, attempt: _Attempt, now: float) -> None:
        assert attempt.run is not None
        attempt.run.heard(round(LINE) - 1, now)
        client = self._client
        client.waits.done(self._at, now - self._at)
        for each in self._running:
            assert each.run is not None
            each.run.ended(now)
            each.close(now)
            if each is not attempt and each.spoke:
                client.wasted += 1 + (now - each.first) * each.server.rate
        self._running.clear()

    def failed(self, attempt: _Attempt, error: BackendError, now: float) -> None:
        assert attempt.run is not None
        attempt.run.failed(error, now)
        self._running.remove(attempt)
        if self._running:
            if self._running[-1].overdue:
                self.late(self._running[-1], now)
            return
        if self._waiting:
            self._enter(self._waiting.pop(0), "failover", now)
        else:
            self._client.waits.done(self._at, LOST)

    def late(self, attempt: _Attempt, now: float) -> None:
        attempt.overdue = True
        if attempt is not self._running[-1]:
            return
        for name in self._waiting:
            if self._client.router.may_hedge(name, now, attempt.server.name):
                self._client.hedges += 1
                self._waiting.remove(name)
                self._enter(name, "hedge", now)
                return

    def _stalled(self, attempt: _Attempt, now: float) -> None:
        """It is asked no leave to go on elsewhere, and counts as a failure."""
        attempt.fail(TimedOut("it went silent"), now)

    def _given_up(self, attempt: _Attempt, now: float) -> None:
        if not attempt.spoke:
            attempt.fail(TimedOut("it has not said a word"), now)

    def _lost(self, attempt: _Attempt, now: float) -> None:
        self._client.waits.done(self._at, LOST)
        for each in self._running:
            assert each.run is not None
            each.run.ended(now)
            each.close(now)
        self._running.clear()


class _Alarm:
    """Tells what is late, if that still matters."""

    __slots__ = ("_attempt", "_tell")

    def __init__(self, attempt: _Attempt, tell: Callable[[_Attempt, float], None]) -> None:
        self._attempt = attempt
        self._tell = tell

    def __call__(self, now: float) -> None:
        if not self._attempt.closed:
            self._tell(self._attempt, now)


class Ordinary:
    """One backend at a time; the next one when it fails or says nothing for two seconds."""

    def __init__(self, world: World, rule: Policy) -> None:
        self.world = world
        self.rule = rule
        self.servers = {server.name: server for server in world.servers}
        self.waits = Waits()

    def request(self, number: int, now: float) -> None:
        _Turn(self, number, now).go_on(now)


class _Turn:
    """One request."""

    __slots__ = ("_at", "_client", "_order", "number")

    def __init__(self, client: Ordinary, number: int, now: float) -> None:
        self.number = number
        self._client = client
        self._at = now
        self._order = client.rule.order(now)

    def go_on(self, now: float) -> None:
        """To the next one; a request that takes too long is lost."""
        name = next(self._order, None)
        if name is None or now - self._at >= LOST:
            self._client.waits.done(self._at, LOST)
            return
        world = self._client.world
        attempt = _Attempt(self, self._client.servers[name], world, now)
        self._client.rule.begun(name, now)
        world.slot(attempt.server, now, attempt.start)
        if attempt.first > now + FAILED:
            world.at(now + FAILED, _Alarm(attempt, self._given_up))

    def heard(self, attempt: _Attempt, now: float) -> None:
        """An ordinary client waits for the rest, if it comes."""
        if attempt.stalls:
            gone = now + STALLS_AFTER / attempt.server.rate + FAILED
            self._client.world.at(gone, _Alarm(attempt, self._gave_up))

    def has_line(self, attempt: _Attempt, now: float) -> None:
        self._client.rule.ended(attempt.server.name, now - attempt.begun, now)
        attempt.close(now)
        self._client.waits.done(self._at, now - self._at)

    def failed(self, attempt: _Attempt, error: BackendError, now: float) -> None:
        self._client.rule.ended(attempt.server.name, None, now)
        self.go_on(now)

    def _given_up(self, attempt: _Attempt, now: float) -> None:
        if not attempt.spoke:
            attempt.fail(TimedOut("it has not said a word"), now)

    def _gave_up(self, attempt: _Attempt, now: float) -> None:
        attempt.fail(TimedOut("it went silent"), now)
