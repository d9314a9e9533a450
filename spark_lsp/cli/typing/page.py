"""The report of typing as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import json
from collections.abc import Sequence

from spark_lsp.cli.reports.page import all_figures, paragraph, section, whole
from spark_lsp.cli.reports.reading import Report, inside, number, part, rows, value
from spark_lsp.cli.reports.svg import escape, tag
from spark_lsp.cli.typing.plots import plots
from spark_lsp.cli.typing.reading import NAIVE, PAIR, total
from spark_lsp.cli.typing.tables import grids

TITLE = "spark-lsp: how fast typing feels"

EXPLAINED = (
    "Perceived tokens/s are the tokens of the suggestions that were taken, over the time the person had "
    "waited for them, from the key to the answer. A simulated person types real functions into the real "
    "server; naive asks at each key, keeps nothing, and cancels what it asked before."
)

COUNTS = (
    ("contradictions", "suggestions that did not belong to the text"),
    ("doubled", "suggestions that would have doubled text"),
    ("flicker", "times a shown text was replaced while typing along"),
)

FINDINGS, LONGEST = 20, 4000
"""How many findings are quoted, and how many characters of each."""


def page(report: Report) -> str:
    """The whole page."""
    sections = [section(plot, None if index else "lead") for index, plot in enumerate(plots(report))]
    return whole(TITLE, "".join([*_head(report), *sections, *_zeros(report), *all_figures(grids(report))]))


def _head(report: Report) -> list[str]:
    about = [paragraph(EXPLAINED), paragraph(_conditions(report), "about")]
    return [tag("h1", escape(TITLE)), "\n", *about]


def _conditions(report: Report) -> str:
    took, cores = value(report, "took_s"), value(report, "machine", "cores")
    python = inside(report, "machine", "python")
    parts = [
        f"{number(value(report, 'keys'))} keys",
        f"seed {number(value(report, 'seed'))}",
        f"{number(cores)} cores" if cores is not None else "",
        f"Python {python}" if python else "",
        f"{took / 60:.1f} minutes" if took is not None else "",
    ]
    return ", ".join(part for part in parts if part) + "."


# The zero counts


def _zeros(report: Report) -> list[str]:
    ours, faults = _ours(report), part(report, "faults")
    if not any(ours.values()) and not faults:
        return []
    tiles = [
        _tile(number(value(ours, name)), name, meaning, _aside(name, report)) for name, meaning in COUNTS
    ]
    says = f"In {number(value(ours, 'keys'))} keys of all policies but naive"
    if faults:
        says += f", {number(value(faults, 'keys'))} of them with faults switched on"
    counts = [count for name, _ in COUNTS if (count := value(ours, name)) is not None]
    says += f", {_wrong(counts)}."
    told = [tag("h2", "What must never be shown"), paragraph(says), tag("div", *tiles, class_="tiles")]
    return [tag("section", *told, _findings(report)), "\n"]


def _ours(report: Report) -> Report:
    """The counts of all sessions but the naive ones, with faults or without."""
    return part(report, "ours") or _sums([*_runs(report, naive=False), part(report, "faults")])


def _runs(report: Report, naive: bool) -> list[Report]:
    runs = [run for profile in rows(report, "profiles") for run in rows(profile, "runs")]
    return [run for run in runs if (run.get("policy") == NAIVE) == naive]


def _sums(runs: Sequence[Report]) -> Report:
    return {name: total(runs, name) for name in ("keys", *dict(COUNTS))}


def _wrong(counts: Sequence[float]) -> str:
    if not counts:
        return "which nobody checked"
    return f"{number(sum(counts))} shown wrongly" if any(counts) else "nothing was shown wrongly"


def _aside(name: str, report: Report) -> str:
    """The same count by policy, where it is not zero: with a mechanism off more may go wrong."""
    sums: dict[str, int] = {}
    for run in [*_runs(report, naive=False), *_runs(report, naive=True)]:
        policy = str(run.get("policy"))
        sums[policy] = sums.get(policy, 0) + (total([run], name) or 0)
    found = [f"{policy} {number(count)}" for policy, count in sums.items() if count or policy in dict(PAIR)]
    return ", ".join([*found, f"with faults {number(value(part(report, 'faults'), name))}"])


def _tile(count: str, name: str, meaning: str, aside: str) -> str:
    words = tag("span", escape(meaning)) + tag("span", escape(aside))
    return tag("div", tag("b", escape(count)), escape(name), words, class_="tile")


def _findings(report: Report) -> str:
    found = report.get("findings")
    if not isinstance(found, list) or not found:
        return ""
    quoted = (
        json.dumps(each, indent=1, ensure_ascii=False, sort_keys=True, default=str)
        for each in found[:FINDINGS]
    )
    written = [tag("pre", escape(text[:LONGEST])) for text in quoted]
    return tag("details", tag("summary", escape(f"{number(len(found))} findings")), *written)
