"""The report of quality as tables: for a terminal, for documentation, and as plain rows for the page."""

from __future__ import annotations

from rich.table import Table

from spark_lsp.cli.reports.grid import Grid, table, written
from spark_lsp.cli.reports.reading import MISSING, Report, inside, number, percent, rows, value


def tables(report: Report) -> list[Table]:
    """The report for a terminal of 120 columns."""
    return [table(grid) for grid in grids(report)]


def markdown(report: Report) -> str:
    """The same tables for documentation."""
    return "\n".join(written(grid) for grid in grids(report))


def grids(report: Report) -> list[Grid]:
    """All tables that have a row."""
    found = (_ratios(report), *_models(report), *_pairs(report), _packages(report))
    return [grid for grid in found if grid.rows]


def _ratios(report: Report) -> Grid:
    cells = [
        (
            str(row.get("model")),
            str(row.get("says")),
            percent(value(row, "ours")),
            percent(value(row, "bare")),
            _times(row),
            f"{number(value(row, 'least'))}×",
            "yes" if row.get("met") else "NO",
        )
        for row in rows(report, "ratios")
    ]
    columns = ("model", "", "ours", "bare prefix", "ratio", "at least", "met")
    return Grid("What it is held to", 2, columns, cells)


def _times(row: Report) -> str:
    found, low, high = (value(row, "ratio", name) for name in ("value", "low", "high"))
    if found is None or low is None or high is None:
        return "∞" if value(row, "ours") else MISSING  # never right behind a plain prompt
    return f"{found:.2f}× ({low:.2f} to {high:.2f})"


def _models(report: Report) -> list[Grid]:
    return [_model(report, model) for model in models(report)]


def models(report: Report) -> list[str]:
    """In their order."""
    return list(dict.fromkeys(str(row.get("model")) for row in rows(report, "rows")))


def _model(report: Report, model: str) -> Grid:
    columns = (
        *("kind", "policy", "cases", "exact", "similarity", "pass@1", "kept, chars", "of offered", "silent"),
        *("prompt", "tokens", "p50, ms", "p95"),
    )
    cells = [
        (
            str(row.get("kind")),
            str(row.get("policy")),
            number(value(row, "cases")),
            _share(row, "exact"),
            percent(value(row, "similarity", "value")),
            _share(row, "passed"),
            number(value(row, "kept", "value")),
            percent(value(row, "kept_of_offered")),
            percent(value(row, "silent")),
            number(value(row, "prompt_tokens")),
            number(value(row, "generated_tokens")),
            *(number(value(row, "latency_ms", name)) for name in ("p50", "p95")),
        )
        for row in rows(report, "rows")
        if row.get("model") == model
    ]
    return Grid(f"{model}: what is right, and what it costs; mean tokens of a case", 2, columns, cells)


def _share(row: Report, name: str) -> str:
    found, low, high = (value(row, name, part) for part in ("value", "low", "high"))
    if found is None or low is None or high is None:
        return MISSING
    return f"{percent(found)} ({low * 100:.0f}–{high * 100:.0f})"


def _pairs(report: Report) -> list[Grid]:
    return [_paired(report, model) for model in models(report)]


def _paired(report: Report, model: str) -> Grid:
    cells = [
        (
            str(row.get("kind")),
            str(row.get("policy")),
            *(_points(row, name) for name in ("exact", "similarity", "passed")),
            _signed(row, "kept"),
        )
        for row in rows(report, "pairs")
        if row.get("model") == model
    ]
    columns = ("kind", "policy", "exact, points", "similarity", "pass@1", "kept, chars")
    return Grid(f"{model}: less the bare prefix, case by case, with an interval of 95%", 2, columns, cells)


def _points(row: Report, name: str) -> str:
    return _signed(row, name, 100)


def _signed(row: Report, name: str, times: float = 1) -> str:
    found, low, high = (value(row, name, part) for part in ("value", "low", "high"))
    if found is None or low is None or high is None:
        return MISSING
    return f"{found * times:+.1f} ({low * times:+.1f} to {high * times:+.1f})"


def _packages(report: Report) -> Grid:
    cells = [
        (
            str(row.get("name")),
            str(row.get("version")),
            *(number(value(row, name)) for name in ("files", "characters")),
        )
        for row in rows(report, "packages")
    ]
    return Grid(
        "Packages that cases were held out from", 2, ("name", "version", "files", "characters"), cells
    )


def conditions(report: Report) -> str:
    """Where and how the figures came to be, in a line."""
    took, busy = value(report, "took_s"), value(report, "machine", "busy")
    missing = inside(report, "left_out")
    sample = value(report, "sample")
    parts = (
        f"{number(sample)} cases of each kind" if sample else "all cases",
        f"seed {number(value(report, 'seed'))}",
        f"{number(value(report, 'machine', 'cores'))} cores",
        f"{percent(busy)} of them busy" if busy is not None else "",
        f"Python {inside(report, 'machine', 'python')}",
        f"{(took or 0) / 60:.1f} minutes",
        f"not switched off one by one, as there is no switch: {', '.join(missing)}" if missing else "",
    )
    return ", ".join(part for part in parts if part) + "."
