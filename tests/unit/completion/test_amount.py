from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.amount import EXPLORES, Amount
from spark_lsp.completion.odds import SITUATIONS, Odds

shares = st.floats(0, 1)


@pytest.mark.parametrize(
    ("rate", "many", "one", "several"),
    [
        (None, 0.3, 0.4, True),
        (80.0, 0.3, 0.4, True),
        (5.0, 0.3, 0.4, False),
        (80.0, 0.05, 0.4, False),
        (80.0, 0.05, 0.06, True),
        (80.0, 0.15, 0.9, True),
    ],
)
def test_who_is_slow_and_who_takes_lines_only_is_asked_for_one(
    rate: float | None, many: float, one: float, several: bool
) -> None:
    assert Amount().several(rate=rate, many=many, one=one) is several


@given(st.lists(st.tuples(shares, shares), min_size=EXPLORES, max_size=50))
def test_several_are_asked_for_again_and_again(seen: list[tuple[float, float]]) -> None:
    """Of so many in a row one is not cut down, whatever is taken."""
    amount = Amount()
    several = [amount.several(rate=None, many=many, one=one) for many, one in seen]
    assert all(any(several[start : start + EXPLORES]) for start in range(len(several) - EXPLORES + 1))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_without_a_history_nothing_is_cut_down(situation: str) -> None:
    odds = Odds()
    many, one = (
        odds.probability(
            "python", situation.replace("/one/", f"/{length}/").replace("/many/", f"/{length}/"), "all"
        )
        for length in ("many", "one")
    )
    assert Amount().several(rate=None, many=many, one=one)
