"""What each mechanism is worth, and what wrong answers cost."""

from __future__ import annotations

from collections.abc import Sequence

from spark_lsp.cli.reports.reading import OURS, Report, number, percent, ratio, rows, value
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
    line,
    moved,
    scale_of,
)
from spark_lsp.cli.typing.reading import PAIR, name_of, speed


def mechanisms(report: Report, editor: str | None = None, most: int | None = None) -> Plot | None:
    """Perceived tokens/s with each mechanism switched off, the dearest loss first. None without such runs.

    At most `most` profiles are drawn, all of them where it is None.
    """
    found = [(profile, _variants(profile, editor)) for profile in rows(report, "profiles")]
    found = [(profile, variants) for profile, variants in found if len(variants) > 2][:most]
    if not found:
        return None
    parts: list[str] = []
    y = 0.0
    for profile, variants in found:
        parts.append(moved(0, y, *_block(profile, variants)))
        y += 34 + 25 * len(variants) + 44
    says = " ".join(_mechanisms_say(name_of(profile), variants) for profile, variants in found)
    return drawing("mechanisms", "What each mechanism is worth", says, y, parts)


def _variants(profile: Report, editor: str | None) -> list[tuple[str, float]]:
    """(policy, perceived tokens/s) of one profile, the slowest first; empty where ours was not measured."""
    found = {
        str(run.get("policy")): amount
        for run in reversed(rows(profile, "runs"))
        if editor in (None, str(run.get("editor") or "")) and (amount := speed(run)) is not None
    }
    return sorted(found.items(), key=lambda item: (item[1], item[0])) if found.get(OURS) else []


def _block(profile: Report, variants: Sequence[tuple[str, float]]) -> list[str]:
    whole = dict(variants)[OURS]
    scale = scale_of([amount for _, amount in variants], NAMES, WIDTH - 150, log=False)
    bottom = 30 + 25 * len(variants)
    parts = [label(0, 18, name_of(profile), "strong"), *axis(scale, 26, bottom, "perceived tokens/s")]
    labels = []
    for index, (policy, amount) in enumerate(variants):
        y = 30 + 25 * index
        colour = dict(PAIR).get(policy, "without" if policy.startswith("without") else "speculative")
        says = f"{policy}: {number(amount)} tokens/s"
        share = _change(amount, whole) if policy != OURS else ""
        parts.append(bar(NAMES, y + 2, scale(amount) - NAMES, 19, colour, says))
        labels.append(label(NAMES - 8, y + 16, policy, "strong" if policy == OURS else None, anchor="end"))
        labels.append(label(scale(amount) + 8, y + 16, f"{number(amount)}  {share}"))
    parts.append(line(scale(whole), 26, scale(whole), bottom, "mark", f"{OURS}: {number(whole)} tokens/s"))
    return parts + labels


def _change(amount: float, whole: float) -> str:
    change = round((amount / whole - 1) * 100)
    return f"{change:+d}%".replace("-", "\N{MINUS SIGN}")


def _mechanisms_say(name: str, variants: Sequence[tuple[str, float]]) -> str:
    whole = dict(variants)[OURS]
    without = [(policy, amount) for policy, amount in variants if policy.startswith("without ")]
    says = [f"{policy} ({_change(amount, whole)})" for policy, amount in without]
    ends = [f"most is lost {says[0]}"] if says else []
    ends += [f"least {says[-1]}"] if len(says) > 1 else []
    added = [
        f"{policy} it gets {number(amount)} ({_change(amount, whole)})"
        for policy, amount in variants
        if policy.startswith("with ")
    ]
    return f"On {name} ({number(whole)} tokens/s) {', '.join(ends + added) or 'nothing was switched off'}."


LINES = ((OURS, "ours", None), ("naive", "naive", None), ("bound", "bound", "5 4"))


def wrong_answers(report: Report) -> Plot | None:
    """Perceived tokens/s over the share of wrong answers. None where fewer than two shares were tried."""
    points = _curve_rows(report)
    if len(points) < 2:
        return None
    amounts = [amount for _, row in points for name, *_ in LINES if (amount := value(row, name)) is not None]
    across, up = Scale(0, points[-1][0] or 1, 60, WIDTH - 190), scale_of(amounts, 260, 20)
    parts = []
    for tick in up.ticks():
        parts.append(line(across.start, up(tick), across.end, up(tick), "grid"))
        parts.append(label(across.start - 8, up(tick) + 4, number(tick), "small", anchor="end"))
    for share, _ in points:
        parts.append(label(across(share), 280, percent(share), "small", anchor="middle"))
    unit = f"share of wrong answers; upwards: perceived tokens/s{', log scale' if up.log else ''}"
    parts.append(label((across.start + across.end) / 2, 300, unit, "small", anchor="middle"))
    parts += _curves(points, across, up)
    return drawing("wrong", "Over the share of wrong answers", _curve_says(points), 310, parts)


def _curve_rows(report: Report) -> list[tuple[float, Report]]:
    found = [(share, row) for row in rows(report, "curve") if (share := value(row, "wrong")) is not None]
    return sorted(found, key=lambda point: point[0])


def _curves(points: Sequence[tuple[float, Report]], across: Scale, up: Scale) -> list[str]:
    parts, ends = [], []
    for name, colour, dashes in LINES:
        known = [(share, amount) for share, row in points if (amount := value(row, name)) is not None]
        if not known:
            continue
        parts.append(curve([(across(share), up(amount)) for share, amount in known], colour, dashes))
        for share, amount in known:
            says = f"{name}, {percent(share)} wrong: {number(amount)} tokens/s"
            parts.append(dot(across(share), up(amount), colour, says))
        ends.append((up(known[-1][1]), f"{name} {number(known[-1][1])}"))
    last = -20.0
    for y, words in sorted(ends):
        last = max(y, last + 17)  # the ends of two lines may lie on each other
        parts.append(label(across.end + 12, last + 4, words))
    return parts


def _curve_says(points: Sequence[tuple[float, Report]]) -> str:
    (least, right), (most, wrong) = points[0], points[-1]
    said = [
        f"{policy} goes from {number(value(right, policy))} to {number(value(wrong, policy))} tokens/s"
        for policy, _ in PAIR
        if value(right, policy) is not None and value(wrong, policy) is not None
    ]
    near = [
        f"{percent(share)} of it at {percent(at)}"
        for at, row in points
        if (share := ratio(value(row, OURS), value(row, "bound"))) is not None
    ]
    says = (
        f"From {percent(least)} to {percent(most)} wrong answers {' and '.join(said) or 'nothing is known'}"
    )
    return f"{says}. Against the bound {OURS} gets {', '.join(near)}." if near else f"{says}."
