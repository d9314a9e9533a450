"""The report of routing as tables: for a terminal, for documentation, and as plain rows for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from spark_lsp.cli.reports.grid import Grid, table, written
from spark_lsp.cli.reports.reading import MISSING, Report, inside, number, part, percent, ratio, rows, value
from spark_lsp.cli.routing.policies import ORACLE, OURS

SHARES = frozenset({"hedged", "extra_tokens"})
"""Targets that are a part of something."""

COUNTS = frozenset({"lost", "wrong"})


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
        _times(report),
        _costs(report),
        _events(report),
        _answers(report),
        _segments(report),
        _decision(report),
        _rehearsed(report),
        _simulated(report),
        _backends(report),
    )
    return [grid for grid in found if grid.rows]


def policy_of(report: Report, name: str, *path: str) -> Report:
    """The figures of one policy, empty where it did not run."""
    return next((row for row in rows(report, *path, "policies") if row.get("policy") == name), {})


def _numbers(data: Report, *names: str) -> list[str]:
    return [number(value(data, name)) for name in names]


def _targets(report: Report) -> Grid:
    cells = [
        (
            str(row.get("says")),
            _amount(str(row.get("name")), value(row, "value")),
            _amount(str(row.get("name")), value(row, "most")),
            "yes" if row.get("met") else "NO",
        )
        for row in rows(report, "targets")
    ]
    return Grid("What it is held to", 1, ("", "measured", "at most", "met"), cells)


def _amount(name: str, amount: float | None) -> str:
    if name in SHARES:
        return percent(amount)
    return number(amount) if name in COUNTS or name.endswith("_us") or amount is None else f"{amount:.3f}×"


def _times(report: Report) -> Grid:
    columns = ("policy", "mean, ms", "× oracle", "p50", "p95", "p99", "p99 in faults", "lost", "wrong")
    best = value(policy_of(report, ORACLE), "mean_ms")
    cells = [
        (
            str(row.get("policy")),
            number(value(row, "mean_ms")),
            _times_of(value(row, "mean_ms"), best),
            *_numbers(row, "p50_ms", "p95_ms", "p99_ms"),
            number(value(row, "faults", "p99_ms")),
            *_numbers(row, "lost", "wrong"),
        )
        for row in rows(report, "policies")
    ]
    return Grid("Time to the first useful line, ms", 1, columns, cells)


def _times_of(amount: float | None, best: float | None) -> str:
    over = ratio(amount, best)
    return MISSING if over is None else f"{over:.2f}×"


def _costs(report: Report) -> Grid:
    columns = (
        *("policy", "requests", "errors", "failed over", "asked twice", "tokens used", "in vain", "share"),
        "sent late, ms p99",
    )
    cells = [
        (
            str(row.get("policy")),
            *_numbers(row, "requests", "errors", "failovers"),
            percent(value(row, "hedged")),
            *(number(value(row, "tokens", name)) for name in ("used", "in_vain")),
            percent(value(row, "extra_tokens")),
            number(value(row, "late_ms")),
        )
        for row in rows(report, "policies")
    ]
    return Grid("What it cost", 1, columns, cells)


def _events(report: Report) -> Grid:
    columns = (
        *("event", "from, s", "to, s", "ours, mean ms", "oracle", "ours, p99 ms", "oracle", "back after, s"),
        "leader's fault",
    )
    ours, oracle = policy_of(report, OURS), policy_of(report, ORACLE)
    cells = []
    for event in rows(report, "script", "events"):
        name = str(event.get("name"))
        both = [_named(rows(policy, "events"), name) for policy in (ours, oracle)]
        cells.append(
            (
                name,
                *_numbers(event, "start", "end"),
                *(number(value(each, "mean_ms")) for each in both),
                *(number(value(each, "p99_ms")) for each in both),
                number(value(ours, "recovered_s", name)),
                "yes" if event.get("leader") else "",
            )
        )
    return Grid(
        "While something happens, and how long until a backend that is well again is used", 1, columns, cells
    )


def _named(found: Sequence[Report], name: str) -> Report:
    return next((row for row in found if row.get("event") == name), {})


def _answers(report: Report) -> Grid:
    names = [str(row.get("name")) for row in rows(report, "script", "backends")]
    cells = []
    for row in rows(report, "policies"):
        answered = part(row, "answered_by")
        whole = sum(amount for amount in answered.values() if isinstance(amount, int))
        cells.append(
            (str(row.get("policy")), *(percent(ratio(value(answered, name) or 0, whole)) for name in names))
        )
    return Grid("Who answered", 1, ("policy", *names), cells)


def _segments(report: Report) -> Grid:
    columns = (
        *(
            "slots",
            "idle p50, ms",
            "idle p95",
            "beside a batch p50",
            "p95",
            "ratio",
            "fixes",
            "done",
            "in, s",
        ),
    )
    cells = [
        (
            number(value(row, "slots")),
            *(number(value(row, when, name)) for when in ("idle", "busy") for name in ("p50", "p95")),
            _times_of(value(row, "ratio"), 1.0),
            *_numbers(row, "fixes", "fixes_done", "batch_took_s"),
        )
        for row in rows(report, "segments")
    ]
    return Grid("Inline requests while a batch runs on the same server", 1, columns, cells)


def _decision(report: Report) -> Grid:
    found = part(report, "decision")
    cells = [
        (
            number(value(found, "backends")),
            number(value(found, "decisions")),
            *(number(value(found, "us", name)) for name in ("p50", "p95", "p99")),
        )
    ]
    columns = ("backends", "decisions", "p50, us", "p95", "p99")
    return Grid("One decision", 1, columns, cells if found else [])


def _rehearsed(report: Report) -> Grid:
    columns = (
        *("policy", "mean, ms", "× oracle", "at best", "at worst", "p95", "p99", "× in faults", "lost"),
        *("asked twice", "in vain"),
    )
    oracle = policy_of(report, ORACLE, "rehearsed")
    cells = []
    for row in rows(report, "rehearsed", "policies"):
        over = _by_seed(row, oracle, "means_ms") or [None]
        faults = _by_seed(row, oracle, "fault_p99s_ms") or [None]
        cells.append(
            (
                str(row.get("policy")),
                number(value(row, "mean_ms")),
                _times_of(value(row, "mean_ms"), value(oracle, "mean_ms")),
                *(_times_of(amount, 1.0) for amount in (over[0], over[-1])),
                *_numbers(row, "p95_ms", "p99_ms"),
                _times_of(faults[len(faults) // 2], 1.0),
                *_numbers(row, "lost"),
                percent(value(row, "hedged")),
                percent(value(row, "extra_tokens")),
            )
        )
    found = part(report, "rehearsed")
    title = f"The script without servers: {number(value(found, 'seeds'))} seeds, "
    title += f"{number(value(found, 'requests'))} requests each"
    return Grid(title, 1, columns, cells)


def _by_seed(row: Report, oracle: Report, name: str) -> list[float | None]:
    """How many times the oracle's it is, for each seed: the least first."""
    pairs = zip(_amounts(row.get(name)), _amounts(oracle.get(name)), strict=False)
    found = [over for upper, lower in pairs if (over := ratio(upper, lower)) is not None]
    return [*sorted(found)]


