"""What it costs: requests, tokens, CPU and memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spark_lsp.cli.reports.reading import Report, number, rows, value
from spark_lsp.cli.reports.svg import Plot, bar, drawing, label, legend, moved, scale_of
from spark_lsp.cli.typing.reading import PAIR, name_of, run_of

COSTS = (
    ("requests per 100 keys", "{} requests per 100 keys", ("requests_per_100_keys",)),
    ("tokens generated per token taken", "{} tokens generated per token taken", ("generated_per_taken",)),
    ("CPU of the server per key, p50, ms", "{} ms of CPU per key", ("cpu_ms_per_key", "p50")),
    ("peak memory of the server, MB", "{} MB of memory at most", ("peak_mb",)),
)


class Panel(NamedTuple):
    """`amounts` are those of ours and of naive, a row per profile."""

    title: str
    says: str
    amounts: Sequence[Sequence[float | None]]


def cost(report: Report, editor: str | None = None) -> Plot | None:
    """What ours and naive send, generate and use, per profile. None where nothing of it is known."""
    profiles = rows(report, "profiles")
    panels = [Panel(title, says, _amounts(profiles, path, editor)) for title, says, path in COSTS]
    known = [panel for panel in panels if any(amount is not None for row in panel.amounts for amount in row)]
    if not known:
        return None
    height = 40 + 38 * len(profiles)
    parts = [legend(0, 14, [(colour, policy) for policy, colour in PAIR])]
    for index, panel in enumerate(known):
        at = (index % 2 * 490, 32 + index // 2 * height)
        parts.append(moved(*at, *_cost_panel(profiles, panel)))
    bottom = 32 + height * ((len(known) + 1) // 2)
    return drawing("cost", "What it costs", _cost_says(report, known), bottom, parts)


def _amounts(profiles: Iterable[Report], path: Sequence[str], editor: str | None) -> list[list[float | None]]:
    return [[value(run_of(profile, policy, editor), *path) for policy, _ in PAIR] for profile in profiles]


def _cost_panel(profiles: Sequence[Report], panel: Panel) -> list[str]:
    title, _, amounts = panel
    known = [amount for row in amounts for amount in row if amount is not None]
    scale = scale_of(known, 110, 400, log=False)
    parts = [label(0, 18, title, "strong")]
    for index, (profile, row) in enumerate(zip(profiles, amounts, strict=True)):
        y = 30 + 38 * index
        parts.append(label(102, y + 20, name_of(profile), anchor="end"))
        for (policy, colour), amount, down in zip(PAIR, row, (0, 16), strict=True):
            if amount is not None:
                says = f"{name_of(profile)}, {policy}: {number(amount)} {title}"
                parts.append(bar(110, y + down, scale(amount) - 110, 14, colour, says))
            parts.append(label(scale(amount or 0) + 7, y + down + 11, number(amount), "small"))
    return parts


def _cost_says(report: Report, known: Sequence[Panel]) -> str:
    said = []
    for panel in known:
        ours, naive = panel.amounts[0]
        said.append(f"{panel.says.format(number(ours))} (naive {number(naive)})")
    says = f"On {name_of(rows(report, 'profiles')[0])}: {'; '.join(said)}."
    sizes = [
        f"{number(cpu)} ms in {number(value(row, 'lines'))} lines"
        for row in rows(report, "sizes")
        if (cpu := value(row, "cpu_ms_per_key", "p50")) is not None
    ]
    return f"{says} A key in a long file costs {', '.join(sizes)}." if sizes else says
