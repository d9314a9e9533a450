"""Limits for a day hold, whatever the clock does, and say what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.routing.spend import DAYS, Limits, Spend, Spent

DAY, NEXT = "2026-11-23", "2026-11-24"
PRICED = Limits(price_prompt=1.0, price_completion=4.0)


def spend(limits: Limits = PRICED, total: float = 0.0) -> Spend:
    one = Spend()
    one.configure({"a": limits, "free": Limits()}, total)
    return one


@pytest.mark.parametrize(
    ("limits", "total", "prompt", "completion", "said"),
    [
        (PRICED, 0.0, 10**12, 10**12, ""),
        (PRICED._replace(tokens_per_day=1000), 0.0, 600, 399, ""),
        (
            PRICED._replace(tokens_per_day=1000),
            0.0,
            600,
            400,
            "a: 1,000 of 1,000 tokens used today (its tokens_per_day); back tomorrow, or raise it",
        ),
        (PRICED._replace(spend_per_day=2.0), 0.0, 1_000_000, 249_999, ""),
        (
            PRICED._replace(spend_per_day=2.0),
            0.0,
            1_000_000,
            250_000,
            "a: 2.00 of 2.00 spent today (its spend_per_day); back tomorrow, or raise it",
        ),
        (
            PRICED,
            0.001,
            1500,
            0,
            "a: 0.001500 of 0.001000 spent today (routing.spend_per_day); back tomorrow, or raise it",
        ),
        (Limits(), 0.001, 10**9, 0, ""),
    ],
)
def test_a_limit_is_reached(limits: Limits, total: float, prompt: int, completion: int, said: str) -> None:
    one = spend(limits, total)
    assert one.left("a", DAY)
    one.note("a", prompt, completion, DAY)
    assert one.why("a", DAY) == said
    assert one.left("a", DAY) == (not said)
    assert one.left("free", DAY)
    assert one.left("unknown", DAY)
    assert one.left("a", NEXT)
    assert one.tokens("a", DAY) == prompt + completion
    assert one.cost("a", DAY) == pytest.approx(
        (prompt * limits.price_prompt + completion * limits.price_completion) / 1e6
    )


def test_the_limit_of_all_counts_what_each_spent() -> None:
    one = Spend()
    one.configure({"a": PRICED, "b": PRICED, "free": Limits()}, 3.0)
    one.note("a", 2_000_000, 0, DAY)
    one.note("free", 10**9, 10**9, DAY)
    assert one.left("b", DAY)
    one.configure({"b": PRICED}, 3.0)
    one.note("b", 1_000_000, 0, DAY)
    assert not one.left("b", DAY), "what is gone has been spent all the same"
    assert one.why("b", DAY).startswith("b: 3.00 of 3.00 spent today")
    one.configure({"b": PRICED}, 4.0)
    assert one.left("b", DAY)
    one.configure({"b": PRICED._replace(price_prompt=9.0)}, 4.0)
    assert not one.left("b", DAY)


steps = st.lists(
    st.tuples(st.integers(0, 3 * DAYS), st.integers(-5, 1000), st.integers(-5, 1000)), max_size=60
)


@given(steps)
def test_a_clock_set_back_gives_nothing_again(steps: list[tuple[int, int, int]]) -> None:
    one = spend(Limits(tokens_per_day=1))
    noted = 0
    latest = ""
    for number, prompt, completion in steps:
        day = f"2026-11-{number:02}"
        if day > latest:
            noted, latest = 0, day
        one.note("a", prompt, completion, day)
        noted += max(prompt, 0) + max(completion, 0) if day == latest else 0
        assert one.tokens("a", day) >= max(prompt, 0) + max(completion, 0)
        assert one.tokens("a", latest) == noted
        assert one.left("a", day) <= one.left("a", latest)


@given(st.integers(0, 999), st.integers(0, 999), st.integers(0, 999))
def test_what_others_spent_counts_once(ours: int, all_together: int, later: int) -> None:
    one = spend(Limits(tokens_per_day=1))
    one.note("a", ours, 0, DAY)
    rows = [Spent(DAY, "a", all_together, 7), Spent("2026-11-22", "a", 10**6, 0), Spent(DAY, "b", 3, 4)]
    for _ in range(2):
        one.learn(rows)
        assert one.tokens("a", DAY) == max(ours, all_together) + 7
    one.note("a", later, 1, DAY)
    assert one.tokens("a", DAY) == max(ours, all_together) + 7 + later + 1
    assert one.tokens("b", DAY) == 7


def test_few_days_are_remembered() -> None:
    one = spend()
    for number in range(10, 31):
        one.note("a", 1, 0, f"2026-11-{number}")
    assert one.tokens("a", "2026-11-01") == DAYS
    one.note("a", 5, 0, "2026-11-01")
    assert one.tokens("a", "2026-11-01") - one.tokens("a", "2026-11-02") == 5, "the clock was set back"
