"""A line that a model says about the code is told from a line of code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.prose import PROGRAMS, in_code, introduces, looks

PROSE = [
    "Here is the completed function:",
    "Here's the code.",
    "Sure!",
    "Sure, here you go:",
    "Below is the rest of `main(argc)`, with its 3 checks (all of them):",
    "I'll complete the loop for you",
    "The function is already complete.",
    "The function `f(x)` is complete. Add nothing to it (or ask).",
    "It's missing a return statement, so I added one!",
    "No changes needed",
    "Nothing to insert.",
    "# ... existing code ...",
    "    // … the rest of the class",
]
CODE = [
    "",
    "return x",
    "Option is not None and Option in allowed:",
    "Value if known else Other",
    "Order order = new Order();",
    "Foo extends Bar implements Baz {",
    "Here::is(a);",
    "Sure.go();",
    "Nothing if empty else rest",
    "No.of(1)",
    "x = 'Here is the text.'",
    "# The rest of the class",
    "...",
    "Point a, b, c, d;",
    "Json as a Map or b.c",
    "I = 1",
]


@pytest.mark.parametrize(
    ("line", "kind"), [*((line, "prose") for line in PROSE), *((line, "code") for line in CODE)]
)
def test_a_line_that_is_whole(line: str, kind: str) -> None:
    assert looks(line, growing=False) == kind


@given(
    st.one_of(
        st.sampled_from([*PROSE, *CODE]),
        st.lists(st.sampled_from([*" .,!:`'#/-A", "The", "is", "Sure", "No", "(x)", "…"]), max_size=12).map(
            "".join
        ),
    )
)
def test_a_line_that_grows_is_never_taken_back(line: str) -> None:
    """Once it is code, or once it is prose, it stays so whatever comes."""
    for judge in (looks, introduces):
        known = {
            kind for size in range(len(line) + 1) if (kind := judge(line[:size], growing=True)) != "unsure"
        }
        assert known <= {judge(line, growing=False)}


@pytest.mark.parametrize(
    ("before", "language", "code"),
    [
        ("", "python", True),
        ("x = ", "python", True),
        ('def f():\n    """Doc."""\n    ', "python", True),
        ("x = 'a", "python", False),
        ("# a", "python", False),
        ('"""\n', "python", False),
        ("/* a\n * ", "java", False),
        ("`a\n", "typescript", False),
        ("// it's\n", "go", True),
        ("", "markdown", False),
        ("", "typescriptreact", False),
        ("", "", False),
    ],
)
def test_where_a_sentence_cannot_stand(before: str, language: str, code: bool) -> None:
    assert in_code(before, language) is code
    assert code <= (language in PROGRAMS)
