"""Laws of the next edit: it is within the text, changes something, and leaves the latest edit alone."""

from __future__ import annotations

import re

from hypothesis import event, given
from hypothesis import strategies as st

from spark_lsp.completion.next_edit.candidates import candidates
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
        for offer in candidates(recent, document.lines, "python", now=recent.changed_at + 1):
            event("offered")
            latest = recent.edits[-1]
            assert offer.old != offer.new
            assert offer.line == offer.end_line
            assert document.lines[offer.line][offer.start : offer.end] == offer.old
            if offer.line == latest.line:
                assert offer.end <= latest.column or offer.start >= latest.end
