"""The laws of `actions.edits`, held against whole texts and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spark_lsp.actions import edits as subject
from spark_lsp.actions.edits import Replacement, apply, changes, locate, minimal, rebase
from spark_lsp.values import Edit

# Few different lines, so that the same line stands in many places; some begin or end like others.
line = st.sampled_from(["", "a", "ab", "b", "    a", "    ab", "😀a", "}"])
texts = st.lists(line, min_size=1, max_size=14)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[list[str], list[Replacement]]:
    """A text, and what is to be replaced in it, in any order."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    made = [Replacement(first, last, tuple(draw(st.lists(line, max_size=4)))) for first, last in pairs]
    # Two insertions at one place stand in the order given: a shuffle may not exchange these.
    return text, made if len({change.first for change in made}) < len(made) else draw(st.permutations(made))


def offset(text: str, at_line: int, column: int) -> int:
    lines = text.split("\n")
    assert column <= len(lines[at_line])
    return sum(len(body) + 1 for body in lines[:at_line]) + column


def edited(text: str, edits: Sequence[Edit]) -> str:
    """The text after `edits`, which must be ascending and apart."""
    result, at = "", 0
    for edit in edits:
        start, end = offset(text, edit.line, edit.column), offset(text, edit.end_line, edit.end_column)
        assert at <= start <= end
        assert at < start or at == 0
        assert text[start:end] != edit.text
        result += text[at:start] + edit.text
        at = end
    return result + text[at:]


@given(jobs())
def test_least_edits_do_what_the_replacements_do(job: tuple[list[str], list[Replacement]]) -> None:
    lines, replacements = job
    text, after = "\n".join(lines), "\n".join(apply(lines, replacements))
    found = minimal(lines, replacements)
    assert edited(text, found) == after
    assert bool(found) == (text != after)
    taken = sum(
        offset(text, edit.end_line, edit.end_column) - offset(text, edit.line, edit.column) for edit in found
    )
    assert taken <= sum(
        len(body) + 1 for change in replacements for body in lines[change.first : change.last]
    )


@given(texts, texts, st.integers(0, 3))
def test_changes_lead_from_one_text_to_the_other(before: list[str], after: list[str], work: int) -> None:
    found = changes(before, after)
    assert apply(before, found) == after
    assert bool(found) == (before != after)
    assert all(one.last < other.first for one, other in pairwise(found))
    with pytest.MonkeyPatch.context() as patch:  # too much for difflib: the lines that stand once are a hold
        patch.setattr(subject, "WORK", work)
        assert apply(before, changes(before, after)) == after


@given(jobs(), texts)
def test_what_is_rebased_does_the_same_beside_the_other_change(
    job: tuple[list[str], list[Replacement]], now: list[str]
) -> None:
    before, replacements = job
    rebased = rebase(replacements, before, now)
    assume(rebased is not None)
    assert rebased is not None
    assert apply(now, rebased) == apply(before, [*replacements, *changes(before, now)])


@given(jobs(), texts, texts)
def test_lines_put_above_and_below_only_shift(
    job: tuple[list[str], list[Replacement]], above: list[str], below: list[str]
) -> None:
    lines, replacements = job
    before = ["first", *["of"], *lines, *["of"], "last"]
    inner = [Replacement(change.first + 2, change.last + 2, change.lines) for change in replacements]
    rebased = rebase(inner, before, [*above, *before, *below])
    shifted = [Replacement(one.first + len(above), one.last + len(above), one.lines) for one in inner]
    assert rebased == tuple(shifted)


def test_a_change_next_to_a_replacement_is_in_its_way() -> None:
    before = list("abcde")
    for now, expected in [
        ("xbcde", (Replacement(2, 3, ("C",)),)),
        ("xxabcde", (Replacement(4, 5, ("C",)),)),
        ("acde", None),
        ("abcxe", None),
        ("abxde", None),
        ("abcdx", (Replacement(2, 3, ("C",)),)),
    ]:
        assert rebase([Replacement(2, 3, ("C",))], before, list(now)) == expected, now


def test_two_far_changes_in_a_long_file_are_two() -> None:
    """So repetitive a file is beyond difflib's bound, and it must not become one change of 9,000 lines."""
    before = [body for number in range(3_000) for body in (f"def f{number}():", "    pass", "")]
    after = ["import os", *before[1:-3], "    return", "", ""]
    assert changes(before, after)[0] == Replacement(0, 1, ("import os",))
    assert sum(change.last - change.first for change in changes(before, after)) <= 4


@pytest.mark.parametrize(
    ("replacements", "expected"),
    [
        ([Replacement(1, 2, ("    return total",))], [Edit(1, 11, 1, 12, "total")]),
        ([Replacement(0, 2, ("def f():", "    return 1", ""))], [Edit(1, 11, 1, 12, "1\n")]),
        ([Replacement(0, 1, ("def g():",))], [Edit(0, 4, 0, 5, "g")]),
        ([Replacement(2, 2, ("x", "y"))], [Edit(2, 0, 2, 0, "x\ny\n")]),
        ([Replacement(3, 3, ("x",))], [Edit(2, 1, 2, 1, "\nx")]),
        ([Replacement(0, 1, ())], [Edit(0, 0, 1, 0, "")]),
        ([Replacement(2, 3, ())], [Edit(1, 12, 2, 1, "")]),
        ([Replacement(0, 3, ())], [Edit(0, 0, 2, 1, "")]),
        ([Replacement(0, 3, ("def f():", "    return x", "z"))], []),
    ],
)
def test_least_edits_by_character(replacements: list[Replacement], expected: list[Edit]) -> None:
    assert minimal(["def f():", "    return x", "z"], replacements) == tuple(expected)


@pytest.mark.parametrize(
    "replacements",
    [
        [Replacement(0, 2, ()), Replacement(1, 2, ())],
        [Replacement(0, 2, ()), Replacement(1, 1, ("x",))],
        [Replacement(2, 4, ())],
        [Replacement(-1, 0, ())],
        [Replacement(1, 0, ())],
    ],
)
def test_what_overlaps_or_is_outside_is_an_error(replacements: list[Replacement]) -> None:
    with pytest.raises(ValueError, match="overlap others or are outside"):
        apply(["a", "b", "c"], replacements)


@pytest.mark.parametrize(
    ("target", "near", "expected"),
    [
        ("bc", 1, 1),
        ("bc", 0, 1),
        ("bc", 99, 1),
        ("a", 4, 4),
        ("a", 3, None),
        ("x", 0, None),
        ("", 2, 2),
        ("", 9, None),
    ],
)
def test_lines_are_located(target: str, near: int, expected: int | None) -> None:
    assert locate(list(target), near, list("abcda")) == expected
