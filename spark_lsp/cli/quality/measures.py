"""How near an offer comes to what stood there, and how sure that is. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from spark_lsp.cli.quality.case import Case

RESAMPLES = 1000
Z = 1.96
"""Standard deviations to each side, for 95%."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A text at the cursor; `dedent` code points before and `absorbed` behind the cursor go."""

    text: str = ""
    dedent: int = 0
    absorbed: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """`exact`: nothing has to be done to it. `similarity` from 0 to 1. `kept`: characters of the truth that
    one would have got; `offered`: those that were offered."""

    exact: bool
    similarity: float
    kept: int
    offered: int


def taken(case: Case, offered: Offered) -> Offered:
    """What is taken of an offer, without blanks at its end: where a line is wanted, its first line."""
    first, more, _ = offered.text.partition("\n")
    if case.one_line and more:
        return Offered(first.rstrip(), offered.dedent)
    return replace(offered, text=offered.text.rstrip())


def applied(case: Case, offered: Offered) -> str:
    """The file with the offer in it."""
    return case.before[: len(case.before) - offered.dedent] + offered.text + case.after[offered.absorbed :]


def score(case: Case, offered: Offered) -> Score:
    """Blanks at the end aside."""
    right = Offered(case.truth.rstrip())
    found = taken(case, offered)
    said = in_the_hole(case, found)
    return Score(
        exact=applied(case, found) == applied(case, right),
        similarity=similarity(said, right.text),
        kept=kept(said, right.text),
        offered=len(said),
    )


def in_the_hole(case: Case, offered: Offered) -> str:
    """What it puts between `before` and `after`; where it changes those, what stands there is in it, too."""
    start = len(case.before) - len(case.line_before)
    said, below = applied(case, offered)[start:], case.after[len(case.line_after) :]
    return said.removesuffix(below).removesuffix(case.line_after).removeprefix(case.line_before)


def similarity(one: str, other: str) -> float:
    """1 less the edits of a character each that lead from one to the other, over the longer one's length."""
    longest = max(len(one), len(other))
    return 1 - distance(one, other) / longest if longest else 1.0


def distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for index, character in enumerate(one, 1):
        diagonal, row[0] = row[0], index
        for at, against in enumerate(other, 1):
            cost = min(row[at] + 1, row[at - 1] + 1, diagonal + (character != against))
            diagonal, row[at] = row[at], cost
    return row[-1]


def kept(said: str, truth: str) -> int:
    """Characters from the beginning on that are right, in whole words."""
    end = 0
    while end < min(len(said), len(truth)) and said[end] == truth[end]:
        end += 1
    while end and not (_ends_word(said, end) and _ends_word(truth, end)):
        end -= 1
    return end


def _ends_word(text: str, end: int) -> bool:
    return end == len(text) or not (_in_word(text[end - 1]) and _in_word(text[end]))


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval of 95%."""

    value: float
    low: float
    high: float


def share(flags: Sequence[bool]) -> Estimate:
    """How many of them are true, with Wilson's interval; all of it where there is none."""
    count = len(flags)
    if not count:
        return Estimate(0.0, 0.0, 1.0)
    found = sum(flags) / count
    spread = Z * math.sqrt(found * (1 - found) / count + Z * Z / (4 * count * count))
    middle, scale = found + Z * Z / (2 * count), 1 + Z * Z / count
    return Estimate(found, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


def resampled(count: int, figure: Callable[[Sequence[int]], float | None], seed: str) -> Estimate | None:
    """A figure of the cases of these indices, and how it varies with the cases drawn (bootstrap).

    None where it has no value.
    """
    value = figure(range(count))
    if value is None or not count:
        return None
    random = Random(seed)
    found = []
    for _ in range(RESAMPLES):
        again = figure([random.randrange(count) for _ in range(count)])
        if again is not None:
            found.append(again)
    found.sort()
    edge = max(1, round(len(found) * 0.025))
    return Estimate(value, found[edge - 1], found[-edge])


def mean(values: Sequence[float], seed: str) -> Estimate:
    found = resampled(len(values), lambda drawn: sum(values[one] for one in drawn) / len(drawn), seed)
    return found or Estimate(0.0, 0.0, 0.0)


def ratio(ours: Sequence[float], theirs: Sequence[float], seed: str) -> Estimate | None:
    """Ours over theirs of the same cases; None where theirs come to nothing."""

    def figure(drawn: Sequence[int]) -> float | None:
        below = sum(theirs[one] for one in drawn)
        return sum(ours[one] for one in drawn) / below if below else None

    return resampled(len(ours), figure, seed)


def difference(ours: Sequence[float], theirs: Sequence[float], seed: str) -> Estimate:
    """Ours less theirs, on average, in pairs of the same case."""
    return mean([one - other for one, other in zip(ours, theirs, strict=True)], seed)
