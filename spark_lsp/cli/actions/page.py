"""The report of actions as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from spark_lsp.cli.actions.plots import plots
from spark_lsp.cli.actions.tables import conditions, grids
from spark_lsp.cli.typing.page import all_figures, paragraph, section, whole
from spark_lsp.cli.typing.reading import Report, number, rows, value
from spark_lsp.cli.typing.svg import escape, tag

TITLE = "spark-lsp: fixes that are right before they are offered"

EXPLAINED = (
    "Small programs with one fault each are opened in the real server. It asks a scripted model for a fix, "
    "applies it to a copy, runs the checker that told of the fault, and asks again with what that said. What "
    "is offered is applied here as an editor would, and judged again."
)


def page(report: Report) -> str:
    """The whole page."""
    head = [tag("h1", escape(TITLE)), "\n", paragraph(EXPLAINED), paragraph(conditions(report), "about")]
    sections = [section(plot, None if index else "lead") for index, plot in enumerate(plots(report))]
    return whole(TITLE, "".join([*head, *_tiles(report), *sections, *all_figures(grids(report))]))


def _tiles(report: Report) -> list[str]:
    """What it is held to, at a glance."""
    found = [_tile(row) for row in rows(report, "targets")]
    return [tag("div", *found, class_="tiles"), "\n"] if found else []


def _tile(row: Report) -> str:
    met = "met" if row.get("met") else "missed"
    limit = f"at most {number(value(row, 'most'))}: {met}"
    words = tag("span", escape(str(row.get("says")))) + tag("span", escape(limit))
    return tag("div", tag("b", escape(number(value(row, "value")))), words, class_="tile")
