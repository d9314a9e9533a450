"""Documents, positions and snapshots: LSP text semantics without LSP types.

A line ends in \\n, \\r\\n or \\r and in nothing else (LSP 3.18, "Text Documents"):
`str.splitlines` also cuts at form feed, NEL and U+2028, which editors do not.

The text is a persistent sequence of lines: an edit rebuilds one block of a few
hundred lines and shares the rest, so that a snapshot is a reference and stays
true while the document moves on. Both cost the same in a file of 100 lines and
of 100,000.

Columns are code points; `character` always means units of the client's
encoding and exists only at the edge of this module.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Literal, NamedTuple

Encoding = Literal["utf-8", "utf-16", "utf-32"]

BLOCK = 256  # lines; an edit copies one block's worth of pointers

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")


def split_lines(text: str) -> list[str]:
    """Split into lines that keep their line end. The last one has none and may be empty."""
    # Behind the last line end the pattern would be tried at every character: minutes for a minified megabyte.
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    lines = _LINE.findall(text, 0, end)
    lines.append(text[end:])
    return lines


def line_body(line: str) -> str:
    """The line without its line end; there are no others of these characters in it."""
    return line.rstrip("\r\n")


def column_of(line: str, character: int, encoding: Encoding) -> int:
    """Code points before `character` units of `line`.

    Clamped to the line's body; inside a surrogate pair or a UTF-8 sequence it
    is the character's start.
    """
    body = line_body(line)
    if character <= 0:
        return 0
    if encoding == "utf-32" or body.isascii():
        return min(character, len(body))
    if encoding == "utf-16":
        if character >= len(body) and max(body) < "\U00010000":
            return len(body)
        return len(body.encode("utf-16-le", "surrogatepass")[: 2 * character].decode("utf-16-le", "ignore"))
    return len(body.encode("utf-8", "surrogatepass")[:character].decode("utf-8", "ignore"))


def character_of(line: str, column: int, encoding: Encoding) -> int:
    """Units of `encoding` before `column` code points of `line`: the inverse of `column_of`."""
    if encoding == "utf-32" or line.isascii():
        return column
    head = line[:column]
    if encoding == "utf-16":
        return len(head.encode("utf-16-le", "surrogatepass")) // 2
    return len(head.encode("utf-8", "surrogatepass"))


class Lines:
    """An immutable sequence of lines in blocks. Never empty."""

    __slots__ = ("_blocks", "_starts", "count")

    def __init__(self, blocks: tuple[tuple[str, ...], ...]) -> None:
        self._blocks = blocks
        self._starts = tuple(accumulate((len(block) for block in blocks), initial=0))
        self.count = self._starts[-1]

    @classmethod
    def of(cls, text: str) -> Lines:
        return cls(tuple(_blocks_of(split_lines(text))))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> str:
        block = bisect_right(self._starts, index) - 1
        return self._blocks[block][index - self._starts[block]]

    def slice(self, start: int, stop: int) -> Iterator[str]:
        """Lines `start` to `stop`, clamped to what there is."""
        start, stop = max(start, 0), min(stop, self.count)
        while start < stop:
            block = bisect_right(self._starts, start) - 1
            first = self._starts[block]
            yield from self._blocks[block][start - first : stop - first]
            start = self._starts[block + 1]

    def __iter__(self) -> Iterator[str]:
        for block in self._blocks:
            yield from block

    def text(self) -> str:
        """The whole text: O(file), not for the way of a keystroke."""
        return "".join(map("".join, self._blocks))

    def splice(self, start: int, stop: int, new: Iterable[str]) -> Lines:
        """A sequence with lines `start` to `stop` (at least one) replaced by `new`."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, stop - 1) - 1
        merged = (
            *self._blocks[first][: start - self._starts[first]],
            *new,
            *self._blocks[last][stop - self._starts[last] :],
        )
        if first == last and len(merged) == len(self._blocks[first]):
            return self._with_same_shape(first, merged)
        if len(merged) < BLOCK // 2 and last + 1 < len(self._blocks):
            last += 1
            merged += self._blocks[last]
        return Lines((*self._blocks[:first], *_blocks_of(merged), *self._blocks[last + 1 :]))

    def _with_same_shape(self, index: int, block: tuple[str, ...]) -> Lines:
        lines = object.__new__(Lines)
        lines._blocks = (*self._blocks[:index], block, *self._blocks[index + 1 :])
        lines._starts = self._starts
        lines.count = self.count
        return lines


