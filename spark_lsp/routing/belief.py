"""How what was seen and what is expected are mixed: by how much was seen."""

from __future__ import annotations

from typing import NamedTuple

from spark_lsp.routing.sample import Sample

OWN = 9.0
"""Observations from which on nothing else is asked: it would count for a hundredth."""

SHAPE = 4.0
"""Observations that say of the ninth decile what one says of the median."""


class Belief(NamedTuple):
    """Logarithms: of the median, of the ninth decile over it, of the rate. And the weight."""

    level: float
    spread: float
    rate: float
    weight: float


def doubt(weight: float) -> float:
    """The share of what is expected beside so many observations: a quarter beside one."""
    return 0.0 if weight >= OWN else 1 / (1 + weight) ** 2


def mixed(sample: Sample, weight: float, rates: Sample, rated: float, prior: Belief) -> Belief:
    """What was seen, with as much of what was expected as there is doubt. The samples weigh so much now."""
    level, spread, rate, known = prior
    share = doubt(weight)
    if sample:
        median = sample.median()
        level = median + (level - median) * share
        own = sample.late() - median
        spread = own + (spread - own) / (1 + weight / SHAPE) ** 2
    if rates:
        median = rates.median()
        rate = median + (rate - median) * doubt(rated)
    return Belief(level, spread, rate, weight + known * share)
