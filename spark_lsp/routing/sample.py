"""The last numbers of one kind, of which newer ones count for more: their median and their ninth decile."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from itertools import islice

KEEP = 0.966
"""What an observation still weighs when the next one is here: half of it after twenty."""

HALF = 600.0
"""Seconds of silence that halve the weight of all that was seen. As long again takes a third, and not a half:
a number from last night is worth little, but more than none."""

LEVEL = 7
"""Numbers that the median is of. Four of another size move it."""

SHARP = 4
"""The power of their weights in it. One that comes after minutes of silence counts for as much as several
from before: a backend that is seldom asked has to be seen to recover."""

MIDDLE = 0.4, 0.6
LATE = 0.05, 0.15
"""Which part of the weight, from the greatest number down, the median and the ninth decile are the mean of:
a single place in it would leap from one number to the next, and with the order of numbers that are equal."""

_OVERFLOW = 1e100


def aging(seconds: float) -> float:
    """By what a silence divides the weight of what was seen before it.

    By 1, for a time that is none, as a clock that was set back measures it.
    """
    return 1.0 + seconds / HALF if seconds > 0 else 1.0


class Sample:
    """At most `window` numbers. Times are seconds of one monotonic clock, given by the caller.

    Weights grow instead of fading (forward decay): a new number weighs `_scale`, which is larger each
    time, so that nothing has to be touched when one comes.
    """

    __slots__ = ("_at", "_late", "_median", "_numbers", "_ordered", "_scale", "_total", "_window")

    def __init__(self, window: int) -> None:
        self._window = window
        self._numbers: deque[tuple[float, float]] = deque()  # (number, weight), the newest last
        self._ordered: list[tuple[float, float]] = []  # the same by number
        self._scale = 1.0
        self._total = 0.0
        self._at = 0.0
        self._median: float | None = None
        self._late: float | None = None

    def __repr__(self) -> str:
        return f"<Sample of {len(self._numbers)}>"

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def at(self) -> float:
        """When the last number came."""
        return self._at

    def weight(self, now: float) -> float:
        """The effective number of observations: 1 for a new one, less as it ages and others follow."""
        return self._total / (self._scale * aging(now - self._at))

    def add(self, number: float, now: float) -> None:
        """A finite number, seen now."""
        if self._numbers:
            self._scale *= aging(now - self._at) / KEEP
            if self._scale > _OVERFLOW:
                self._replace([(old, weight / self._scale) for old, weight in self._numbers])
        self._at = now
        newest = (number, self._scale)
        self._numbers.append(newest)
        insort(self._ordered, newest)
        self._total += self._scale
        if len(self._numbers) > self._window:
            oldest = self._numbers.popleft()
            del self._ordered[bisect_left(self._ordered, oldest)]
            self._total -= oldest[1]
        self._median = self._late = None

    def median(self) -> float:
        """Of the last `LEVEL`. There has to be a number."""
        if self._median is None:
            last = [
                (number, (weight / self._scale) ** SHARP)
                for number, weight in islice(reversed(self._numbers), LEVEL)
            ]
            last.sort()
            self._median = _mean_of_part(last, sum([weight for _, weight in last]), MIDDLE)
        return self._median

    def late(self) -> float:
        """The ninth decile of all, and at least the median. There has to be a number."""
        if self._late is None:
            self._late = max(_mean_of_part(self._ordered, self._total, LATE), self.median())
        return self._late

    def report(self) -> tuple[float, list[float]]:
        """The weight when the last number came, and the numbers, the newest last."""
        return self._total / self._scale, [number for number, _ in self._numbers]

    def restore(self, weight: float, numbers: Sequence[float], age: float, now: float) -> None:
        """Put what was reported under what is here: its last number came `age` seconds ago."""
        numbers = numbers[-self._window :]
        if not numbers:
            return
        keep = _keep(weight, len(numbers))
        seen = [(number, old / self._scale) for number, old in self._numbers]
        newest = KEEP ** len(seen) / aging(age) if seen else 1.0
        restored = [(number, newest * keep**before) for before, number in enumerate(reversed(numbers))]
        if not seen:
            self._at = now - age
        self._replace((restored[::-1] + seen)[-self._window :])

    def _replace(self, weighed: list[tuple[float, float]]) -> None:
        self._numbers = deque(weighed)
        self._ordered = sorted(weighed)
        self._total = sum([weight for _, weight in weighed])
        self._scale = 1.0
        self._median = self._late = None


def _mean_of_part(ordered: Sequence[tuple[float, float]], total: float, part: tuple[float, float]) -> float:
    """Of the weight, the greatest first. `ordered`: (number, weight), the least first, not empty."""
    begin, end = part[0] * total, part[1] * total
    mean = width = passed = 0.0
    for number, weight in reversed(ordered):
        reached = passed + weight
        if reached > begin:
            share = min(reached, end) - max(passed, begin)
            width += share
            mean += (number - mean) * share / width
            if reached >= end:
                break
        passed = reached
    return mean


def _keep(weight: float, count: int) -> float:
    """What each of so many numbers has left of the weight of the next one, as evenly as their sum allows."""
    least, most = 0.0, 1.0
    for _ in range(30):
        keep = (least + most) / 2
        if (1 - keep**count) / (1 - keep) < weight:
            least = keep
        else:
            most = keep
    return (least + most) / 2
