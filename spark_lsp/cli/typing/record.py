"""What a session is, and what happened in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.cli.typing.profiles import Habits, Profile


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session is: its figures depend on this, and on the machine."""

    profile: Profile
    policy: str
    habits: Habits
    seed: int
    keys: int
    wrong: float
    faults: str = ""
    pace: float = 1.0
    padding: int = 0

    def __str__(self) -> str:
        extra = f" faults {self.faults}" if self.faults else ""
        words = self.profile.name, self.policy, self.habits.name
        return f"{'/'.join(words)} wrong {self.wrong:g} seed {self.seed}{extra}"


@dataclass(slots=True)
class State:
    """The text after a key, and what became of the question about it. Times in seconds of the loop's clock.

    `wants`: the text is what is meant so far, and goes on. `keyed`: a change of the text made it, not a move
    of the cursor. `wait` is from the key to the answer, None when the next key came first.
    """

    number: int
    at: float
    keyed: bool
    after_accept: bool
    wants: bool
    wait: float | None = None
    hit: str = ""
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """For the timeline: milliseconds since the session's beginning."""

    t: float
    kind: str
    text: str = ""
    wait: float | None = None
    hit: str = ""


@dataclass(slots=True)
class Record:
    """What happened in one session, counted from outside."""

    plan: Plan
    keys: int = 0
    characters: int = 0
    saved: int = 0
    accepts: int = 0
    functions: int = 0
    tokens_taken: int = 0
    waited_ms: float = 0.0
    states: list[State] = field(default_factory=list)
    answers: int = 0
    shown: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    cpu_ms: list[float] = field(default_factory=list)
    peak_mb: float | None = None
    events: list[Event] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)
    fake: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
