"""The report of quality as pictures, each with one sentence that says what is to be seen in it."""

from __future__ import annotations

from collections.abc import Sequence

from spark_lsp.cli.quality.case import INFILLING, PACKAGE
from spark_lsp.cli.quality.figures import ALL_INFILLING, ALL_LINES
from spark_lsp.cli.quality.policies import BARE, HOLE, OURS
from spark_lsp.cli.quality.tables import models
from spark_lsp.cli.reports.reading import Report, number, percent, rows, value
from spark_lsp.cli.reports.svg import (
    NAMES,
    WIDTH,
    Plot,
    Scale,
    bar,
    dot,
    drawing,
    label,
    legend,
    line,
    scale_of,
    stacked,
)

COLOURS = {OURS: "ours", BARE: "naive", HOLE: "bound"}
"""Those with a part switched off share one more."""

ROW, HEAD, FOOT = 22, 30, 50
"""Heights in pixels: of a bar with its gap, of a heading within a plot, of an axis."""

LEFT = 62


def plots(report: Report) -> list[Plot]:
    """All that the report has the figures for, in the order of a page; the first is the headline."""
    found = (
        _together(report, "lines", ALL_LINES, "exact", "Lines of installed packages, exactly right"),
        _together(report, "infilling", ALL_INFILLING, "passed", "human-eval-infilling, tests that pass"),
        _kinds(report, "kinds", PACKAGE, "exact", "Exactly right, by what is missing"),
        _kinds(report, "passes", INFILLING, "passed", "Tests that pass, by what is missing"),
        _speed(report),
    )
    return [plot for plot in found if plot]


def picture(report: Report) -> str:
    """All of them as one SVG that stands alone."""
    return stacked("spark-lsp bench quality", plots(report))


def colour_of(policy: str) -> str:
    return COLOURS.get(policy, "without")


def _of(report: Report, kind: str, measure: str, model: str | None = None) -> list[Report]:
    """The rows of a kind that have this measure."""
    return [
        row
        for row in rows(report, "rows")
        if row.get("kind") == kind
        and row.get("model") == (row.get("model") if model is None else model)
        and value(row, measure, "value") is not None
    ]


def _together(report: Report, name: str, kind: str, measure: str, title: str) -> Plot | None:
    """A bar for each policy, with its interval, model by model."""
    found = _of(report, kind, measure)
    if not found:
        return None
    across = _shares(found, measure, NAMES)
    parts, y = [], 8.0
    for model in models(report):
        of_model = [row for row in found if row.get("model") == model]
        if not of_model:
            continue
        parts.append(label(0, y + 14, model, "strong"))
        y += HEAD - 6
        for row in of_model:
            parts += _bar(across, y, row, measure, str(row.get("policy")))
            y += ROW
        y += 8
    parts = [*_grid(across, 4, y, "; the thin line is the interval of 95%"), *parts]
    return drawing(name, title, _says(report, kind), y + FOOT, parts)


def _shares(found: Sequence[Report], measure: str, start: float) -> Scale:
    highest = max(value(row, measure, "high") or 0 for row in found)
    return Scale(0, min(1.0, highest * 1.04 or 1.0), start, WIDTH - 90)


def _grid(across: Scale, top: float, bottom: float, more: str = "") -> list[str]:
    parts = []
    for tick in across.ticks():
        parts.append(line(across(tick), top, across(tick), bottom, "grid"))
        parts.append(label(across(tick), bottom + 16, percent(tick), "small", anchor="middle"))
    middle = (across.start + across.end) / 2
    parts.append(label(middle, bottom + 34, f"of the cases{more}", "small", anchor="middle"))
    return parts


def _bar(across: Scale, y: float, row: Report, measure: str, name: str) -> list[str]:
    found, low, high = (value(row, measure, part) or 0.0 for part in ("value", "low", "high"))
    policy = str(row.get("policy"))
    says = f"{policy}: {percent(found)} of {number(value(row, 'cases'))}"
    middle = y + 8
    return [
        label(10, y + 13, name, "strong" if policy == OURS else None),
        bar(across.start, y, across(found) - across.start, 16, colour_of(policy), says),
        line(across(low), middle, across(high), middle, "axis", says),
        label(across(high) + 6, y + 13, percent(found)),
    ]


