"""How a report of typing is read: runs by policy and editor, and their waits."""

from __future__ import annotations

import math
from collections.abc import Iterable

from spark_lsp.cli.reports.reading import MISSING, OURS, Report, amount_of, number, percent, rows, value

NAIVE = "naive"

PAIR = ((OURS, "ours"), (NAIVE, "naive"))
"""The two policies that stand beside each other everywhere, and their colours."""

EDITORS = {"vscode": "VS Code", "neovim": "Neovim"}

HITS = ("typed_through", "cached", "speculative", "flight", "workspace", "network")
"""Where a suggestion came from, the nearest first."""

SOON = 20
"""Milliseconds within which an answer seems to have been there already."""


def name_of(profile: Report) -> str:
    return str(profile.get("name") or "?")


def editors(report: Report) -> list[str | None]:
    """The editors that were tried with our defaults, the one that most people use first; None if none was."""
    seen = {
        str(run.get("editor") or "")
        for profile in rows(report, "profiles")
        for run in rows(profile, "runs")
        if run.get("policy") == OURS
    }
    return [*sorted(seen, key=lambda editor: (editor != "vscode", editor))] or [None]


def run_of(profile: Report, policy: str, editor: str | None) -> Report:
    """The figures of one policy in one editor (None: whichever comes first), empty where it did not run."""
    for run in rows(profile, "runs"):
        if run.get("policy") == policy and editor in (None, str(run.get("editor") or "")):
            return run
    return {}


def speed(run: Report) -> float | None:
    """Perceived tokens/s. It is 0 where nothing was taken: the person had nothing for all their waiting."""
    return 0.0 if value(run, "tokens_taken") == 0 else value(run, "perceived_tokens_per_s")


def total(runs: Iterable[Report], name: str) -> int | None:
    """The sum of one count over those runs that have it, None where none has."""
    counts = [count for run in runs if (count := value(run, name)) is not None]
    return int(sum(counts)) if counts else None


def histogram(run: Report) -> list[tuple[float, float]]:
    """(upper edge in ms, share of the suggestions that were there by then), rising; the last may be inf."""
    pairs = run.get("histogram")
    found, so_far = [], 0.0
    for pair in pairs if isinstance(pairs, list | tuple) else ():
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            continue
        so_far += amount_of(pair[1]) or 0
        found.append((amount_of(pair[0]) or math.inf, min(so_far, 1.0)))
    return sorted(found) if so_far > 0 else []


def within(run: Report, limit: float) -> float | None:
    """The share of the suggestions that came within `limit` ms, None where the histogram has no such edge."""
    return dict(histogram(run)).get(limit)


def hits(names: Iterable[str]) -> list[str]:
    """Kinds of hit in their order, those that we do not know last."""
    known = sorted(set(names))
    return [hit for hit in HITS if hit in known] + [hit for hit in known if hit not in HITS]


def editor_name(editor: object) -> str:
    return EDITORS.get(str(editor), str(editor or MISSING))


def hit_name(hit: str) -> str:
    return hit.replace("_", " ")


def world(profile: Report) -> list[str]:
    """What the backend of a profile is like, in two lines of a few words."""
    first, jitter = value(profile, "ttft_ms"), value(profile, "jitter_ms")
    late = f" to {number(first + jitter)}" if first is not None and jitter else ""
    slots, wrong, drops = (value(profile, name) for name in ("slots", "wrong", "drops"))
    said = [
        f"{number(first)}{late} ms, {number(value(profile, 'tokens_per_s'))}/s" if first is not None else "",
        f"{number(slots)} slot{'s' if slots != 1 else ''}" if slots is not None else "",
        f"{percent(wrong)} wrong" if wrong is not None else "",
        f"{percent(drops)} lost" if drops else "",
    ]
    return [said[0], ", ".join(words for words in said[1:] if words)]


def counted(count: int, noun: str) -> str:
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def times(amount: float | None) -> str:
    return MISSING if amount is None else f"{amount:.1f}×" if amount < 100 else f"{amount:,.0f}×"
