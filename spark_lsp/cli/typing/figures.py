"""What sessions come to: the figures of one policy, backend and editor over all their sessions. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.cli.typing.record import Record, State

EDGES = (1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 400, 600, 1_000, inf)
"""Milliseconds, of the histogram of waits."""

SOON = 0.02
"""Seconds: an answer within these was there already."""


def figures(records: Sequence[Record]) -> dict[str, Any]:
    """All figures of sessions that differ in nothing but their seeds."""
    states = [state for record in records for state in record.states if state.keyed]
    wanting = [state for state in states if state.wants]
    answered = [state for state in states if state.shown and state.wait is not None]
    keys = _sum(record.keys for record in records)
    taken = _sum(record.tokens_taken for record in records)
    waited = sum(record.waited_ms for record in records)
    requests = _sum(record.fake["requests"] for record in records)
    generated = _sum(record.fake["tokens"] for record in records)
    peaks = [record.peak_mb for record in records if record.peak_mb is not None]
    counts = sum((record.counts for record in records), Counter[str]())
    return {
        "keys": keys,
        "functions": _sum(record.functions for record in records),
        "accepts": _sum(record.accepts for record in records),
        "tokens_taken": taken,
        "waited_ms": round(waited, 1),
        "perceived_tokens_per_s": _ratio(taken, waited / 1000, 1),
        "characters_saved": _ratio(
            sum(record.saved for record in records), sum(record.characters for record in records), 4
        ),
        "states": len(states),
        "answered_before_next_key": _ratio(sum(state.shown for state in wanting), len(wanting), 4),
        "within_20ms": _ratio(sum(map(_soon, answered)), len(answered), 4),
        "after_accept_within_20ms": _after_accepts(states),
        "time_to_suggestion_ms": _by_hit(answered),
        "histogram": _histogram(answered),
        "requests": requests,
        "requests_per_100_keys": _ratio(100 * requests, keys, 1),
        "tokens_generated": generated,
        "tokens_prefetched": _sum(record.metrics["tokens"].get("prefetched", 0) for record in records),
        "generated_per_taken": _ratio(generated, taken, 2),
        "wasted_per_taken": _ratio(max(generated - taken, 0), taken, 2),
        "cpu_ms_per_key": quantiles([ms for record in records for ms in record.cpu_ms]),
        "peak_mb": max(peaks) if peaks else None,
        "contradictions": counts["contradictions"],
        "doubled": counts["doubled"],
        "flicker": counts["flicker"],
        "agreement": agreement(records),
    }


def agreement(records: Sequence[Record]) -> dict[str, float]:
    """How far `spark/metrics` is from what was counted outside, in % of that, in the worst session."""
    worst: dict[str, float] = {}
    for record in records:
        for name, deviation in _deviations(record).items():
            worst[name] = max(worst.get(name, 0.0), deviation)
    return {name: round(deviation, 2) for name, deviation in worst.items()}


def _deviations(record: Record) -> dict[str, float]:
    metrics = record.metrics
    backends = metrics["backends"].values()
    upstream = sum(
        backend["requests"] for name, backend in metrics["backends"].items() if name != "workspace"
    )
    known = Counter({hit: count for hit, count in record.hits.items() if hit != "unknown"})
    differing = sum(abs(metrics["hits"].get(hit, 0) - known[hit]) for hit in {*metrics["hits"], *known}) / 2
    return {
        "requests": _deviation(metrics["requests"], record.answers),
        "upstream": _deviation(upstream, record.fake["requests"]) if backends else 0.0,
        "hits": 100 * differing / max(record.answers, 1),
        "tokens": _deviation(metrics["tokens"]["accepted"], record.tokens_taken),
        "generated": _deviation(metrics["tokens"]["generated"], record.fake["tokens"]),
    }


def _deviation(told: float, counted: float) -> float:
    return 100 * abs(told - counted) / max(counted, 1)


def _by_hit(answered: Sequence[State]) -> dict[str, dict[str, float | int | None]]:
    """Milliseconds from the key to its suggestion: of all, and by the kind of hit."""
    waits: dict[str, list[float]] = {"all": []}
    for state in answered:
        assert state.wait is not None
        for name in ("all", state.hit):
            waits.setdefault(name, []).append(state.wait * 1000)
    return {name: {**quantiles(values, 50, 95, 99), "count": len(values)} for name, values in waits.items()}


def _histogram(answered: Sequence[State]) -> list[list[float | None]]:
    """(upper edge in ms, share) for each; the last has no edge."""
    counts = Counter(bisect_left(EDGES, (state.wait or 0.0) * 1000) for state in answered)
    return [
        [None if edge == inf else edge, _ratio(counts[index], len(answered), 4)]
        for index, edge in enumerate(EDGES)
    ]


def _after_accepts(states: Sequence[State]) -> float | None:
    """Of the states after an accept at which something could be said, those at which it was said at once."""
    asked = [state for state in states if state.after_accept and (state.shown or state.wants)]
    return _ratio(sum(state.shown and _soon(state) for state in asked), len(asked), 4)


def _soon(state: State) -> bool:
    return state.wait is not None and state.wait <= SOON


def _sum(values: Iterable[int]) -> int:
    return sum(values)


def _ratio(part: float, whole: float, digits: int) -> float | None:
    return round(part / whole, digits) if whole else None
