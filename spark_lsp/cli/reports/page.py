"""A report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from spark_lsp.cli.reports.grid import Grid
from spark_lsp.cli.reports.reading import OURS, Report, number, rows, value
from spark_lsp.cli.reports.svg import STYLE, WIDTH, Plot, escape, tag

Written = Callable[[Report, float | None], str]
"""How a figure of a target is written."""

LAYOUT = f"""
body {{ margin: 0 auto; padding: 24px; max-width: {WIDTH}px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }}
h1 {{ font-size: 28px; line-height: 1.2; margin: 8px 0 }}
h2 {{ font-size: 20px; margin: 48px 0 0 }}
.lead {{ font-size: 18px; margin: 12px 0 }}
.about, caption {{ color: var(--soft); font-size: 14px }}
figure {{ margin: 8px 0 0; overflow-x: auto }}
figure svg {{ display: block; width: 100%; min-width: 760px; height: auto }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 12px; margin: 12px 0 }}
.tile {{ flex: 1 1 200px; border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px;
  background: var(--panel) }}
.tile b {{ display: block; font-size: 34px; line-height: 1.2 }}
.tile span {{ display: block; font-size: 14px; color: var(--soft) }}
details {{ margin: 12px 0; border-top: 1px solid var(--line); padding-top: 8px; overflow-x: auto }}
summary {{ cursor: pointer; font-weight: 600 }}
table {{ border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; margin: 8px 0 }}
th, td {{ padding: 3px 10px 3px 0; text-align: right; border-bottom: 1px solid var(--line) }}
th {{ vertical-align: bottom; font-weight: 600 }}
.words {{ text-align: left; white-space: nowrap }}
.ours {{ font-weight: 600 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12.5px;
  background: var(--panel); padding: 8px }}
"""


def whole(title: str, body: str) -> str:
    """A page around markup."""
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{LAYOUT}</style></head>\n<body>\n{body}</body></html>\n"
    )


def _plainly(_: Report, amount: float | None) -> str:
    return number(amount)


def tiles(report: Report, write: Written = _plainly) -> list[str]:
    """What a report's `targets` are held to, at a glance; `write` says how the figures of one are written."""
    found = [_tile(row, write) for row in rows(report, "targets")]
    return [tag("div", *found, class_="tiles"), "\n"] if found else []


def _tile(row: Report, write: Written) -> str:
    met = "met" if row.get("met") else "missed"
    words = tag("span", escape(str(row.get("says"))))
    limit = tag("span", escape(f"at most {write(row, value(row, 'most'))}: {met}"))
    return tag("div", tag("b", escape(write(row, value(row, "value")))), words, limit, class_="tile")


def section(plot: Plot, class_: str | None) -> str:
    """A plot under its title and its sentence."""
    says = paragraph(plot.says, class_)
    return tag("section", tag("h2", escape(plot.title)), says, tag("figure", plot.svg)) + "\n"


def paragraph(words: str, class_: str | None = None) -> str:
    """Words of one paragraph."""
    return tag("p", escape(words), class_=class_) + "\n"


def all_figures(found: Sequence[Grid]) -> list[str]:
    """Every grid, folded away."""
    return [tag("h2", "All figures"), "\n", *(_table(grid) for grid in found)] if found else []


def _table(grid: Grid) -> str:
    head = tag("thead", _row(grid, grid.columns, "th"))
    body = tag("tbody", *(_row(grid, row, "td") for row in grid.rows))
    return tag("details", tag("summary", escape(grid.title)), tag("table", head, body)) + "\n"


def _row(grid: Grid, cells: Sequence[str], name: str) -> str:
    written: Iterable[str] = (
        tag(name, escape(cell), class_="words" if index < grid.labels else None)
        for index, cell in enumerate(cells)
    )
    return tag("tr", *written, class_="ours" if OURS in cells and name == "td" else None) + "\n"