def _amounts(found: object) -> list[float | None]:
    return [value({"": each}, "") for each in found] if isinstance(found, list) else []


def _simulated(report: Report) -> Grid:
    columns = (
        *(
            "policy",
            "requests",
            "mean, ms",
            "× oracle",
            "p50",
            "p95",
            "p99",
            "lost",
            "asked twice",
            "in vain",
        ),
        "us each",
    )
    best = value(policy_of(report, ORACLE, "simulated"), "mean_ms")
    cells = [
        (
            str(row.get("policy")),
            *_numbers(row, "requests", "mean_ms"),
            _times_of(value(row, "mean_ms"), best),
            *_numbers(row, "p50_ms", "p95_ms", "p99_ms", "lost"),
            percent(value(row, "hedged")),
            percent(value(row, "extra_tokens")),
            number(value(row, "us_per_request")),
        )
        for row in rows(report, "simulated", "policies")
    ]
    found = part(report, "simulated")
    title = f"Simulated: {number(value(found, 'backends'))} backends, in {number(value(found, 'took_s'))} s"
    return Grid(title, 1, columns, cells)


def _backends(report: Report) -> Grid:
    columns = (
        "backend",
        "first token, ms",
        "jitter, ms",
        "tokens/s",
        "slots",
        "late",
        "by, ms",
        "a line in, ms",
    )
    cells = [
        (
            str(row.get("name")),
            *_numbers(row, "ttft_ms", "jitter_ms", "tokens_per_s"),
            number(value(row, "slots")) if value(row, "slots") else "any",
            percent(value(row, "late_share")),
            *_numbers(row, "late_ms", "line_ms"),
        )
        for row in rows(report, "script", "backends")
    ]
    return Grid("The fleet, while nothing happens", 1, columns, cells)


def conditions(report: Report) -> str:
    """Where and how the figures came to be, in a line."""
    took, busy = value(report, "took_s"), value(report, "machine", "busy")
    python = inside(report, "machine", "python")
    parts: Mapping[str, object] = {
        f"seed {number(value(report, 'seed'))}": True,
        f"{number(value(report, 'requests'))} requests for each policy": value(report, "requests"),
        f"{number(value(report, 'machine', 'cores'))} cores": value(report, "machine", "cores"),
        f"{percent(busy)} of them busy": busy is not None,
        f"Python {python}": python,
        f"{(took or 0) / 60:.1f} minutes": took,
    }
    return ", ".join(words for words, known in parts.items() if known) + "."
