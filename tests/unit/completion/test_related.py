"""Packing: within the budget, nothing twice, and what was told stays in front."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.related import HEADER, Candidate, Kind, affordable, pack
from spark_lsp.values import Excerpt

lines = st.lists(st.text("abc_(). ", max_size=24), min_size=1, max_size=8)
texts = lines.map("\n".join)
kinds: st.SearchStrategy[Kind] = st.sampled_from(("definition", "similar", "edit"))
candidates = st.lists(
    st.builds(Candidate, kinds, st.sampled_from(("a.py", "b.py", "c.py")), texts, st.floats(0, 1)),
    max_size=12,
)
budgets = st.integers(0, 1500)


def cost(told: tuple[Excerpt, ...]) -> int:
    return sum(len(one.path) + len(one.text) for one in told)


@given(candidates, budgets, texts)
def test_no_more_is_told_than_there_is_room_for(some: list[Candidate], budget: int, around: str) -> None:
    assert cost(pack(some, budget, around)) <= budget


@given(candidates, budgets, texts)
def test_the_same_is_told_each_time(some: list[Candidate], budget: int, around: str) -> None:
    assert pack(some, budget, around) == pack(list(some), budget, around)


@given(candidates, budgets, texts)
def test_what_stands_around_the_cursor_is_not_told_again(
    some: list[Candidate], budget: int, around: str
) -> None:
    own = [Candidate(one.kind, one.path, around, 1.0) for one in some]
    assert pack(own, budget, around) == ()


@given(candidates, candidates, budgets, texts)
def test_what_is_still_of_use_stays_in_front(
    some: list[Candidate], more: list[Candidate], budget: int, around: str
) -> None:
    told = pack(some, budget, around)
    anew = pack([*some, *more], budget, around, told)
    assert anew[: len(told)] == told
    assert cost(anew) <= budget


@given(candidates, budgets, texts)
def test_what_is_of_no_use_any_more_goes(some: list[Candidate], budget: int, around: str) -> None:
    told = pack(some, budget, around)
    assert pack([], budget, around, told) == ()


def test_a_smaller_budget_drops_what_was_told() -> None:
    told = (Excerpt("a.py", "x = one_name + another\n" * 20),)
    left = pack([Candidate("definition", "a.py", told[0].text, 1.0)], 100, "", told)
    assert left == ()


def test_each_kind_has_its_share() -> None:
    """Many small definitions would take all, as each is worth more for its size."""
    small = [Candidate("definition", "d.py", f"def name_{n}(argument_{n}): ...", 0.9) for n in range(50)]
    large = Candidate("similar", "s.py", "\n".join(f"value_{n} = compute_{n}()" for n in range(12)), 0.4)
    told = pack([*small, large], 1200, "")
    assert [one.path for one in told] == ["d.py", "s.py"]
    assert cost(told) > 1200 - 40 - 2 * HEADER


@pytest.mark.parametrize(
    ("rate", "local", "metered", "tokens"),
    [
        (None, True, False, 256),
        (None, False, False, 1024),
        (None, False, True, 512),
        (142.0, True, False, 192),
        (30.0, True, False, 0),
        (9_000.0, False, False, 1536),
        (9_000.0, False, True, 512),
    ],
)
def test_a_backend_is_told_as_much_as_it_reads_in_time(
    rate: float | None, local: bool, metered: bool, tokens: int
) -> None:
    assert affordable(rate, local=local, metered=metered) == tokens
