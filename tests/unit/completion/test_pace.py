"""A pause costs no waiting, a burst few requests, and no clock can hold one up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.pace import (
    AT_ONCE,
    HELD,
    HELD_WAIT,
    LONGEST,
    PAUSE,
    PER_SECOND,
    QUICK,
    SETTLE,
    SILENCE,
    Pace,
)

times = st.floats(-1e9, 1e9)
calls = st.lists(st.tuples(st.sampled_from(["typed", "asked"]), times), max_size=40)
ttfts = st.one_of(st.none(), st.floats(0, 60))

intervals = st.floats(HELD, PAUSE, exclude_max=True)


def typing(interval: float, keys: int, *, ttft: float | None = None, pace: Pace | None = None) -> list[float]:
    """When requests go out while every key makes a state that nothing is known of. Starts at 0."""
    pace = pace or Pace()
    asked: list[float] = []
    for key in range(keys):
        now = key * interval
        pace.typed(now)
        delay = pace.delay(now, ttft)
        if delay < interval or key == keys - 1:
            pace.asked(now + delay)
            asked.append(now + delay)
    return asked


@given(calls, times, ttfts)
def test_the_wait_is_bounded_whatever_the_clock_did(
    history: list[tuple[str, float]], now: float, ttft: float | None
) -> None:
    pace = Pace()
    for call, at in history:
        pace.typed(at) if call == "typed" else pace.asked(at)
    assert SETTLE <= pace.delay(now, ttft) <= LONGEST
    if ttft is not None:
        assert pace.delay(now, ttft) <= max(ttft, HELD_WAIT)


@given(st.floats(0.01, LONGEST), st.floats(0.01, LONGEST))
def test_a_slow_backend_is_waited_for_no_less_than_a_fast_one(one: float, other: float) -> None:
    pace = Pace()
    pace.typed(0.0)
    for _ in range(AT_ONCE):
        pace.asked(0.0)
    fast, slow = sorted((one, other))
    assert pace.delay(0.0, fast) <= pace.delay(0.0, slow) <= pace.delay(0.0, None)


@given(intervals, st.floats(4.0, 1e6))
def test_after_a_pause_a_request_goes_at_once(interval: float, pause: float) -> None:
    pace = Pace()
    last = typing(interval, 50, pace=pace)[-1]
    now = last + pause
    pace.typed(now)
    assert pace.delay(now, 0.3) == SETTLE


def test_the_first_requests_of_a_burst_go_at_once_and_the_others_wait_for_silence() -> None:
    pace = Pace()
    pace.asked(-1000.0)
    asked = typing(0.1, 60, pace=pace)
    assert asked[:AT_ONCE] == pytest.approx([key * 0.1 + SETTLE for key in range(AT_ONCE)])
    assert len(asked) <= AT_ONCE + 0.1 * 60 * PER_SECOND + 1


def test_silence_counts_that_has_passed_already() -> None:
    pace = Pace()
    pace.typed(0.0)
    for _ in range(AT_ONCE + 1):
        pace.asked(0.0)
    assert pace.delay(0.05, 0.1) == pytest.approx(0.05)
    assert pace.delay(0.2, 0.1) == SETTLE


@pytest.mark.parametrize("interval", [0.0, 0.005, 0.033, 0.044])
def test_a_key_held_down_costs_one_request_when_it_is_let_go(interval: float) -> None:
    pace = Pace()
    pace.typed(-0.3)
    asked = typing(interval, 200, ttft=0.001, pace=pace)
    # The first few cannot be told from typing.
    assert len([at for at in asked if at > QUICK * interval]) <= 1
    assert asked[-1] == pytest.approx(199 * interval + HELD_WAIT)


def test_a_few_quick_keys_are_a_person_typing() -> None:
    pace = Pace()
    for now in (0.0, 0.2, 0.23, 0.26, 0.4, 0.43, 0.46):
        pace.typed(now)
        assert pace.delay(now, 0.3) == SETTLE


@given(st.floats(0.06, 0.5))
def test_the_wait_becomes_the_persons_own_interval(interval: float) -> None:
    pace = Pace()
    for key in range(200):
        pace.typed(key * interval)
    for _ in range(AT_ONCE):
        pace.asked(199 * interval)
    assert pace.delay(199 * interval, 10.0) == pytest.approx(min(SILENCE * interval, LONGEST), rel=0.06)


@given(st.lists(st.one_of(st.floats(-1.0, HELD - 0.001), st.floats(PAUSE + 0.01, 1e6)), max_size=50))
def test_pauses_held_keys_and_clocks_that_go_back_teach_nothing(gaps: list[float]) -> None:
    pace, now = Pace(), 0.0
    new = repr(pace)
    for gap in gaps:
        pace.typed(now)
        now += gap
    assert repr(pace) == new


def test_a_clock_that_goes_back_takes_no_request_away() -> None:
    pace = Pace()
    pace.asked(1e6)
    pace.typed(0.0)
    assert pace.delay(0.0, 0.3) == SETTLE
    for _ in range(AT_ONCE):
        pace.asked(0.0)
    assert pace.delay(1.0, 0.3) == SETTLE
