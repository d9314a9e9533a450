"""The report of routing as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from spark_lsp.cli.reports.page import all_figures, paragraph, section, tiles, whole
from spark_lsp.cli.reports.reading import Report, number, percent
from spark_lsp.cli.reports.svg import escape, tag
from spark_lsp.cli.routing.plots import plots
from spark_lsp.cli.routing.tables import conditions, grids

TITLE = "spark-lsp: the fastest backend that is up"

EXPLAINED = (
    "Five servers are asked over real sockets while a script makes them drift, queue, limit, lie and die. "
    "The oracle knows the script and asks whoever is fastest at each moment; it does not know the luck of a "
    "single request. Each policy is asked the same at the same times, on servers of its own."
)

SHARES = ("hedged", "extra_tokens")


def page(report: Report) -> str:
    """The whole page."""
    head = [tag("h1", escape(TITLE)), "\n", paragraph(EXPLAINED), paragraph(conditions(report), "about")]
    sections = [section(plot, None if index else "lead") for index, plot in enumerate(plots(report))]
    return whole(TITLE, "".join([*head, *tiles(report, _written), *sections, *all_figures(grids(report))]))


def _written(target: Report, amount: float | None) -> str:
    return percent(amount) if target.get("name") in SHARES else number(amount)
