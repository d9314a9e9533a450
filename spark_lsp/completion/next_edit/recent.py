"""The latest edits of a document: within a line, key by key, and as runs of lines with what stood there
before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.completion.next_edit.code import begins_word, ends_word, is_word
from spark_lsp.text import Lines, Span, line_body

KEPT = 64
"""Edits within a line."""

HUNKS = 100
"""Runs of lines."""

LARGEST = 200
"""Lines of a run. What changes more at a time is no edit by hand."""


@dataclass(slots=True)
class Edit:
    """At `column` of `line` (code points, as the text is now) stands `new`, where `old` stood."""

    line: int
    column: int
    old: str
    new: str

    @property
    def end(self) -> int:
        return self.column + len(self.new)


@dataclass(slots=True)
class Hunk:
    """`count` lines from `first` on, as the text is now, where the lines `old` stood; either may be none.
    `offered`: it was one of our offers that was taken, and nothing else."""

    first: int
    count: int
    old: tuple[str, ...]
    offered: bool = False

    @property
    def end(self) -> int:
        return self.first + self.count


class Recent:
    """Edits and hunks, the latest last. Keys typed into the same word are one edit, those into the same
    lines one hunk.

    `changed_at` is in seconds of the caller's clock; `taken` when the latest change was an offer of ours.
    """

    __slots__ = ("changed_at", "deleting", "edits", "fresh", "hunks", "taken")

    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self.hunks: list[Hunk] = []
        self.fresh = False
        self.deleting = False
        self.changed_at = 0.0
        self.taken = False

    # --- within a line

    def replaced(self, line: int, column: int, old: str, new: str) -> None:
        """`old` at a place within one line became `new`."""
        self.fresh, self.deleting = True, not new
        last = self.edits[-1] if self.edits else None
        delta = len(new) - len(old)
        self._make_room(line, column, column + len(old), delta)
        if last is None or last.line != line or column > last.end or column + len(old) < last.column:
            if last is not None and last.line == line and last.column >= column:
                last.column += delta
            self.edits.append(Edit(line, column, old, new))
            del self.edits[:-KEPT]
            return
        ahead, behind = max(last.column - column, 0), max(column + len(old) - last.end, 0)
        inside = column - last.column
        kept_before = last.new[: max(inside, 0)]
        kept_behind = last.new[max(inside + len(old), 0) :]
        last.old = old[:ahead] + last.old + (old[len(old) - behind :] if behind else "")
        last.new = kept_before + new + kept_behind
        last.column = min(last.column, column)

    def _make_room(self, line: int, start: int, end: int, delta: int) -> None:
        """Move earlier edits behind a change of columns `start` to `end`; those that it cuts are over."""
        over = []
        for edit in self.edits[:-1]:
            if edit.line != line or edit.end <= start:
                continue
            if edit.column >= end:
                edit.column += delta
            else:
                over.append(edit)
        if over:
            self.edits = [edit for edit in self.edits if not any(edit is each for each in over)]

    def shifted(self, first: int, removed: int, added: int) -> None:
        """Lines came or went: from `first`, `removed` lines became `added`."""
        self.fresh = self.deleting = False
        self.edits = [edit for edit in self.edits if not first <= edit.line < first + removed]
        for edit in self.edits:
            if edit.line >= first + removed:
                edit.line += added - removed

    # --- lines

    def rewritten(self, span: Span, before: Lines, after: Lines, *, offered: bool = False) -> None:
        """The lines of `span` changed: `before` is the whole text until then, `after` from then on."""
        first, removed, added = span
        touched = [hunk for hunk in self.hunks if hunk.first < first + removed and first < hunk.end]
        touched.sort(key=lambda hunk: hunk.first)
        low = min([first, *(hunk.first for hunk in touched)])
        high = max([first + removed, *(hunk.end for hunk in touched)])
        delta = added - removed
        if high - low + max(delta, 0) > LARGEST:
            self.hunks.clear()
            return
        old: list[str] = []
        at = low
        for hunk in touched:
            old += before.slice(at, hunk.first)
            old += hunk.old
            at = hunk.end
        old += before.slice(at, high)
        self.hunks = [hunk for hunk in self.hunks if hunk.end <= low or hunk.first >= high]
        for hunk in self.hunks:
            if hunk.first >= high:
                hunk.first += delta
        merged = _trimmed(low, old, list(after.slice(low, high + delta)), offered=offered and not touched)
        if merged is not None:
            self.hunks.append(merged)
            del self.hunks[:-HUNKS]

    def text_before(self, lines: Lines, hunk: Hunk) -> Lines:
        """The text as it would be without this hunk."""
        if hunk.count:
            rest = () if hunk.old or hunk.count < lines.count else ("",)
            return lines.splice(hunk.first, hunk.end, (*hunk.old, *rest))
        if hunk.first < lines.count:
            return lines.splice(hunk.first, hunk.first + 1, (*hunk.old, lines[hunk.first]))
        return lines.splice(lines.count - 1, lines.count, (lines[lines.count - 1], *hunk.old))


def _trimmed(first: int, old: Sequence[str], new: Sequence[str], *, offered: bool) -> Hunk | None:
    """A hunk of the lines that differ, None where none do."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    gone = tuple(old[head : len(old) - tail])
    count = len(new) - head - tail
    return Hunk(first + head, count, gone, offered) if gone or count else None


def whole_words(edit: Edit, lines: Lines) -> Edit:
    """The edit with the rest of the words that it is in."""
    text = line_body(lines[edit.line])
    start, end = edit.column, edit.end
    while start and is_word(text[start - 1]) and (begins_word(edit.new) or begins_word(edit.old)):
        start -= 1
    while end < len(text) and is_word(text[end]) and (ends_word(edit.new) or ends_word(edit.old)):
        end += 1
    head, tail = text[start : edit.column], text[edit.end : end]
    return Edit(edit.line, start, head + edit.old + tail, head + edit.new + tail)
