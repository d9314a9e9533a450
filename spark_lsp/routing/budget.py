"""How many tokens may still be asked for ahead."""

from __future__ import annotations

MINUTE = 60.0  # seconds


class Budget:
    """`per_minute` tokens (0: none), refilled all the time and kept for at most a minute. Full at the start.

    Times are seconds of one monotonic clock, given by the caller. A clock that goes back neither adds
    nor takes anything, and counts on from there.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._level = float(self._per_minute)
        self._at: float | None = None

    def __repr__(self) -> str:
        return f"<Budget {self._level:.0f}/{self._per_minute} tokens>"

    def left(self, now: float) -> int:
        """Whole tokens, never negative."""
        self._refill(now)
        return max(int(self._level), 0)

    def spend(self, tokens: int, now: float) -> None:
        """So many are generated. More than were left is a debt of at most a minute."""
        self._refill(now)
        self._level = max(self._level - max(tokens, 0), -float(self._per_minute))

    def configure(self, per_minute: int) -> None:
        """Another limit from now on. What was spent of the old one is spent of the new one."""
        self._level = max(self._level + per_minute - self._per_minute, 0.0)
        self._per_minute = per_minute

    def _refill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            gained = (now - self._at) * self._per_minute / MINUTE
            self._level = min(self._level + gained, float(self._per_minute))
        self._at = now


class Share:
    """A share of what happens that may be taken: `share` of one for each that passes, saved up to `most`.

    So takings are never more than `share` of the passings and `most` together.
    """

    def __init__(self, share: float, most: float) -> None:
        self._share = share
        self._most = most
        self._saved = 1.0

    def __repr__(self) -> str:
        return f"<Share {self._saved:.1f}/{self._most:.0f}>"

    def passed(self) -> None:
        """One more of those that the share is of."""
        self._saved = min(self._saved + self._share, self._most)

    def has(self, leaving: float = 0.0) -> bool:
        """Whether one may be taken, and so many are left then."""
        return self._saved >= 1.0 + leaving

    def take(self) -> bool:
        """Take one, if there is one."""
        if not self.has():
            return False
        self._saved -= 1.0
        return True
