"""The next edit of each open document: what was edited lately, what is offered, what was turned down."""

from __future__ import annotations

from dataclasses import dataclass, field

from spark_lsp.completion.next_edit import NextEdit, candidates
from spark_lsp.completion.recent import Recent
from spark_lsp.text import Document, Lines, Span, column_of, line_body

NAMES_KEPT = 256

_Place = tuple[str, str, str, int]


@dataclass(slots=True)
class _Entry:
    recent: Recent = field(default_factory=Recent)
    rejected: set[_Place] = field(default_factory=set)


class NextEdits:
    """Follows the documents of one client."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._offered: dict[str, tuple[str, _Place]] = {}
        self._count = 0

    def closed(self, uri: str) -> None:
        self._entries.pop(uri, None)

    def changed(
        self,
        document: Document,
        before: Lines,
        change: tuple[int, int, int, int] | None,
        text: str,
        span: Span,
    ) -> None:
        """A change of `document`, whose lines were `before`, was applied."""
        if change is None:
            self.closed(document.uri)
            return
        entry = self._entries.get(document.uri)
        if entry is None:
            entry = self._entries[document.uri] = _Entry()
        recent = entry.recent
        line, start, end_line, end = change
        if line == end_line == span.first and span.removed == span.added == 1 and line < before.count:
            body = before[line]
            first = last = column_of(body, min(start, end), document.encoding)
            if start != end:
                last = column_of(body, max(start, end), document.encoding)
            recent.replaced(line, first, body[first:last], text)
        else:
            recent.shifted(*span)

    def latest(self, document: Document, most: int) -> list[tuple[int, str]]:
        """The latest edits within a line, the newest first: the line's number, and the edit as a diff."""
        entry = self._entries.get(document.uri)
        found: list[tuple[int, str]] = []
        for edit in reversed(entry.recent.edits if entry is not None else ()):
            if len(found) == most or edit.line >= document.lines.count:
                break
            line = line_body(document.lines[edit.line])
            before = line[: edit.column] + edit.old + line[edit.end :]
            if before.strip() and line.strip() and before != line:
                found.append((edit.line, f"-{before.strip()}\n+{line.strip()}"))
        return found

    def next(self, document: Document) -> tuple[str, NextEdit] | None:
        """The likely next edit with the name it is accepted or rejected by, None where nothing is likely."""
        entry = self._entries.get(document.uri)
        if entry is None:
            return None
        for edit in candidates(entry.recent, document.lines, document.language):
            place = _place(edit, document.lines[edit.line])
            if place not in entry.rejected:
                self._count += 1
                name = str(self._count)
                self._offered[name] = document.uri, place
                if len(self._offered) > NAMES_KEPT:
                    del self._offered[next(iter(self._offered))]
                return name, edit
        return None

    def accepted(self, name: str) -> None:
        """Its text arrives as a change, like any other."""
        self._offered.pop(name, None)

    def rejected(self, name: str) -> None:
        """It stays away, until its line is changed."""
        uri, place = self._offered.pop(name, ("", None))
        entry = self._entries.get(uri)
        if entry is not None and place is not None:
            entry.rejected.add(place)


def _place(edit: NextEdit, line: str) -> _Place:
    """The place as it was before any other place of its line was changed."""
    if not edit.new:
        return edit.old, edit.new, line, edit.start
    head = line[: edit.start].replace(edit.new, edit.old)
    return edit.old, edit.new, line.replace(edit.new, edit.old), len(head)
