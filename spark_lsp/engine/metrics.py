"""What happened, counted: the object that `spark/metrics` answers with. No lock, no list that grows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

from spark_lsp.values import Hit

RECENT = 512
"""Answers over which the percentiles are taken."""


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """{p50, p95, p99} by nearest rank; zeros when there is nothing yet."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    last = len(ordered) - 1
    return {f"p{p}": round(ordered[min(last, int(len(ordered) * p / 100))], 3) for p in (50, 95, 99)}


@dataclass(slots=True)
class BackendScore:
    """One backend's record. Times in milliseconds, rates in tokens/s."""

    requests: int = 0
    hedges: int = 0
    failovers: int = 0
    errors: int = 0
    ttft_ms: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    tokens_per_s: deque[float] = field(default_factory=lambda: deque(maxlen=64))

    def report(self, state: str) -> dict[str, Any]:
        return {
            "ttft_ms": percentiles(self.ttft_ms)["p50"],
            "tokens_per_s": percentiles(self.tokens_per_s)["p50"],
            "requests": self.requests,
            "hedges": self.hedges,
            "failovers": self.failovers,
            "errors": self.errors,
            "state": state,
        }


class Metrics:
    """The counters of one session."""

    def __init__(self) -> None:
        self.requests = 0
        self.hits: dict[str, int] = dict.fromkeys(get_args(Hit), 0)
        self._waited: dict[str, deque[float]] = {hit: deque(maxlen=RECENT) for hit in self.hits}
        self.accepted = 0
        self.shown = 0
        self.tokens = {"generated": 0, "accepted": 0, "prefetched": 0}
        self._waited_for_accepted = 0.0
        self.backends: dict[str, BackendScore] = {}
        self.routing: deque[dict[str, Any]] = deque(maxlen=20)

    def answered(self, hit: Hit, waited: float) -> None:
        """One request was answered, `waited` seconds after the keystroke that made its state."""
        self.requests += 1
        self.hits[hit] += 1
        self._waited[hit].append(waited * 1000)

    def took(self, tokens: int, waited: float) -> None:
        """The user took a suggestion of `tokens` that they had waited `waited` seconds for."""
        self.accepted += 1
        self.tokens["accepted"] += tokens
        self._waited_for_accepted += waited

    def backend(self, name: str) -> BackendScore:
        return self.backends.setdefault(name, BackendScore())

    @property
    def perceived_tokens_per_s(self) -> float:
        if not self._waited_for_accepted:
            return 0.0
        return round(self.tokens["accepted"] / self._waited_for_accepted, 1)

    def report(self) -> dict[str, Any]:
        tokens = self.tokens
        return {
            "requests": self.requests,
            "hits": dict(self.hits),
            "time_to_suggestion_ms": {hit: percentiles(waited) for hit, waited in self._waited.items()},
            "perceived_tokens_per_s": self.perceived_tokens_per_s,
            "accepted": self.accepted,
            "shown": self.shown,
            "tokens": {**tokens, "wasted": max(tokens["generated"] - tokens["accepted"], 0)},
            "routing": list(self.routing),
        }
