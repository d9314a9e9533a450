"""The report of routing as pictures, each with one sentence that says what is to be seen in it."""

from __future__ import annotations

from collections.abc import Sequence

from spark_lsp.cli.reports.reading import Report, number, part, ratio, rows, value
from spark_lsp.cli.reports.svg import (
    NAMES,
    WIDTH,
    Plot,
    Scale,
    axis,
    bar,
    curve,
    drawing,
    hover,
    label,
    legend,
    line,
    moved,
    scale_of,
    stacked,
    tag,
)
from spark_lsp.cli.routing.policies import FIRST, MEAN, ORACLE, OURS, RANDOM, TURNS
from spark_lsp.cli.routing.tables import policy_of

COLOURS = {
    OURS: "ours",
    ORACLE: "bound",
    FIRST: "naive",
    MEAN: "speculative",
    TURNS: "flight",
    RANDOM: "workspace",
}
CAST = ("ours", "speculative", "workspace", "flight", "naive")
"""Colours of the backends, in their order."""

LEFT, RIGHT = 62, WIDTH - 12
LANE, ROW, STRIP = 104, 17, 34
"""Heights in pixels: of one policy's lane, of an event, of a strip of answers."""


def plots(report: Report) -> list[Plot]:
    """All that the report has the figures for, in the order of a page; the first is the headline."""
    found = (headline(report), course(report), answers(report), simulation(report))
    return [plot for plot in found if plot]


def picture(report: Report) -> str:
    """All of them as one SVG that stands alone."""
    return stacked("spark-lsp bench routing", plots(report))


# --- how long it takes


def headline(report: Report) -> Plot | None:
    """Mean and p99 of each policy."""
    return _bars(
        "headline", "Time to the first useful line", report, rows(report, "policies"), _fleet_says(report)
    )


def simulation(report: Report) -> Plot | None:
    """The same in the simulator."""
    found = part(report, "simulated")
    says = (
        f"{number(value(found, 'requests'))} requests to {number(value(found, 'backends'))} backends on "
        f"a made-up clock. {_beside_oracle(found)}"
    )
    return _bars("simulated", "In the simulator", found, rows(found, "policies"), says)


def _bars(name: str, title: str, report: Report, policies: Sequence[Report], says: str) -> Plot | None:
    """Two bars for each: the mean, and the p99 beneath it."""
    amounts = [
        amount for row in policies for key in ("mean_ms", "p99_ms") if (amount := value(row, key)) is not None
    ]
    if not amounts:
        return None
    across = scale_of(amounts, NAMES, WIDTH - 80)
    height = 40 * len(policies)
    parts = axis(across, 6, height + 6, "ms; the wide bar is the mean, the thin one the p99")
    best = value(policy_of(report, ORACLE), "mean_ms")
    for index, row in enumerate(policies):
        y, policy = 10 + 40 * index, str(row.get("policy"))
        mean, tail = value(row, "mean_ms") or 0.0, value(row, "p99_ms") or 0.0
        colour = COLOURS.get(policy, "bound")
        parts.append(label(0, y + 16, policy, "strong" if policy == OURS else None))
        width, thin = across(mean) - across.start, across(tail) - across.start
        parts.append(bar(across.start, y, width, 18, colour, f"{policy}: mean {number(mean)} ms"))
        parts.append(bar(across.start, y + 20, thin, 5, colour, f"{policy}: p99 {number(tail)} ms"))
        over = ratio(mean, best)
        words = number(mean) + (f" ({over:.2f}×)" if over is not None and policy != ORACLE else "")
        parts.append(label(across(mean) + 6, y + 14, words))
    return drawing(name, title, says, height + 50, parts)


def _fleet_says(report: Report) -> str:
    return f"{number(value(report, 'requests'))} requests to a fleet of five. {_beside_oracle(report)}"


def _beside_oracle(report: Report) -> str:
    ours, oracle, turns = (value(policy_of(report, name), "mean_ms") for name in (OURS, ORACLE, TURNS))
    said = []
    if (over := ratio(ours, oracle)) is not None:
        said.append(f"{over:.2f} times the mean of one that knows what will happen")
    if (less := ratio(turns, ours)) is not None:
        said.append(f"{less:.1f} times faster than taking turns")
    return f"{OURS}: {', '.join(said)}." if said else ""


# --- what happens, and what is waited meanwhile


def course(report: Report) -> Plot | None:
    """Median and p95 over the events of the script, a lane for each policy."""
    policies = [row for row in rows(report, "policies") if rows(row, "course")]
    events, seconds = rows(report, "script", "events"), value(report, "script", "seconds")
    amounts = [
        amount
        for row in policies
        for spot in rows(row, "course")
        for key in ("p50_ms", "p95_ms")
        if (amount := value(spot, key)) is not None and amount > 0
    ]
    if not amounts or seconds is None or seconds <= 0:
        return None
    across = Scale(0, seconds, LEFT, RIGHT)
    up = Scale(0.8 * min(amounts), 1.1 * max(amounts), LANE - 12, 14, log=True)
    top = ROW * len(events) + 14
    bottom = top + LANE * len(policies)
    parts = [*_events(events, across, bottom)]
    oracle = rows(policy_of(report, ORACLE), "course")
    for index, row in enumerate(policies):
        parts.append(moved(0, top + LANE * index, *_lane(row, oracle, across, up)))
    parts += [
        label(across(tick), bottom + 14, number(tick), "small", anchor="middle") for tick in across.ticks()
    ]
    unit = "seconds; upwards ms, log scale: the line is the median, the band goes up to the p95"
    parts.append(label((LEFT + RIGHT) / 2, bottom + 32, unit, "small", anchor="middle"))
    shown = "Shaded: requests to the leader fail. The thin grey line is the oracle's median."
    says = f"{_course_says(report)} {shown}".strip()
    return drawing("course", "While the fleet drifts, stalls and dies", says, bottom + 42, parts)


