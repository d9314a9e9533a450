"""The same policies on a made-up clock: a million requests in a minute, with the real router."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from random import Random
from statistics import fmean
from typing import Any

from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.cli.routing.clients import LOST, Ordinary, Ours
from spark_lsp.cli.routing.market import KnowingAll, Market
from spark_lsp.cli.routing.policies import ORACLE, OURS, POLICIES, oracle_of, ordinary
from spark_lsp.cli.routing.rehearsal import Rehearsal
from spark_lsp.cli.routing.script import LINE, drawn
from spark_lsp.cli.routing.world import World

BACKENDS, ARRIVALS = 50, 100.0
"""How many there are to choose from, and requests a second."""

REHEARSALS, REHEARSED = 20, 2_000
"""How many seeds the script is tried with, and the requests of each."""


def compared(seed: int, requests: int, policies: Sequence[str] = POLICIES) -> dict[str, Any]:
    """The report's part: every policy in the same market, each in a process of its own."""
    started = time.perf_counter()
    with _processes() as pool:
        found = list(pool.map(simulated, policies, repeat(seed), repeat(requests)))
    return {
        "backends": BACKENDS,
        "requests": requests,
        "arrivals_per_s": ARRIVALS,
        "took_s": round(time.perf_counter() - started, 1),
        "policies": found,
    }


def rehearsed(
    seed: int, times: int = REHEARSALS, requests: int = REHEARSED, policies: Sequence[str] = POLICIES
) -> dict[str, Any]:
    """Every policy on the script of so many seeds, without servers: what of a run was luck."""
    seeds = range(seed, seed + times)
    with _processes() as pool:
        found = list(pool.map(_rehearsals, policies, repeat(seeds), repeat(requests)))
    return {"seeds": times, "requests": requests, "policies": found}


def _processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def simulated(policy: str, seed: int, requests: int) -> dict[str, Any]:
    """The figures of one policy."""
    market = Market(seed, BACKENDS)
    names = [server.name for server in market.servers]
    rule = KnowingAll(market) if policy == ORACLE else None
    client = _client(policy, market, lambda: rule or ordinary(policy, names, seed))
    started = time.perf_counter()
    play(market, client, _arrivals(seed, requests))
    took = time.perf_counter() - started
    return {
        "policy": policy,
        **_figures(client),
        "took_s": round(took, 1),
        "us_per_request": round(took / max(requests, 1) * 1e6, 1),
    }


def _client(policy: str, world: World, rule: Callable[[], Any]) -> Ours | Ordinary:
    return Ours(world) if policy == OURS else Ordinary(world, rule())


def play(world: World, client: Ours | Ordinary, arrivals: Iterator[float]) -> None:
    """Send requests at these times, until all are answered or lost."""
    number = 0

    def send(now: float) -> None:
        nonlocal number
        number += 1
        following = next(arrivals, None)
        if following is not None:
            world.at(following, send)
        client.request(number, now)

    first = next(arrivals, None)
    if first is not None:
        world.at(first, send)
    world.run()


def _arrivals(seed: int, requests: int) -> Iterator[float]:
    random, now = Random(f"arrivals {seed}"), 0.0
    for _ in range(requests):
        yield now
        now += random.expovariate(ARRIVALS)


def _figures(client: Ours | Ordinary) -> dict[str, Any]:
    took = client.waits.took
    found: dict[str, Any] = {
        "requests": len(took),
        "mean_ms": round(fmean(took) * 1000, 2),
        **_quantiles(took),
        "lost": sum(wait >= LOST for wait in took),
    }
    if isinstance(client, Ours):
        found |= {
            "hedged": round((client.hedges + client.besides) / len(took), 4),
            "beside": round(client.besides / len(took), 4),
            "extra_tokens": round(client.wasted / (len(took) * LINE), 4),
        }
    return found


def _quantiles(seconds: Sequence[float]) -> dict[str, float | None]:
    found = quantiles((each * 1000 for each in seconds), 50, 95, 99)
    return {f"{name}_ms": amount for name, amount in found.items()}


# --- the script


def _rehearsals(policy: str, seeds: Sequence[int], requests: int) -> dict[str, Any]:
    """Means over the seeds; `means_ms` and `fault_p99s_ms` are those of each."""
    each = [rehearsal(policy, seed, requests) for seed in seeds]
    names = ("mean_ms", "p50_ms", "p95_ms", "p99_ms", "hedged", "extra_tokens")
    return {
        "policy": policy,
        "requests": sum(one["requests"] for one in each),
        **{name: round(fmean(one[name] for one in each), 4) for name in names if name in each[0]},
        "lost": sum(one["lost"] for one in each),
        "means_ms": [one["mean_ms"] for one in each],
        "fault_p99s_ms": [one["fault_p99_ms"] for one in each],
    }


def rehearsal(policy: str, seed: int, requests: int) -> dict[str, Any]:
    """The figures of one policy on the script of one seed."""
    script = drawn(seed, requests)
    world = Rehearsal(script, seed)
    client = _client(
        policy,
        world,
        lambda: oracle_of(script) if policy == ORACLE else ordinary(policy, script.names, seed),
    )
    play(world, client, iter(script.arrivals))
    faults = script.faults_of_the_leader()
    faulty = [
        took
        for at, took in zip(client.waits.at, client.waits.took, strict=True)
        if any(fault.start <= at < fault.end for fault in faults)
    ]
    return {**_figures(client), "fault_p99_ms": _quantiles(faulty)["p99_ms"]}
