"""An edit that probably follows."""

from __future__ import annotations

from dataclasses import dataclass


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
