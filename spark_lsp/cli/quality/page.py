"""The report of quality as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

from spark_lsp.cli.quality.plots import plots
from spark_lsp.cli.quality.tables import conditions, grids
from spark_lsp.cli.reports.page import all_figures, paragraph, section, whole
from spark_lsp.cli.reports.reading import MISSING, Report, percent, rows, value
from spark_lsp.cli.reports.svg import escape, tag

TITLE = "spark-lsp: right more often with the same model"

EXPLAINED = (
    "Lines, the arguments of calls and blocks are cut out of installed packages, and lines and spans out of "
    "human-eval-infilling. The same model is asked for each by a plain prompt, by one that has what follows, "
    "too, and by the server as an editor asks it, with the rest of the package as its workspace."
)


def page(report: Report) -> str:
    """The whole page."""
    head = [tag("h1", escape(TITLE)), "\n", paragraph(EXPLAINED), paragraph(conditions(report), "about")]
    sections = [section(plot, None if index else "lead") for index, plot in enumerate(plots(report))]
    return whole(TITLE, "".join([*head, *_tiles(report), *sections, *all_figures(grids(report))]))


def _tiles(report: Report) -> list[str]:
    """What it is held to, at a glance."""
    found = [_tile(row) for row in rows(report, "ratios")]
    return [tag("div", *found, class_="tiles"), "\n"] if found else []


def _tile(row: Report) -> str:
    over, least = value(row, "ratio", "value"), value(row, "least")
    met = "met" if row.get("met") else "missed"
    says = f"{row.get('says')}: {percent(value(row, 'ours'))} against {percent(value(row, 'bare'))}"
    words = (
        tag("span", escape(str(row.get("model"))))
        + tag("span", escape(says))
        + tag("span", escape(f"at least {least}×: {met}"))
    )
    figure = f"{over:.2f}×" if over is not None else "∞" if value(row, "ours") else MISSING
    return tag("div", tag("b", escape(figure)), words, class_="tile")
