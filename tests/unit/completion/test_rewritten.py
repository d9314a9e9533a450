"""From a rewritten window to one edit: what is offered, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.completion.next_edit.formats import FORMATS, FormatReader, format_for, prompt
from spark_lsp.completion.next_edit.recent import Recent
from spark_lsp.completion.next_edit.rewritten import edit_of
from spark_lsp.completion.next_edit.window import Window, window
from spark_lsp.text import Document

TEXT = (
    "import json\n\n\ndef f(a):\n    one = a.get()\n    two = a.get()\n    return one + two\n"
    "\n\nprint(f(1))\n"
)


def viewed(line: int, old: str, new: str, text: str = TEXT, cursor: tuple[int, int] | None = None) -> Window:
    """The window after `old` became `new` in a line of the text."""
    document, recent = Document("file:///a.py", text, language="python", encoding="utf-32"), Recent()
    before, column = document.lines, document.lines[line].index(old)
    span = document.edit(line, column, line, column + len(old), new)
    recent.rewritten(span, before, document.lines)
    view = window(recent, document.lines, "python", "a.py", cursor or (line, column + len(new)))
    assert view is not None
    return view


def made(view: Window, edit: NextEdit) -> str:
    """The window's text after an edit."""
    above = "".join(f"{line}\n" for line in view.above)
    below = "\n".join(view.below)
    document = Document("file:///a.py", f"{above}{chr(10).join(view.lines)}\n{below}", encoding="utf-32")
    assert view.first == len(view.above)
    change = edit.line, edit.start, edit.end_line, edit.end
    document.edit(*change, edit.new)
    lines = document.text().split("\n")
    return "\n".join(lines[view.first : len(lines) - len(view.below) - (not view.below)])


def written(view: Window, old: str, new: str) -> list[str]:
    text = "\n".join(view.lines)
    assert old in text
    return text.replace(old, new, 1).split("\n")


EDITED = viewed(4, "a.get()", "await a.get()")


@pytest.mark.parametrize(
    ("old", "new", "edit"),
    [
        ("two = a", "two = await a", NextEdit(5, 10, 5, 10, "", "await ")),
        ("return one", "return 2 * one", NextEdit(6, 11, 6, 11, "", "2 * ")),
        ("one + two", "two", NextEdit(6, 11, 6, 17, "one + ", "")),
        ("    return", "    three = 3\n    return", NextEdit(5, 17, 5, 17, "", "\n    three = 3")),
        ("\nprint(f(1))", "", NextEdit(8, 0, 9, 11, "\nprint(f(1))", "")),
        ("import json\n", "", NextEdit(0, 0, 1, 0, "import json\n", "")),
        ("import json\n", "import os\nimport json\n", NextEdit(0, 0, 0, 0, "", "import os\n")),
    ],
)  # fmt: skip
def test_the_least_that_has_to_change(old: str, new: str, edit: NextEdit) -> None:
    lines = written(EDITED, old, new)
    found = edit_of(EDITED, lines)
    assert found == edit
    assert made(EDITED, edit) == "\n".join(lines)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        pytest.param(list(EDITED.lines), "changes nothing", id="the same"),
        pytest.param([f"{line} " for line in EDITED.lines], "changes nothing", id="blanks at the ends"),
        pytest.param(
            written(EDITED, "await a", "a"), "takes away what was just typed", id="typed text taken away"
        ),
        pytest.param(["x = 1"] * 80, "far more lines", id="endless"),
        pytest.param(["import json", "", "", "def f(a):"], "most of the window", id="cut off without a word"),
        pytest.param([], "most of the window", id="nothing"),
    ],
)
def test_what_is_not_offered(lines: list[str], why: str) -> None:
    found = edit_of(EDITED, lines)
    assert isinstance(found, str)
    assert why in found


def test_the_latest_edit_is_not_taken_back() -> None:
    view = viewed(5, "two", "second")
    assert isinstance(edit_of(view, written(view, "second = a", "two = a")), str)
    view = viewed(9, "print(f(1))", "")
    found = edit_of(view, [*view.lines[:-1], "print(f(1))"])
    assert isinstance(found, str)


def test_what_stands_around_the_window_is_not_said_again() -> None:
    text = "".join(f"line_number_{index} = {index}\n" for index in range(100))
    view = viewed(50, "50\n"[:-1], "51", text)
    again = edit_of(view, [view.above[-1], *view.lines])
    assert isinstance(again, str)
    assert "above" in again
    again = edit_of(view, [*view.lines, view.below[0]])
    assert isinstance(again, str)
    assert "below" in again


LINES = st.lists(st.sampled_from(("a = 1", "    b = a", "", "c(a, b)", "}", "# é😀")), min_size=1, max_size=8)


@given(LINES, st.integers(0, 7))
def test_an_edit_stays_in_its_window_and_keeps_what_was_typed(lines: list[str], row: int) -> None:
    """Whatever a model writes: what is offered changes lines of the window alone, and all that was typed
    stays."""
    text = "".join(f"head_{index}\n" for index in range(20)) + "x = typed\n" + "tail\n" * 40
    view = viewed(20, "x", "fresh", text)
    found = edit_of(view, [*view.lines[: row % len(view.lines)], *lines])
    if isinstance(found, NextEdit):
        assert view.first - 1 <= found.line <= found.end_line < view.last
        assert "fresh" in made(view, found)


@pytest.mark.parametrize("form", FORMATS)
def test_a_form_and_its_answer(form: str) -> None:
    asked = prompt(EDITED, form)
    style = FORMATS[form]
    assert asked.rendered is not None
    assert style.cursor in asked.rendered
    assert "    one = await a.get()" in asked.rendered.replace(style.cursor, "")
    assert "one = a.get()" in asked.rendered, "what it was before"
    reader = FormatReader(form)
    answer = "\n".join(written(EDITED, "two = a", "two = await a"))
    for character in f"{answer}\n{style.ends[0]} and more":
        reader.feed(character)
    assert reader.done
    assert reader.lines is not None
    assert edit_of(EDITED, reader.lines) == NextEdit(5, 10, 5, 10, "", "await ")


@pytest.mark.parametrize("form", FORMATS)
def test_a_form_is_not_ended_by_the_text(form: str) -> None:
    style = FORMATS[form]
    view = viewed(4, "a.get()", f'"{style.ends[0]}"')
    asked = prompt(view, form).rendered
    assert asked is not None
    assert f'"{style.ends[0]}' not in asked, "there is a blank in it"
    reader = FormatReader(form)
    reader.feed("x = 1\n")
    reader.finish(complete=False)
    assert reader.lines is None, "cut off"


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("zed-industries/zeta", "zeta"),
        ("zeta-2", "zeta-2"),
        ("sweepai/sweep-next-edit-1.5B", "sweep"),
        ("continuedev/instinct", "instinct"),
        ("mercury-edit-2", "mercury"),
        ("qwen2.5-coder-7b", None),
    ],
)
def test_which_model_has_which_form(model: str, form: str | None) -> None:
    assert format_for(model) == form
