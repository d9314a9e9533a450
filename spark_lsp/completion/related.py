"""What a model is told of elsewhere: candidates by their worth, packed into a budget, and kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from spark_lsp.text import Snapshot
from spark_lsp.values import Excerpt

Kind = Literal["definition", "similar", "edit"]

CHARACTERS = 3
"""Characters of a token, at least: code takes three to four."""

HEADER = 24
"""Characters that an excerpt costs beside its path and its text, in any style."""

FAR = 80
"""Lines from where the excerpts were chosen, from which on others are."""

RESTED = 20
"""The same where the user rests, and there is time to read."""

READING = 1.5
"""Seconds that a backend may take, once for a place, to read what is told."""

MOST, LOCAL, REMOTE, METERED = 1536, 256, 1024, 512
"""Tokens: the most that is told, what is told while nobody knows how fast it is read, on this machine and
elsewhere, and the most that is told where it costs money."""

LEAST = 0.05
"""Worth: what is less likely of use is left out, whatever room there is."""

SMALL = 120
"""Characters that are added to a cost where worths are compared: what is tiny is not thereby worth more."""

SHARES: Mapping[Kind, float] = {"definition": 0.25, "similar": 0.75, "edit": 0.2}
"""How much of the budget each kind may take before the others have had theirs. In the same room similar lines
hold twice as many of the words that are missing at the cursor as definitions do, and both together most."""

ORDER: tuple[Kind, ...] = ("definition", "similar", "edit")
"""How they are told: what is likeliest to be repeated stands next to the text around the cursor."""

KNOWN = 0.5
"""The share of an excerpt's lines that may stand elsewhere in the prompt already."""

_TELLING = re.compile(r"\w\W*\w\W*\w")


class Candidate(NamedTuple):
    """A text that could be told, `worth` being how probably it is of use: 0 to 1."""

    kind: Kind
    path: str
    text: str
    worth: float

    @property
    def cost(self) -> int:
        """In characters."""
        return _cost(self.path, self.text)


def pack(
    candidates: Iterable[Candidate], budget: int, around: str, kept: Sequence[Excerpt] = ()
) -> tuple[Excerpt, ...]:
    """What is told within `budget` characters: of each kind its share, the most worth for each first.

    What was `kept` stands in front, in its order, as long as something of it is still a candidate: what
    follows is added behind it. Nothing is told whose lines mostly stand in `around`, or are told already.
    """
    known = set(_lines(around))
    ranked = sorted(candidates, key=lambda one: -one.worth / (one.cost + SMALL))
    stays = tuple(old for old in kept if any(one.path == old.path and one.text in old.text for one in ranked))
    for old in stays:
        budget -= _cost(old.path, old.text)
        known.update(_lines(old.text))
    if budget < 0:
        return pack(ranked, budget + sum(_cost(*each) for each in map(_pair, stays)), around)
    left = {kind: int(budget * share) for kind, share in SHARES.items()}
    taken: list[Candidate] = []
    for everything in (False, True):  # what one kind leaves is for the others
        for one in ranked:
            lines = list(_lines(one.text))
            new = sum(line not in known for line in lines)
            room = budget if everything else min(budget, left[one.kind])
            joins = any((one.kind, one.path) == other[:2] for other in taken)
            cost = len(one.text) + 2 if joins else one.cost
            if one.worth < LEAST or cost > room or new <= KNOWN * len(lines):
                continue
            budget -= cost
            left[one.kind] -= cost
            known.update(lines)
            taken.append(one)
    return (*stays, *_grouped(taken))


def _grouped(taken: Sequence[Candidate]) -> Iterable[Excerpt]:
    """One excerpt for each file and kind; what looks like the text at the cursor stands next to it."""
    groups: dict[tuple[Kind, str], list[str]] = {}
    for one in sorted(taken, key=lambda one: ORDER.index(one.kind)):
        groups.setdefault((one.kind, one.path), []).append(one.text)
    return (Excerpt(path, "\n\n".join(texts)) for (_, path), texts in groups.items())


def _cost(path: str, text: str) -> int:
    return len(path) + len(text) + HEADER


def _pair(one: Excerpt) -> tuple[str, str]:
    return one.path, one.text


def _lines(text: str) -> Iterable[str]:
    """The lines that tell something: of a bracket or an `else` every text has one."""
    return (body for line in text.split("\n") if _TELLING.search(body := line.strip()))


class Place(NamedTuple):
    """Where excerpts were chosen for: they are good for the lines around it."""

    line: int

    def holds(self, snapshot: Snapshot, lines: int = FAR) -> bool:
        """Whether they are still good."""
        return abs(snapshot.line - self.line) <= lines


def affordable(rate: float | None, *, local: bool, metered: bool) -> int:
    """How many tokens a backend is told that reads `rate` tokens a second, None where that is not known."""
    tokens = (LOCAL if local else REMOTE) if rate is None else int(min(rate * READING, MOST)) // 64 * 64
    return min(tokens, METERED) if metered else tokens
