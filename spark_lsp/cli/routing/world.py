"""Backends on a made-up clock, with slots and limits: what is due comes when it is due. Pure, by seed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Literal

ROUND_TRIP = 0.01
"""Seconds until a refusal is here."""

STALLS_AFTER = 4.0
"""Tokens after which one that stalls says no more."""

State = Literal["up", "refuses", "hangs", "breaks", "stalls"]


@dataclass(slots=True)
class Server:
    """One backend as it is now: seconds to a first token, tokens a second, slots and a limit (0: none)."""

    number: int
    name: str
    level: float
    rate: float
    slots: int = 0
    limit: int = 0
    window: float = 0.0
    state: State = "up"
    used: int = 0
    window_ends: float = -inf
    busy: int = 0


class World:
    """The servers through time, and the queue of what is due. It takes its course whoever is asked.

    Times in seconds. `tick` is how long it stays as it is: `passed` makes the next state.
    """

    def __init__(self, servers: Sequence[Server], tick: float) -> None:
        self.servers = servers
        self.tick = tick
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count()
        self._queues: dict[int, deque[Callable[[float], None]]] = defaultdict(deque)

    def passed(self, now: float) -> None:
        """Another tick has passed."""

    def wait(self, server: Server, request: int) -> float:
        """Until the first token: a request has the same luck at a server whoever sends it there."""
        return server.level

    def at(self, when: float, what: Callable[[float], None]) -> None:
        """`what` is called with the time, then."""
        heappush(self._due, (when, next(self._numbers), what))

    def run(self) -> None:
        """Until nothing is due any more."""
        due, tick = self._due, self.tick
        while due:
            when, _, what = heappop(due)
            while when >= self.now + tick:
                self.now += tick
                self.passed(self.now)
            what(when)

    def slot(self, server: Server, now: float, start: Callable[[float], None]) -> None:
        """Call `start` when a slot is free."""
        if server.slots and server.busy >= server.slots:
            self._queues[server.number].append(start)
            return
        server.busy += 1
        start(now)

    def free(self, server: Server, now: float) -> None:
        """Somebody who had started is through."""
        if server.slots and (queue := self._queues[server.number]):
            queue.popleft()(now)
        else:
            server.busy -= 1

    def withdraw(self, server: Server, start: Callable[[float], None]) -> None:
        """Somebody who had not started does not want to any more."""
        self._queues[server.number].remove(start)

    def waiting(self, server: Server) -> int:
        """How many are served there, or wait to be."""
        return server.busy + len(self._queues[server.number])

    @property
    def queued(self) -> int:
        """How many wait, everywhere."""
        return sum(map(len, self._queues.values()))

    def limited(self, server: Server, now: float) -> bool:
        """Whether the limit leaves nothing. A window begins with the first request that finds none."""
        return bool(server.limit) and now < server.window_ends and server.used >= server.limit

    def count(self, server: Server, now: float) -> None:
        """One more request of those that are limited."""
        if server.limit:
            if now >= server.window_ends:
                server.used, server.window_ends = 0, now + server.window
            server.used += 1
