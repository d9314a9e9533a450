from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.context import FRONT_STEP, gather, indent_of, wants_lines
from spark_lsp.text import Lines, Snapshot


def at_end(text: str, language: str = "python") -> Snapshot:
    lines = Lines.of(text)
    return Snapshot("file:///f", 1, language, lines, lines.count - 1, len(lines[lines.count - 1]))


@pytest.mark.parametrize(
    ("line_before", "line_after", "several"),
    [
        ("", "", True),
        ("    ", "", True),
        ("    ", "}", True),
        ("if x:", "", True),
        ("function f() {", "}", True),
        ("const f = (x) =>", "", True),
        ("def area(", ")", True),
        ("export async function load(", ");", True),
        ('    """', "", True),
        ("x = ", "", False),
        ("    return ", "", False),
        ("# a comment", "", False),
        ("x = ", " + y", False),
        ("    ", "return x", False),
        ("try:", "", True),
        ("    else:", "", True),
        ("x = y[1:", "]", False),
        ("    total:", "", False),
        ("call(", ")", False),
        ("items[", "]", False),
        ("x = {", "}", True),
        ("print('if x:", "')", False),
        ("    return x  # see:", "", False),
    ],
)
def test_how_much_is_wanted(line_before: str, line_after: str, several: bool) -> None:
    assert wants_lines(line_before, line_after, "python") is several


@pytest.mark.parametrize(
    ("line", "language", "several"),
    [
        ("  case 1:", "typescript", True),
        ("  private:", "cpp", True),
        ("const size:", "typescript", False),
        ("  name:", "yaml", True),
        ("all:", "makefile", True),
        ("items.map((x) => {", "typescript", True),
        ("// a list:", "typescript", False),
        ("func main() {", "go", True),
    ],
)
def test_how_much_is_wanted_in_other_languages(line: str, language: str, several: bool) -> None:
    assert wants_lines(line, "", language) is several


@pytest.mark.parametrize(
    ("text", "language", "indent"),
    [
        ("def f():\n    x\n    y\n", "python", "    "),
        ("a:\n  b:\n    c: 1\n", "yaml", "  "),
        ("func f() {\n\tx()\n}\n", "go", "\t"),
        ("", "python", "    "),
        ("", "typescript", "  "),
        ("", "go", "\t"),
        ("all:\n    echo\n", "makefile", "\t"),
    ],
)
def test_one_level_of_indentation(text: str, language: str, indent: str) -> None:
    assert indent_of(text, "", language) == indent


def test_line_ends_become_one_kind() -> None:
    context = gather(at_end("a\r\nb\rc\nd").moved(2, 1), path="f.py")
    assert (context.before, context.after) == ("a\nb\nc", "\nd")
    assert (context.line_before, context.line_after) == ("c", "")


@given(st.integers(1, 300), st.integers(0, 40))
def test_the_front_of_a_long_text_holds_still(count: int, typed: int) -> None:
    """So that a server's own prefix cache hits: of the lines typed, hardly one moves the front."""
    lines = [f"line {number}\n" for number in range(count)]
    fronts = {
        gather(at_end("".join(lines) + "x\n" * more), path="f.py", before_limit=1000).before[:8]
        for more in range(typed)
    }
    assert len(fronts) <= 1 + typed // FRONT_STEP + 1


@given(st.integers(1, 300))
def test_the_window_keeps_to_its_limits(count: int) -> None:
    snapshot = at_end("some line\n" * count).moved(count // 2, 0)
    context = gather(snapshot, path="f.py", before_limit=400, after_limit=200)
    assert len(context.before) <= 400
    assert len(context.after) <= 200
    assert len(context.before) >= min(200, 10 * (count // 2))
