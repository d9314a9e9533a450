"""Many made-up backends that get faster and slower, fail and come back, by no plan. Pure, by seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from random import Random

from spark_lsp.cli.routing.script import LINE
from spark_lsp.cli.routing.world import Server, State, World

NOISE = 1 << 16
"""Draws that are made ahead."""

DRIFT, RETURN = 0.05, 0.01
"""How far the logarithm of a first-token time moves in a second, and the share of the way back it takes."""

HAPPENS: tuple[tuple[float, State, float], ...] = (
    (1 / 900, "refuses", 20.0),
    (1 / 1_500, "hangs", 8.0),
    (1 / 900, "breaks", 3.0),
)
"""How often a second, what, and for how many seconds in the mean."""

SPIKES, SPIKE, SPIKE_LASTS = 1 / 400, 5.0, 10.0
"""How often a second one gets slower, how many times, and for how long."""

LATE, LATER = 0.02, 6.0
"""The share of the answers that are late where they sometimes are, and how many times longer they take."""


@dataclass(slots=True)
class Seller:
    """What becomes of one server. `line` is its mean time to a line now, inf where it fails."""

    server: Server
    ttft: float
    late: float
    drift: float = 0.0
    state_until: float = 0.0
    spike_until: float = 0.0
    line: float = 0.0


class Market(World):
    """`number` of them. Fast ones are rarer than slow ones; a fifth has few slots, a tenth a rate limit."""

    def __init__(self, seed: int, number: int) -> None:
        self._sellers = list(_sellers(seed, number))
        super().__init__([seller.server for seller in self._sellers], 1.0)
        self._random = Random(f"market {seed}")
        draws = Random(f"draws {seed}")
        self._noise = [math.exp(draws.gauss(0, 0.15)) for _ in range(NOISE)]
        self._luck = [draws.random() for _ in range(NOISE)]
        self._fastest: list[Seller] = []
        self.passed(0.0)

    def wait(self, server: Server, request: int) -> float:
        draw = (request * 40_503 + server.number * 30_011) & (NOISE - 1)
        seconds = server.level * self._noise[draw]
        return seconds * LATER if self._luck[draw] < self._sellers[server.number].late else seconds

    def passed(self, now: float) -> None:
        for seller in self._sellers:
            self._pass(seller, now)
        self._fastest = sorted(self._sellers, key=lambda seller: seller.line)

    def _pass(self, seller: Seller, now: float) -> None:
        random, server = self._random, seller.server
        seller.drift += random.gauss(0, DRIFT) - RETURN * seller.drift
        if random.random() < SPIKES:
            seller.spike_until = now + SPIKE_LASTS
        if server.state != "up" and now >= seller.state_until:
            server.state = "up"
        luck = random.random()
        for rate, state, lasts in HAPPENS:
            luck -= rate
            if luck < 0:
                if server.state == "up":
                    server.state, seller.state_until = state, now + random.uniform(0.5, 1.5) * lasts
                break
        slower = SPIKE if now < seller.spike_until else 1.0
        server.level = seller.ttft * math.exp(seller.drift) * slower
        mean = server.level * (1 + seller.late * (LATER - 1))
        seller.line = mean + LINE / server.rate if server.state == "up" else inf

    def best(self, now: float) -> Server:
        """The least true mean time at this moment, with the line in front of a slot."""
        best, least = self._fastest[0].server, inf
        for seller in self._fastest:
            if seller.line >= least:
                break
            server, seconds = seller.server, seller.line
            if server.slots:
                seconds += max(self.waiting(server) - server.slots + 1, 0) * seller.line / server.slots
            if seconds < least and not self.limited(server, now):
                best, least = server, seconds
        return best


class KnowingAll:
    """The oracle of a market."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def order(self, now: float) -> Iterator[str]:
        best = self._market.best(now)
        yield best.name
        yield from (server.name for server in self._market.servers if server is not best)

    def begun(self, name: str, now: float) -> None:
        """The market knows who is where."""

    def ended(self, name: str, took: float | None, now: float) -> None:
        """It knows that, too."""


def _sellers(seed: int, number: int) -> Iterator[Seller]:
    random = Random(f"sellers {seed}")
    for index in range(number):
        ttft = math.exp(random.uniform(math.log(0.06), math.log(0.8)))
        rate = math.exp(random.uniform(math.log(40), math.log(1_500)))
        server = Server(index, f"backend-{index:02}", ttft, rate)
        if index % 5 == 1:
            server.slots = random.randint(1, 4)
        if index % 10 == 2:
            server.limit, server.window = random.randint(100, 300), 10.0
        yield Seller(server, ttft, LATE if index % 3 == 0 else 0.0)
