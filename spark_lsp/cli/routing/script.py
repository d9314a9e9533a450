"""What happens to a fleet of five: how fast each is, what goes wrong and when. Pure, by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random
from typing import Literal

ARRIVALS = 30.0
"""Requests a second, at times that know nothing of each other: nobody waits for the last answer."""

LINE = 12.0
"""Tokens of a line, about."""

OTHERS = 40.0
"""Tokens of what other people ask of a shared server."""

EventKind = Literal["drift", "spike", "limit", "load", "reset", "refuse", "hang", "stall"]

FAULTS: Mapping[EventKind, str] = {"reset": "reset:mid", "hang": "stall:before", "stall": "stall:4"}
"""As the fake server writes them. One that refuses does not listen."""

BREAKS = frozenset[EventKind]({"limit", "reset", "refuse", "hang", "stall"})
"""What makes requests fail, and not only slow."""

MARGIN = 0.15
"""Seconds around a change in which who knows the script does not rely on it: servers are a moment late."""


@dataclass(frozen=True, slots=True)
class Character:
    """How a backend is when nothing happens to it: seconds, tokens a second, slots (0: no limit).

    An answer is later by up to `jitter`, and a share of `late_share` by `late` more.
    """

    name: str
    ttft: float
    rate: float
    jitter: float = 0.0
    late_share: float = 0.0
    late: float = 0.0
    slots: int = 0

    @property
    def line(self) -> float:
        """Seconds until a line is there, in the mean."""
        return self.ttft + self.jitter / 2 + self.late_share * self.late + LINE / self.rate


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to one backend from `start` to `end`, in seconds.

    `size` is how many times slower it is (drift, spike), how many requests it takes in `window` seconds
    (limit), or how many a second other people send there (load).
    """

    name: str
    kind: EventKind
    backend: str
    start: float
    end: float
    size: float = 0.0
    window: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """How a backend is at one time. `faults` as the fake server writes them; `limit` (requests, seconds)."""

    character: Character
    faults: str = ""
    refuses: bool = False
    limit: tuple[int, float] | None = None
    others: float = 0.0

    @property
    def fails(self) -> bool:
        return self.refuses or bool(self.faults)

    def line_after(self, waiting: int) -> float:
        """Seconds until a line is there, in the mean, with so many requests of one's own there already."""
        return self.character.line + self._in_line(waiting)

    def _in_line(self, waiting: int) -> float:
        """Seconds until a slot is free: for those in front, and for other people's (Sakasegawa's formula)."""
        slots = self.character.slots
        if not slots:
            return 0.0
        others = self.others * (self.character.ttft + OTHERS / self.character.rate)
        used = min(others / slots, 0.95)
        queue = used ** (2 * (slots + 1)) ** 0.5 / (1 - used) / self.others if self.others else 0.0
        return queue + max(waiting + others - slots + 1, 0.0) * self.character.line / slots


CAST = (
    Character("swift", ttft=0.055, rate=1_200, jitter=0.02),
    Character("keen", ttft=0.080, rate=900, jitter=0.03, late_share=0.03, late=0.35),
    Character("shared", ttft=0.065, rate=400, jitter=0.01, slots=2),
    Character("glib", ttft=0.035, rate=60, jitter=0.01),
    Character("steady", ttft=0.190, rate=500, jitter=0.01),
)
"""In the order of the settings. `swift` leads while it is well; `glib` lies: it has a first token at once,
and then it is slow; `shared` is a GPU of one's own that others use, too."""

EVENTS = (
    Event("swift slows down", "drift", "swift", 0.12, 0.27, size=6),
    Event("swift is 5 times slower", "spike", "swift", 0.34, 0.49, size=5),
    Event("swift takes 10 a second", "limit", "swift", 0.54, 0.64, size=10, window=2.0),
    Event("others use shared", "load", "shared", 0.58, 0.80, size=9),
    Event("swift breaks off", "reset", "swift", 0.69, 0.71),
    Event("swift is gone", "refuse", "swift", 0.71, 0.79),
    Event("keen stalls", "stall", "keen", 0.74, 0.76),
    Event("swift never speaks", "hang", "swift", 0.79, 0.82),
)
"""Times in shares of the whole. A drift comes in the first half of its time, and ends at once."""


