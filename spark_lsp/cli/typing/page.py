"""The report of typing as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from spark_lsp.cli.typing.plots import plots
from spark_lsp.cli.typing.reading import (
    NAIVE,
    OURS,
    PAIR,
    Report,
    inside,
    number,
    part,
    rows,
    total,
    value,
)
from spark_lsp.cli.typing.svg import STYLE, WIDTH, Plot, escape, tag
from spark_lsp.cli.typing.tables import Grid, grids

TITLE = "spark-lsp: how fast typing feels"

LAYOUT = f"""
body {{ margin: 0 auto; padding: 24px; max-width: {WIDTH}px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }}
h1 {{ font-size: 28px; line-height: 1.2; margin: 8px 0 }}
h2 {{ font-size: 20px; margin: 48px 0 0 }}
.lead {{ font-size: 18px; margin: 12px 0 }}
.about, caption {{ color: var(--soft); font-size: 14px }}
figure {{ margin: 8px 0 0; overflow-x: auto }}
figure svg {{ display: block; width: 100%; min-width: 760px; height: auto }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 12px; margin: 12px 0 }}
.tile {{ flex: 1 1 200px; border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px;
  background: var(--panel) }}
.tile b {{ display: block; font-size: 34px; line-height: 1.2 }}
.tile span {{ display: block; font-size: 14px; color: var(--soft) }}
details {{ margin: 12px 0; border-top: 1px solid var(--line); padding-top: 8px; overflow-x: auto }}
summary {{ cursor: pointer; font-weight: 600 }}
table {{ border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; margin: 8px 0 }}
th, td {{ padding: 3px 10px 3px 0; text-align: right; border-bottom: 1px solid var(--line) }}
th {{ vertical-align: bottom; font-weight: 600 }}
.words {{ text-align: left; white-space: nowrap }}
.ours {{ font-weight: 600 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12.5px;
  background: var(--panel); padding: 8px }}
"""

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


def whole(title: str, body: str) -> str:
    """A page around markup."""
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}{LAYOUT}</style></head>\n<body>\n{body}</body></html>\n"
    )


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


def section(plot: Plot, class_: str | None) -> str:
    """A plot under its title and its sentence."""
    says = paragraph(plot.says, class_)
    return tag("section", tag("h2", escape(plot.title)), says, tag("figure", plot.svg)) + "\n"


def paragraph(words: str, class_: str | None = None) -> str:
    """Words of one paragraph."""
    return tag("p", escape(words), class_=class_) + "\n"


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


# All figures


def all_figures(found: Sequence[Grid]) -> list[str]:
    """Every grid, folded away."""
    return [tag("h2", "All figures"), "\n", *(_table(grid) for grid in found)] if found else []


def _table(grid: Grid) -> str:
    head = tag("thead", _row(grid, grid.columns, "th"))
    body = tag("tbody", *(_row(grid, row, "td") for row in grid.rows))
    return tag("details", tag("summary", escape(grid.title)), tag("table", head, body)) + "\n"


def _row(grid: Grid, cells: Sequence[str], name: str) -> str:
    written: Iterable[str] = (
        tag(name, escape(cell), class_="words" if index < grid.labels else None)
        for index, cell in enumerate(cells)
    )
    return tag("tr", *written, class_="ours" if OURS in cells and name == "td" else None) + "\n"
