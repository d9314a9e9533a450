"""The report of typing as tables: for a terminal, for documentation, and as plain rows for the page."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from spark_lsp.cli.reports.grid import Grid, table, written
from spark_lsp.cli.reports.reading import MISSING, OURS, Report, number, part, percent, ratio, rows, value
from spark_lsp.cli.typing.reading import (
    NAIVE,
    PAIR,
    editor_name,
    hit_name,
    hits,
    name_of,
    run_of,
    speed,
    times,
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
        _profiles(report),
        _speeds(report),
        _times(report),
        _costs(report),
        _checks(report),
        _agreement(report),
        _curve(report),
        _sizes(report),
        _faults(report),
    )
    return [grid for grid in found if grid.rows]


def _runs(report: Report) -> Iterator[tuple[Report, Report]]:
    for profile in rows(report, "profiles"):
        for run in rows(profile, "runs"):
            yield profile, run


def _who(profile: Report, run: Report) -> tuple[str, str, str]:
    return name_of(profile), str(run.get("policy") or MISSING), editor_name(run.get("editor"))


def _numbers(data: Report, *names: str) -> list[str]:
    return [number(value(data, name)) for name in names]


def _profiles(report: Report) -> Grid:
    columns = (
        "profile",
        "first token, ms",
        "jitter, ms",
        "tokens/s",
        "slots",
        "wrong",
        "dropped",
        "bound, tokens/s",
    )
    cells = [
        (
            name_of(profile),
            *_numbers(profile, "ttft_ms", "jitter_ms", "tokens_per_s", "slots"),
            percent(value(profile, "wrong")),
            percent(value(profile, "drops")),
            number(value(profile, "bound_tokens_per_s")),
        )
        for profile in rows(report, "profiles")
    ]
    return Grid("The backends", 1, columns, cells)


def _speeds(report: Report) -> Grid:
    """Ours against the naive policy in the same editor."""
    columns = (
        *("profile", "policy", "editor", "tokens/s", "× naive", "of bound", "≤ 20 ms", "after accept"),
        *("before next key", "saved"),
    )
    cells = []
    for profile, run in _runs(report):
        naive = speed(run_of(profile, NAIVE, str(run.get("editor") or "")))
        shares = ("within_20ms", "after_accept_within_20ms", "answered_before_next_key", "characters_saved")
        gain, near = ratio(speed(run), naive), ratio(speed(run), value(profile, "bound_tokens_per_s"))
        cells.append(
            (
                *_who(profile, run),
                number(speed(run)),
                times(gain),
                percent(near),
                *(percent(value(run, share)) for share in shares),
            )
        )
    return Grid("Perceived speed, and the share of states answered", 3, columns, cells)


def _times(report: Report) -> Grid:
    """All answers of each run, and those of each kind of hit for ours and naive."""
    columns = ("profile", "policy", "editor", "answered from", "p50, ms", "p95, ms", "p99, ms", "count")
    cells = []
    for profile, run in _runs(report):
        waits = part(run, "time_to_suggestion_ms") if str(run.get("policy")) in dict(PAIR) else {}
        for hit in ["all", *hits(str(kind) for kind in waits if kind != "all")]:
            found = part(waits, hit)
            if found and value(found, "count") != 0:
                cells.append(
                    (*_who(profile, run), hit_name(hit), *_numbers(found, "p50", "p95", "p99", "count"))
                )
    return Grid("Time to suggestion", 4, columns, cells)


def _costs(report: Report) -> Grid:
    columns = (
        *("profile", "policy", "editor", "keys", "requests per 100 keys", "generated", "wasted"),
        *("fetched ahead", "ms/key p50", "ms/key p95", "peak MB"),
    )
    names = ("keys", "requests_per_100_keys", "generated_per_taken", "wasted_per_taken", "tokens_prefetched")
    cells = [
        (
            *_who(profile, run),
            *_numbers(run, *names),
            *(number(value(run, "cpu_ms_per_key", quantile)) for quantile in ("p50", "p95")),
            number(value(run, "peak_mb")),
        )
        for profile, run in _runs(report)
    ]
    return Grid(
        "Cost: tokens generated and wasted per token taken, tokens fetched ahead, CPU ms per key, memory",
        3,
        columns,
        cells,
    )


def _checks(report: Report) -> Grid:
    names = ("contradictions", "doubled", "flicker")
    cells = [(*_who(profile, run), *_numbers(run, *names)) for profile, run in _runs(report)]
    return Grid("What was shown wrongly", 3, ("profile", "policy", "editor", *names), cells)


def _agreement(report: Report) -> Grid:
    """In percent, under the names of the report."""
    names = ("requests", "hits", "tokens", "upstream", "generated")
    cells = [
        (*_who(profile, run), *(_off(value(run, "agreement", name)) for name in names))
        for profile, run in _runs(report)
        if part(run, "agreement")
    ]
    title = "How far the server's metrics are from what was counted outside"
    return Grid(title, 3, ("profile", "policy", "editor", *names), cells)


def _off(amount: float | None) -> str:
    return MISSING if amount is None else f"{number(amount)}%"


def _curve(report: Report) -> Grid:
    cells = [
        (
            percent(value(row, "wrong")),
            *_numbers(row, OURS, NAIVE, "bound"),
            times(ratio(value(row, OURS), value(row, NAIVE))),
            percent(ratio(value(row, OURS), value(row, "bound"))),
        )
        for row in rows(report, "curve")
    ]
    columns = ("wrong answers", OURS, NAIVE, "bound", "× naive", "of bound")
    return Grid("Perceived tokens/s over the share of wrong answers", 1, columns, cells)


def _sizes(report: Report) -> Grid:
    cells = [
        (
            number(value(row, "lines")),
            *(number(value(row, "cpu_ms_per_key", quantile)) for quantile in ("p50", "p95")),
        )
        for row in rows(report, "sizes")
    ]
    return Grid("CPU of the server per key in long files", 1, ("lines", "p50, ms", "p95, ms"), cells)


def _faults(report: Report) -> Grid:
    faults = part(report, "faults")
    names = ("keys", "contradictions", "doubled", "flicker")
    spec = str(faults.get("faults") or MISSING).replace(",", ", ")
    cells = [(spec, *_numbers(faults, *names))] if faults else []
    return Grid("With faults switched on", 1, ("faults", *names), cells)
