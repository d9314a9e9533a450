"""How often this user takes what is shown, learned from what became of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from spark_lsp.text import Snapshot
from spark_lsp.values import Offer

Step = Literal["all", "newline", "other"]
"""What a user does with what is shown.

`all`: takes all of it, at once or by typing along. `newline`: takes all of it and presses Enter.
`other`: takes the other candidate.
"""

MEMORY = 25.0
"""Suggestions that count: each one weighs 1 when it is new, and after 50 others an eighth of that."""

STRENGTH = 4.0
"""Suggestions that a situation has to see before it counts as much as what it is a case of."""

LANGUAGES = 64

_PLACES = ("line-start", "within-line")
_LENGTHS = ("one", "many")
_ORIGINS = ("typed", "after")
SITUATIONS = tuple(map("/".join, product(_PLACES, _LENGTHS, _ORIGINS)))


def situation(snapshot: Snapshot, offer: Offer, *, after_accept: bool) -> str:
    """The kind of state, one of SITUATIONS: `line-start/many/after`.

    Whether the cursor's line is blank before it, whether the offer has one line or many, and whether the
    state was typed or comes after an accept.
    """
    return kind_of(snapshot, many="\n" in offer.text or "\r" in offer.text, after_accept=after_accept)


def kind_of(snapshot: Snapshot, *, many: bool, after_accept: bool) -> str:
    """The same of an offer that is not there yet."""
    place = _PLACES[bool(snapshot.line_before.strip())]
    return f"{place}/{_LENGTHS[many]}/{_ORIGINS[after_accept]}"


@dataclass(slots=True)
class _Record:
    """How many were shown, and how many of them ended in each step; older ones count less."""

    shown: float = 0.0
    all: float = 0.0
    newline: float = 0.0
    other: float = 0.0

    def add(self, taken: Step | None) -> None:
        keep = 1 - 1 / MEMORY
        self.shown = self.shown * keep + 1
        self.all = self.all * keep + (taken in ("all", "newline"))
        self.newline = self.newline * keep + (taken == "newline")
        self.other = self.other * keep + (taken == "other")

    def share(self, step: Step, expected: float) -> float:
        """The share of a step, where `expected` is what one would say without having seen any."""
        return (STRENGTH * expected + self._taken(step)) / (STRENGTH + self.shown)

    def _taken(self, step: Step) -> float:
        if step == "all":
            return self.all
        return self.newline if step == "newline" else self.other

    def report(self) -> list[float]:
        return [round(value, 4) for value in (self.shown, self.all, self.newline, self.other)]

    @classmethod
    def restored(cls, values: object) -> _Record | None:
        if not isinstance(values, list) or len(values) != 4:
            return None
        if not all(type(value) in (int, float) and 0 <= value <= MEMORY for value in values):
            return None
        shown, taken, newline, other = map(float, values)
        return cls(shown, taken, newline, other) if newline <= taken <= shown >= other else None


class Odds:
    """The probabilities of each step, by language and situation.

    A situation that was seldom seen in a language is judged by the same situation in all languages,
    and that one, when it is new too, by what is usual.
    """

    def __init__(self) -> None:
        self._overall: dict[str, _Record] = {}
        self._languages: OrderedDict[str, dict[str, _Record]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Odds of {len(self._languages)} languages>"

    def probability(self, language: str, situation: str, step: Step) -> float:
        """Between 0 and 1, neither of them. That of `newline` is part of that of `all`."""
        expected = _expected(situation, step)
        if (overall := self._overall.get(situation)) is not None:
            expected = overall.share(step, expected)
        own = self._languages.get(language, {}).get(situation)
        return expected if own is None else own.share(step, expected)

    def observe(self, language: str, situation: str, taken: Step | None) -> None:
        """What became of one suggestion that was shown, told once; None when it was not taken."""
        if situation not in SITUATIONS:
            return
        self._overall.setdefault(situation, _Record()).add(taken)
        self._language(language).setdefault(situation, _Record()).add(taken)

    def report(self) -> dict[str, list[float]]:
        """What was learned, ready for JSON: [shown, all, newline, other] by language and situation."""
        overall = {situation: record.report() for situation, record in self._overall.items()}
        own = {
            f"{language} {situation}": record.report()
            for language, records in self._languages.items()
            for situation, record in records.items()
        }
        return overall | own

    @classmethod
    def restored(cls, report: object) -> Odds:
        """From a report. Whatever in it is no such report is left out."""
        odds = cls()
        for key, values in report.items() if isinstance(report, Mapping) else ():
            if not isinstance(key, str) or (record := _Record.restored(values)) is None:
                continue
            language, space, situation = key.rpartition(" ")
            if situation in SITUATIONS:
                records = odds._language(language) if space else odds._overall
                records[situation] = record
        return odds

    def _language(self, language: str) -> dict[str, _Record]:
        records = self._languages.setdefault(language, {})
        self._languages.move_to_end(language)
        if len(self._languages) > LANGUAGES:
            self._languages.popitem(last=False)
        return records


def _expected(situation: str, step: Step) -> float:
    """What is usual: about a third is taken, more of what is short, and more after an accept than before."""
    if step == "other":
        return 0.06
    taken = 0.3 + 0.1 * ("/one/" in situation) + 0.15 * situation.endswith("/after")
    return taken if step == "all" else taken * 0.6
