"""The figures of sessions that are made up."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.cli.typing.figures import EDGES, agreement, figures
from spark_lsp.cli.typing.profiles import EDITORS, OURS, PROFILES
from spark_lsp.cli.typing.record import Plan, Record, State

PLAN = Plan(PROFILES["spark"], OURS, EDITORS["vscode"], seed=1, keys=10, wrong=0.15)
SHOWN = State(0, 0.0, keyed=True, after_accept=False, wants=True, wait=0.001, hit="cached", shown=True)


def state(**values: Any) -> State:
    """A state at which a suggestion was there after a millisecond, but for `values`."""
    fields = {name: getattr(SHOWN, name) for name in State.__slots__}
    return State(**{**fields, **values})


def record(*states: State, **values: Any) -> Record:
    metrics = {
        "requests": 20,
        "hits": {"cached": 15, "none": 5},
        "tokens": {"accepted": 100, "generated": 200, "prefetched": 50},
        "backends": {"fake": {"requests": 8}},
    }
    made = Record(PLAN, keys=40, answers=20, tokens_taken=100, waited_ms=250.0, states=list(states))
    made.hits = Counter(cached=15, none=5)
    made.fake = {"requests": 8, "tokens": 200}
    made.metrics = metrics
    for name, value in values.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("states", "name", "value"),
    [
        ([], "within_20ms", None),
        ([state()], "within_20ms", 1.0),
        ([state(), state(wait=0.021)], "within_20ms", 0.5),
        # Who answers nothing is not quick, and who had to say nothing is not slow.
        ([state(), state(shown=False), state(wait=None, shown=False)], "within_20ms", 1.0),
        ([state(), state(wait=None, shown=False)], "answered_before_next_key", 0.5),
        ([state(), state(shown=False, wants=False)], "answered_before_next_key", 1.0),
        ([state(), state(keyed=False, shown=False)], "answered_before_next_key", 1.0),
        ([state(), state(after_accept=True)], "after_accept_within_20ms", 1.0),
        ([state(after_accept=True), state(after_accept=True, wait=0.1)], "after_accept_within_20ms", 0.5),
        ([state(after_accept=True), state(after_accept=True, shown=False)], "after_accept_within_20ms", 0.5),
        (
            [state(after_accept=True), state(after_accept=True, shown=False, wants=False)],
            "after_accept_within_20ms",
            1.0,
        ),
    ],
)
def test_shares(states: list[State], name: str, value: float | None) -> None:
    assert figures([record(*states)])[name] == value


def test_totals() -> None:
    total = figures([record(), record(waited_ms=750.0, cpu_ms=[1.0, 2.0, 3.0], peak_mb=60.0)])
    assert total["perceived_tokens_per_s"] == 200.0
    assert total["requests_per_100_keys"] == 20.0
    assert (total["generated_per_taken"], total["wasted_per_taken"]) == (2.0, 1.0)
    assert total["tokens_prefetched"] == 100
    assert total["cpu_ms_per_key"] == {"p50": 2.0, "p95": 3.0}
    assert total["peak_mb"] == 60.0


def test_nothing_at_all() -> None:
    total = figures([record(keys=0, tokens_taken=0, waited_ms=0.0, fake={"requests": 0, "tokens": 0})])
    assert total["perceived_tokens_per_s"] is None
    assert total["cpu_ms_per_key"] == {"p50": None, "p95": None}


@given(st.lists(st.floats(0, 5), min_size=1))
def test_the_histogram_holds_every_wait(waits: list[float]) -> None:
    total = figures([record(*(state(wait=wait) for wait in waits))])
    assert len(total["histogram"]) == len(EDGES)
    for index, (edge, share) in enumerate(total["histogram"]):
        low, high = (EDGES[index - 1] if index else -1), (edge or EDGES[-1])
        held = sum(low < wait * 1000 <= high for wait in waits)
        assert share == pytest.approx(held / len(waits), abs=1e-4)
    assert total["time_to_suggestion_ms"]["all"]["count"] == len(waits)
    assert total["time_to_suggestion_ms"]["cached"] == total["time_to_suggestion_ms"]["all"]


@pytest.mark.parametrize(
    ("values", "name", "percent"),
    [
        ({}, "requests", 0.0),
        ({"answers": 25}, "requests", 20.0),
        ({"hits": Counter(cached=14, none=6)}, "hits", 5.0),
        ({"tokens_taken": 80}, "tokens", 25.0),
        ({"fake": {"requests": 10, "tokens": 250}}, "upstream", 20.0),
        ({"fake": {"requests": 10, "tokens": 250}}, "generated", 20.0),
    ],
)
def test_agreement_is_that_of_the_worst_session(values: dict[str, Any], name: str, percent: float) -> None:
    assert agreement([record(), record(**values)])[name] == percent
