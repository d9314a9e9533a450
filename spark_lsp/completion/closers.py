"""Which brackets an answer may close: those that are open at the cursor, and not closed below it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from spark_lsp.completion.brackets import CLOSERS, OPENERS, PROSE, balance, marks, unfinished
from spark_lsp.completion.context import Context, width_of


class Closers:
    """Follows the brackets of an answer line by line, from those that stand before the cursor."""

    def __init__(self, context: Context) -> None:
        self._language = context.language
        self._is_prose = context.language in PROSE
        self._open = [] if self._is_prose else _closable(context)
        lead = "" if self._is_prose else _above(_head(context), context.language).lead
        self._lead = lead + context.line_before
        self._inherited = len(self._lead)  # its brackets are in _open already

    def first_unmatched(self, line: str) -> int | None:
        """The column of the first closer in the answer's next line that has nothing to close."""
        return None if self._is_prose else self._follow(line, list(self._open))

    def enter(self, line: str) -> None:
        """The line belongs to the answer."""
        if not self._is_prose:
            self._follow(line, self._open)
            self._lead = unfinished(self._lead + line, self._language)
            self._inherited = len(self._lead)

    def _follow(self, line: str, open_: list[str]) -> int | None:
        for index, mark in marks(self._lead + line, self._language):
            if index < self._inherited:
                continue
            if mark in OPENERS:
                open_.append(mark)
            elif mark in CLOSERS and (not open_ or open_.pop() != CLOSERS[mark]):
                return index - len(self._lead)
        return None


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
            meeting = next((line for line in below if width_of(line) <= width), "")
            if width_of(meeting) == width and meeting.lstrip().startswith(OPENERS[mark]):
                break
        closable.append(mark)
    closable.reverse()
    return closable
