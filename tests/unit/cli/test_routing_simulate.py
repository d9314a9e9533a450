"""The simulator: the real router on a made-up clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spark_lsp.cli.routing.clients import LOST, Ordinary, Ours, _Request
from spark_lsp.cli.routing.market import KnowingAll, Market
from spark_lsp.cli.routing.policies import FIRST, ORACLE, OURS, POLICIES, Policy, oracle_of, ordinary
from spark_lsp.cli.routing.rehearsal import Rehearsal
from spark_lsp.cli.routing.script import CAST, Event, EventKind, Script, drawn
from spark_lsp.cli.routing.simulate import play, rehearsal, simulated
from spark_lsp.cli.routing.world import Server, World
from spark_lsp.routing.route import Role
from spark_lsp.routing.router import Router

REQUESTS = 3_000


def check(policy: str, world: World, arrivals: list[float], oracle: Policy | None = None) -> list[float]:
    """Every request is answered once or lost, and every slot is given back. The seconds of each."""
    names = [server.name for server in world.servers]
    client = Ours(world) if policy == OURS else Ordinary(world, oracle or ordinary(policy, names, 3))
    play(world, client, iter(arrivals))
    assert sorted(client.waits.at) == arrivals
    assert all(0 < took <= 2 * LOST for took in client.waits.took)
    assert ({server.busy for server in world.servers}, world.queued) == ({0}, 0)
    if isinstance(client, Ours):
        assert {runner.open for runner in client.router._runners.values()} == {0}
    return list(client.waits.took)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_request_to_a_market_is_answered(policy: str) -> None:
    market = Market(3, 20)
    oracle = KnowingAll(market) if policy == ORACLE else None
    check(policy, market, [number / 100 for number in range(REQUESTS)], oracle)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_request_of_a_script_is_answered(policy: str) -> None:
    script = drawn(3, 1_000)
    oracle = oracle_of(script) if policy == ORACLE else None
    took = check(policy, Rehearsal(script, 3), list(script.arrivals), oracle)
    if policy in (OURS, ORACLE):
        assert max(took) < LOST


@pytest.mark.parametrize("played", [simulated, rehearsal])
def test_the_oracle_is_the_fastest_and_a_seed_gives_the_same_figures(
    played: Callable[[str, int, int], dict[str, Any]],
) -> None:
    found = {policy: played(policy, 1, REQUESTS) for policy in POLICIES}
    assert min(POLICIES, key=lambda policy: found[policy]["mean_ms"]) == ORACLE
    again = played(OURS, 1, REQUESTS)
    for figures in (found[OURS], again):
        for clock in ("took_s", "us_per_request"):
            figures.pop(clock, None)
    assert again == found[OURS]
    assert again["hedged"] <= 0.11


@pytest.mark.parametrize("kind", ["refuse", "hang"])
@pytest.mark.parametrize("policy", [OURS, FIRST])
def test_where_nobody_answers_every_request_is_lost(kind: EventKind, policy: str) -> None:
    events = tuple(Event(each.name, kind, each.name, 0.0, 99.0) for each in CAST)
    world = Rehearsal(Script(9.0, CAST, events, ()), 1)
    assert set(check(policy, world, [0.1 + number / 30 for number in range(200)])) == {LOST}


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("refuse", 0.1, 0.2),  # the next one is asked at once
        ("reset", 0.15, 0.3),  # when half of a line was there
        ("hang", 2.05, 2.2),  # after two seconds of silence
        ("stall", 2.15, 2.3),
    ],
)
def test_an_ordinary_client_goes_on_with_the_next_one(kind: EventKind, least: float, most: float) -> None:
    cast = (CAST[0], CAST[2])
    world = Rehearsal(Script(9.0, cast, (Event("fault", kind, "swift", 0.0, 99.0),), ()), 1)
    [took] = check(FIRST, world, [1.0])
    assert least < took < most


def test_nobody_is_asked_twice_for_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[tuple[int, str]] = []
    enter = _Request._enter

    def noted(request: _Request, name: str, role: Role, now: float) -> None:
        entered.append((request.number, name))
        enter(request, name, role, now)

    monkeypatch.setattr(_Request, "_enter", noted)
    monkeypatch.setattr(Router, "may_hedge", lambda *_: True)
    monkeypatch.setattr(Router, "patience", lambda *_: 0.01)
    check(OURS, Rehearsal(Script(20.0, CAST, (), ()), 1), [number / 20 for number in range(100)])
    assert len(entered) == len(set(entered)) > 300


def test_the_oracle_of_a_market_spares_a_limit() -> None:
    market = Market(1, 20)
    best = market.best(0.0)
    best.limit, best.window = 5, 10.0
    for _ in range(best.limit):
        assert market.best(1.0) is best
        market.count(best, 1.0)
    assert market.best(1.0) is not best
    assert market.best(11.5) is best


def test_ours_goes_on_elsewhere_before_an_ordinary_client_does() -> None:
    arrivals = [number / 20 for number in range(400)]
    script = Script(20.0, CAST, (Event("dead", "hang", "swift", 10.0, 99.0),), ())
    slowest = {policy: max(check(policy, Rehearsal(script, 1), arrivals)) for policy in (OURS, FIRST)}
    assert slowest[OURS] < slowest[FIRST]


def test_other_people_take_their_slots() -> None:
    arrivals = [0.5 + number / 5 for number in range(60)]
    shared = tuple(each for each in CAST if each.slots)
    load = Event("load", "load", "shared", 0.0, 13.0, size=9)
    alone, crowded = (
        sum(check(FIRST, Rehearsal(Script(20.0, shared, events, ()), 1), arrivals))
        for events in ((), (load,))
    )
    assert crowded > 1.2 * alone


def test_a_slot_goes_to_those_who_wait_in_their_order() -> None:
    server = Server(1, "narrow", 0.1, 100.0, slots=1)
    world = World([server], 1.0)
    started: list[int] = []

    def start(number: int) -> Callable[[float], None]:
        return lambda now: started.append(number)

    starts = [start(number) for number in range(4)]
    for each in starts:
        world.slot(server, 0.0, each)
    assert (started, world.waiting(server)) == ([0], 4)
    world.withdraw(server, starts[2])
    for _ in range(3):
        world.free(server, 1.0)
    assert (started, server.busy) == ([0, 1, 3], 0)


def test_a_window_of_a_limit_begins_with_the_first_request_that_finds_none() -> None:
    server = Server(0, "limited", 0.1, 100.0, limit=2, window=10.0)
    world = World([server], 1.0)

    def granted(times: list[float]) -> Iterator[bool]:
        for now in times:
            free = not world.limited(server, now)
            if free:
                world.count(server, now)
            yield free

    times = [0.0, 1.0, 2.0, 9.9, 10.0, 10.1, 10.2]
    assert list(granted(times)) == [True, True, False, False, True, True, False]
