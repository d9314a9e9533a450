"""Whether what checkers say before and after an edit speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.actions.verdict import compare, find
from spark_lsp.values import Diagnostic, Edit


def said(
    line: int, message: str = "unused", code: str = "F401", source: str = "ruff", **more: object
) -> Diagnostic:
    return replace(Diagnostic(line, 4, line, 9, message, code, source), **more)  # type: ignore[arg-type]


def whole(first: int, last: int, text: str) -> Edit:
    """Lines `first` to `last` (exclusive) become `text`."""
    return Edit(first, 0, last, 0, text)


Case = tuple[Diagnostic | None, list[Diagnostic], list[Diagnostic], list[Edit], bool, list[Diagnostic]]

TWO_FOR_ONE = [whole(3, 4, "a\nb\n")]
CASES: Mapping[str, Case] = {
    "it is gone": (said(3), [said(3)], [], TWO_FOR_ONE, True, []),
    "it stays": (said(3), [said(3)], [said(4)], TWO_FOR_ONE, False, []),
    "what is below moves along": (said(3), [said(3), said(9)], [said(10)], TWO_FOR_ONE, True, []),
    "what is below did not move: it is new": (
        said(3),
        [said(3), said(9)],
        [said(9)],
        TWO_FOR_ONE,
        True,
        [said(9)],
    ),
    "what is above stays": (said(3), [said(1), said(3)], [said(1)], TWO_FOR_ONE, True, []),
    "it went somewhere else": (said(3), [said(3)], [said(0)], TWO_FOR_ONE, True, [said(0)]),
    "another fault takes its place": (
        said(3),
        [said(3)],
        [said(3, "x", "E1")],
        TWO_FOR_ONE,
        True,
        [said(3, "x", "E1")],
    ),
    "two alike, and one is left: the other one": (
        said(3),
        [said(3), said(3)],
        [said(4)],
        TWO_FOR_ONE,
        True,
        [],
    ),
    "one, and two alike come": (said(3), [said(3)], [said(3), said(4)], TWO_FOR_ONE, False, [said(4)]),
    "an import above moves everything": (
        said(3, "undefined", "F821"),
        [said(3, "undefined", "F821"), said(5)],
        [said(6)],
        [whole(0, 0, "import os\n")],
        True,
        [],
    ),
    "a message that counts lines": (
        said(3),
        [said(3), said(8, "Redefinition of `f` from line 6", "F811")],
        [said(9, "Redefinition of `f` from line 7", "F811")],
        TWO_FOR_ONE,
        True,
        [],
    ),
    "hints and information are no faults": (
        said(3),
        [said(3)],
        [said(3, "x", "H", severity="hint"), said(3, "y", "I", severity="information")],
        TWO_FOR_ONE,
        True,
        [],
    ),
    "a warning is": (
        said(3),
        [said(3)],
        [said(3, "x", "W", severity="warning")],
        TWO_FOR_ONE,
        True,
        [said(3, "x", "W", severity="warning")],
    ),
    "within a line": (said(3), [said(3), said(4)], [said(4)], [Edit(3, 4, 3, 9, "_")], True, []),
    "lines that are taken away": (said(3), [said(3), said(9)], [said(7)], [whole(3, 5, "")], True, []),
    "two edits, the second counted in the text before": (
        said(3),
        [said(3), said(5), said(9)],
        [said(7), said(10)],
        [whole(7, 8, ""), whole(3, 4, "a\nb\nc\n")],
        True,
        [],
    ),
    "nothing was to be fixed": (None, [said(1)], [said(1)], [], True, []),
    "nobody says it": (said(3, "odd", "Z9", "elsewhere"), [said(3)], [said(3)], [], False, []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_verdict(case: Case) -> None:
    target, before, after, edits, gone, new = case
    verdict = compare(target, before, after, edits)
    assert (verdict.gone, list(verdict.new)) == (gone, new)
    assert verdict.good == (gone and not new)
    assert verdict.reason


SHOWN: Mapping[str, tuple[Diagnostic, Diagnostic]] = {
    "a source by its other name": (said(3, source="Ruff"), said(3)),
    "TypeScript's code": (said(3, "No.", "TS2322", "ts"), said(3, "No.", "2322", "tsc")),
    "an editor's addition": (
        said(3, "Use of x (fix available)", "undeclared"),
        said(3, "use of x", "", "clang"),
    ),
    "another column": (said(3, column=0), said(3)),
    "a range of more lines": (said(2, end_line=4), said(3)),
    "hard blanks": (said(3, "a\n\xa0\xa0b", "r"), said(3, "a\n  b", "r")),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_what_an_editor_shows_is_found(shown: tuple[Diagnostic, Diagnostic]) -> None:
    target, own = shown
    assert find(target, [said(3, "other", "E9"), own, said(8)]) is own


def test_of_several_on_a_line_the_one_in_its_column() -> None:
    assert find(said(3, column=12), [said(3), said(3, column=12), said(3, column=20)]) == said(3, column=12)


diagnostics = st.builds(said, st.integers(0, 30), st.sampled_from(["a", "b"]), st.sampled_from(["F1", "F2"]))


@st.composite
def changes(draw: st.DrawFn) -> tuple[int, int, int]:
    first = draw(st.integers(0, 25))
    return first, draw(st.integers(first, first + 4)), draw(st.integers(0, 4))


@given(st.lists(diagnostics, max_size=8), changes())
def test_what_only_moves_is_never_new(before: list[Diagnostic], change: tuple[int, int, int]) -> None:
    first, last, added = change
    shift = added - (last - first)
    after = [
        replace(item, line=item.line + shift, end_line=item.line + shift) if item.line >= last else item
        for item in before
        if not first <= item.line < last
    ]
    assert compare(None, before, after, [whole(first, last, "x\n" * added)]).good


@given(st.lists(diagnostics, max_size=8), diagnostics, changes())
def test_one_more_of_a_kind_is_always_new(
    before: list[Diagnostic], more: Diagnostic, change: tuple[int, int, int]
) -> None:
    verdict = compare(None, before, [*before, more], [])
    assert verdict.new == (more,)


@given(st.lists(diagnostics, min_size=1, max_size=8), st.data())
def test_a_fault_that_is_still_said_is_not_gone(before: list[Diagnostic], data: st.DataObject) -> None:
    target = data.draw(st.sampled_from(before))
    assert not compare(target, before, before, []).gone
