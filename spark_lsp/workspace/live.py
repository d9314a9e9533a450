"""An open document: its lines as the editor has them, and their codes as far as they were needed."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from spark_lsp.text import BLOCK, Lines
from spark_lsp.workspace.tokens import Vocabulary, indentation

_AT_ONCE = 64  # lines encoded between two yields: about half a millisecond
LONGEST = 10_000
"""Characters: a longer line is no text that somebody writes, and counts as a blank one."""


class Live:
    """Only the lines from `stale[0]` to before `stale[1]` may have no codes, or old ones.

    `settled` is False while the index does not yet hold what was edited here.
    """

    __slots__ = ("codes", "lines", "settled", "stale")

    def __init__(self, lines: Sequence[str]) -> None:
        lines = lines or [""]
        self.lines = _in_blocks(lines)
        self.codes = _in_blocks([""] * len(lines))
        self.stale = (0, len(lines))
        self.settled = False

    def edit(self, first: int, removed: int, added: Sequence[str]) -> None:
        """From line `first`, `removed` lines became `added`; clamped to what there is."""
        count = self.lines.count
        first = min(max(first, 0), count - 1)
        stop = min(max(first + removed, first + 1), count)
        kept = list(self.lines.slice(first + removed, stop))  # a pure insertion replaces a line by itself
        new = [*added, *kept]
        if not new and stop - first == count:
            new = [""]
        self.lines = self.lines.splice(first, stop, new)
        self.codes = self.codes.splice(first, stop, [""] * len(new))
        self._mark(first, stop - first, len(new))
        self.settled = False

    def _mark(self, first: int, removed: int, added: int) -> None:
        """Move the stale lines as the edit moved them, and add those it touched."""
        below = first + added
        # The first line with text below is indented against what was edited.
        while below < self.lines.count and not self.lines[below].strip():
            below += 1
        below = min(below + 1, self.lines.count)
        start, stop = self.stale
        if start >= stop:
            self.stale = (first, below)
            return
        shift = added - removed
        start = start if start < first else max(start + shift, first)
        stop = stop if stop <= first else max(stop + shift, first)
        self.stale = (min(start, first), min(max(stop, below), self.lines.count))

    def encode(self, vocabulary: Vocabulary) -> Generator[None, None, None]:
        """Bring the codes up to date, a few lines at a time; edits may come in between."""
        while self.stale[0] < self.stale[1]:
            start, stop = self.stale
            upto = min(start + _AT_ONCE, stop)
            texts = (line if len(line) <= LONGEST else "" for line in self.lines.slice(start, upto))
            encoded = vocabulary.lines(texts, self.indentation_above(start))
            self.codes = self.codes.splice(start, upto, encoded)
            self.stale = (upto, stop)
            yield

    def indentation_above(self, line: int) -> str:
        """The indentation of the nearest line with text above `line`."""
        for number in range(min(line, self.lines.count) - 1, -1, -1):
            text = self.lines[number]
            if text.strip():
                return indentation(text)
        return ""


def _in_blocks(lines: Sequence[str]) -> Lines:
    return Lines(tuple(tuple(lines[start : start + BLOCK]) for start in range(0, len(lines), BLOCK)))
