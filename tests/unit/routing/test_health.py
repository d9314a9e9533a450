"""Rests grow, end in one try, and a success forgets them."""

from __future__ import annotations

import pytest

from spark_lsp.errors import BackendError, RateLimited, ServerFault, Unauthorized
from spark_lsp.routing.choose import Candidate, choose
from spark_lsp.routing.health import Health
from spark_lsp.values import Lane

ALL: tuple[Lane, ...] = ("instant", "interactive", "batch")


@pytest.mark.parametrize(
    ("faults", "rest"),
    [
        ([ServerFault("x")], 1),
        ([ServerFault("x")] * 3, 4),
        ([ServerFault("x")] * 20, 30),
        ([RateLimited("x", retry_after=7)], 7),
        ([RateLimited("x")], 1),
        ([ServerFault("x", retry_after=7)], 7),
        ([Unauthorized("x")], 300),
    ],
)
def test_a_backend_rests_after_a_fault(faults: list[BackendError], rest: float) -> None:
    health = Health()
    for fault in faults:
        health.failed("a", fault, now=100.0)
    assert not health.usable("a", 100.0 + rest - 0.01)
    assert health.state("a", 100.0 + rest - 0.01) == "resting"
    assert health.usable("a", 100.0 + rest)
    assert health.state("a", 100.0 + rest) == "probing"
    health.succeeded("a")
    assert health.state("a", 100.0) == "ok"


def check(candidates: list[Candidate], lane: Lane, resting: list[str], order: tuple[str, ...]) -> None:
    health = Health()
    for name in resting:
        health.failed(name, ServerFault("x"), now=0.0)
    choice = choose(candidates, lane, health, now=0.5)
    assert choice.names == order
    assert all(name in choice.reason for name in resting)


@pytest.mark.parametrize(
    ("lane", "resting", "order"),
    [
        ("instant", [], ("fast", "slow", "workspace")),
        ("instant", ["fast"], ("slow", "workspace")),
        ("instant", ["fast", "slow"], ("workspace",)),
        ("batch", [], ("slow",)),
        ("batch", ["slow"], ()),
    ],
)
def test_the_order_is_that_of_the_settings_and_the_embedded_one_is_last(
    lane: Lane, resting: list[str], order: tuple[str, ...]
) -> None:
    candidates = [
        Candidate("workspace", ("instant",), embedded=True),
        Candidate("fast", ("instant", "interactive")),
        Candidate("slow", ALL),
    ]
    check(candidates, lane, resting, order)
