from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.boundary import first_boundary


@pytest.mark.parametrize(
    ("text", "line_before", "language", "statement"),
    [
        ("return x", "", "python", None),
        ("return x\n", "", "python", "return x"),
        ("return x\n    y", "", "python", "return x"),
        ("\n    return x\n", "def f():", "python", "\n    return x"),
        ("\n\n", "def f():", "python", None),
        ("const a = 1;", "", "typescript", "const a = 1;"),
        ("const a = 1; const b", "", "typescript", "const a = 1;"),
        ("let i = 0; i < n; i++) {\n  f();", "for (", "typescript", "let i = 0; i < n; i++) {"),
        ('x = "a;b"', "", "python", None),
        (';"', 'x = "a', "python", None),
        ("// a; b", "", "go", None),
        ("", "", "", None),
    ],
)
def test_the_first_statement(text: str, line_before: str, language: str, statement: str | None) -> None:
    index = first_boundary(text, line_before, language)
    assert (None if index is None else text[:index]) == statement


@given(st.text("x;(){}\n \"'", max_size=30), st.text("x;(){ \"'", max_size=8))
def test_it_is_found_in_a_growing_text_and_stays(text: str, line_before: str) -> None:
    """A boundary never moves further away, and is known at the latest when its line ends."""
    known = [first_boundary(text[:size], line_before, "go") for size in range(len(text) + 1)]
    found = [index for index in known if index is not None]
    assert found == sorted(found, reverse=True)
    assert all(text[:index].strip() and not text[:index].endswith("\n") for index in found)
    assert ("\n" in text.lstrip()) <= (known[-1] is not None)
