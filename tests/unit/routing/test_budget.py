"""A minute's worth of tokens, whatever the clock does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.routing.budget import MINUTE, Budget

limits = st.integers(0, 100_000)
waits = st.lists(st.tuples(st.floats(0, 200), st.integers(0, 50_000)), max_size=40)


@given(limits, waits)
def test_no_stretch_of_time_allows_more_than_its_share_and_one_minute(
    limit: int, steps: list[tuple[float, int]]
) -> None:
    budget, now = Budget(limit), 1000.0
    spent = [(now, 0)]
    for wait, wanted in steps:
        now += wait
        tokens = min(wanted, budget.left(now))
        budget.spend(tokens, now)
        assert 0 <= budget.left(now) <= limit
        spent.append((now, tokens))
    for first in range(len(spent)):
        total = sum(tokens for _, tokens in spent[first:])
        assert total <= limit * (1 + (now - spent[first][0]) / MINUTE) + 1


@given(st.integers(1, 100_000), st.integers(0, 100_000), st.floats(0, MINUTE))
def test_what_was_spent_comes_back_all_the_time(limit: int, tokens: int, wait: float) -> None:
    budget = Budget(limit)
    assert budget.left(5.0) == limit
    tokens = min(tokens, limit)
    budget.spend(tokens, 5.0)
    assert budget.left(5.0) == limit - tokens
    expected = min(limit, limit - tokens + limit * wait / MINUTE)
    assert budget.left(5.0 + wait) == pytest.approx(expected, abs=1)
    assert budget.left(5.0 + wait + MINUTE) == limit


@given(st.integers(60, 100_000), st.floats(0.001, 1e9))
def test_a_clock_that_goes_back_neither_gives_nor_takes(limit: int, back: float) -> None:
    budget = Budget(limit)
    budget.spend(limit, 1e9)
    budget.left(1e9 + 10)
    had = budget.left(1e9 + 10)
    assert budget.left(1e9 + 10 - back) == had
    assert budget.left(1e9 + 20 - back) == pytest.approx(had + limit / 6, abs=1)


def test_a_clock_that_leaps_ahead_gives_one_minute_at_most() -> None:
    budget = Budget(600)
    budget.spend(600, 0.0)
    assert budget.left(1e12) == 600
    budget.spend(600, float("inf"))
    assert budget.left(1.0) == 0
    assert budget.left(2.0) == 10


def test_nothing_is_allowed_by_zero() -> None:
    budget = Budget(0)
    assert budget.left(0.0) == budget.left(1e9) == 0
    budget.spend(50, 1e9)
    assert budget.left(2e9) == 0


def test_a_debt_is_paid_within_two_minutes() -> None:
    budget = Budget(600)
    budget.spend(10**12, 0.0)
    assert budget.left(59.0) == 0
    assert budget.left(70.0) == 100
    assert budget.left(120.0) == 600


@pytest.mark.parametrize(
    ("before", "spent", "after", "left"),
    [
        (0, 0, 600, 600),
        (600, 100, 1000, 900),
        (600, 500, 1000, 500),
        (600, 100, 300, 200),
        (600, 500, 300, 0),
    ],
)
def test_another_limit_counts_what_was_spent(before: int, spent: int, after: int, left: int) -> None:
    budget = Budget(before)
    budget.spend(spent, 0.0)
    budget.configure(after)
    assert budget.left(0.0) == left
    assert budget.left(MINUTE / 10) == min(left + after // 10, after)


def test_a_negative_amount_is_none() -> None:
    budget = Budget(600)
    budget.spend(100, 0.0)
    budget.spend(-100, 0.0)
    assert budget.left(0.0) == 500