def _events(events: Sequence[Report], across: Scale, bottom: float) -> list[str]:
    parts: list[str] = []
    for index, event in enumerate(events):
        start, end = value(event, "start") or 0.0, value(event, "end") or 0.0
        x, y, width = across(start), 2 + ROW * index, across(end) - across(start)
        says = f"{event.get('name')}: {number(start)} to {number(end)} s"
        if event.get("leader"):
            shade = tag("rect", x=x, y=y, width=max(width, 1), height=bottom - y, fill="var(--panel)")
            parts.insert(0, shade)
        parts.append(bar(x, y, width, 12, "naive" if event.get("leader") else "bound", says))
        at_right = across(end) < WIDTH * 0.75
        where = across(end) + 6 if at_right else x - 6
        parts.append(
            label(where, y + 10, str(event.get("name")), "small", anchor="start" if at_right else "end")
        )
    return parts


def _lane(row: Report, oracle: Sequence[Report], across: Scale, up: Scale) -> list[str]:
    policy, spots = str(row.get("policy")), rows(row, "course")
    colour = COLOURS.get(policy, "bound")
    parts = []
    for tick in up.ticks():
        parts.append(line(across.start, up(tick), across.end, up(tick), "grid"))
        if f"{tick:g}".startswith("1"):  # the others stand too close
            parts.append(label(across.start - 6, up(tick) + 4, number(tick), "small", anchor="end"))
    medians, tails = _points(spots, "p50_ms", across, up), _points(spots, "p95_ms", across, up)
    if len(medians) > 1:
        shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*tails, *reversed(medians)])
        parts.append(tag("polygon", points=shape, fill=f"var(--{colour})", opacity="0.25"))
    if policy != ORACLE:
        beneath = _points(oracle, "p50_ms", across, up)
        shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in beneath)
        parts.append(tag("polyline", points=shape, fill="none", stroke="var(--bound)", stroke_width=1))
    parts.append(curve(medians, colour))
    for spot in spots:
        if lost := value(spot, "lost"):
            x = across(value(spot, "t") or 0.0)
            parts.append(line(x, up.end, x, up.end + 10, "axis", f"{number(lost)} lost"))
    said = f"mean {number(value(row, 'mean_ms'))} ms, p99 {number(value(row, 'p99_ms'))} ms"
    lost = value(row, "lost")
    said += f", {number(lost)} lost" if lost else ""
    parts.append(label(across.start + 6, 8, policy, "strong"))
    parts.append(label(across.start + 110, 8, said, "small"))
    return parts


def _points(spots: Sequence[Report], key: str, across: Scale, up: Scale) -> list[tuple[float, float]]:
    return [
        (across(at), up(amount))
        for spot in spots
        if (at := value(spot, "t")) is not None and (amount := value(spot, key)) is not None
    ]


def _course_says(report: Report) -> str:
    ours, oracle = (value(policy_of(report, name), "faults", "p99_ms") for name in (OURS, ORACLE))
    if ours is None or oracle is None:
        return ""
    return f"While the leader fails the p99 is {number(ours)} ms, and {number(oracle)} ms for the oracle."


# --- who answered


def answers(report: Report) -> Plot | None:
    """Who answered when: ours above the oracle."""
    names = [str(row.get("name")) for row in rows(report, "script", "backends")]
    seconds = value(report, "script", "seconds")
    found = [row for row in rows(report, "policies") if row.get("policy") in (OURS, ORACLE)]
    if not found or seconds is None or seconds <= 0 or not names:
        return None
    across = Scale(0, seconds, LEFT + 30, RIGHT)
    colours = dict(zip(names, CAST, strict=False))
    parts = [legend(LEFT + 30, 14, [(colours.get(name, "bound"), name) for name in names])]
    for index, row in enumerate(found):
        y = 30 + (STRIP + 10) * index
        parts.append(label(0, y + STRIP / 2 + 4, str(row.get("policy")), "strong"))
        parts += _strip(rows(row, "course"), names, colours, across, y)
    bottom = 30 + (STRIP + 10) * len(found)
    for tick in across.ticks():
        parts.append(label(across(tick), bottom + 8, number(tick), "small", anchor="middle"))
    parts.append(label((LEFT + RIGHT) / 2, bottom + 26, "seconds", "small", anchor="middle"))
    says = "The share of each backend in the answers, over the time of the script."
    return drawing("answers", "Who answered", says, bottom + 36, parts)


def _strip(
    spots: Sequence[Report], names: Sequence[str], colours: dict[str, str], across: Scale, y: float
) -> list[str]:
    width = (across.end - across.start) / max(len(spots), 1)
    parts = []
    for spot in spots:
        whole = sum(value(spot, "by", name) or 0 for name in names)
        at, x = value(spot, "t") or 0.0, across(value(spot, "t") or 0.0) - width / 2
        top = y
        for name in names:
            share = (value(spot, "by", name) or 0) / whole if whole else 0.0
            if share:
                height = share * STRIP
                shape = tag(
                    "rect",
                    hover(f"{number(at)} s: {name} {share:.0%}"),
                    x=x,
                    y=top,
                    width=width + 0.3,
                    height=height,
                    fill=f"var(--{colours.get(name, 'bound')})",
                )
                parts.append(shape)
                top += height
    return parts
