"""Rests grow and end in one try, a success forgets them, and a limit is kept before it is hit."""

from __future__ import annotations

import pytest

from spark_lsp.errors import (
    BackendError,
    BrokenStream,
    RateLimited,
    ServerFault,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from spark_lsp.routing.health import Health
from spark_lsp.values import Usage


@pytest.mark.parametrize(
    ("faults", "rest"),
    [
        ([ServerFault("x")], 0.3),
        ([ServerFault("x")] * 3, 1.2),
        ([ServerFault("x")] * 20, 2),
        ([TimedOut("x")], 0.7),
        ([RateLimited("x", retry_after=7)], 7),
        ([RateLimited("x", retry_after=1e9)], 3600),
        ([RateLimited("x")], 0.3),
        ([ServerFault("x", retry_after=7)], 7),
        ([Unauthorized("x")], 300),
    ],
)
def test_a_backend_rests_after_a_fault_and_gets_one_try(faults: list[BackendError], rest: float) -> None:
    health, now = Health(), 0.0
    for fault in faults:
        now = 100.0 + now
        health.failed("a", fault, now)
    rest += now - 100.0
    assert not health.usable("a", 100.0 + rest - 0.01)
    assert health.state("a", 100.0 + rest - 0.01) == "resting"
    assert "rests" in health.why("a", 100.0)
    assert health.usable("a", 100.0 + rest)
    assert health.state("a", 100.0 + rest) == "probing"
    assert health.on_trial("a")
    health.asked("a", 0)
    assert not health.usable("a", 100.0 + rest), "its one try is under way"
    health.left("a")
    assert health.usable("a", 100.0 + rest), "it was given up before anything was known"
    assert health.succeeded("a")
    assert (health.state("a", 100.0), health.failing("a"), health.why("a", 100.0)) == ("ok", False, "")


def test_one_that_costs_money_rests_longer_at_last() -> None:
    health, now = Health(), 0.0
    for _ in range(20):
        now += 100.0
        health.failed("a", ServerFault("x"), now, paid=True)
    assert not health.usable("a", now + 9.9)
    assert health.usable("a", now + 10.0)


def test_one_fault_that_meets_several_requests_is_one() -> None:
    health = Health()
    for late in range(5):
        health.failed("a", ServerFault("x"), now=100.0 + late / 100)
    assert health.usable("a", 100.3)
    health.failed("a", RateLimited("x", retry_after=7), now=100.2)
    assert not health.usable("a", 107.1), "it may say later when to come back"
    assert health.usable("a", 107.2)


@pytest.mark.parametrize(
    ("fault", "looked_for"),
    [
        (Unreachable("x"), True),
        (TimedOut("x"), True),
        (BrokenStream("x"), True),
        (ServerFault("x"), True),
        (RateLimited("x"), False),
        (Unauthorized("x"), False),
    ],
)
def test_a_sign_of_life_ends_a_rest_once(fault: BackendError, looked_for: bool) -> None:
    health = Health()
    health.failed("a", fault, now=0.0)
    assert health.out_of_reach("a") == looked_for
    assert health.reached("a") == looked_for
    assert health.usable("a", 0.1) == looked_for
    assert health.failing("a") != looked_for
    assert not health.reached("a"), "that is no news any more"
    health.failed("a", fault, now=1.0)
    assert health.failing("a")
    assert not health.out_of_reach("a"), "one that lists its models and fails again is not believed"


@pytest.mark.parametrize(
    ("usage", "tokens", "usable"),
    [
        (Usage(requests_left=0, resets_ms=5000), 0, False),
        (Usage(requests_left=1, resets_ms=5000), 0, True),
        (Usage(tokens_left=1000, resets_ms=5000), 900, True),
        (Usage(tokens_left=1000, resets_ms=5000), 1000, False),
        (Usage(tokens_left=1000), 1000, False),
        (Usage(), 10_000, True),
    ],
)
def test_what_is_left_of_a_limit_is_kept_before_it_is_hit(usage: Usage, tokens: int, usable: bool) -> None:
    health = Health()
    health.limited("a", usage, now=10.0)
    assert health.usable("a", 10.0, tokens) == usable
    assert health.usable("a", 71.0, tokens), "the window is over"


def test_requests_under_way_are_counted_against_the_limit() -> None:
    health = Health()
    health.limited("a", Usage(requests_left=2, tokens_left=900, resets_ms=5000), now=0.0)
    assert health.spares("a", 0.0, requests=1, tokens=800)
    health.asked("a", 200)
    assert not health.spares("a", 0.0, requests=0, tokens=800)
    health.asked("a", 200)
    assert not health.usable("a", 0.0)
    assert health.state("a", 0.0) == "limited"
    assert "rate limit" in health.why("a", 0.0)
    assert health.usable("a", 5.0)
    assert health.spares("a", 5.0, requests=4, tokens=4000)
