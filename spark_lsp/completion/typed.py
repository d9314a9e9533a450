"""What was typed between two moments of one document."""

from __future__ import annotations

from spark_lsp.completion.brackets import CLOSERS
from spark_lsp.text import Snapshot

LINES_ABOVE = 4
"""How many lines above must be the same for two moments to be the same place."""

INSERTED = "".join(CLOSERS) + "\"'`"
"""What editors add behind the cursor by themselves."""


def typed_since(origin: Snapshot, now: Snapshot) -> str | None:
    """The text between the origin's cursor and the cursor now, line ends \\n.

    None when anything else changed around it: the line before, the lines
    above, or the rest of the line (but for the closers that editors add by
    themselves while one types an opener).
    """
    if now.uri != origin.uri or (now.line, now.column) < (origin.line, origin.column):
        return None
    first = now.lines[origin.line]
    if first[: origin.column] != origin.line_before:
        return None
    if not only_closers_differ(origin.line_after, now.line_after) or not _same_above(origin, now):
        return None
    if now.line == origin.line:
        return first[origin.column : now.column]
    between = "".join(now.lines.slice(origin.line + 1, now.line))
    typed = first[origin.column :] + between + now.line_before
    return typed.replace("\r\n", "\n").replace("\r", "\n")


def only_closers_differ(was: str, now: str) -> bool:
    """Whether the rest of a line is what it was, but for closers that editors add or let be typed over."""
    return was == now or was.lstrip(INSERTED) == now.lstrip(INSERTED)


def _same_above(origin: Snapshot, now: Snapshot) -> bool:
    start = max(origin.line - LINES_ABOVE, 0)
    return list(origin.lines.slice(start, origin.line)) == list(now.lines.slice(start, origin.line))
