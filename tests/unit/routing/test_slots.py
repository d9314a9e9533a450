"""Who starts, who waits and who ends for whom, on servers of each size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.routing.slots import RANKS, Rank, admit, excess

counts = st.fixed_dictionaries({rank: st.integers(0, 4) for rank in RANKS})
HELD: dict[str, Rank] = {"i": "instant", "a": "interactive", "b": "batch", "p": "ahead"}


def check(total: int, holding: str, asking: str, verdict: str) -> None:
    """`holding` has one letter a slot: i instant, a interactive (action), b batch, p ahead (prefetch)."""
    held = {rank: holding.count(letter) for letter, rank in HELD.items()}
    go, taken = admit(total, held, HELD[asking])
    assert (f"ends {taken}" if taken else "goes" if go else "waits") == verdict


@pytest.mark.parametrize(
    ("total", "holding", "asking", "verdict"),
    [
        # One slot is anybody's until somebody above needs it.
        (1, "", "p", "goes"),
        (1, "p", "p", "waits"),
        (1, "p", "b", "ends ahead"),
        (1, "p", "a", "ends ahead"),
        (1, "p", "i", "ends ahead"),
        (1, "", "b", "goes"),
        (1, "b", "p", "waits"),
        (1, "b", "b", "waits"),
        (1, "b", "a", "ends batch"),
        (1, "b", "i", "ends batch"),
        (1, "a", "b", "waits"),
        (1, "a", "a", "waits"),
        (1, "a", "i", "goes"),
        (1, "i", "a", "waits"),
        (1, "i", "i", "goes"),
        # Two: one stays free of what nobody sits and waits for.
        (2, "", "b", "goes"),
        (2, "b", "b", "waits"),
        (2, "b", "p", "waits"),
        (2, "p", "p", "waits"),
        (2, "p", "b", "goes"),
        (2, "a", "b", "waits"),
        (2, "b", "a", "goes"),
        (2, "a", "a", "waits"),
        (2, "ab", "i", "ends batch"),
        (2, "bp", "i", "ends ahead"),
        (2, "ii", "a", "waits"),
        (2, "ai", "i", "goes"),
        # Three: one for each lane.
        (3, "b", "b", "waits"),
        (3, "b", "a", "goes"),
        (3, "ab", "i", "goes"),
        (3, "aa", "b", "waits"),
        (3, "a", "a", "goes"),
        (3, "b", "p", "goes"),
        (3, "pp", "p", "waits"),
        # More.
        (4, "b", "b", "goes"),
        (4, "bb", "b", "waits"),
        (4, "aab", "b", "waits"),
        (4, "abpp", "b", "ends ahead"),
        (4, "bbpi", "i", "ends ahead"),
        (4, "aaii", "a", "waits"),
        # Without a limit.
        (0, "pppppppp", "p", "goes"),
        (0, "bbbbbbbb", "i", "goes"),
    ],
)
def test_each_rank_on_each_server(total: int, holding: str, asking: str, verdict: str) -> None:
    check(total, holding, asking, verdict)


@given(st.integers(0, 6), counts)
def test_an_instant_request_never_waits(total: int, held: dict[Rank, int]) -> None:
    assert admit(total, held, "instant").go


@given(st.integers(1, 6), counts, st.sampled_from(RANKS))
def test_only_what_is_less_urgent_ends_and_only_where_no_slot_is_free(
    total: int, held: dict[Rank, int], rank: Rank
) -> None:
    go, taken = admit(total, held, rank)
    if taken is not None:
        assert go
        assert held[taken]
        assert taken not in ("instant", "interactive")
        assert RANKS.index(taken) > RANKS.index(rank)
        assert sum(held.values()) >= total
    elif go and rank != "instant":
        assert sum(held.values()) < total


@given(st.integers(1, 6), counts, st.sampled_from(RANKS[1:]))
def test_nobody_is_delayed_by_what_is_less_urgent(total: int, held: dict[Rank, int], rank: Rank) -> None:
    """Who waits would wait as well if nothing below it were held."""
    while (over := excess(total, held)) is not None:
        held = {**held, over: held[over] - 1}
    below = RANKS[RANKS.index(rank) + 1 :]
    alone = {other: 0 if other in below else number for other, number in held.items()}
    if not admit(total, held, rank).go:
        assert not admit(total, alone, rank).go


@given(st.integers(0, 6), counts)
def test_what_is_too_much_ends_and_nobody_who_sits_and_waits(total: int, held: dict[Rank, int]) -> None:
    people = held["instant"], held["interactive"]
    while (over := excess(total, held)) is not None:
        held = {**held, over: held[over] - 1}
    assert min(held.values()) >= 0
    assert (held["instant"], held["interactive"]) == people
    assert not total or sum(held.values()) <= max(total, sum(people))
