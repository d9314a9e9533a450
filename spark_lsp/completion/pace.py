"""How long to wait for the next key before a request goes out: learned from how this person types.

A stream on its way survives the keys that agree with it, so the first request of a burst may go at once
and usually serves all of it. More are needed only where answers turn out wrong. They go at once too, as
long as there are few; in text that nobody can foresee, where every key would cost one, each waits for a
silence a little longer than this person's usual interval. Shorter waits are the worst of both: at 60 ms,
95% of the next keys are still to come.
"""

from __future__ import annotations

SETTLE = 0.003
"""Seconds that every request waits: by then all is in that comes at once, from a macro or a held-up queue."""

HELD = 0.045
"""Seconds between keys. Less, QUICK times running, is a key held down or a program: people's p5 is 57 ms."""

QUICK = 3
"""A fast typist has two such intervals in a row now and then."""

HELD_WAIT = 0.06
"""Seconds from such a key on: longer than the time between two repetitions."""

PAUSE = 2.0
"""Seconds. More is no interval of typing: the person was reading, or away."""

LONGEST = 0.15
"""Seconds. Waiting always adds to the answer."""

AT_ONCE = 6
"""Requests of one burst that do not wait."""

PER_SECOND = 2.0
"""How many more become free to go at once."""

SILENCE = 1.25
"""Of the person's median interval. A steady hand's next key comes in it, and not just behind it."""

_MEDIAN = 0.152  # seconds between two keys, over 132,470 of many people
_STEP = 0.05


class Pace:
    """The rhythm of one person. Times are seconds of one monotonic clock, given by the caller.

    `interval` is that between the last two keys.

    A clock that jumps, either way, leads to no longer a wait than LONGEST.
    """

    def __init__(self) -> None:
        self._median = _MEDIAN
        self._quick = 0  # intervals under HELD in a row
        self.interval: float | None = None
        self._typed_at: float | None = None
        self._free = float(AT_ONCE)
        self._counted_at: float | None = None

    def __repr__(self) -> str:
        return f"<Pace {self._median * 1000:.0f} ms between keys, {self._free:.1f} requests free>"

    def typed(self, now: float) -> None:
        """A key changed the text."""
        interval = PAUSE if self._typed_at is None else max(now - self._typed_at, 0.0)
        self._quick = self._quick + 1 if interval < HELD else 0
        self.interval = None if self._typed_at is None else interval
        self._typed_at = now
        if HELD <= interval < PAUSE:
            # As many steps up as down where half of the intervals are on either side: the median.
            self._median *= 1 + _STEP if interval > self._median else 1 - _STEP

    def asked(self, now: float) -> None:
        """A request went out for a state that the user waits for."""
        self._count(now)
        self._free = max(self._free - 1, 0.0)

    def delay(self, now: float, ttft: float | None) -> float:
        """Seconds to wait from now on before a request, unless another key comes. At least SETTLE.

        `ttft`: seconds until the backend's first token, where known. The wait is never longer than it, so
        that it can at most double the time to the answer, and a request that is dear to lose waits longer.
        """
        self._count(now)
        wait = 0.0
        if self._quick >= QUICK:
            wait = HELD_WAIT
        elif self._free < 1:
            wait = min(SILENCE * self._median, LONGEST, LONGEST if ttft is None else ttft)
        silent = 0.0 if self._typed_at is None else max(now - self._typed_at, 0.0)
        return max(wait - silent, SETTLE)

    def _count(self, now: float) -> None:
        if self._counted_at is not None and now > self._counted_at:
            self._free = min(self._free + (now - self._counted_at) * PER_SECOND, float(AT_ONCE))
        self._counted_at = now
