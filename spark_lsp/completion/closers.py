"""Which brackets an answer may close: those that are open at the cursor, and not closed below it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from spark_lsp.completion.brackets import CLOSERS, OPENERS, PROSE, balance, marks, unfinished
from spark_lsp.completion.context import Context, width_of


class Closers:
    """Follows the brackets of an answer line by line, from those that stand before the cursor."""

    def __init__(self, context: Context) -> None:
        self._language = context.language
        self._is_prose = context.language in PROSE
        self._open = [] if self._is_prose else [_Open(mark, own=False) for mark in _closable(context)]
        lead = "" if self._is_prose else _above(_head(context), context.language).lead
        self._lead = lead + context.line_before
        self.width_of_text = (
            0 if self._is_prose else _width_of_text(unfinished(self._lead, context.language), context)
        )
        """How far the string or comment is indented that the cursor stands in."""
        self._end = "" if self._is_prose else _end_below(unfinished(self._lead, context.language), context)
        self._inherited = len(self._lead)  # its brackets are in _open already

    def first_unmatched(self, line: str, *, growing: bool = False) -> int | None:
        """The column of the first closer in the answer's next line that has nothing to close.

        In a string or comment that ends further down, it is that of what would end it here. Of a growing
        line it may be the column of what can become that.
        """
        if self._is_prose:
            return None
        if self._end:
            return _first_end(self._end, line, growing=growing)
        return self._follow(line, list(self._open))

    @property
    def in_text(self) -> bool:
        """Whether the next line of the answer begins in a string or a comment."""
        return not self._is_prose and bool(unfinished(self._lead, self._language))

    def closes_own(self, line: str) -> bool:
        """Whether the line begins by closing what the answer itself has opened."""
        mark = line.lstrip()[:1]
        return bool(self._open) and mark in CLOSERS and self._open[-1] == _Open(CLOSERS[mark], own=True)

    def enter(self, line: str) -> None:
        """The line belongs to the answer."""
        if not self._is_prose:
            self._follow(line, self._open)
            self._lead = unfinished(self._lead + line, self._language)
            self._inherited = len(self._lead)

    def _follow(self, line: str, open_: list[_Open]) -> int | None:
        for index, mark in marks(self._lead + line, self._language):
            if index < self._inherited:
                continue
            if mark in OPENERS:
                open_.append(_Open(mark, own=True))
            elif mark in CLOSERS and (not open_ or open_.pop().mark != CLOSERS[mark]):
                return index - len(self._lead)
        return None


def _width_of_text(begun: str, context: Context) -> int:
    start = context.before.rfind(begun) if begun else 0
    return width_of(context.before[context.before.rfind("\n", 0, max(start, 0)) + 1 :])


def _end_below(begun: str, context: Context) -> str:
    """What ends the string or comment that the cursor stands in, where that is to be found below its line."""
    if begun == "/*":
        line, _, below = context.after.partition("\n")
        end = below.find("*/")
        return "*/" if "*/" not in line and end >= 0 and "/*" not in below[:end] else ""
    if len(begun) != 3:
        return ""
    line, _, below = context.after.partition("\n")
    found = re.search(rf"^(.*?){begun}(.*)$", below, re.MULTILINE)
    if begun in line or found is None:
        return ""
    if not found[1].strip() and not found[2].strip():  # alone on its line it may begin another one
        return begun if context.goes_on or below.count(begun) % 2 else ""
    return begun if found[1].strip() or not found[2].strip() else ""


def _first_end(end: str, line: str, *, growing: bool) -> int | None:
    column = line.find(end)
    if column >= 0:
        return column
    if growing:
        for length in range(len(end) - 1, 0, -1):
            if line.endswith(end[:length]):
                return len(line) - length
    return None


class _Open(NamedTuple):
    """An opener; `own` when it is the answer's."""

    mark: str
    own: bool


class _Above(NamedTuple):
    """What the lines above the cursor's leave open: brackets with their index, a string or comment."""

    opened: tuple[tuple[int, str], ...]
    lead: str


@lru_cache(maxsize=16)
def _above(head: str, language: str) -> _Above:
    """Kept, because those lines are the same from key to key and 6,000 characters take half a millisecond."""
    return _Above(balance(head, language).opened, unfinished(head, language))


def _head(context: Context) -> str:
    return context.before[: len(context.before) - len(context.line_before)]


def _opened(context: Context) -> list[tuple[int, str]]:
    """The openers before the cursor without partner, with their index, outermost first."""
    head = _head(context)
    above = _above(head, context.language)
    opened = list(above.opened)
    offset = len(head) - len(above.lead)
    for index, mark in marks(above.lead + context.line_before, context.language):
        if index < len(above.lead):
            continue
        if mark in OPENERS:
            opened.append((index + offset, mark))
        elif mark in CLOSERS and opened and opened[-1][1] == CLOSERS[mark]:
            opened.pop()
    return opened


def _out_of_sight(context: Context) -> bool:
    """Whether the end of a block that is not seen is further down than was looked."""
    return context.goes_on


def _closable(context: Context) -> list[str]:
    """The openers before the cursor that nothing below closes, innermost last.

    Told by indentation, as a reader does it: the brackets of a whole file are not here to be
    counted. An opener is closed below when the first line that stands no deeper than its own
    begins with the closer, at the same indentation. One with text behind it on the cursor's line
    (`{ status: `) is closed on that line. The rest of the cursor's line does not count, an answer
    may say it again.
    """
    below = [line for line in context.after.split("\n")[1:] if line.strip()]
    closable: list[str] = []
    for index, mark in reversed(_opened(context)):
        behind = context.before[index + 1 :]
        if "\n" in behind or not behind.strip(" \t([{"):
            width = width_of(context.before[context.before.rfind("\n", 0, index) + 1 :])
            meeting = next((line for line in below if width_of(line) <= width), None)
            if meeting is None and _out_of_sight(context):
                break
            meeting = meeting or ""
            if width_of(meeting) == width and meeting.lstrip().startswith(OPENERS[mark]):
                break
        closable.append(mark)
    closable.reverse()
    return closable
