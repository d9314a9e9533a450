"""What the router is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Literal

from spark_lsp.routing.choose import Contender
from spark_lsp.values import Lane, Reach

Strategy = Literal["fastest", "ordered"]

Role = Literal["first", "hedge", "beside", "failover", "ahead"]
"""Why a backend is asked. `ahead`: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A backend as the router sees it.

    `server` is who serves it: two names of one server share its fate; "" is this process. `local`: what it
    is sent stays on this machine. Prices are for a million tokens.
    """

    name: str
    lanes: tuple[Lane, ...]
    server: str = ""
    model: str = ""
    local: bool = False
    embedded: bool = False
    metered: bool = False
    slots: int = 0
    price_prompt: float = 0.0
    price_completion: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say. Times in seconds; names of backends, in order, by lane and by language."""

    strategy: Strategy = "fastest"
    hedge: bool = True
    hedge_floor: float = 0.04
    hedge_ceiling: float = 1.5
    stall: float = 1.5
    explore_metered: bool = False
    lanes: Mapping[Lane, tuple[str, ...]] = field(default_factory=dict)
    languages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def listed(self, lane: Lane, language: str) -> tuple[str, ...] | None:
        """The names that may be asked, in order; None is all."""
        by_lane = self.lanes.get(lane)
        by_language = self.languages.get(language)
        if by_lane is None or by_language is None:
            return by_lane if by_language is None else by_language
        return tuple(name for name in by_language if name in by_lane)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked: `size` is the prompt's, in characters."""

    lane: Lane = "instant"
    size: int = 0
    document: str = ""
    language: str = ""
    reach: Reach = "anywhere"


@dataclass(frozen=True)
class Route:
    """Whom to ask, in order; `beside`, who is asked at once with the first, to learn how fast it is.

    `out` says who was left out, and why; `tried`, who failed last time; `risen`, who leads because its last
    answer was faster than it used to be.
    """

    lane: Lane
    contenders: tuple[Contender, ...]
    beside: str
    out: Mapping[str, str]
    tried: frozenset[str]
    strategy: Strategy
    risen: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple([contender.name for contender in self.contenders])

    def only(self, name: str) -> Route:
        """The same with one of them."""
        left = tuple(one for one in self.contenders if one.name == name)
        return replace(self, contenders=left, beside="", out={})

    @cached_property
    def reason(self) -> str:
        """One sentence: who, why, and why not the others."""
        said = f"{self.names[0]}: {self.because}" if self.names else self.because
        if self.beside:
            said += f"; {self.beside} is asked beside it, to learn how fast it is"
        return said + "".join(f"; {name} {why}" for name, why in self.out.items())

    @cached_property
    def because(self) -> str:
        """Why the first one."""
        if not self.contenders:
            return f"nothing serves {self.lane} now"
        first = self.contenders[0]
        if first.embedded:
            return f"nothing else serves {self.lane} now"
        if self.strategy == "ordered":
            return "first in the settings"
        if first.name in self.tried:
            return "tried again after a fault"
        rivals = [one for one in self.contenders[1:] if not one.embedded and one.name not in self.tried]
        expected = self._expected(first)
        if self.lane == "batch":
            return f"{'the cheapest' if rivals else 'the only one'}; {_cost(first)}; {expected}"
        if not rivals:
            last = (
                " that answered last time" if any(one.name in self.tried for one in self.contenders) else ""
            )
            return f"the only one{last}; {expected}"
        return self._before(first, rivals[0], expected)

    def _before(self, first: Contender, second: Contender, expected: str) -> str:
        """Why the one comes before the other."""
        if not first.forecast.weight:
            also = (
                f"{second.name}: {self._expected(second)}"
                if second.forecast.weight
                else f"nor is {second.name}"
            )
            return f"{expected}; {also}"
        if not second.forecast.weight:
            return f"the fastest that was measured; {expected}"
        rival = f"{second.name} in {two_digits(second.seconds * 1000)} ms"
        if second.seconds >= first.seconds:
            return f"the fastest; {expected}, {rival}"
        if first.name == self.risen:
            return f"faster than it was, by its last answer; {expected} until now, {rival}"
        return f"asked before, and about as fast as any; {expected}, {rival}"

    def _expected(self, one: Contender) -> str:
        if not one.forecast.weight:
            return "not measured yet"
        wanted = "a first line" if self.lane == "instant" else "an edit"
        return f"{wanted} in {two_digits(one.seconds * 1000)} ms"


def _cost(one: Contender) -> str:
    return f"costs {one.cost:.2g} an edit" if one.cost < inf else "costs money, nobody says how much"


def two_digits(number: float) -> str:
    """For a person: more say no more, and change at every request."""
    return f"{float(f'{number:.2g}'):.0f}"
