"""What all answers come to: one JSON object. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from spark_lsp.cli.quality.case import INFILLING, KINDS, LINES, Case
from spark_lsp.cli.quality.measures import Estimate, Score, difference, mean, ratio, share
from spark_lsp.cli.quality.models import PREDICTOR
from spark_lsp.cli.quality.policies import BARE, OURS, Answered, names
from spark_lsp.cli.reports.figures import quantiles

ALL_LINES, ALL_INFILLING = "lines", "infilling"
TOGETHER = {ALL_LINES: LINES, ALL_INFILLING: INFILLING}
"""Kinds that are looked at together, too."""

RATIOS = (
    ("exact", ALL_LINES, "exact match on package lines, over the bare prefix", 1.6),
    ("passed", ALL_INFILLING, "pass@1 on infilling, over the bare prefix", 1.5),
)
"""What ours is held to: measure, kinds, words, and the least it may be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer, judged. `passed` is None where a case has no test."""

    model: str
    policy: str
    case: Case
    answered: Answered
    score: Score
    passed: bool | None

    @property
    def right(self) -> bool:
        return self.score.exact or bool(self.passed)

    def told(self) -> dict[str, Any]:
        """All that one needs to see why it is not right."""
        case, answered = self.case, self.answered
        return {
            "model": self.model,
            "policy": self.policy,
            "kind": case.kind,
            "case": case.name,
            "before": case.before[-600:],
            "truth": case.truth,
            "after": case.after[:200],
            "offered": answered.offered.text,
            "dedent": answered.offered.dedent,
            "absorbed": answered.offered.absorbed,
            "by": answered.by,
            "said": answered.count.said,
            "error": answered.count.error,
            "similarity": round(self.score.similarity, 3),
            "kept": self.score.kept,
            "passed": self.passed,
            "ms": round(answered.seconds * 1000),
        }


def report_of(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """A row for each model, kind and policy; each beside the bare prefix; and the ratios asked for."""
    report: dict[str, Any] = {"cases": {}, "rows": [], "pairs": [], "ratios": []}
    for kind in KINDS:
        report["cases"][kind] = len({each.case.name for each in outcomes if each.case.kind == kind})
    for model in dict.fromkeys(each.model for each in outcomes):
        of_model = [each for each in outcomes if each.model == model]
        told = _told(of_model)
        for kind, several in {**{kind: (kind,) for kind in KINDS}, **TOGETHER}.items():
            asked = _by_policy([each for each in of_model if each.case.kind in several])
            bare = asked.get(BARE, [])
            for policy, found in asked.items():
                row = {"model": model, "kind": kind, "policy": policy}
                report["rows"].append({**row, **_row(found, told, seed)})
                if bare and policy != BARE:
                    report["pairs"].append({**row, **_pair(found, bare, seed)})
            if model != PREDICTOR and bare:
                report["ratios"] += [
                    {"model": model, **one} for one in _ratios(kind, asked.get(OURS, []), bare, seed)
                ]
    return report


def _by_policy(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Those that were asked, in the order in which they are told."""
    found = {name: [each for each in outcomes if each.policy == name] for name in names()[0]}
    return {name: some for name, some in found.items() if some}


def _told(outcomes: Sequence[Outcome]) -> float | None:
    """Tokens of a character of prompt, as the server told: a stream that is closed early tells nothing."""
    characters = sum(each.answered.count.told for each in outcomes)
    return sum(each.answered.count.read for each in outcomes) / characters if characters else None


def _row(found: Sequence[Outcome], told: float | None, seed: int) -> dict[str, Any]:
    passed = [each.passed for each in found if each.passed is not None]
    kept = [float(each.score.kept) for each in found]
    offered = sum(each.score.offered for each in found)
    characters = fmean(each.answered.count.characters for each in found)
    return {
        "cases": len(found),
        "exact": _written(share([each.score.exact for each in found])),
        "similarity": _written(mean([each.score.similarity for each in found], f"{seed} similarity")),
        "passed": _written(share(passed)) if passed else None,
        "kept": _written(mean(kept, f"{seed} kept")),
        "kept_of_offered": round(sum(kept) / offered, 4) if offered else None,
        "kept_of_truth": round(sum(kept) / max(sum(len(each.case.truth.rstrip()) for each in found), 1), 4),
        "silent": round(fmean(not each.answered.offered.text for each in found), 4),
        "by_predictor": round(fmean(each.answered.by == PREDICTOR for each in found), 4),
        "requests": round(fmean(each.answered.count.requests for each in found), 2),
        "prompt_tokens": None if told is None else round(told * characters, 1),
        "generated_tokens": round(fmean(each.answered.count.generated for each in found), 1),
        "latency_ms": quantiles(each.answered.seconds * 1000 for each in found),
    }


def _pair(found: Sequence[Outcome], bare: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """Each answer less the bare prefix's to the same case."""
    ours, theirs = _matched(found, bare)
    row: dict[str, Any] = {}
    for name in ("exact", "similarity", "kept", "passed"):
        pairs = [
            (float(one), float(other))
            for each, against in zip(ours, theirs, strict=True)
            if (one := _amount(each, name)) is not None and (other := _amount(against, name)) is not None
        ]
        row[name] = (
            _written(difference([one for one, _ in pairs], [other for _, other in pairs], f"{seed} {name}"))
            if pairs
            else None
        )
    return row


def _amount(outcome: Outcome, name: str) -> float | bool | None:
    if name == "passed":
        return outcome.passed
    found: float | bool = getattr(outcome.score, name)
    return found


def _matched(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Those of the same cases, in the same order."""
    known = {(each.case.kind, each.case.name): each for each in theirs}
    both = [(each, other) for each in ours if (other := known.get((each.case.kind, each.case.name)))]
    return [one for one, _ in both], [other for _, other in both]


def _ratios(kind: str, ours: Sequence[Outcome], bare: Sequence[Outcome], seed: int) -> list[dict[str, Any]]:
    ours, bare = _matched(ours, bare)
    found = []
    for name, of_kind, says, least in RATIOS:
        if kind != of_kind or not ours:
            continue
        mine, theirs = ([float(_amount(each, name) or 0) for each in some] for some in (ours, bare))
        over = ratio(mine, theirs, f"{seed} ratio")
        found.append(
            {
                "name": name,
                "says": says,
                "ours": round(fmean(mine), 4),
                "bare": round(fmean(theirs), 4),
                "ratio": None if over is None else _written(over),
                "least": least,
                "met": any(mine) and sum(mine) >= least * sum(theirs),
            }
        )
    return found


def _written(estimate: Estimate) -> dict[str, float]:
    return {name: round(amount, 4) for name, amount in asdict(estimate).items()}
