"""An edit may not break what parsed; what was broken before is no fault of it."""

from __future__ import annotations

import pytest

from spark_lsp.actions.syntax import GRAMMARS, LONGEST, worse


@pytest.mark.parametrize(
    ("language", "before", "after", "line"),
    [
        ("python", "x = 1\n", "x = 2\n", 0),
        ("python", "x = 1\n", "x = 1\ny = (\n", 2),
        ("python", "x = (\n", "x = (\ny = 2\n", 0),  # broken already
        ("typescript", "const a = 1;\n", "const a: = 1;\n", 1),
        ("go", "package a\n", "package a\n\nfunc f( {\n}\n", 3),
        ("rust", "fn f() {}\n", "fn f() {\n", 1),
        ("unheard-of", "x", "((((", 0),
        ("python", "", "(" * (LONGEST + 1), 0),
    ],
)
def test_what_got_worse(language: str, before: str, after: str, line: int) -> None:
    said = worse(language, before, after)
    assert said == (f"the result is no valid {language}: line {line}" if line else "")


@pytest.mark.parametrize("language", GRAMMARS)
def test_every_grammar_is_there(language: str) -> None:
    assert worse(language, "", "") == ""
    assert worse(language, "", "({[<") != ""
