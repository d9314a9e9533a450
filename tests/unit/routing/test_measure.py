"""What is known of a backend's speed: follows what is seen, fades, and is never more sure than it may be."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.routing.measure import (
    FASTEST,
    SIZES,
    SLOWEST,
    SUBJECTS,
    UNKNOWN,
    WINDOW,
    Forecast,
    Measurements,
    Meter,
    Subject,
    size_of,
)
from spark_lsp.routing.sample import HALF, KEEP, Sample
from spark_lsp.values import Lane, Usage

GUESS = Forecast(0.5, 1.0, 100.0, 0.0)
LANES: tuple[Lane, ...] = get_args(Lane)

seconds = st.floats(0.002, 8)
strange = st.floats() | st.sampled_from([0.0, -1.0, 1e-300, 1e300, math.inf, math.nan])


def subject(backend: str = "a", model: str = "m", lane: Lane = "instant", size: int = 2) -> Subject:
    return Subject(backend, model, lane, size)


def meter(guess: Forecast = GUESS) -> Meter:
    measurements = Measurements()
    measurements.expect("a", guess)
    return measurements.meter(subject())


def told(one: Meter, times: Sequence[float], now: float = 0.0, every: float = 1.0) -> float:
    """Returns when the last one came."""
    for index, time in enumerate(times):
        one.first_token(time, now + index * every)
        one.rate(1 / time, now + index * every)
    return now + (len(times) - 1) * every


def sane(forecast: Forecast) -> bool:
    return (
        FASTEST * 0.999 <= forecast.ttft <= forecast.late * 1.000001
        and forecast.late < math.inf
        and 0 < forecast.rate < math.inf
        and 0 <= forecast.weight <= 1 / (1 - KEEP) + 1
    )


# --- quantiles


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0, 2000)), min_size=1, max_size=2 * WINDOW))
def test_quantiles_are_those_of_the_weights_written_out(seen: list[tuple[float, float]]) -> None:
    sample, now = Sample(WINDOW), 0.0
    weighed: list[tuple[float, float]] = []
    for number, wait in seen:
        now += wait
        sample.add(number, now)
        weighed = [(old, weight * KEEP / (1 + wait / HALF)) for old, weight in weighed] + [(number, 1.0)]
    weighed = weighed[-WINDOW:]
    assert sample.weight(now) == pytest.approx(sum(weight for _, weight in weighed))
    assert sample.weight(now + HALF) == pytest.approx(sample.weight(now) / 2)
    total, late = sum(weight for _, weight in weighed), sample.late()
    tiny = 1e-9
    assert min(weighed)[0] - tiny <= sample.median() <= late <= max(weighed)[0] + tiny
    assert sum(weight for number, weight in weighed if number > late + tiny) <= 0.15 * total
    assert sum(weight for number, weight in weighed if number >= late - tiny) >= 0.05 * total


@pytest.mark.parametrize(
    ("numbers", "wait", "median"),
    [
        ([0.0, 1.0], 0.0, (1 - 0.4 * (1 + KEEP**4)) / (0.2 * (1 + KEEP**4))),
        ([1.0, 0.0], 0.0, (KEEP**4 - 0.4 * (1 + KEEP**4)) / (0.2 * (1 + KEEP**4))),
        ([0.0, 1.0], HALF, 1.0),
        ([9.0] * 4 + [0.0] * 4, 0.0, 0.0),
    ],
)
def test_the_median_is_of_the_last_few_and_newer_ones_count_for_more(
    numbers: list[float], wait: float, median: float
) -> None:
    sample = Sample(WINDOW)
    for index, number in enumerate(numbers):
        sample.add(number, index * wait)
    assert sample.median() == pytest.approx(median)


def test_one_in_ten_is_late() -> None:
    sample = Sample(1000)
    for number in range(1000):
        sample.add(float(number * 377 % 1000), 0.0)
    assert sample.late() == pytest.approx(900, abs=60)


@given(st.lists(st.floats(0.01, 3), min_size=1, max_size=60), st.sampled_from([0.1, 3.0]))
def test_another_unit_of_time_changes_nothing(times: list[float], unit: float) -> None:
    one, other = meter(), meter(Forecast(GUESS.ttft * unit, GUESS.late * unit, GUESS.rate / unit, 0))
    now = told(one, times)
    told(other, [time * unit for time in times])
    first, second = one.forecast(now), other.forecast(now)
    assert second.ttft == pytest.approx(first.ttft * unit)
    assert second.late == pytest.approx(first.late * unit)
    assert second.rate == pytest.approx(first.rate / unit)
    assert second.until(10) == pytest.approx(first.until(10) * unit)


@given(st.lists(seconds, min_size=1, max_size=60))
def test_a_forecast_lies_between_what_was_seen_and_what_was_expected(times: list[float]) -> None:
    one = meter()
    forecast = one.forecast(told(one, times))
    assert min(*times, GUESS.ttft) * 0.999 <= forecast.ttft <= max(*times, GUESS.ttft) * 1.001
    assert forecast.ttft <= forecast.late
    if len(times) >= 10:
        assert min(times) * 0.98 <= forecast.ttft <= max(times) * 1.02
    assert sane(forecast)


@given(seconds, seconds, st.integers(1, 60), st.floats(0.1, 60))
def test_another_level_is_followed_within_five(old: float, new: float, before: int, every: float) -> None:
    one = meter(Forecast(old, old, 1 / old, 0))
    now = told(one, [old] * before, every=every)
    now = told(one, [new] * 5, now + every, every)
    forecast = one.forecast(now)
    rest = 0.1 * abs(math.log(old / new)) + 1e-9
    assert abs(math.log(forecast.ttft / new)) <= rest
    assert abs(math.log(forecast.rate * new)) <= rest
    assert forecast.late >= forecast.ttft


@pytest.mark.parametrize("outliers", [1, 2])
def test_outliers_are_late_and_no_new_level(outliers: int) -> None:
    one = meter()
    now = told(one, [0.1] * 40 + [5.0] * outliers)
    assert one.forecast(now).ttft == pytest.approx(0.1, rel=0.15)
    now = told(one, [0.1] * 8 + [5.0] * 2 + [0.1] * 8, now + 1)
    assert one.forecast(now).ttft == pytest.approx(0.1, rel=0.05)
    assert one.forecast(now).late > 0.15


def test_a_few_slow_ones_move_what_is_late_and_it_is_remembered() -> None:
    one = meter()
    now = told(one, [0.1] * 40)
    assert one.forecast(now).late < 0.11
    now = told(one, [1.0] * 4, now + 1)
    assert one.forecast(now).late > 0.9
    now = told(one, [0.1] * 12, now + 1)
    assert one.forecast(now).late > 0.15
    now = told(one, [0.1] * 36, now + 1)
    assert one.forecast(now).late < 0.11


def test_who_was_not_asked_for_minutes_is_seen_to_recover_at_once() -> None:
    one = meter()
    now = told(one, [5.0] * 20)
    now = told(one, [0.1] * 2, now + 300, every=300)
    assert one.forecast(now).ttft < 0.5


# --- silence, connections, caches


@pytest.mark.parametrize(("silence", "slower"), [(0.01, False), (0.09, False), (0.5, True), (900.0, True)])
def test_a_silence_says_something_once_it_is_longer_than_usual(silence: float, slower: bool) -> None:
    one = meter()
    now = told(one, [0.1] * 20)
    before = one.forecast(now)
    for _ in range(4):
        one.silence(silence, now)
    assert (one.forecast(now).ttft > before.ttft * 3) == slower
    assert one.forecast(now) == before or slower


def test_a_new_connection_says_little_of_an_open_one() -> None:
    one = meter()
    now = told(one, [0.1] * 10)
    before = one.forecast(now)
    for _ in range(20):
        one.first_token(2.0, now, cold=True)
    assert one.forecast(now).ttft == pytest.approx(before.ttft, rel=0.05)
    assert one.explained(now)["cold_ms"] == pytest.approx(2000)


def test_a_server_that_keeps_no_connection_open_is_measured_too() -> None:
    one = meter()
    for _ in range(20):
        one.first_token(2.0, 0.0, cold=True)
    assert one.forecast(0.0).ttft == pytest.approx(2.0, rel=0.15)


def test_a_warm_prompt_is_expected_like_others_until_it_is_seen() -> None:
    one = meter()
    now = told(one, [0.4] * 20)
    assert one.forecast(now, warm=True).ttft == pytest.approx(one.forecast(now).ttft)
    for _ in range(10):
        one.first_token(0.05, now, warm=True)
    assert one.forecast(now, warm=True).ttft == pytest.approx(0.05, rel=0.05)
    assert one.forecast(now).ttft == pytest.approx(0.4, rel=0.05)
    one.silence(0.3, now)
    assert one.forecast(now).ttft == pytest.approx(0.4, rel=0.05)
    for _ in range(5):
        one.silence(0.3, now, warm=True)
    assert one.forecast(now, warm=True).ttft == pytest.approx(0.3, rel=0.1)


# --- relatives


@pytest.mark.parametrize(
    "relative",
    [
        subject(size=1),
        subject(size=5),
        subject(lane="batch"),
        subject(model="other"),
        subject(model="other", lane="interactive", size=4),
    ],
)
def test_what_was_not_measured_is_judged_by_its_relatives(relative: Subject) -> None:
    measurements = Measurements()
    measurements.expect("a", GUESS)
    measurements.expect("b", GUESS)
    assert measurements.meter(subject()).forecast(0.0) == pytest.approx(GUESS)
    now = told(measurements.meter(relative), [0.02] * 20)
    forecast = measurements.meter(subject()).forecast(now)
    assert 0.02 * 0.999 <= forecast.ttft < 0.1
    assert forecast.rate > GUESS.rate * 0.3
    assert 0 < forecast.weight < measurements.meter(relative).forecast(now).weight
    assert measurements.meter(subject("b")).forecast(now) == pytest.approx(GUESS)


def test_the_nearest_relative_counts_most() -> None:
    measurements = Measurements()
    for size, time in ((0, 0.1), (1, 0.2), (5, 3.2)):
        told(measurements.meter(subject(size=size)), [time] * 30)
    at = [measurements.meter(subject(size=size)).forecast(30.0).ttft for size in range(SIZES)]
    assert at == sorted(at)
    assert at[2] < 0.8 < at[4]


@given(
    st.integers(0, SIZES - 1), st.lists(seconds, max_size=12), seconds, st.sampled_from([0.0, 60.0, 1e4, 1e6])
)
@example(0, [1.0] * 8 + [2.0] * 3, 1.0, 0.0)
def test_a_longer_prompt_is_not_read_faster_where_nobody_has_seen_it(
    size: int, times: list[float], guess: float, later: float
) -> None:
    measurements = Measurements()
    measurements.expect("a", Forecast(guess, guess, 50, 0))
    now = told(measurements.meter(subject(size=size)), times) + later
    at = [measurements.meter(subject(size=other)).forecast(now).ttft for other in range(SIZES)]
    for longer in set(range(1, SIZES)) - {size}:
        assert at[longer] >= at[longer - 1] * (1 - 1e-9)


def test_a_new_connection_of_a_relative_counts_less_than_its_open_ones() -> None:
    measurements = Measurements()
    measurements.expect("a", GUESS)
    relative = measurements.meter(subject(size=1))
    for _ in range(8):
        relative.first_token(0.1, 0.0)
        relative.first_token(2.0, 0.0, cold=True)
    assert measurements.meter(subject()).forecast(0.0).ttft < 0.25


def test_few_numbers_say_little_of_when_one_is_late() -> None:
    one = meter()
    ratios = []
    for count in (1, 3, 9, 30):
        forecast = one.forecast(told(one, [0.1] * count))
        ratios.append(forecast.late / forecast.ttft)
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > 1.3
    assert ratios[-1] < 1.02


@given(st.lists(seconds, min_size=1, max_size=60), st.lists(st.floats(0, 1e6), min_size=1, max_size=8))
def test_old_numbers_fade_to_what_is_expected(times: list[float], ages: list[float]) -> None:
    one = meter()
    now = told(one, times)
    last = one.forecast(now)
    for age in sorted(ages):
        forecast = one.forecast(now + age)
        assert forecast.weight <= last.weight
        off, before = (abs(math.log(one.ttft / GUESS.ttft)) for one in (forecast, last))
        assert off <= before + 1e-9
        last = forecast
    long_after = one.forecast(now + 1e7)
    assert long_after.ttft == pytest.approx(GUESS.ttft, rel=0.02)
    assert long_after.rate == pytest.approx(GUESS.rate, rel=0.02)
    assert long_after.weight < 0.01


def test_nothing_is_computed_twice_until_something_is_heard() -> None:
    one = meter()
    now = told(one, [0.1] * 20)
    before = one.forecast(now)
    assert one.forecast(now + 0.5) is before
    one.first_token(9.0, now + 0.5)
    after = one.forecast(now + 0.5)
    assert after is not before
    assert one.forecast(now) is not after, "the clock went back"


def test_what_a_relative_has_heard_since_counts_at_once() -> None:
    measurements = Measurements()
    one = measurements.meter(subject())
    assert one.forecast(0.0) == pytest.approx(UNKNOWN)
    measurements.meter(subject(size=3)).first_token(9.0, 0.0)
    assert one.forecast(0.0).ttft > UNKNOWN.ttft * 2
    measurements.expect("a", GUESS._replace(ttft=20.0))
    assert one.forecast(0.0).ttft > 9


# --- bad numbers, clocks that jump


@given(st.lists(st.tuples(strange, strange), max_size=12))
@example([(0.1, 0.0), (0.1, math.inf), (0.1, 0.0)])
@example([(0.1, number * 1e7) for number in range(100)])
def test_bad_numbers_and_clocks_break_nothing(calls: list[tuple[float, float]]) -> None:
    measurements = Measurements()
    one = measurements.meter(subject())
    for number, now in calls:
        one.first_token(number, now)
        one.first_token(number, now, warm=True)
        one.silence(number, now)
        one.rate(number, now)
        measurements.parts("a", Usage(queue_ms=number, prompt_ms=number, ttft_ms=number), number, now)
        for warm in (False, True):
            assert sane(one.forecast(now, warm=warm))
        assert sane(measurements.meter(subject(size=4)).forecast(now))
        assert all(map(math.isfinite, measurements.explain("a", now).values()))
        again = Measurements()
        again.restore(json.loads(json.dumps(measurements.report(now))), number, now)
        assert sane(again.meter(subject()).forecast(now))


@pytest.mark.parametrize("number", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_number_that_cannot_be_says_nothing(number: float) -> None:
    one = meter()
    now = told(one, [0.1] * 3)
    before = one.forecast(now)
    one.first_token(number, now)
    one.rate(number, now)
    one.silence(number, now)
    assert one.forecast(now) == before


@pytest.mark.parametrize(("time", "kept"), [(1e-9, FASTEST), (1e9, SLOWEST)])
def test_times_are_held_within_bounds(time: float, kept: float) -> None:
    one = meter()
    now = told(one, [time] * 20)
    assert one.forecast(now).ttft == pytest.approx(kept, rel=0.03)


@given(strange, strange, strange)
def test_a_strange_guess_is_no_harm(ttft: float, late: float, rate: float) -> None:
    assert sane(meter(Forecast(ttft, late, rate, math.nan)).forecast(0.0))


def test_a_clock_that_goes_back_makes_nothing_younger() -> None:
    one = meter()
    told(one, [0.1] * 20, 1e6)
    weight = one.forecast(1e6 + 19).weight
    assert one.forecast(5.0).weight == pytest.approx(weight)
    one.first_token(0.1, 5.0)
    assert one.forecast(5.0).weight == pytest.approx(weight * KEEP + 1)
    assert one.forecast(5.0 + HALF).weight < weight * 0.6


# --- over restarts


@given(
    st.lists(seconds, min_size=1, max_size=80),
    st.lists(seconds, max_size=80),
    st.floats(0.1, 20),
    st.sampled_from([0.0, 500.0, 50_000.0]),
)
def test_what_is_restored_forecasts_what_it_would_have(
    times: list[float], warm: list[float], every: float, age: float
) -> None:
    measurements = Measurements()
    measurements.expect("a", GUESS)
    one = measurements.meter(subject())
    now = told(one, times, every=every)
    now += 200
    for time in warm:
        one.first_token(time, now, warm=True)
    now += 100
    report = json.dumps(measurements.report(now))
    assert len(report) < 1100
    again = Measurements()
    again.expect("a", GUESS)
    again.restore(json.loads(report), age, 7.0)
    for is_warm in (False, True):
        before = one.forecast(now + age, warm=is_warm)
        after = again.meter(subject()).forecast(7.0, warm=is_warm)
        assert after.ttft == pytest.approx(before.ttft, rel=0.03)
        assert after.weight == pytest.approx(before.weight, rel=0.02, abs=0.01)
        assert after.rate == pytest.approx(before.rate, rel=0.03)
    (row,) = again.report(7.0 + 10).values()
    assert row["age"] == pytest.approx(age + 10 + (100 if warm else 300), abs=0.3)


@given(st.integers(0, 20))
def test_what_was_heard_before_the_report_came_counts_for_more(fresh: int) -> None:
    old = Measurements()
    told(old.meter(subject()), [5.0] * 40)
    report = old.report(40.0)
    new = Measurements()
    now = told(new.meter(subject()), [0.1] * fresh) if fresh else 0.0
    new.restore(report, 3600.0, now)
    forecast = new.meter(subject()).forecast(now)
    assert forecast.ttft > 1 or fresh
    assert forecast.ttft < 0.3 or not fresh


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["age", "first", "warm", "cold", "rate"]), inner, max_size=5)
    ),
    max_leaves=12,
)
keys = st.text(max_size=9) | st.sampled_from(
    ["instant 2 a\tm", "batch 0 a\tm", "slow 2 a\tm", "instant 9 a\tm"]
)


@given(json_values | st.dictionaries(keys, json_values, max_size=4), strange)
@example({"instant 2 a\tm": {"age": 0, "first": [0, 3, 1e-323, True]}}, 0.0)
@example({"instant 2 a\tm": {"age": 0, "first": [0, 5e14, 100, 100], "rate": [-4, -4, 5, -5, 0]}}, math.nan)
@example({"instant 2 a\tm": {"age": -1e14, "first": [2.0, 2.0]}}, -5.0)
@example({"instant 2 a\tm": {"age": 10**400, "first": [0, 2.0, 10**400]}}, 0.0)
def test_a_report_of_nonsense_breaks_nothing(report: Any, age: float) -> None:
    measurements = Measurements()
    measurements.restore(report, age, 5.0)
    for warm in (False, True):
        assert sane(measurements.meter(subject()).forecast(5.0, warm=warm))
    json.dumps(measurements.report(5.0), allow_nan=False)


def test_what_is_no_report_of_ours_is_left_out() -> None:
    measurements = Measurements()
    good = {"age": 5, "first": [0, 1, 100]}
    measurements.restore(
        {"instant 2 a\tm": good, "instant 2 b": good, "c": good, "instant 7 d\tm": good}, 0, 0
    )
    assert list(measurements.report(0)) == ["instant 2 a\tm"]


# --- bounds and the rest


def test_the_subjects_heard_of_last_are_kept() -> None:
    measurements = Measurements()
    for number in range(SUBJECTS + 50):
        one = measurements.meter(subject(model=f"{number}"))
        one.first_token(0.1, float(number))
    report = measurements.report(1e4)
    assert len(report) == SUBJECTS
    assert f"instant 2 a\t{SUBJECTS + 49}" in report
    assert "instant 2 a\t49" not in report
    measurements.restore(
        {f"instant 3 a\t{number}": {"age": 0, "first": [0, 1, 5]} for number in range(99)}, 0, 0
    )
    assert measurements.report(1e4).keys() == report.keys(), "what is restored drives out nothing"


def test_backends_that_are_gone_are_forgotten() -> None:
    measurements = Measurements()
    for name in "ab":
        measurements.meter(subject(name)).first_token(0.1, 0.0)
    measurements.retain({"b", "c"})
    assert list(measurements.report(0.0)) == ["instant 2 b\tm"]
    assert measurements.explain("a", 0.0) == {}
    assert measurements.meter(subject("a")).forecast(0.0) == pytest.approx(UNKNOWN)


@given(st.integers(-5, 10**9))
def test_sizes_grow_fourfold(characters: int) -> None:
    size = size_of(characters)
    assert 0 <= size < SIZES
    assert size == 0 or characters >= 256 * 4**size
    assert size == SIZES - 1 or characters < 1024 * 4**size


@pytest.mark.parametrize(
    ("usage", "parts"),
    [
        (Usage(), {}),
        (Usage(ttft_ms=60.0), {"network_ms": 40.0}),
        (Usage(ttft_ms=60.0, connect_ms=30.0), {"network_ms": 10.0, "connect_ms": 30.0}),
        (Usage(ttft_ms=160.0), {}),
        (Usage(queue_ms=20.0, prompt_ms=50.0), {"queue_ms": 20.0, "prompt_ms": 50.0, "network_ms": 30.0}),
        (
            Usage(prompt_ms=50.0, prompt_tokens=1000, cached_tokens=900),
            {"prompt_ms": 50.0, "network_ms": 50.0, "prompt_tokens_per_s": 2000.0},
        ),
        (Usage(prompt_ms=0.0, prompt_tokens=1000), {"prompt_ms": 0.0, "network_ms": 100.0}),
        (Usage(prompt_tokens=10, cached_tokens=10, queue_ms=1.0), {"queue_ms": 1.0}),
    ],
)
def test_the_parts_of_a_first_token_time_are_told_apart(usage: Usage, parts: dict[str, float]) -> None:
    measurements = Measurements()
    for _ in range(3):
        measurements.parts("a", usage, 0.1, 0.0)
    assert measurements.explain("a", 0.0) == parts


def test_a_person_is_told_what_was_measured_most() -> None:
    measurements = Measurements()
    told(measurements.meter(subject(size=0)), [1.0] * 3)
    one = measurements.meter(subject(size=3))
    now = told(one, [0.1] * 20)
    for _ in range(20):
        one.first_token(0.05, now, warm=True)
    assert measurements.explain("a", now) == pytest.approx(
        {"ttft_ms": 100, "late_ms": 100, "tokens_per_s": 10, "observations": 14.2, "warm_ms": 50}, rel=0.1
    )
