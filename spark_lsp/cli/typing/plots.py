"""The report of typing as pictures, each with one sentence that says what is to be seen in it."""

from __future__ import annotations

from spark_lsp.cli.reports.reading import Report
from spark_lsp.cli.reports.svg import Plot, stacked
from spark_lsp.cli.typing.cost import cost
from spark_lsp.cli.typing.reading import editors
from spark_lsp.cli.typing.speed import distribution, headline
from spark_lsp.cli.typing.timeline import timeline
from spark_lsp.cli.typing.worth import mechanisms, wrong_answers


def plots(report: Report) -> list[Plot]:
    """All that the report has the figures for, in the order of a page; the first is the headline."""
    tried = editors(report)
    found = (
        *(headline(report, editor) for editor in tried),
        distribution(report, tried[0]),
        timeline(report),
        mechanisms(report, tried[0]),
        wrong_answers(report),
        cost(report, tried[0]),
    )
    return [plot for plot in found if plot]


def picture(report: Report) -> str:
    """Speed, what each mechanism is worth and the timeline as one SVG that stands alone."""
    editor = editors(report)[0]
    found = (headline(report, editor), mechanisms(report, editor, 1), timeline(report))
    return stacked("spark-lsp bench typing", [plot for plot in found if plot])
