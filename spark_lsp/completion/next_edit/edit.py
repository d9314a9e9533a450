"""An edit that probably follows."""

from __future__ import annotations

from dataclasses import dataclass

from spark_lsp.completion.next_edit.code import shared_ends


@dataclass(frozen=True, slots=True)
class NextEdit:
    """Replace what stands from column `start` of `line` to column `end` of `end_line` by `new`.

    Columns are code points; `old` is what stands there, its line ends \\n like those of `new`. `uri` is
    "" for the document that was edited.
    """

    line: int
    start: int
    end_line: int
    end: int
    old: str
    new: str
    uri: str = ""


def smallest(line: int, column: int, old: str, new: str) -> NextEdit:
    """The least that has to be replaced, in whole words, where `old` stands at a place and becomes `new`."""
    head, tail = shared_ends(old, new)

    def place(before: str) -> tuple[int, int]:
        breaks = before.count("\n")
        return line + breaks, len(before) - before.rfind("\n") - 1 if breaks else column + len(before)

    behind = len(old) - tail
    return NextEdit(*place(old[:head]), *place(old[:behind]), old[head:behind], new[head : len(new) - tail])
