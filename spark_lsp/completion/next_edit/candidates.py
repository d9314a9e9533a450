"""The likely next edits, without a model: a rename carried on, a changed signature's calls, a change made
twice.

A wrong offer is an interruption, so nothing is offered in the middle of a word.
"""

from __future__ import annotations

import re

from spark_lsp.completion.next_edit.code import LONGEST, NAME
from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.completion.next_edit.recent import Recent, whole_words
from spark_lsp.completion.next_edit.renames import renames
from spark_lsp.completion.next_edit.repeats import repeats
from spark_lsp.completion.next_edit.siblings import siblings
from spark_lsp.text import Lines

Place = tuple[int, int]
"""A line and a column in code points."""

SETTLE = 0.25
"""Seconds since the last key after which an edit counts as made, once the cursor has left it."""

SETTLE_AT_END = 1.5
"""The same while the cursor stands where the last key left it. Of the intervals between two keys one in four
is longer than SETTLE, one in fifty than this."""


def settles_in(recent: Recent, cursor: Place | None, now: float) -> float:
    """Seconds until the latest edit counts as made; 0 when it does. An offer that was taken is whole at
    once."""
    if recent.taken or not recent.hunks:
        return 0.0
    wait = SETTLE_AT_END if cursor is None or _at_end(recent, cursor) else SETTLE
    return max(recent.changed_at + wait - now, 0.0)


def candidates(
    recent: Recent, lines: Lines, language: str, *, now: float, cursor: Place | None = None
) -> list[NextEdit]:
    """Where the latest edits are to be carried on, the nearest first.

    `now` is of the same clock as `recent.changed_at`; no `cursor` is one that has not moved since.
    """
    if settles_in(recent, cursor, now):
        return []
    # Its patterns take longer to make than a server's start should wait for.
    from spark_lsp.completion.next_edit.calls import call_edits, changed_signature

    line = recent.edits[-1].line if recent.edits else 0
    found = [] if not recent.fresh or not recent.edits else _within_lines(recent, lines, language, cursor)
    changed = changed_signature(recent, lines, language)
    half_typed = changed is not None and _half_typed(
        changed.new.name, changed.old.name, recent, lines, cursor
    )
    if changed is None or half_typed:
        return _nearest(found or _siblings(recent, lines), line)
    taken = [hunk.first for hunk in recent.hunks if hunk.offered]
    near = taken[-1] if taken else changed.new.line
    calls = [
        edit
        for edit in call_edits(recent, changed, lines, language)
        if not any(
            edit.line == other.line and edit.start < other.end and other.start < edit.end for other in found
        )
    ]
    return [*_nearest(found, line), *_nearest(calls, near)] or _nearest(_siblings(recent, lines), line)


def _siblings(recent: Recent, lines: Lines) -> list[NextEdit]:
    return [] if recent.deleting else list(siblings(recent, lines))


def _nearest(edits: list[NextEdit], line: int) -> list[NextEdit]:
    return sorted(edits, key=lambda each: (abs(each.line - line), each.line, each.start))


def _within_lines(recent: Recent, lines: Lines, language: str, cursor: Place | None) -> list[NextEdit]:
    edit = recent.edits[-1]
    if edit.line >= lines.count or len(lines[edit.line]) > LONGEST:
        return []
    whole = whole_words(edit, lines)
    if whole.old == whole.new:
        return []
    if not (NAME.match(whole.old) and NAME.match(whole.new)):
        return list(repeats(recent, lines, language))
    if (cursor is None or _at_end(recent, cursor)) and _half_typed(
        whole.new, whole.old, recent, lines, cursor
    ):
        return []
    return list(renames(recent, whole, lines, language))


def _at_end(recent: Recent, cursor: Place) -> bool:
    """Whether the cursor stands behind what was typed last."""
    if recent.fresh and recent.edits:
        return cursor == (recent.edits[-1].line, recent.edits[-1].end)
    hunk = recent.hunks[-1]
    return hunk.first <= cursor[0] < max(hunk.end, hunk.first + 1)


def _half_typed(new: str, old: str, recent: Recent, lines: Lines, cursor: Place | None) -> bool:
    """Whether a name at whose end the cursor stands is more likely the beginning of one."""
    if recent.taken or not recent.edits or (cursor is not None and not _at_end(recent, cursor)):
        return False
    if new.endswith("_") or (old.startswith(new) and old != new):
        return True
    longer = re.compile(rf"(?<!\w){re.escape(new)}\w")
    return longer.search(lines.text()) is not None
