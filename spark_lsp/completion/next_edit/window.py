"""What a model is shown of a document to write the next edit: some lines around the cursor, and the
latest edits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff

from spark_lsp.completion.next_edit.recent import Hunk, Recent
from spark_lsp.text import Lines, line_body

ABOVE, BELOW = 10, 14
"""Lines of the window above and below the cursor's."""

AROUND = 60
"""Lines on each side of the window that are shown and may not be changed."""

EDITS = 6
"""Of the latest ones so many are told."""

LONGEST_LINE = 400
"""Code points: a window with a longer line is nobody's handwriting."""


@dataclass(frozen=True, slots=True)
class Past:
    """An edit: the lines that stood there and those that do now, from line `first` (0-based) on."""

    first: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    def diff(self, path: str) -> str:
        """As a unified diff."""
        text = unified_diff(self.old, self.new, f"a/{path}", f"b/{path}", n=2, lineterm="")
        return "\n".join(text)


@dataclass(frozen=True, slots=True)
class Window:
    """Lines `first` to `last` (exclusive) of a document, which may be rewritten, and what is around them.

    No line has its line end. `row` is the cursor's line in `lines`, `column` code points. `before` is
    what stood in the place of `lines` before the latest edits.
    """

    path: str
    language: str
    first: int
    lines: tuple[str, ...]
    row: int
    column: int
    above: tuple[str, ...]
    below: tuple[str, ...]
    before: tuple[str, ...]
    edits: tuple[Past, ...]

    @property
    def last(self) -> int:
        return self.first + len(self.lines)


def window(recent: Recent, lines: Lines, language: str, path: str, cursor: tuple[int, int]) -> Window | None:
    """The window around the cursor; None where nothing was edited lately, or a line is too long."""
    edits = tuple(_past(recent, lines))
    if not edits:
        return None
    row, column = min(cursor[0], lines.count - 1), cursor[1]
    first, last = max(row - ABOVE, 0), min(row + BELOW + 1, lines.count)
    if last == lines.count and last - first > 1 and not lines[last - 1]:
        last -= 1  # behind the last line end there is no line
    shown = tuple(map(line_body, lines.slice(first, last)))
    if any(len(line) > LONGEST_LINE for line in shown) or not any(line.strip() for line in shown):
        return None
    return Window(
        path=path,
        language=language,
        first=first,
        lines=shown,
        row=min(row, last - 1) - first,
        column=column,
        above=tuple(map(line_body, lines.slice(first - AROUND, first))),
        below=tuple(map(line_body, lines.slice(last, last + AROUND))),
        before=_before(recent, lines, first, last),
        edits=edits,
    )


def _past(recent: Recent, lines: Lines) -> Iterator[Past]:
    for hunk in recent.hunks[-EDITS:]:
        if hunk.end <= lines.count:
            new = tuple(map(line_body, lines.slice(hunk.first, hunk.end)))
            yield Past(hunk.first, tuple(map(line_body, hunk.old)), new)


def _before(recent: Recent, lines: Lines, first: int, last: int) -> tuple[str, ...]:
    """The window's lines without the hunks that lie in it."""
    parts: list[str] = []
    at = first
    within = [hunk for hunk in recent.hunks[-EDITS:] if first <= hunk.first and hunk.end <= last]
    for hunk in sorted(within, key=_begins):
        parts += map(line_body, lines.slice(at, hunk.first))
        parts += map(line_body, hunk.old)
        at = hunk.end
    return (*parts, *map(line_body, lines.slice(at, last)))


def _begins(hunk: Hunk) -> int:
    return hunk.first
