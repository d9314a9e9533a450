"""The report of actions as tables: for a terminal, for documentation, and as plain rows for the page."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from spark_lsp.cli.reports.grid import Grid, table, written
from spark_lsp.cli.reports.reading import Report, inside, number, part, percent, rows, value

COUNTS = ("faults", "fixed", "verified", "unverified", "refused", "verified_and_wrong", "outside", "calls")
HEADINGS = (
    "faults",
    "fixed",
    "verified",
    "unverified",
    "refused",
    "verified, wrong",
    "outside",
    "a call in it",
)


def tables(report: Report) -> list[Table]:
    """The report for a terminal of 120 columns."""
    return [table(grid) for grid in grids(report)]


def markdown(report: Report) -> str:
    """The same tables for documentation."""
    return "\n".join(written(grid) for grid in grids(report))


def grids(report: Report) -> list[Grid]:
    """All tables that have a row."""
    found = (
        _targets(report),
        _lists(report),
        _rewrite(report),
        _checking(report),
        _modes(report, "faults", "Forty planted faults, by what the model answers"),
        _modes(report, "data", "HumanEvalPack"),
        _kinds(report, "faults", "Planted faults by their kind"),
        _kinds(report, "data", "HumanEvalPack by the kind of fault"),
    )
    return [grid for grid in found if grid.rows]


def _targets(report: Report) -> Grid:
    cells = [
        (
            str(row.get("says")),
            number(value(row, "value")),
            number(value(row, "most")),
            "yes" if row.get("met") else "no",
        )
        for row in rows(report, "targets")
    ]
    return Grid("What it is held to", 1, ("", "found", "at most", "met"), cells)


def _lists(report: Report) -> Grid:
    names = ("p50", "p95", "p99")
    found: Mapping[str, tuple[str, ...]] = {
        "the list at one of 200 diagnostics": ("lists", "one"),
        "the list with all 200 selected": ("lists", "all"),
        "a fix that was asked ahead, resolved": ("ready", "resolve"),
    }
    cells = [
        (words, *(number(value(report, *path, name)) for name in names))
        for words, path in found.items()
        if value(report, *path, "p50") is not None
    ]
    return Grid("Over stdio, ms", 1, ("", *names), cells)


def _rewrite(report: Report) -> Grid:
    found = part(report, "rewrite")
    first, end = value(found, "bare", "first_token_ms"), value(found, "bare", "end_ms")
    cells = [
        ("first token read by a bare client", number(first), ""),
        ("our first lines", number(value(found, "ours", "first_edit_ms")), _ratio(found, "first_ratio")),
        ("end of the stream read by a bare client", number(end), ""),
        ("our last line", number(value(found, "ours", "last_line_ms")), _ratio(found, "end_ratio")),
        (
            "our edit, which ruff has seen",
            number(value(found, "ours", "checked_edit_ms")),
            _ratio(found, "checked_ratio"),
        ),
    ]
    title = (
        f"A rewrite of {number(value(found, 'lines'))} lines, {number(value(found, 'tokens'))} tokens: "
        f"120 ms to the first token, 1,000 tokens/s; median of {number(value(found, 'rewrites'))}"
    )
    return Grid(title, 1, ("", "ms", "of the bare client's"), cells if found else [])


def _ratio(found: Report, name: str) -> str:
    amount = value(found, name)
    return "" if amount is None else f"{amount:.2f}"


def _checking(report: Report) -> Grid:
    cells = [
        (
            str(row.get("checker")),
            number(value(row, "verdict_ms", "p50")),
            number(value(row, "verdict_ms", "p95")),
            number(value(row, "bare_ms", "p50")),
            number(value(row, "bare_ms", "p95")),
            number(value(row, "more_ms")),
        )
        for row in rows(report, "checking")
    ]
    columns = ("checker", "verdict p50, ms", "p95", "the command alone p50", "p95", "more, median")
    return Grid("What a verdict costs", 1, columns, cells)


def _modes(report: Report, name: str, title: str) -> Grid:
    cells = [
        (
            str(row.get("mode")),
            *(number(value(row, count)) for count in COUNTS),
            number(value(row, "took_ms", "p50")),
            number(value(row, "took_ms", "p95")),
        )
        for row in rows(report, name, "modes")
    ]
    untold = inside(report, name, "untold") or []
    if untold:
        title += f" ({len(untold)} are told by nobody here)"
    return Grid(title, 1, ("the model", *HEADINGS, "p50, ms", "p95"), cells)


def _kinds(report: Report, name: str, title: str) -> Grid:
    """Of the best scripted model and the real one."""
    cells = [
        (
            str(row.get("mode")),
            str(kind.get("kind")),
            *(number(value(kind, count)) for count in ("faults", "fixed", "verified", "refused")),
            percent((value(kind, "fixed") or 0) / (value(kind, "faults") or 1)),
        )
        for row in rows(report, name, "modes")
        if row.get("mode") in ("right",) or "requests" not in row
        for kind in rows(row, "kinds")
    ]
    columns = ("the model", "kind", "faults", "fixed", "verified", "refused", "share")
    return Grid(title, 2, columns, cells)


def conditions(report: Report) -> str:
    """Where and how the figures came to be, in a line."""
    machine, busy = part(report, "machine"), value(report, "machine", "busy")
    parts = [
        f"{number(value(machine, 'cores'))} cores",
        f"{percent(busy)} of them busy" if busy is not None else "",
        f"Python {inside(machine, 'python')}",
        f"{(value(report, 'took_s') or 0) / 60:.1f} minutes",
    ]
    return ", ".join(words for words in parts if words) + "."