def _blocks_of(lines: list[str] | tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if len(lines) <= 2 * BLOCK:
        if lines:
            yield tuple(lines)
        return
    for start in range(0, len(lines), BLOCK):
        yield tuple(lines[start : start + BLOCK])


class Span(NamedTuple):
    """What an edit touched: from line `first`, `removed` lines became `added` lines."""

    first: int
    removed: int
    added: int


class Snapshot:
    """A document as it was when a message arrived, and a position in it. Immutable.

    `line` is 0-based, `column` counts code points. Taking one is O(1).
    """

    __slots__ = ("_text", "column", "language", "line", "lines", "uri", "version")

    def __init__(self, uri: str, version: int, language: str, lines: Lines, line: int, column: int) -> None:
        self.uri = uri
        self.version = version
        self.language = language
        self.lines = lines
        self.line = line
        self.column = column
        self._text = lines[line]

    def __repr__(self) -> str:
        return f"<Snapshot {self.uri} v{self.version} {self.line}:{self.column}>"

    @property
    def line_before(self) -> str:
        """The cursor's line up to the cursor."""
        return self._text[: self.column]

    @property
    def line_after(self) -> str:
        """The cursor's line from the cursor on, without its line end."""
        return line_body(self._text)[self.column :]

    @property
    def newline(self) -> str:
        """The line end used around the cursor, \\n where there is none yet."""
        for index in (self.line, self.line - 1, 0):
            line = self.lines[index] if index >= 0 else ""
            end = line[len(line_body(line)) :]
            if end:
                return end
        return "\n"

    def before(self, limit: int) -> str:
        """At most `limit` characters before the cursor, from a line's start unless the line is longer."""
        head = self.line_before
        if len(head) >= limit:
            return head[len(head) - limit :]
        parts, size = [head], len(head)
        for index in range(self.line - 1, -1, -1):
            line = self.lines[index]
            size += len(line)
            if size > limit:
                break
            parts.append(line)
        parts.reverse()
        return "".join(parts)

    def after(self, limit: int) -> str:
        """At most `limit` characters after the cursor, to a line's end unless the line is longer."""
        tail = self._text[self.column :]
        if len(tail) >= limit:
            return tail[:limit]
        parts, size = [tail], len(tail)
        for line in self.lines.slice(self.line + 1, self.lines.count):
            size += len(line)
            if size > limit:
                break
            parts.append(line)
        return "".join(parts)

    def moved(self, line: int, column: int) -> Snapshot:
        """The same text with the cursor elsewhere."""
        return Snapshot(self.uri, self.version, self.language, self.lines, line, column)

    def edited(self, dedent: int, absorbed: int, text: str) -> Snapshot:
        """The snapshot after `text` replaced `dedent` code points before the cursor and `absorbed` after it.

        The cursor stands behind the inserted text.
        """
        start, end = self.column - dedent, self.column + absorbed
        lines, span = _replace(self.lines, self.line, start, self.line, end, text)
        head = "".join(self.lines.slice(span.first, self.line)) + self.lines[self.line][:start] + text
        inserted = split_lines(head)
        line = span.first + len(inserted) - 1
        column = len(inserted[-1])
        # A \r that `text` ended with has become one line end with the \n behind it: no cursor stands in it.
        if not column and head.endswith("\r") and (line >= lines.count or lines[line - 1].endswith("\r\n")):
            line, column = line - 1, len(inserted[-2]) - 1
        return Snapshot(self.uri, self.version, self.language, lines, line, column)


class Document:
    """An open document, kept in step with its editor by incremental edits."""

    __slots__ = ("encoding", "language", "lines", "uri", "version")

    def __init__(
        self, uri: str, text: str, *, language: str = "", version: int = 0, encoding: Encoding = "utf-16"
    ) -> None:
        self.uri = uri
        self.language = language
        self.version = version
        self.lines = Lines.of(text)
        self.encoding: Encoding = encoding

    def snapshot(self, line: int, character: int) -> Snapshot:
        """The text now, with a cursor. A position past the end is clamped as LSP asks."""
        return Snapshot(self.uri, self.version, self.language, self.lines, *self._clamped(line, character))

    def _clamped(self, line: int, character: int) -> tuple[int, int]:
        """The line and column that a position means."""
        if line >= self.lines.count:
            line = self.lines.count - 1
            return line, len(self.lines[line])
        line = max(line, 0)
        return line, column_of(self.lines[line], character, self.encoding)

    def replace(self, text: str) -> Span:
        """Replace the whole text."""
        removed = self.lines.count
        self.lines = Lines.of(text)
        return Span(0, removed, self.lines.count)

    def edit(
        self, start_line: int, start_character: int, end_line: int, end_character: int, text: str
    ) -> Span:
        """Replace a range. Ends in the wrong order are swapped, positions clamped, as editors expect."""
        start = end = self._clamped(start_line, start_character)
        if (end_line, end_character) != (start_line, start_character):
            end = self._clamped(end_line, end_character)
        if end < start:
            start, end = end, start
        self.lines, span = _replace(self.lines, *start, *end, text)
        return span

    def text(self) -> str:
        """The whole text: O(file)."""
        return self.lines.text()


def _replace(
    lines: Lines, start_line: int, start_column: int, end_line: int, end_column: int, text: str
) -> tuple[Lines, Span]:
    merged = lines[start_line][:start_column] + text + lines[end_line][end_column:]
    # An edit can complete a \r\n whose \r ends the line above: "a\r" and then "\n" is one line end.
    if merged.startswith("\n") and start_line and lines[start_line - 1].endswith("\r"):
        start_line -= 1
        merged = lines[start_line] + merged
    new = split_lines(merged)
    # The last line replaced keeps its line end, so the split leaves an empty piece behind it
    # unless it was the last line of the document.
    if end_line + 1 < lines.count:
        new.pop()
    removed = end_line + 1 - start_line
    return lines.splice(start_line, end_line + 1, new), Span(start_line, removed, len(new))
