"""Where searched lines are found, and where they are not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.actions.place import Found, How, find

TEXT = """\
import os

class Cart:
\tdef total(self, items):
\t\ttotal = 0
\t\tfor item in items:
\t\t\ttotal += item.price * item.count
\t\treturn total

\tdef weight(self, items):
\t\ttotal = 0
\t\tfor item in items:
\t\t\ttotal += item.weight * item.count + self.box.weight
\t\treturn total
"""
SHOP = TEXT.split("\n")
BOTH = [range(3, 14)]


def check(
    search: str, expected: tuple[int, int, How] | str, spans: Sequence[range] = BOTH, near: int = 4
) -> None:
    """`expected`: first and last line and how they were found, or words of the refusal."""
    found = find(search.split("\n"), SHOP, spans, near=near)
    if isinstance(expected, str):
        assert not isinstance(found, Found)
        assert expected in found.reason
    else:
        assert isinstance(found, Found)
        assert (found.first, found.last, found.how) == expected


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("\t\t\ttotal += item.price * item.count", (6, 7, "exact")),
        ("\t\ttotal = 0\n\t\tfor item in items:", (4, 6, "exact")),  # twice: the nearer one
        ("total += item.price * item.count  ", (6, 7, "space")),
        ("\n    for item in items:\n        total += item.price * item.count\n\n", (5, 7, "space")),
        ("\t\t\ttotal += item.price * item.number", (6, 7, "similar")),
        ("for it in items:\n    total += item.weight * item.count + self.box.weight", (11, 13, "similar")),
        ("\t\t\ttotal += item.price\n\t\t\tprint(total)", "do not stand in the file"),
        ("x = 1", "do not stand in the file"),
        ("import os", "outside of the lines that may be changed"),
        ("import os\n", "outside of the lines that may be changed"),
        ("class Cart:\n\tdef total(self, items):", (2, 4, "exact")),  # partly: for orientation
        ("\n\n", "searches for nothing"),
    ],
)
def test_one_place_or_none(search: str, expected: tuple[int, int, How] | str) -> None:
    check(search, expected)


def test_the_hint_decides_among_the_same() -> None:
    check("\t\ttotal = 0", (4, 5, "exact"), near=6)
    check("\t\ttotal = 0", (10, 11, "exact"), near=8)
    check("\t\ttotal = 0", "several places, as at lines 5, 11", near=7)
    check("total = 0", "several places, as at lines 5, 11", near=7)
    check("\t\ttotal = 0", (10, 11, "exact"), spans=[range(9, 14)], near=3)


def test_a_place_inside_comes_before_one_that_is_partly_outside() -> None:
    both = "\t\ttotal = 0\n\t\tfor item in items:"
    check(both, (10, 12, "exact"), spans=[range(5, 14)], near=4)
    check(both, (4, 6, "exact"), spans=[range(5, 9)], near=4)


def test_like_two_places_is_like_none() -> None:
    lines = ["a = compute(one, two, three, four, 1)", "", "a = compute(one, two, three, four, 2)"]
    found = find(["a = compute(one, two, three, four, 3)"], lines, [range(3)], near=0)
    assert not isinstance(found, Found)
    assert "more than one place" in found.reason


def test_what_was_used_is_not_taken_again() -> None:
    found = find(["\t\ttotal = 0"], SHOP, BOTH, near=4, used=[range(4, 5)])
    assert isinstance(found, Found)
    assert found.first == 10


def test_nothing_goes_where_nothing_stands() -> None:
    assert find([], [""], [range(1)], near=0) == Found(0, 0, "empty")
    assert find([], ["a", "", "b"], [range(1, 1)], near=0) == Found(1, 1, "empty")
    assert not isinstance(find([], ["a"], [range(1)], near=0), Found)
    assert not isinstance(find([], ["a"], [], near=0), Found)


@given(st.data())
def test_any_lines_of_a_text_without_repetition_are_found(data: st.DataObject) -> None:
    words = st.text("abcdefgh_(.", min_size=1)
    lines = data.draw(st.lists(words, min_size=1, max_size=20, unique=True))
    first = data.draw(st.integers(0, len(lines) - 1))
    last = data.draw(st.integers(first + 1, len(lines)))
    near = data.draw(st.integers(0, len(lines)))
    indent = data.draw(st.sampled_from(["", "  ", "\t"]))
    found = find([indent + body for body in lines[first:last]], lines, [range(len(lines))], near=near)
    assert isinstance(found, Found)
    assert (found.first, found.last) == (first, last)
