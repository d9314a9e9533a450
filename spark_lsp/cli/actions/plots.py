"""The report of actions as a picture: what becomes of the faults with each kind of model."""

from __future__ import annotations

from spark_lsp.cli.reports.reading import Report, number, rows, value
from spark_lsp.cli.reports.svg import NAMES, WIDTH, Plot, bar, drawing, label, legend, stacked

PARTS = (("verified", "ours"), ("unverified", "speculative"), ("refused", "naive"))
"""What becomes of a fault, and its colour."""

ROW = 34


def plots(report: Report) -> list[Plot]:
    """All that the report has the figures for; the first is the headline."""
    found = (
        _outcomes(report, "faults", "Planted faults"),
        _outcomes(report, "data", "HumanEvalPack"),
    )
    return [plot for plot in found if plot]


def picture(report: Report) -> str:
    """All of them as one SVG that stands alone."""
    return stacked("spark-lsp bench actions", plots(report))


def _outcomes(report: Report, name: str, title: str) -> Plot | None:
    modes = rows(report, name, "modes")
    if not modes:
        return None
    whole = max(value(row, "faults") or 1 for row in modes)
    room = WIDTH - NAMES - 120
    parts = [legend(NAMES, 14, [(colour, outcome) for outcome, colour in PARTS])]
    for index, row in enumerate(modes):
        x, y = float(NAMES), 34 + ROW * index
        parts.append(label(0, y + 16, str(row.get("mode"))[:28]))
        for outcome, colour in PARTS:
            count = value(row, outcome) or 0
            width = room * count / whole
            if count:
                parts.append(bar(x, y, width, 20, colour, f"{row.get('mode')}: {number(count)} {outcome}"))
            x += width
        parts.append(label(x + 6, y + 15, f"{number(value(row, 'fixed'))} mended"))
    outside = sum(value(row, "outside") or 0 for row in modes)
    wrong = sum(value(row, "verified_and_wrong") or 0 for row in modes)
    says = (
        f"A model that is right, nearly right, wrong, malformed or malicious: {number(outside)} answers "
        f"changed anything else, {number(wrong)} were called verified and mended nothing."
    )
    return drawing(name, title, says, 44 + ROW * len(modes), parts)
