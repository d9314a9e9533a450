"""What the first-token times of one backend are made of, where its server says so."""

from __future__ import annotations

import math

from spark_lsp.routing.sample import Sample
from spark_lsp.values import Usage

WINDOW = 12
LEAST = 0.01  # ms; a queue that nobody stands in takes no time


class Parts:
    """The recent medians of each part: milliseconds, and prompt tokens a second."""

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}

    def __repr__(self) -> str:
        return f"<Parts {', '.join(self._samples)}>"

    def add(self, usage: Usage, ttft_s: float, now: float) -> None:
        """What a server reported of a request whose first token we had after `ttft_s` seconds."""
        for name, value in _told_apart(usage, ttft_s * 1e3).items():
            if 0 <= value < math.inf:
                sample = self._samples.setdefault(name, Sample(WINDOW))
                sample.add(math.log(max(value, LEAST)), now)

    def medians(self) -> dict[str, float]:
        """By name: `connect_ms`, `network_ms`, `queue_ms`, `prompt_ms`, `prompt_tokens_per_s`."""
        return {name: math.exp(sample.median()) for name, sample in self._samples.items()}


def _told_apart(usage: Usage, ttft_ms: float) -> dict[str, float]:
    said = (("connect_ms", usage.connect_ms), ("queue_ms", usage.queue_ms), ("prompt_ms", usage.prompt_ms))
    parts = {name: value for name, value in said if value is not None}
    own = usage.ttft_ms
    if own is None and usage.prompt_ms is not None:
        own = usage.prompt_ms + (usage.queue_ms or 0.0)
    if own is not None:
        # Negative where a server claims to have taken longer than we waited: then it says nothing.
        parts["network_ms"] = ttft_ms - own - (usage.connect_ms or 0.0)
    read = (usage.prompt_tokens or 0) - (usage.cached_tokens or 0)
    if usage.prompt_ms and read > 0:
        parts["prompt_tokens_per_s"] = read / usage.prompt_ms * 1e3
    return parts
