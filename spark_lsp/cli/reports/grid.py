"""A table, for a terminal and for documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from spark_lsp.cli.reports.reading import OURS


class Grid(NamedTuple):
    """`columns` are the headings, the first `labels` of them of words, the others of numbers."""

    title: str
    labels: int
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def table(grid: Grid) -> Table:
    """One grid for a terminal; the rows of ours stand out."""
    drawn = Table(title=Text(grid.title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, column in enumerate(grid.columns):
        words = index < grid.labels
        whole = words and grid.labels > 1  # who it is about; a list of faults may be long
        drawn.add_column(Text(column), justify="left" if words else "right", no_wrap=whole, overflow="fold")
    before: Sequence[str] = ()
    for row in grid.rows:
        if before and row[0] != before[0] and grid.labels > 1:
            drawn.add_section()
        name = "" if before and grid.labels > 1 and row[0] == before[0] else row[0]
        style = "bold" if OURS in row else None
        drawn.add_row(*(Text(cell) for cell in (name, *row[1:])), style=style)
        before = row
    return drawn


def written(grid: Grid) -> str:
    """One grid in Markdown."""
    rule = ["---" if index < grid.labels else "---:" for index in range(len(grid.columns))]
    lines = [" | ".join(_cell(cell) for cell in row) for row in (grid.columns, rule, *grid.rows)]
    return f"{grid.title}\n\n" + "".join(f"| {line} |\n" for line in lines)


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
