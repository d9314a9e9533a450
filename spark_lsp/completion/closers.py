"""Which brackets an answer may close: those that are open at the cursor, and not closed below it."""

from __future__ import annotations

from spark_lsp.completion.brackets import CLOSERS, OPENERS, PROSE, balance, marks, unfinished
from spark_lsp.completion.context import Context, width_of


class Closers:
    """Follows the brackets of an answer line by line, from those that stand before the cursor."""

    def __init__(self, context: Context) -> None:
        self._language = context.language
        self._is_prose = context.language in PROSE
        self._open = [] if self._is_prose else _closable(context)
        head = context.before[: len(context.before) - len(context.line_before)]
        self._lead = ("" if self._is_prose else unfinished(head, context.language)) + context.line_before
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
    for index, mark in reversed(balance(context.before, context.language).opened):
        behind = context.before[index + 1 :]
        if "\n" in behind or not behind.strip(" \t([{"):
            width = width_of(context.before[context.before.rfind("\n", 0, index) + 1 :])
            meeting = next((line for line in below if width_of(line) <= width), "")
            if width_of(meeting) == width and meeting.lstrip().startswith(OPENERS[mark]):
                break
        closable.append(mark)
    closable.reverse()
    return closable
