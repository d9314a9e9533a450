"""Whole lines of a document, followed through its edits by what they come to, whatever form these have."""

from __future__ import annotations

from spark_lsp.text import Lines, Span, line_body

MANY_LINES = 500
MANY_CHARACTERS = 20_000
"""Past these nothing is followed: it is read again at each change."""


class Block:
    """Some whole lines of a document, followed through its edits.

    `text` is theirs, line ends \\n, none at its end. `inside` tells whether the last change was within them.
    """

    __slots__ = ("first", "inside", "size", "text")

    def __init__(self, first: int, size: int, text: str) -> None:
        self.first = first
        self.size = size
        self.text = text
        self.inside = True

    def copy(self) -> Block:
        return Block(self.first, self.size, self.text)

    def follow(self, span: Span, lines: Lines) -> bool:
        """Read the lines again after a change. False when they cannot be told from others any more."""
        end, grown = self.first + self.size, span.added - span.removed
        self.inside = True
        if span.first >= end:
            return True
        if span.first + span.removed <= self.first:
            self.first += grown
            return True
        # A range that ends where the next line begins has touched that as well.
        self.inside = span.first >= self.first and span.first + span.removed <= end + 1
        around = span.first < self.first and span.first + span.removed >= end
        size = self.size + grown
        if not (self.inside or around) or not 0 < size <= MANY_LINES:
            return False
        self.size, self.text = size, _text(lines, self.first, size)
        return len(self.text) <= MANY_CHARACTERS

    def was_below(self, before: str) -> bool:
        """Whether the change put new lines above what was `before`: then only those are left out again."""
        if not self.text.endswith(f"\n{before}"):
            return False
        above = self.text.count("\n") - before.count("\n")
        self.first, self.size, self.text = self.first + above, self.size - above, before
        return True


def _text(lines: Lines, first: int, size: int) -> str:
    *above, last = lines.slice(first, first + size)
    return plain("".join(above) + line_body(last))


def plain(text: str) -> str:
    """The text with line ends \\n."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