def _says(report: Report, kind: str) -> str:
    """How many times as often ours is right, with each model."""
    wanted = "exact" if kind == ALL_LINES else "passed"
    said = [
        f"{over:.2f} times as often as behind a plain prompt with {row.get('model')}"
        for row in rows(report, "ratios")
        if row.get("name") == wanted and (over := value(row, "ratio", "value")) is not None
    ]
    return f"{OURS} is right {', '.join(said)}." if said else f"{OURS} beside simpler ways to ask."


def _kinds(report: Report, name: str, kinds: Sequence[str], measure: str, title: str) -> Plot | None:
    """For each kind a bar of each policy: of the first model, which all policies can ask."""
    model = next(iter(models(report)), None)
    found = {kind: _of(report, kind, measure, model) for kind in kinds}
    found = {kind: some for kind, some in found.items() if some}
    if not found:
        return None
    across = _shares([row for some in found.values() for row in some], measure, NAMES)
    policies = list(dict.fromkeys(str(row.get("policy")) for some in found.values() for row in some))
    parts, y = [_legend(policies)], 40.0
    for kind, some in found.items():
        parts.append(label(0, y + 12, kind))
        for row in some:
            share, policy = value(row, measure, "value") or 0.0, str(row.get("policy"))
            says = f"{kind}, {policy}: {percent(share)} of {number(value(row, 'cases'))}"
            parts.append(bar(across.start, y, across(share) - across.start, 11, colour_of(policy), says))
            parts.append(label(across(share) + 6, y + 10, percent(share), "small"))
            y += 14
        y += 10
    parts = [*_grid(across, 32, y), *parts]
    says = f"{model}: {OURS} beside simpler ways to ask."
    return drawing(name, title, says, y + FOOT, parts)


def _legend(policies: Sequence[str]) -> str:
    entries: dict[str, str] = {}
    for policy in policies:
        entries.setdefault(colour_of(policy), policy if policy in COLOURS else "ours without a part")
    return legend(NAMES, 14, entries.items())


def _speed(report: Report) -> Plot | None:
    """How often it is right over how long it takes."""
    found = [
        (row, took, right)
        for row in _of(report, ALL_LINES, "exact")
        if (took := value(row, "latency_ms", "p50")) and (right := value(row, "exact", "value")) is not None
    ]
    if not found:
        return None
    across = scale_of([took for _, took, _ in found], LEFT, WIDTH - 220, log=True)
    up = Scale(0, max(0.05, max(right for _, _, right in found) * 1.1), 300, 40)
    parts = [_legend(list(dict.fromkeys(str(row.get("policy")) for row, _, _ in found)))]
    for tick in up.ticks():
        parts.append(line(across.start, up(tick), across.end, up(tick), "grid"))
        parts.append(label(across.start - 6, up(tick) + 4, percent(tick), "small", anchor="end"))
    for tick in across.ticks():
        parts.append(line(across(tick), 40, across(tick), 300, "grid"))
        parts.append(label(across(tick), 316, number(tick), "small", anchor="middle"))
    words = "ms from the last key to the whole offer, p50, log scale"
    parts.append(label((across.start + across.end) / 2, 334, words, "small", anchor="middle"))
    for index, (row, took, right) in enumerate(sorted(found, key=lambda each: -each[2])):
        policy, model = str(row.get("policy")), str(row.get("model"))
        says = f"{model}, {policy}: {percent(right)} exact, {number(took)} ms"
        y = 44 + 15 * index
        parts.append(line(across(took) + 5, up(right), WIDTH - 216, y - 4, "grid"))
        parts.append(dot(across(took), up(right), colour_of(policy), says))
        parts.append(label(WIDTH - 212, y, f"{model[:14]}, {policy}", "small"))
    says = "Further up is right more often, further left is sooner: each policy and model on package lines."
    return drawing("speed", "Right, and how soon", says, max(344, 50 + 15 * len(found)), parts)