@dataclass(frozen=True, slots=True)
class Script:
    """A run of `seconds`: who is asked, what happens, and when requests come (seconds, rising)."""

    seconds: float
    cast: tuple[Character, ...]
    events: tuple[Event, ...]
    arrivals: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(character.name for character in self.cast)

    def at(self, name: str, now: float) -> Moment:
        """How this backend is at a time."""
        moment = Moment(next(character for character in self.cast if character.name == name))
        for event in self.events:
            if event.backend == name and event.start <= now < event.end:
                moment = _under(event, moment, now)
        return moment

    def breaks_within(self, name: str, start: float, end: float) -> bool:
        """Whether requests sent to it between the two may fail: a limit is not meant, it can be counted."""
        return any(
            event.backend == name
            and event.kind in BREAKS
            and event.kind != "limit"
            and event.start - MARGIN < end
            and start < event.end + MARGIN
            for event in self.events
        )

    def favourite(self, now: float) -> str:
        """Who is fastest at a time for who is alone there."""
        return min(self.names, key=lambda name: self._alone(name, now))

    def _alone(self, name: str, now: float) -> float:
        moment = self.at(name, now)
        return inf if moment.fails or moment.limit else moment.line_after(0)

    def faults_of_the_leader(self) -> list[Event]:
        """What makes requests to the one fail that was the favourite, or would be."""
        return [
            event
            for event in self.events
            if event.kind in BREAKS and event.backend == self._best_but_for(event)
        ]

    def _best_but_for(self, event: Event) -> str:
        """The favourite while an event lasts, had neither it nor what surrounds it come to its backend."""
        middle = (event.start + event.end) / 2
        spared = tuple(
            other for other in self.events if other.backend != event.backend or other.kind not in BREAKS
        )
        return replace(self, events=spared).favourite(middle)


def _under(event: Event, moment: Moment, now: float) -> Moment:
    match event.kind:
        case "drift" | "spike":
            slower = event.size
            if event.kind == "drift":
                risen = (now - event.start) / (event.end - event.start) * 2
                slower = 1 + (event.size - 1) * min(risen, 1.0)
            character = replace(moment.character, ttft=moment.character.ttft * slower)
            return replace(moment, character=character)
        case "limit":
            return replace(moment, limit=(round(event.size * event.window), event.window))
        case "load":
            return replace(moment, others=event.size)
        case "refuse":
            return replace(moment, refuses=True)
    return replace(moment, faults=FAULTS[event.kind])


def drawn(seed: int, requests: int) -> Script:
    """The script of so many requests: speeds and times vary with the seed, what happens does not."""
    random = Random(f"script {seed}")
    seconds = requests / ARRIVALS
    cast = tuple(_varied(character, random) for character in CAST)
    return Script(seconds, cast, tuple(_placed(EVENTS, seconds, random)), _arrivals(requests, random))


def _varied(character: Character, random: Random) -> Character:
    return replace(
        character,
        ttft=character.ttft * random.uniform(0.9, 1.1),
        rate=character.rate * random.uniform(0.85, 1.15),
    )


def _placed(events: Sequence[Event], seconds: float, random: Random) -> Iterator[Event]:
    """Those that begin when another ends stay together."""
    moved = {
        place: place + random.uniform(-0.006, 0.006)
        for place in sorted({place for event in events for place in (event.start, event.end)})
    }
    for event in events:
        yield replace(event, start=moved[event.start] * seconds, end=moved[event.end] * seconds)


def _arrivals(requests: int, random: Random) -> tuple[float, ...]:
    times, now = [], 0.0
    for _ in range(requests):
        now += random.expovariate(ARRIVALS)
        times.append(now)
    scale = requests / ARRIVALS / now if now else 1.0  # the last one comes when the script ends
    return tuple(time * scale for time in times)
