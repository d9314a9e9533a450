"""What an editor shows, and whether the checker sees what must never be shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.cli.typing.checker import Checker
from spark_lsp.cli.typing.editor import Buffer, Change, Place, Screen, item_of, unmatched

TEXT = "def area(a, b):\n    \n\n\ndef side(a):\n    return a\n"


def item(text: str, start: int, end: int, line: int = 1) -> dict[str, Any]:
    place = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
    return {"insertText": text, "range": place, "command": {"arguments": ["1", "cached"]}}


def buffer(line: str = "    ", column: int | None = None, below: str = "") -> Buffer:
    """A function whose body is `line`, the cursor in it at `column` or at its end."""
    text = TEXT.replace("    \n", f"{line}\n{below}", 1)
    return Buffer("file:///area.py", text, Place(1, len(line) if column is None else column))


@pytest.mark.parametrize(
    ("document", "raw", "shown", "truth", "kinds"),
    [
        (buffer(), item("    return a * b", 0, 4), "", "return a * b", []),
        (buffer(), item("return a * b", 4, 4), "", "", []),
        (buffer(), None, "return", "", []),
        # What does not belong to the text as it is now.
        (buffer("    ret"), item("    raise", 0, 7), "", "", ["contradictions"]),
        (buffer(), item("  return", 0, 4), "", "", []),
        (buffer("    r"), item("  return", 0, 5), "", "", ["contradictions"]),
        (buffer(), item("    return", 0, 9), "", "", ["contradictions"]),
        (buffer(), item("    return", 0, 4, line=2), "", "", ["contradictions"]),
        (buffer("    return a"), item("    ret", 0, 7), "", "", ["contradictions"]),
        (buffer("    ret"), item("    return", 0, 5), "", "", ["contradictions"]),
        # What would stand there twice.
        (buffer("    f()", 6), item("    f(a)", 0, 6), "", "", ["doubled"]),
        (buffer("    f()", 6), item("    f(a)", 0, 7), "", "", []),
        (buffer('    f("")', 7), item('    f("a")', 0, 7), "", "", ["doubled"]),
        (buffer("    f()", 6), item("    f(g()", 0, 6), "", "g()", []),
        (buffer("    f()", 6), item("    f(g()", 0, 6), "", "", []),
        (buffer("    f(g())", 8), item("    f(g(a)", 0, 9), "", "", []),
        (buffer("    f(g())", 8), item("    f(g(a))", 0, 9), "", "", ["doubled"]),
        (buffer(below="    x = 1\n"), item("    y = 2\n    x = 1", 0, 4), "", "", ["doubled"]),
        (buffer(below="    x = 1\n"), item("    x = 1", 0, 4), "", "", ["doubled"]),
        (buffer(below="    x = 1\n"), item("    x = 1", 0, 4), "", "x = 1\n    x = 1", []),
        (buffer(below="    x = 1\n"), item("    y = 1", 0, 4), "", "", []),
        # What does not stay still.
        (buffer(), item("    return a", 0, 4), "return", "", []),
        (buffer(), item("    return", 0, 4), "return a", "", ["flicker"]),
        (buffer(), item("    raise", 0, 4), "return a", "", ["flicker"]),
    ],
)
def test_planted_faults(
    document: Buffer, raw: dict[str, Any] | None, shown: str, truth: str, kinds: list[str]
) -> None:
    checker = Checker("a session")
    checker.answered(raw, document, shown, truth, 7)
    assert sorted(checker.counts.elements()) == kinds
    assert [(finding.kind, finding.key) for finding in checker.findings] == [(kind, 7) for kind in kinds]


@pytest.mark.parametrize(
    ("typed", "said", "found"),
    [
        (["r"], "    return a", 1),
        (["r", "e"], "    return a", 1),
        (["r"], "    raise", 0),
        (["x"], "    xeturn a", 0),
        ([None, "r"], "    return a", 0),
    ],
)
def test_what_goes_and_comes_back(typed: list[str | None], said: str, found: int) -> None:
    """It vanished, then so much was typed (None: something else was done), then this was said."""
    checker, document = Checker("a session"), buffer()
    checker.answered(None, document, "return a", "", 1)
    for key in typed:
        if key is None:
            checker.moved()
        else:
            checker.entered(key)
            document.insert(key)
    checker.answered(item(said, 0, document.at.column), document, "", "", 2)
    assert checker.counts["flicker"] == found


GHOST = "return a * b\n    # done"


@given(st.integers(0, len(GHOST)), st.integers(0, len(GHOST)))
def test_ghost_text_survives_the_keys_that_match_it(first: int, second: int) -> None:
    screen, document = Screen(), buffer()
    screen.show(item_of(item("    " + GHOST[: len(GHOST) // 2], 0, 4), document), 3)
    for index, key in enumerate(GHOST[:first]):
        matches = index < len(GHOST) // 2
        assert screen.enter(key) == matches
    assert screen.ghost == GHOST[first : len(GHOST) // 2]
    screen.enter("?")
    assert not screen.ghost


@given(st.lists(st.integers(1, 7), min_size=1, max_size=3))
def test_the_wait_is_that_of_the_state_it_was_first_seen_at(growth: list[int]) -> None:
    screen, document = Screen(), buffer()
    length = 0
    for state, more in enumerate(growth):
        before = length
        length += more
        raw = item("    " + GHOST[:length], 0, 4)
        screen.show(item_of(raw, document), state)
        assert screen.identity == 1
        assert screen.states_of(GHOST[:length]) == (0, state)
        assert screen.states_of(GHOST[: before + 1]) == (0, state)
    assert screen.states_of(GHOST[:1]) == (0, 0)


def test_another_text_is_another_suggestion() -> None:
    screen, document = Screen(), buffer()
    for number, said in enumerate(("return a", "raise", "raise Error"), start=1):
        screen.show(item_of(item(f"    {said}", 0, 4), document), number)
    assert screen.identity == 2
    assert screen.states_of("raise") == (2, 2)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "\n  ", "😀", " ", "(", ")", "["]), st.booleans()), max_size=20)
)
def test_what_the_server_is_told_is_what_happened(keys: list[tuple[str, bool]]) -> None:
    """The changes, applied elsewhere as the LSP says, lead to the same text."""
    line = "    😀x"
    mine = Buffer("file:///area.py", line, Place(0, len(line)), closes=True)
    theirs = buffer(line).document
    theirs.replace(line)
    for text, removes in keys:
        change = mine.insert("", 1) if removes and mine.at.column else mine.type(text)
        apply(theirs, change)
        assert mine.document.text() == theirs.text()
        assert mine.line_after.startswith(mine.closers)
        assert mine.line_before + mine.line_after == mine.document.lines[mine.at.line].rstrip("\n")


BALANCED = st.recursive(
    st.sampled_from(["a", "x = 1", " ", ","]),
    lambda inner: st.tuples(st.sampled_from(["()", "[]", "{}"]), st.lists(inner, max_size=3)).map(
        lambda pair: f"{pair[0][0]}{''.join(pair[1])}{pair[0][1]}"
    ),
)


@given(BALANCED)
def test_brackets_that_close_themselves_are_typed_over(text: str) -> None:
    document = Buffer("file:///area.py", "\n", Place(0, 0), closes=True)
    for character in text:
        document.type(character)
    assert document.document.text() == f"{text}\n"
    assert not document.closers
    assert document.at == Place(0, len(text))
    assert not unmatched(text)


@given(BALANCED)
def test_other_editors_close_nothing(text: str) -> None:
    document = Buffer("file:///area.py", "\n", Place(0, 0))
    for length, character in enumerate(text, start=1):
        document.type(character)
        assert document.document.text() == f"{text[:length]}\n"


@given(BALANCED, st.data())
def test_what_was_taken_is_undone(text: str, data: st.DataObject) -> None:
    """Whatever of it stood behind the cursor already: that stands there again."""
    document = Buffer("file:///area.py", "\n", Place(0, 0), closes=True)
    typed = data.draw(st.integers(0, len(text)))
    for character in text[:typed]:
        document.type(character)
    before, at, closers = document.document.text(), document.at, document.closers
    assert unmatched(text[typed:]) == closers
    document.take(text[typed:], closers)
    assert document.document.text() == f"{text}\n"
    document.undo(at, closers)
    assert (document.document.text(), document.at, document.closers) == (before, at, closers)
    document.drop_closers()
    assert document.document.text() == f"{text[:typed]}\n"


def apply(document: Any, change: Change) -> None:
    start, end = change["range"]["start"], change["range"]["end"]
    document.edit(start["line"], start["character"], end["line"], end["character"], change["text"])
