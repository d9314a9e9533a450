"""What is measured side by side: backends as slow as real ones, our server without this or that, editors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WRONG = 0.15
"""The share of the states at which the model is mistaken, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A backend as a person meets it: seconds to the first token, tokens/s, seconds it may be late by,
    generations at a time, and the share of its connections that are reset."""

    name: str
    ttft: float
    rate: float
    slots: int
    jitter: float = 0.0
    drops: float = 0.0

    @property
    def faults(self) -> str:
        """Half of the drops before the answer begins, half in the middle of it."""
        half = self.drops / 2
        return f"reset@{half:g},reset@{half:g}:mid" if half else ""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("spark", 0.12, 1_000, 8),
        Profile("cerebras", 0.2, 2_000, 8),
        Profile("gpu", 0.35, 90, 4),
        Profile("laptop", 0.4, 40, 1),
        Profile("bad-network", 0.12, 1_000, 8, jitter=0.3, drops=0.02),
    )
}

OURS, NAIVE, PREDICTOR = "spark-lsp", "naive", "with predictor"

POLICIES: Mapping[str, Mapping[str, Any]] = {
    OURS: {},
    NAIVE: {
        "inline": {
            "without": ["cache", "flights", "pieces", "read_on", "feedback"],
            "debounce_ms": 0,
            "deadline_ms": 1_000,
        },
        "prefetch": {"enabled": False},
    },
    "without cache": {"inline": {"without": ["cache"]}},
    "without shared flights": {"inline": {"without": ["flights"]}},
    "without debounce": {"inline": {"debounce_ms": 0}},
    "without speculation": {"prefetch": {"enabled": False}},
    "without first pieces": {"inline": {"without": ["pieces"]}},
    "without reading on": {"inline": {"without": ["read_on"]}},
    "without feedback": {"inline": {"without": ["feedback"]}},
    PREDICTOR: {"workspace": {"enabled": True}},
}
"""Settings by policy. Naive is a request for each key, dropped at the next: no cache, nothing ahead.

It waits a second, since with our deadline the slowest backends would never have an answer for it.
"""


@dataclass(frozen=True, slots=True)
class Habits:
    """How an editor asks: seconds without a change before it does, and whether it cancels what is superseded,
    can take a line or a word, says what it shows, asks when the cursor moves, and closes brackets unasked."""

    name: str
    debounce: float
    cancels: bool
    takes_parts: bool
    tells_shown: bool
    asks_after_moves: bool
    closes_brackets: bool


EDITORS = {
    habits.name: habits
    for habits in (
        Habits(
            "vscode",
            debounce=0.0,
            cancels=True,
            takes_parts=True,
            tells_shown=True,
            asks_after_moves=False,
            closes_brackets=True,
        ),
        Habits(
            "neovim",
            debounce=0.2,
            cancels=False,
            takes_parts=False,
            tells_shown=False,
            asks_after_moves=True,
            closes_brackets=False,
        ),
    )
}


def settings(profile: Profile, policy: str, url: str) -> dict[str, Any]:
    """The initializationOptions of a session whose model is the fake server at `url`."""
    backend = {
        "name": "fake",
        "kind": "openai-completions",
        "base_url": url,
        "model": "oracle",
        "fim": "suffix",
        "slots": profile.slots,
    }
    return {"backend": [backend], "workspace": {"enabled": False}, **POLICIES[policy]}
