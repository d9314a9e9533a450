"""The next edit of each open document: what was edited lately, what is offered, what was turned down."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from spark_lsp.completion.next_edit.candidates import Place, candidates, settles_in
from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.completion.next_edit.recent import Recent
from spark_lsp.text import Document, Lines, Span, column_of, line_body

if TYPE_CHECKING:  # not before something is edited: see `candidates`
    from spark_lsp.completion.next_edit.calls import Changed

NAMES_KEPT = 256

NEIGHBOURS = 20
"""Other open documents that calls are looked for in."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """What an offer changes and what stands around it, as it was before any other place there was changed."""

    old: str
    new: str
    line: str
    column: int
    above: str
    below: str

    def is_at(self, other: _Spot) -> bool:
        """Whether it is the same place, whatever was edited elsewhere: one of its neighbours may have
        changed."""
        mine, theirs = (
            (self.old, self.new, self.line, self.column),
            (other.old, other.new, other.line, other.column),
        )
        return mine == theirs and (self.above == other.above or self.below == other.below)


@dataclass(slots=True)
class _Entry:
    recent: Recent = field(default_factory=Recent)
    rejected: list[_Spot] = field(default_factory=list)


class NextEdits:
    """Follows the documents of one client. `documents` are those that are open, by URI."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._offered: dict[str, tuple[NextEdit, _Spot]] = {}
        self._count = 0

    # --- what it is told

    def closed(self, uri: str) -> None:
        self._entries.pop(uri, None)

    def changed(
        self,
        document: Document,
        before: Lines,
        change: tuple[int, int, int, int] | None,
        text: str,
        span: Span,
        now: float | None = None,
    ) -> None:
        """A change of `document`, whose lines were `before`, was applied."""
        if change is None:
            self.closed(document.uri)
            return
        entry = self._entries.get(document.uri)
        if entry is None:
            entry = self._entries[document.uri] = _Entry()
        recent = entry.recent
        recent.changed_at = time.monotonic() if now is None else now
        line, start, end_line, end = change
        recent.taken = self._is_offer(document, before, change, text)
        if line == end_line == span.first and span.removed == span.added == 1 and line < before.count:
            body = before[line]
            first = last = column_of(body, min(start, end), document.encoding)
            if start != end:
                last = column_of(body, max(start, end), document.encoding)
            recent.replaced(line, first, body[first:last], text)
        else:
            recent.shifted(*span)
        recent.rewritten(span, before, document.lines, offered=recent.taken)

    def _is_offer(
        self, document: Document, before: Lines, change: tuple[int, int, int, int], text: str
    ) -> bool:
        """Whether a change is what was offered last, taken whole."""
        if not self._offered:
            return False
        edit = next(reversed(self._offered.values()))[0]
        line, start, end_line, end = change
        if (
            edit.uri != document.uri
            or edit.line != line
            or edit.end_line != end_line
            or end_line >= before.count
        ):
            return False
        columns = (
            column_of(before[line], start, document.encoding),
            column_of(before[end_line], end, document.encoding),
        )
        return columns == (edit.start, edit.end) and text.replace("\r\n", "\n") == edit.new

    def accepted(self, name: str) -> None:
        """Its text arrives as a change, like any other."""

    def rejected(self, name: str) -> None:
        """It stays away, until what it would change has changed."""
        edit, spot = self._offered.pop(name, (None, None))
        entry = self._entries.setdefault(edit.uri, _Entry()) if edit is not None else None
        if entry is not None and spot is not None:
            entry.rejected.append(spot)
            del entry.rejected[:-NAMES_KEPT]

    # --- what it offers

    def settles_in(self, document: Document, cursor: Place | None, now: float) -> float:
        """Seconds until the latest edit of this document counts as made."""
        entry = self._entries.get(document.uri)
        return 0.0 if entry is None else settles_in(entry.recent, cursor, now)

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

    def recent(self, uri: str) -> Recent | None:
        """The latest edits of a document, None where there are none."""
        entry = self._entries.get(uri)
        return None if entry is None else entry.recent

    def next(
        self,
        document: Document,
        cursor: Place | None = None,
        now: float | None = None,
        documents: Mapping[str, Document] | None = None,
        *,
        far: bool = False,
    ) -> tuple[str, NextEdit] | None:
        """The likely next edit with the name it is accepted or rejected by, None where nothing is likely.

        In another document than this one only with `far`.
        """
        at = time.monotonic() if now is None else now
        known = documents or {document.uri: document}
        for edit in self._found(document, cursor, at, known, far=far):
            offer = self.offer(edit, known[edit.uri])
            if offer is not None:
                return offer
        return None

    def offer(self, edit: NextEdit, document: Document) -> tuple[str, NextEdit] | None:
        """The edit by the name it is offered by; None where it was turned down."""
        spot, entry = _spot(edit, document.lines), self._entries.get(document.uri)
        if entry is not None and any(spot.is_at(each) for each in entry.rejected):
            return None
        self._count += 1
        name = str(self._count)
        self._offered[name] = edit, spot
        if len(self._offered) > NAMES_KEPT:
            del self._offered[next(iter(self._offered))]
        return name, edit

    def _found(
        self,
        document: Document,
        cursor: Place | None,
        now: float,
        known: Mapping[str, Document],
        *,
        far: bool,
    ) -> Iterator[NextEdit]:
        entry = self._entries.get(document.uri)
        if entry is not None:
            if settles_in(entry.recent, cursor, now):
                return
            for edit in candidates(entry.recent, document.lines, document.language, now=now, cursor=cursor):
                yield _in(document.uri, edit)
        changed = list(self._changed_signatures(known, now))
        for uri in (document.uri, *(uri for uri in known if uri != document.uri and far)):
            target = known[uri]
            for source, one in changed:
                if source.uri != uri and source.language == target.language:
                    yield from self._elsewhere(source, one, target)

    def _changed_signatures(
        self, known: Mapping[str, Document], now: float
    ) -> Iterator[tuple[Document, Changed]]:
        from spark_lsp.completion.next_edit.calls import changed_signature

        if len(known) > 1:
            for uri, entry in self._entries.items():
                source = known.get(uri)
                if source is not None and not settles_in(entry.recent, None, now):
                    one = changed_signature(entry.recent, source.lines, source.language)
                    if one is not None:
                        yield source, one

    def _elsewhere(self, source: Document, one: Changed, target: Document) -> Iterator[NextEdit]:
        from spark_lsp.completion.next_edit.calls import elsewhere

        entry = self._entries.get(target.uri)
        done = [] if entry is None else [hunk for hunk in entry.recent.hunks if hunk.offered]
        for edit in elsewhere(one, PurePath(source.uri).stem, target.lines, target.language, target.uri):
            if not any(hunk.first <= edit.line < hunk.end for hunk in done):
                yield edit


def _in(uri: str, edit: NextEdit) -> NextEdit:
    return NextEdit(edit.line, edit.start, edit.end_line, edit.end, edit.old, edit.new, uri)


def _spot(edit: NextEdit, lines: Lines) -> _Spot:
    line = lines[edit.line]
    above = lines[edit.line - 1] if edit.line else ""
    below = lines[edit.end_line + 1] if edit.end_line + 1 < lines.count else ""

    def as_it_was(text: str) -> str:
        return text.replace(edit.new, edit.old) if edit.new else text

    head = as_it_was(line[: edit.start])
    return _Spot(edit.old, edit.new, as_it_was(line), len(head), as_it_was(above), as_it_was(below))
