"""Where this person takes hardly anything that is shown, no model is asked: learned from them, and said why.

A logistic regression over what can be seen of a moment before anything is asked, each a phrase that a person
can read. It begins with the belief that a good third is taken, moves a little with each suggestion that
was judged, and refuses where hardly any would be taken. Now and then it lets one through all the same, so
that what has changed is noticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, isfinite
from typing import Any, Literal, NamedTuple

from spark_lsp.completion.brackets import inside
from spark_lsp.text import Snapshot

USUAL = -0.6
"""The logarithm of the odds before anything is known: 35% are taken."""

FLOOR = 0.05
"""A probability. Less is hopeless: of twenty suggestions nineteen would be interruptions."""

ENOUGH = 40
"""Judged suggestions before anything is refused."""

EXPLORES = 8
"""Every so many of those that would be refused, one is asked."""

_RATE = 0.5  # of the logarithm of the odds, shared among what was seen
_FADE = 0.001  # of a weight, each time that it is learned from
_LARGEST = 50.0

_LOOKS_BACK = 3_000  # characters, for the string or comment that the cursor is in
_BURST, _PAUSE = 0.1, 2.0  # seconds between two keys
_STREAKS = ((8, "none of the last 8 or more taken"), (3, "none of the last 3 to 7 taken"))
_GUESSES = ((0.5, "the predictor leans to something"), (0.2, "the predictor has a guess"))
_CLOSERS = ")]}>\"'`;:,."
_NAMED = frozenset(".,:;()[]{}=\"'`")  # each a feature of its own

Setting = Literal["auto", "off"] | float


@dataclass(frozen=True, slots=True)
class Moment:
    """A request, as it can be judged beforehand.

    `erased`: the last change only took text away. `interval` is the seconds between the last two keys.
    `confidence` is the predictor's, 0 where it knows nothing; None where it was not asked.
    """

    snapshot: Snapshot
    after_accept: bool = False
    erased: bool = False
    interval: float | None = None
    confidence: float | None = None


class Judgement(NamedTuple):
    """`asks`: a model may be asked. `probability`: that what it says is taken; `reasons` are what speaks
    against it, the most telling first. `explores`: it is asked although that is hopeless."""

    asks: bool
    probability: float
    reasons: tuple[str, ...] = ()
    explores: bool = False

    def __str__(self) -> str:
        return f"{self.probability:.0%} would be taken: {', '.join(self.reasons)}"


class Gate:
    """What was learned of one person."""

    def __init__(self) -> None:
        self.seen = 0
        self.refused = 0
        self.explored = 0
        self.against: Counter[str] = Counter()
        self._weights: dict[str, float] = {}
        self._streak = 0
        self._held = 0

    def __repr__(self) -> str:
        return f"<Gate {self.seen} seen, {self.refused} refused, {self.explored} explored>"

    def features(self, moment: Moment) -> tuple[str, ...]:
        """What there is to see of a moment."""
        return tuple(filter(None, (*_seen(moment), _first(_STREAKS, self._streak))))

    def probability(self, features: Iterable[str]) -> float:
        """That what is shown will be taken."""
        return 1 / (1 + exp(-USUAL - sum(self._weights.get(name, 0.0) for name in features)))

    def judge(self, features: Iterable[str], setting: Setting = "auto") -> Judgement:
        """Whether a model is asked at such a moment. Counts what it refuses."""
        features = tuple(features)
        probability = self.probability(features)
        floor = FLOOR if setting == "auto" else 0.0 if setting == "off" else setting
        if self.seen < ENOUGH or probability >= floor:
            return Judgement(True, probability)
        reasons = self._reasons(features)
        self._held += 1
        if self._held >= EXPLORES:
            self._held = 0
            self.explored += 1
            return Judgement(True, probability, reasons, explores=True)
        self.refused += 1
        self.against[reasons[0] if reasons else "everything"] += 1
        return Judgement(False, probability, reasons)

    def observe(self, features: Iterable[str], *, taken: bool) -> None:
        """What became of a suggestion that was shown at such a moment, told once."""
        features = tuple(features)
        step = _RATE * (taken - self.probability(features)) / max(len(features), 1)
        for name in features:
            self._weights[name] = self._weights.get(name, 0.0) * (1 - _FADE) + step
        self.seen += 1
        self._streak = 0 if taken else self._streak + 1

    def counts(self) -> dict[str, Any]:
        """What it has done: for the metrics."""
        counts = {"seen": self.seen, "refused": self.refused, "explored": self.explored}
        reasons = [{"reason": reason, "count": count} for reason, count in self.against.most_common()]
        return {**counts, "against": reasons}

    def learned(self) -> dict[str, Any]:
        """What it goes by, for people: how many were `seen`, whether that is `enough`, and what each `reason`
        multiplies the `odds` by that something is taken, the least first."""
        weights = sorted(self._weights.items(), key=lambda pair: pair[1])
        reasons = [{"reason": name, "odds": round(exp(weight), 2)} for name, weight in weights]
        return {"seen": self.seen, "enough": self.seen >= ENOUGH, "reasons": reasons}

    def report(self) -> dict[str, list[float]]:
        """What was learned, ready for JSON: each weight, and how many were seen."""
        weights = {name: [round(weight, 4)] for name, weight in self._weights.items()}
        return weights | {_SEEN: [float(self.seen)]}

    @classmethod
    def restored(cls, report: object) -> Gate:
        """From a report. Whatever in it is no such report is left out."""
        gate = cls()
        for name, values in report.items() if isinstance(report, Mapping) else ():
            if not (isinstance(name, str) and isinstance(values, list) and len(values) == 1):
                continue
            [value] = values
            if type(value) not in (int, float) or not isfinite(value):
                continue
            if name == _SEEN:
                gate.seen = max(int(value), 0)
            elif abs(value) <= _LARGEST:
                gate._weights[name] = float(value)
        return gate

    def _reasons(self, features: Iterable[str]) -> tuple[str, ...]:
        against = [(weight, name) for name in features if (weight := self._weights.get(name, 0.0)) < 0]
        return tuple(name for _, name in sorted(against)[:3])


_SEEN = "suggestions seen"


def _seen(moment: Moment) -> Iterable[str]:
    snapshot = moment.snapshot
    before, after = snapshot.line_before, snapshot.line_after.strip()
    where = inside(snapshot.before(_LOOKS_BACK), snapshot.language)
    if where != "code":
        yield f"in a {where}"  # what else is to be seen of the place says something of code
    else:
        yield f"in {snapshot.language}" if snapshot.language else "in no language"
        if not before.strip():
            yield "on a blank line" if not after else "in front of a line"
        else:
            yield f"behind {_kind(before[-1])}"
            yield "within a line" if after.strip(_CLOSERS) else "at the end of a line"
    if moment.after_accept:
        yield "behind what was taken"
    elif moment.erased:
        yield "after erasing"
    elif moment.interval is not None and not _BURST <= moment.interval < _PAUSE:
        yield "in a burst of keys" if moment.interval < _BURST else "after a pause"
    if moment.confidence is not None:
        yield _first(_GUESSES, moment.confidence) or "the predictor knows nothing"


def _kind(character: str) -> str:
    if character in _NAMED:
        return f"`{character}`"
    if character.isspace():
        return "a blank"
    if character.isalpha() or character == "_":
        return "a letter"
    return "a digit" if character.isdigit() else "a sign"


def _first(steps: Iterable[tuple[float, str]], value: float) -> str:
    """The name of the highest step that is reached, "" where none is."""
    return next((name for least, name in steps if value >= least), "")
