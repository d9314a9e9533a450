"""What an answer is worth, and how sure a figure is: laws."""

from __future__ import annotations

from pathlib import PurePosixPath
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.cli.quality.case import KINDS, Case
from spark_lsp.cli.quality.measures import (
    Offered,
    applied,
    difference,
    distance,
    kept,
    mean,
    ratio,
    score,
    share,
    similarity,
)

TEXT = st.text("ab_ (\n", max_size=12)
LINE = st.text("ab_ (", max_size=12)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(KINDS))
    truth = draw(LINE if kind not in ("block", "multi-line", "random span") else TEXT)
    return Case(kind, "a", PurePosixPath("a.py"), draw(TEXT), draw(TEXT), truth)


@given(cases(), TEXT)
def test_nothing_is_better_than_what_stood_there(case: Case, said: str) -> None:
    found, best = score(case, Offered(said)), score(case, Offered(case.truth))
    assert best.exact
    assert best.similarity == 1
    assert best.kept == best.offered == len(case.truth.rstrip())
    assert 0 <= found.similarity <= 1
    assert found.kept <= min(best.kept, found.offered)
    if found.exact:
        assert (found.similarity, found.kept) == (1, best.kept)


@given(cases(), TEXT)
def test_what_is_exact_makes_the_file_that_was(case: Case, said: str) -> None:
    """Blanks behind it aside."""
    whole = case.before + case.truth.rstrip() + case.after
    if case.one_line:
        said = said.split("\n")[0]
    assert score(case, Offered(said)).exact == (applied(case, Offered(said.rstrip())) == whole)


@pytest.mark.parametrize(
    ("kind", "before", "after", "truth", "offered", "exact", "characters"),
    [
        ("mid-line", "x = ", "\n", "one + two", Offered("one + two"), True, 9),
        ("mid-line", "x = ", "\n", "one + two", Offered("one + two\nmore"), True, 9),
        ("mid-line", "x = ", "\n", "one + two", Offered("one + twofold"), False, 6),
        ("mid-line", "x = ", "\n", "one", Offered("one + two"), False, 3),
        ("call", "f(", ")\n", "one, two", Offered("one, two)"), False, 8),
        ("call", "f(", ")\n", "one, two", Offered("one, two)", absorbed=1), True, 8),
        ("line start", "if x:\n    ", "\n", "y", Offered("y", dedent=4), False, 1),
        ("line start", "if x:\n    ", "\n", "y", Offered("    y", dedent=4), True, 1),
        ("block", "if x:\n    ", "\nz", "y\n    w", Offered("y\n    w\n"), True, 7),
        ("block", "if x:\n    ", "\nz", "y\n    w", Offered("y\n    w\nz"), False, 7),
    ],
)
def test_answers(
    kind: str, before: str, after: str, truth: str, offered: Offered, exact: bool, characters: int
) -> None:
    found = score(Case(kind, "a", PurePosixPath("a.py"), before, after, truth), offered)
    assert (found.exact, found.kept) == (exact, characters)


@given(TEXT, TEXT, TEXT)
def test_distance_is_one(one: str, other: str, third: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert distance(one, third) <= distance(one, other) + distance(other, third)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))
    assert similarity(one, one) == 1


@given(TEXT, TEXT)
def test_what_is_kept_is_the_beginning_of_both(one: str, other: str) -> None:
    length = kept(one, other)
    assert one[:length] == other[:length]
    assert kept(one, one) == len(one)
    assert kept(one, one + " " + other) == len(one)


@given(st.lists(st.booleans(), max_size=60))
def test_a_share_is_within_its_interval(flags: list[bool]) -> None:
    found = share(flags)
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9 <= 1 + 1e-9
    more = share(flags * 4)
    assert more.high - more.low <= found.high - found.low + 1e-9


@settings(max_examples=20)  # thousands of samples for each
@given(st.lists(st.floats(0, 9), min_size=1, max_size=20))
def test_figures_of_the_same_answers(values: list[float]) -> None:
    found = mean(values, "seed")
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert difference(values, values, "seed").value == 0
    same = ratio(values, values, "seed")
    assert same is None if not any(values) else same is not None and same.low == same.high == 1


def test_an_interval_holds_what_is_true_most_of_the_time() -> None:
    """Of 200 samples of 40 from a coin of 30%, at least 180."""
    coin, hits = Random(1), 0
    for _ in range(200):
        found = share([coin.random() < 0.3 for _ in range(40)])
        hits += found.low <= 0.3 <= found.high
    assert hits >= 180
