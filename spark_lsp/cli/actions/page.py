"""The report of actions as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from spark_lsp.cli.actions.plots import plots
from spark_lsp.cli.actions.tables import conditions, grids
from spark_lsp.cli.reports.page import all_figures, paragraph, section, tiles, whole
from spark_lsp.cli.reports.reading import Report
from spark_lsp.cli.reports.svg import escape, tag

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
    return whole(TITLE, "".join([*head, *tiles(report), *sections, *all_figures(grids(report))]))
