"""The report of routing as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from spark_lsp.cli.routing.plots import plots
from spark_lsp.cli.routing.tables import conditions, grids
from spark_lsp.cli.typing.page import all_figures, paragraph, section, whole
from spark_lsp.cli.typing.reading import Report, number, percent, rows, value
from spark_lsp.cli.typing.svg import escape, tag

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
    return whole(TITLE, "".join([*head, *_tiles(report), *sections, *all_figures(grids(report))]))


def _tiles(report: Report) -> list[str]:
    """What it is held to, at a glance."""
    found = [_tile(row) for row in rows(report, "targets")]
    return [tag("div", *found, class_="tiles"), "\n"] if found else []


def _tile(row: Report) -> str:
    amount, most = value(row, "value"), value(row, "most")
    write = percent if row.get("name") in SHARES else number
    met = "met" if row.get("met") else "missed"
    words = tag("span", escape(str(row.get("says")))) + tag("span", escape(f"at most {write(most)}: {met}"))
    return tag("div", tag("b", escape(write(amount))), words, class_="tile")
