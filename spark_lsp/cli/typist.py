"""How a person writes a known text with suggestions: which key comes next, and what they take. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from spark_lsp.engine.metrics import percentiles

_KEY = re.compile(r"(?<![^\n])[ \t]+|.", re.DOTALL)


def next_key(text: str, offset: int) -> str:
    """What the next key enters: one character, or all blanks at a line's start, which are one indent."""
    match = _KEY.match(text, offset)
    return match[0] if match else ""


def taken(ghost: str, rest: str) -> str:
    """The part of a suggestion that a person takes who is about to write `rest`; line ends are \\n.

    All of it when it is right; else its first lines as far as they are, which editors can take alone.
    Nothing for a single character: that is typed as fast as taken.
    """
    right = ghost
    while right and not rest.startswith(right if right == ghost else f"{right}\n"):
        right = right.rpartition("\n")[0]
    return right if len(right) > 1 else ""


@dataclass(slots=True)
class Tally:
    """What a session of typing came to. Times in milliseconds, from the key to the suggestion."""

    typed: int = 0
    shown: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    characters: int = 0
    saved: int = 0
    waited_ms: list[float] = field(default_factory=list)

    def key(self, entered: str) -> None:
        """One key was pressed, which entered so much."""
        self.typed += 1
        self.characters += len(entered)

    def answer(self, ghost: str, waited_ms: float) -> None:
        """The state after a key was answered."""
        if ghost:
            self.shown += 1
            self.waited_ms.append(waited_ms)

    def take(self, part: str, ghost: str) -> None:
        """One key took `part` of a suggestion."""
        self.key(part)
        self.taken["whole" if part == ghost else "lines"] += 1
        self.saved += len(part) - 1

    def report(self) -> dict[str, Any]:
        return {
            "keystrokes": self.typed,
            "characters": self.characters,
            "characters_saved": self.saved,
            "saved_share": round(self.saved / max(self.characters, 1), 4),
            "keystrokes_with_suggestion": self.shown,
            "suggestion_share": round(self.shown / max(self.typed, 1), 4),
            "taken": {"whole": self.taken["whole"], "lines": self.taken["lines"]},
            "time_to_suggestion_ms": percentiles(self.waited_ms),
        }
