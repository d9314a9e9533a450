"""The ways to choose that ours stands beside. Pure: told the time, and what became of each request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import inf
from random import Random
from typing import Protocol

from spark_lsp.cli.routing.script import Script

OURS, ORACLE = "spark-lsp", "oracle"
FIRST, TURNS, RANDOM, MEAN = "always first", "round robin", "random", "best by mean"
POLICIES = (OURS, ORACLE, FIRST, MEAN, TURNS, RANDOM)
"""Those that are neighbours are run at the same time."""

FAILED = 2.0
"""Seconds that a failure counts for in a mean: as long as an ordinary client waits for a first token."""


class Policy(Protocol):
    """Whom an ordinary client asks: one at a time, and the next when that one fails."""

    def order(self, now: float) -> Iterator[str]:
        """Names, the first choice first."""
        ...

    def begun(self, name: str, now: float) -> None: ...

    def ended(self, name: str, took: float | None, now: float) -> None:
        """`took` is seconds until the line was there, None when it failed."""
        ...


class _Careless:
    """Learns nothing."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def begun(self, name: str, now: float) -> None:
        pass

    def ended(self, name: str, took: float | None, now: float) -> None:
        pass


class AlwaysFirst(_Careless):
    """The order of the settings."""

    def order(self, now: float) -> Iterator[str]:
        return iter(self._names)


class RoundRobin(_Careless):
    """Each in turn."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._next = 0

    def order(self, now: float) -> Iterator[str]:
        start, count = self._next, len(self._names)
        self._next = (start + 1) % count
        return (self._names[(start + step) % count] for step in range(count))


class AnyOfThem(_Careless):
    """Drawn anew for each request."""

    def __init__(self, names: Sequence[str], seed: int) -> None:
        super().__init__(names)
        self._random = Random(f"random policy {seed}")

    def order(self, now: float) -> Iterator[str]:
        first = self._random.randrange(len(self._names))
        yield self._names[first]
        rest = [*self._names[:first], *self._names[first + 1 :]]
        self._random.shuffle(rest)
        yield from rest


class BestByMean:
    """The least mean time of all its life; each is tried once."""

    def __init__(self, names: Sequence[str]) -> None:
        self._means = dict.fromkeys(names, 0.0)
        self._counts = dict.fromkeys(names, 0)

    def order(self, now: float) -> Iterator[str]:
        means = self._means
        first = min(means, key=means.__getitem__)
        yield first
        yield from sorted((name for name in means if name != first), key=means.__getitem__)

    def begun(self, name: str, now: float) -> None:
        if not self._counts[name] and not self._means[name]:
            self._means[name] = inf  # until it has answered: not everybody's first try goes to the same one

    def ended(self, name: str, took: float | None, now: float) -> None:
        count, mean = self._counts[name], self._means[name]
        seconds = FAILED if took is None else took
        self._means[name] = (count * mean if count else 0.0) / (count + 1) + seconds / (count + 1)
        self._counts[name] = count + 1


class Oracle:
    """Knows what will happen: the least true mean time at this moment, and never one that would fail.

    `expected(name, now, waiting)` is seconds with so many of its own requests there, inf where it would fail.
    `limit(name, now)` is (requests, seconds) where a limit is in force.
    """

    def __init__(
        self,
        names: Sequence[str],
        expected: Callable[[str, float, int], float],
        limit: Callable[[str, float], tuple[int, float] | None] = lambda name, now: None,
    ) -> None:
        self._names = names
        self._expected = expected
        self._limit = limit
        self._open = dict.fromkeys(names, 0)
        self._sent: dict[str, deque[float]] = {name: deque() for name in names}

    def order(self, now: float) -> Iterator[str]:
        seconds = {name: self._seconds(name, now) for name in self._names}
        first = min(seconds, key=seconds.__getitem__)
        yield first
        yield from sorted((name for name in seconds if name != first), key=seconds.__getitem__)

    def _seconds(self, name: str, now: float) -> float:
        limit = self._limit(name, now)
        if limit is not None:
            most, window = limit
            sent = self._sent[name]
            while sent and sent[0] < now - window:
                sent.popleft()
            if len(sent) >= most:
                return inf
        return self._expected(name, now, self._open[name])

    def begun(self, name: str, now: float) -> None:
        self._open[name] += 1
        if self._limit(name, now) is not None:
            self._sent[name].append(now)

    def ended(self, name: str, took: float | None, now: float) -> None:
        self._open[name] -= 1


def oracle_of(script: Script) -> Oracle:
    """The oracle that knows a script."""

    def expected(name: str, now: float, waiting: int) -> float:
        seconds = script.at(name, now).line_after(waiting)
        return inf if script.breaks_within(name, now, now + seconds) else seconds

    return Oracle(script.names, expected, lambda name, now: script.at(name, now).limit)


def ordinary(policy: str, names: Sequence[str], seed: int) -> Policy:
    """One of those that know nothing, by its name."""
    match policy:
        case "always first":
            return AlwaysFirst(names)
        case "round robin":
            return RoundRobin(names)
        case "random":
            return AnyOfThem(names, seed)
        case "best by mean":
            return BestByMean(names)
    raise ValueError(policy)
