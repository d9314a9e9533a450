"""Where a growing text can be shown for the first time."""

from __future__ import annotations

from spark_lsp.completion.brackets import CLOSERS, OPENERS, marks


def first_boundary(text: str, line_before: str, language: str = "") -> int | None:
    """The index just behind the first statement of `text`, None while it has no end yet.

    A statement ends with its line, or with a semicolon outside brackets (`for (;;)` goes on).
    `line_before` is the cursor's line up to the cursor. The index stands before the line end,
    so that `text[:index]` never ends in one.
    """
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    statement = text if end < 0 else text[:end]
    depth = 0
    for index, mark in marks(line_before + statement, language):
        depth += (mark in OPENERS) - (mark in CLOSERS)
        if mark == ";" and depth <= 0 and index >= len(line_before):
            return index + 1 - len(line_before)
    return end if end >= 0 else None
