"""The latest edits of a document. Keys typed into the same word are one edit."""

from __future__ import annotations

from dataclasses import dataclass

KEPT = 64


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


class Recent:
    """Edits within one line, the latest last. A change of several lines ends those that it touches."""

    __slots__ = ("deleting", "edits", "fresh")

    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self.fresh = False
        self.deleting = False

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
        self.fresh = False
        self.edits = [edit for edit in self.edits if not first <= edit.line < first + removed]
        for edit in self.edits:
            if edit.line >= first + removed:
                edit.line += added - removed
