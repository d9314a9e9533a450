"""In which order backends are asked: by what a request is expected to take there, or to cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from operator import attrgetter
from typing import Final, NamedTuple

from spark_lsp.routing.measure import Forecast
from spark_lsp.values import Lane

LINE: Final = 12.0
"""Tokens of the first useful line."""

EDIT: Final = 150.0
"""Tokens of a finished edit."""

PROMPT: Final = 1500.0
"""Tokens of a prompt, where a cost is reckoned before there is one."""

WANTED: Final[Mapping[Lane, float]] = {"instant": LINE, "interactive": EDIT, "batch": EDIT}
"""Tokens that the user of a lane waits for."""

BATCH_DEADLINE: Final = 60.0
"""Seconds that an edit of a batch may take before its cost counts for nothing."""

NEAR: Final = 0.05
"""The share of the leader's time that another has to be faster by to take its place: equals would flap."""


_SECONDS = attrgetter("seconds")


class Contender(NamedTuple):
    """A backend that may be asked: `seconds` until what its lane waits for is there, of which it may have to
    wait in a line; `cost` of that in the money of the prices."""

    name: str
    forecast: Forecast
    seconds: float
    cost: float = 0.0
    embedded: bool = False


def seconds(forecast: Forecast, lane: Lane, waiting: int = 0, slots: int = 0) -> float:
    """How long until what the lane waits for is there, with so many of ours there already.

    One that serves n at a time answers the n+1st when the first is through.
    """
    until = forecast.ttft + WANTED[lane] / forecast.rate
    if slots and waiting >= slots:
        until += (waiting - slots + 1) / slots * until
    return until


def cost(price_prompt: float, price_completion: float, *, metered: bool = False) -> float:
    """Of one edit, by prices of a million tokens. Infinite where it costs money and nobody says how much."""
    if metered and not price_prompt and not price_completion:
        return inf
    return (PROMPT * price_prompt + EDIT * price_completion) / 1e6


def by_speed(contenders: Sequence[Contender], incumbent: str) -> list[Contender]:
    """The fastest first; `incumbent` stays in front of those that are about as fast."""
    ordered = sorted(contenders, key=_SECONDS)
    if ordered and ordered[0].name != incumbent:
        for place, contender in enumerate(ordered):
            if contender.name == incumbent and contender.seconds <= ordered[0].seconds * (1 + NEAR):
                ordered.insert(0, ordered.pop(place))
                break
    return ordered


def by_cost(contenders: Sequence[Contender]) -> list[Contender]:
    """The cheapest first that is done within the deadline, the faster of those that cost the same."""
    return sorted(
        contenders,
        key=lambda contender: (contender.seconds > BATCH_DEADLINE, contender.cost, contender.seconds),
    )
