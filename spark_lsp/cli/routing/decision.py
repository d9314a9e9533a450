"""What one decision costs: microseconds of `Router.route` among twenty backends that are measured."""

from __future__ import annotations

import time
from random import Random
from typing import Any

from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.routing.route import Ask, Entrant, Policy
from spark_lsp.routing.router import Router

BACKENDS = 20
DECISIONS = 20_000
ARRIVALS = 30.0


def decision(seed: int, decisions: int = DECISIONS) -> dict[str, Any]:
    """Every decision is followed by what it led to: the first one's forecast is new each time, as in life."""
    random = Random(f"decision {seed}")
    names = [f"backend-{number:02}" for number in range(BACKENDS)]
    speeds = {name: (random.uniform(0.05, 0.6), random.uniform(40, 1_200)) for name in names}
    router = Router()
    router.configure([Entrant(name, ("instant",), server=name) for name in names], Policy())
    now, took = 0.0, []
    for number in range(decisions):
        now += random.expovariate(ARRIVALS)
        ask = Ask("instant", random.choice((600, 2_400, 9_000)), f"document {number % 8}", "python")
        started = time.perf_counter_ns()
        route = router.route(ask, now)
        took.append((time.perf_counter_ns() - started) / 1000)
        for name in {route.names[0], route.beside or route.names[0]}:
            ttft, rate = speeds[name]
            first = ttft * random.lognormvariate(0.0, 0.2)
            run = router.begin(name, ask, now)
            run.heard(1, now + first)
            run.heard(11, now + first + 11 / rate)
            run.ended(now + first + 11 / rate)
    return {"backends": BACKENDS, "decisions": decisions, "us": quantiles(took, 50, 95, 99)}
