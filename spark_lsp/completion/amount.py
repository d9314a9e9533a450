"""Whether several lines are asked for where the syntax would have them: not of who is slow, nor where only
single lines are taken."""

from __future__ import annotations

BLOCK = 60.0
"""Tokens of a usual block."""

PATIENCE = 8.0
"""Seconds. A block that takes longer is asked for line by line: by then the line after it is typed."""

SELDOM = 0.1
"""The share of suggestions of several lines that are taken, below which one line may be the better offer."""

RATHER = 2.0
"""Times that share: what has to be taken of single lines for that."""

EXPLORES = 8
"""Every so many of those that are cut down to a line, several are asked for: people change."""


class Amount:
    """What one person is offered. Counts what it cuts down."""

    def __init__(self) -> None:
        self._held = 0

    def several(self, *, rate: float | None, many: float, one: float) -> bool:
        """Whether more than a line is asked for.

        `rate`: tokens a second of whoever will be asked, None where nothing is known. `many`, `one`: the
        probabilities that this person takes several lines here, and one.
        """
        if rate is not None and PATIENCE * rate < BLOCK:
            return False
        if many >= SELDOM or one < RATHER * many:
            return True
        self._held = (self._held + 1) % EXPLORES
        return self._held == 0
