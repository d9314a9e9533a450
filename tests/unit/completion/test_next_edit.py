"""Laws of the next edit: it is within the text, changes something, and leaves the latest edit alone."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import event, given
from hypothesis import strategies as st

from spark_lsp.completion.next_edit.candidates import candidates
from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.completion.next_edit.recent import Edit, Recent
from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document

LINES = st.lists(
    st.sampled_from(
        (
            "    def f(a, b):",
            "    a = b + a",
            "    b = foo(a)",
            "\tb = foo(a)",
            "    foo(a, '😀', a)  # a",
            '    c = f"{a} a"',
            "",
            "    return a",
            "class A:",
        )
    ),
    min_size=2,
    max_size=12,
)
TEXTS = ("", "x", "a", ", 1", "\n")
KEYS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 2), st.sampled_from(TEXTS)),
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.none(), st.sampled_from(("x", "fresh", "a"))),
    ),
    min_size=1,
    max_size=8,
)
"""Line, column, size and new text; or line, which word of it, and the name that takes its place."""


@given(LINES, KEYS, st.sampled_from(("\n", "\r\n")))
def test_an_offer_applies_and_changes_something(
    rows: list[str], keys: list[tuple[int, int, int | None, str]], newline: str
) -> None:
    document = Document(
        "file:///a.py", newline.join(["def f(a, b):", *rows]), language="python", encoding="utf-32"
    )
    edits = NextEdits()
    for row, place, size, text in keys:
        line, start = row % document.lines.count, place
        if size is None:
            words = list(re.finditer(r"\w+", document.lines[line]))
            if not words:
                continue
            start, end = words[place % len(words)].span()
            size = end - start
        before, change = document.lines, (line, start, line, start + size)
        edits.changed(document, before, change, text, document.edit(*change, text))
        recent = edits._entries[document.uri].recent
        for each in recent.edits:
            assert document.lines[each.line][each.column : each.end] == each.new, "edits move with the text"
        for offer in candidates(recent, document.lines, "python", now=recent.changed_at + 9, cursor=(-1, 0)):
            event("offered")
            assert offer.old != offer.new
            assert _standing(document, offer) == offer.old
            if not recent.edits:
                continue
            latest = recent.edits[-1]
            if offer.line == latest.line == offer.end_line:
                assert offer.end <= latest.column or offer.start >= latest.end
            assert _after(document, offer, latest) == latest.new, "what was typed stays"


def _standing(document: Document, offer: NextEdit) -> str:
    """What stands where an offer would be made."""
    lines = list(document.lines.slice(offer.line, offer.end_line + 1))
    lines[-1] = lines[-1][: offer.end]
    lines[0] = lines[0][offer.start :]
    return "".join(lines).replace("\r\n", "\n")


def _after(document: Document, offer: NextEdit, latest: Edit) -> str:
    """What stands at the place of the latest edit once the offer is taken."""
    copy = Document("file:///a.py", document.text(), encoding="utf-32")
    copy.edit(offer.line, offer.start, offer.end_line, offer.end, offer.new)
    line, column = latest.line, latest.column
    if offer.end_line < line:
        line += offer.new.count("\n") - (offer.end_line - offer.line)
    elif offer.end_line == line and offer.end <= column:
        ends = offer.start + len(offer.new) if "\n" not in offer.new else len(offer.new.rpartition("\n")[2])
        line, column = offer.line + offer.new.count("\n"), column - offer.end + ends
    return copy.lines[line][column : column + len(latest.new)]


@given(LINES, KEYS, st.sampled_from(("\n", "\r\n")))
def test_without_its_hunks_a_text_is_what_it_was(
    rows: list[str], keys: list[tuple[int, int, int | None, str]], newline: str
) -> None:
    document = Document("file:///a.py", newline.join(["def f(a, b):", *rows]), encoding="utf-32")
    original, recent = document.lines, Recent()
    for row, place, size, text in keys:
        before, line = document.lines, row % document.lines.count
        over = (row + 1) % document.lines.count if size is None else line
        span = document.edit(line, place, over, place + (size or 0), text)
        recent.rewritten(span, before, document.lines)
        for hunk in recent.hunks:
            assert 0 <= hunk.first <= hunk.end <= document.lines.count
        for one, other in pairwise(sorted(recent.hunks, key=lambda hunk: hunk.first)):
            assert one.end <= other.first, "no line is in two of them"
    lines, places = document.lines, [(hunk.first, hunk.count) for hunk in recent.hunks]
    for hunk in sorted(recent.hunks, key=lambda hunk: -hunk.first):
        lines = recent.text_before(lines, hunk)
    if len({first for first, _ in places}) == len(places):
        event("in order")
        assert list(lines) == list(original)
    else:  # lines that were deleted at one place may have stood there in either order
        assert sorted(lines) == sorted(original)
