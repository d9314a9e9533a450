"""How fast it feels: perceived tokens/s, and the time to a suggestion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from spark_lsp.cli.reports.reading import Report, number, percent, ratio, rows, value
from spark_lsp.cli.reports.svg import (
    NAMES,
    WIDTH,
    Plot,
    Scale,
    axis,
    bar,
    curve,
    dot,
    drawing,
    label,
    legend,
    line,
    moved,
    room,
    scale_of,
)
from spark_lsp.cli.typing.reading import (
    PAIR,
    SOON,
    editor_name,
    editors,
    histogram,
    name_of,
    run_of,
    speed,
    times,
    within,
    world,
)


class Speeds(NamedTuple):
    profile: Report
    ours: float | None
    naive: float | None
    bound: float | None


def headline(report: Report, editor: str | None = None) -> Plot | None:
    """Perceived tokens/s per profile, ours over naive, within the bound. None where nothing was measured."""
    found = [_speeds(profile, editor) for profile in rows(report, "profiles")]
    found = [row for row in found if row.ours is not None or row.naive is not None]
    if not found:
        return None
    scale = scale_of(_all_speeds(report), NAMES, WIDTH - 300)
    bottom = 38 + 62 * len(found)
    colours = [(colour, policy) for policy, colour in PAIR]
    parts = [legend(NAMES, 14, [*colours, ("line", "room to the bound of any policy")])]
    parts += axis(scale, 28, bottom, "perceived tokens/s")
    parts += [moved(0, 34 + 62 * index, *_headline_row(scale, row)) for index, row in enumerate(found)]
    where = f" in {editor_name(editor)}" if editor else ""
    return drawing(
        f"speed-{editor or 'any'}",
        f"Perceived tokens/s{where}, per profile of the backend",
        _headline_says(found),
        bottom + 42,
        parts,
    )


def _all_speeds(report: Report) -> list[float]:
    """Those of every editor, so that two such plots have one scale."""
    found = [
        _speeds(profile, editor)[1:] for profile in rows(report, "profiles") for editor in editors(report)
    ]
    return [amount for row in found for amount in row if amount is not None]


def _speeds(profile: Report, editor: str | None) -> Speeds:
    ours, naive = (speed(run_of(profile, policy, editor)) for policy, _ in PAIR)
    return Speeds(profile, ours, naive, value(profile, "bound_tokens_per_s"))


def _headline_row(scale: Scale, row: Speeds) -> list[str]:
    name, start = name_of(row.profile), scale.start
    parts = [label(0, 20, name, "strong")]
    parts += [label(0, 36 + 15 * down, words, "small") for down, words in enumerate(world(row.profile))]
    if row.bound is not None:
        says = f"{name}: no policy gets more than {number(row.bound)} tokens/s"
        parts.append(room(start, 6, scale(row.bound) - start, 20, says))
    for (policy, colour), amount, y in zip(PAIR, (row.ours, row.naive), (6, 28), strict=True):
        if amount is not None:
            says = f"{name}, {policy}: {number(amount)} tokens/s"
            parts.append(bar(start, y, scale(amount) - start, 20, colour, says))
    if row.bound is not None:
        parts.append(line(scale(row.bound), 3, scale(row.bound), 29, "axis"))
    gain, near = ratio(row.ours, row.naive), ratio(row.ours, row.bound)
    first = f"{number(row.ours)} tokens/s{f', {times(gain)} naive' if gain is not None else ''}"
    bound = f"; {percent(near)} of the bound, {number(row.bound)}" if near is not None else ""
    aside = scale.end + 24
    parts.append(label(aside, 21, first, "strong"))
    parts.append(label(aside, 43, f"naive {number(row.naive)}{bound}", "small"))
    return parts


def _headline_says(found: Sequence[Speeds]) -> str:
    first = found[0]
    gain, near = ratio(first.ours, first.naive), ratio(first.ours, first.bound)
    says = f"On {name_of(first.profile)} what is taken arrives at {number(first.ours)} perceived tokens/s"
    if gain is not None:
        says += f", {times(gain)} what naive gets"
    if near is not None:
        says += f", {percent(near)} of the bound of any policy"
    gains = [
        (each, name_of(row.profile)) for row in found if (each := ratio(row.ours, row.naive)) is not None
    ]
    if len(gains) > 1:
        (most, best), (least, worst) = max(gains), min(gains)
        says += f". The gain is largest on {best} ({times(most)}), smallest on {worst} ({times(least)})"
    return says + "."


# Time to suggestion, a panel per profile


def distribution(report: Report, editor: str | None = None) -> Plot | None:
    """The share of suggestions that were there after so many ms. None where no histogram was taken."""
    found = [profile for profile in rows(report, "profiles") if _histograms(profile, editor)]
    if not found:
        return None
    parts = [legend(0, 14, [(colour, policy) for policy, colour in PAIR])]
    for index, profile in enumerate(found):
        parts.append(moved(index % 3 * 328, 28 + index // 3 * 258, *_panel(profile, editor)))
    height = 28 + 258 * ((len(found) + 2) // 3)
    title = "Time to suggestion, from the key to the answer"
    return drawing("distribution", title, _distribution_says(found, editor), height, parts)


def _histograms(profile: Report, editor: str | None) -> list[tuple[str, str, list[tuple[float, float]]]]:
    found = [(policy, colour, histogram(run_of(profile, policy, editor))) for policy, colour in PAIR]
    return [row for row in found if row[2]]


def _panel(profile: Report, editor: str | None) -> list[str]:
    across, up = Scale(0.5, 2000, 38, 296, log=True), Scale(0, 1, 200, 32)
    parts = [label(38, 20, name_of(profile), "strong")]
    parts += [
        line(across.start, up(share), across.end, up(share), "grid") for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts += [label(32, up(share) + 4, percent(share), "small", anchor="end") for share in (0, 0.5, 1)]
    for tick in (1, 10, 100, 1000):
        parts.append(line(across(tick), up(0), across(tick), up(0) + 4, "axis"))
        parts.append(label(across(tick), 217, number(tick), "small", anchor="middle"))
    parts.append(label(167, 235, "ms, log scale", "small", anchor="middle"))
    parts.append(line(across(SOON), up(0), across(SOON), up(1) - 4, "mark", f"{SOON} ms"))
    shares = [within(run_of(profile, policy, editor), SOON) for policy, _ in PAIR]
    soon = f"{SOON} ms: {percent(shares[0])}, naive {percent(shares[1])}"
    parts.append(label(across.end, 20, soon, "small", anchor="end"))
    for policy, colour, edges in _histograms(profile, editor):
        points = [(across(edge), up(share)) for edge, share in edges]
        parts.append(curve([(across.start, up(0)), *points], colour))
        for (x, y), (edge, share) in zip(points, edges, strict=True):
            parts.append(dot(x, y, colour, f"{policy}: {percent(share)} within {number(edge)} ms"))
    return parts


def _distribution_says(found: Sequence[Report], editor: str | None) -> str:
    said = []
    for profile in found:
        ours, naive = (within(run_of(profile, policy, editor), SOON) for policy, _ in PAIR)
        if ours is not None:
            beside = f" (naive {percent(naive)})" if naive is not None else ""
            said.append(f"{name_of(profile)} {percent(ours)}{beside}")
    says = f"Suggestions that are there within {SOON} ms, as if at once: {', '.join(said) or 'not counted'}."
    half, most = (_pair(found[0], editor, quantile) for quantile in ("p50", "p95"))
    return f"{says} On {name_of(found[0])} half of all come within {half}, 95% within {most}."


def _pair(profile: Report, editor: str | None, quantile: str) -> str:
    path = ("time_to_suggestion_ms", "all", quantile)
    ours, naive = (value(run_of(profile, policy, editor), *path) for policy, _ in PAIR)
    return f"{number(ours)} ms (naive {number(naive)})"
