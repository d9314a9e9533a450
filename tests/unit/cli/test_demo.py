from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from spark_lsp.cli.demo import LONGEST, excerpt
from spark_lsp.cli.demo_screen import ABOVE, BELOW, screen

FRAME = 3  # the border's two lines, and the status


def drawn(text: str, ghost: str) -> list[str]:
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(screen("a.py", "python", text, ghost, "0.4 ms"))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


@example("x" * 100, "y" * 100)
@example("x\n" * 30, "y\n" * 20)
@given(st.text("ab #'\"\n", max_size=300), st.text("ab\n", max_size=60))
def test_the_picture_never_changes_its_height(text: str, ghost: str) -> None:
    assert len(drawn(text, ghost)) == ABOVE + 1 + BELOW + FRAME


@pytest.mark.parametrize(
    ("text", "ghost", "line"),
    [
        ("", "", "▏"),
        ("import os\n\n\ndef f():\n    re", "turn 1\n", "    re▏turn 1"),
        ("x = 1\n", "", "▏"),
        ("\n" * 200 + "x", "y", "x▏y"),
    ],
)
def test_the_cursor_stands_behind_the_text(text: str, ghost: str, line: str) -> None:
    lines = drawn(text, ghost)
    height = 1 + min(text.count("\n"), ABOVE)
    assert lines[height].strip("│").rstrip()[1:] == line
    assert lines[-1].strip() == "0.4 ms"


def test_a_short_file_is_typed_whole_and_a_long_one_in_part() -> None:
    short = "x = 1\n" * LONGEST
    assert excerpt(short) == (0, len(short))

    long = "".join(f"def f{number}():\n    return {number}\n\n\n" for number in range(100))
    start, stop = excerpt(long)
    assert long[start:].startswith("def f")
    assert len(long) // 3 <= start < len(long) // 2
    assert long[start:stop].count("\n") == LONGEST
