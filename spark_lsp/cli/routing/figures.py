"""What the runs of all policies come to: one JSON object. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.cli.routing.play import Outcome, Run
from spark_lsp.cli.routing.policies import ORACLE, OURS, TURNS
from spark_lsp.cli.routing.script import ARRIVALS, Event, Script
from spark_lsp.cli.routing.stage import Sent

BINS = 66
"""Parts that the time of a script is cut into, where its course is shown."""

OVERLAP = 0.01
"""Seconds that two requests run at the same time for, when they are not one after the other."""

SETTLED = 0.2
"""Seconds after an event's end at which it is asked who is the favourite now."""

IN_VAIN = frozenset({"cancelled", "completed"})
"""How a request ends that nothing was wrong with."""

LIMITS = (
    ("mean_over_oracle", "mean time to the first line, over the oracle's", 1.10),
    ("over_round_robin", "mean time, over round robin's", 0.5),
    ("fault_p99_over_oracle", "p99 while the leader is faulty, over the oracle's", 1.5),
    ("hedged", "requests that a second backend was asked for", 0.10),
    ("extra_tokens", "tokens said in vain, over those that were used", 0.12),
    ("lost", "requests without an answer", 0),
    ("wrong", "answers with lost or doubled characters", 0),
)
"""What a run is held to: name, words, and the most it may be."""


def report_of(script: Script, runs: Sequence[Run]) -> dict[str, Any]:
    """The script, the figures of each policy, and those of ours beside the others'."""
    faults = script.faults_of_the_leader()
    policies = [_policy(run, script, faults) for run in runs]
    named = {found["policy"]: found for found in policies}
    against = _against(named)
    return {
        "requests": len(script.arrivals),
        "script": _script(script, faults),
        "policies": policies,
        "against": against,
        "targets": targets(LIMITS, against),
    }


def targets(limits: Sequence[tuple[str, str, float]], found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each limit beside what was measured."""
    return [
        {"name": name, "says": says, "value": value, "most": most, "met": value <= most}
        for name, says, most in limits
        if (value := found.get(name)) is not None
    ]


def _script(script: Script, faults: Sequence[Event]) -> dict[str, Any]:
    return {
        "seconds": round(script.seconds, 2),
        "arrivals_per_s": ARRIVALS,
        "backends": [
            {
                "name": character.name,
                "ttft_ms": round(character.ttft * 1000, 1),
                "jitter_ms": round(character.jitter * 1000, 1),
                "tokens_per_s": round(character.rate),
                "slots": character.slots,
                "late_share": character.late_share,
                "late_ms": round(character.late * 1000),
                "line_ms": round(character.line * 1000, 1),
            }
            for character in script.cast
        ],
        "events": [
            {
                "name": event.name,
                "kind": event.kind,
                "backend": event.backend,
                "start": round(event.start, 2),
                "end": round(event.end, 2),
                "leader": event in faults,
            }
            for event in script.events
        ],
    }


def _policy(run: Run, script: Script, faults: Sequence[Event]) -> dict[str, Any]:
    outcomes = run.outcomes
    used = sum(outcome.used for outcome in outcomes)
    beside, vain = _in_vain(run.sent, outcomes)
    hedged = max(beside, run.counts.get("hedges", 0))
    faulty = [
        outcome.took for outcome in outcomes if any(fault.start <= outcome.at < fault.end for fault in faults)
    ]
    return {
        "policy": run.policy,
        "requests": len(outcomes),
        **_times([outcome.took for outcome in outcomes]),
        "faults": _times(faulty),
        "lost": sum(outcome.lost for outcome in outcomes),
        "wrong": run.wrong,
        "errors": run.counts.get("errors", 0),
        "failovers": run.counts.get("failovers", 0),
        "hedged": _share(hedged, len(outcomes)),
        "extra_tokens": _share(vain, used),
        "tokens": {"used": used, "sent": sum(sent.tokens for sent in run.sent), "in_vain": vain},
        "answered_by": dict(Counter(outcome.by for outcome in outcomes if outcome.by).most_common()),
        "late_ms": _lateness(outcomes, script),
        "events": [{"event": event.name, **_during(outcomes, event)} for event in script.events],
        "recovered_s": _recovered(outcomes, script),
        "course": _course(outcomes, script),
    }


def _times(seconds: Sequence[float]) -> dict[str, Any]:
    """Mean and quantiles, in milliseconds."""
    found = quantiles((each * 1000 for each in seconds), 50, 95, 99)
    mean = round(fmean(seconds) * 1000, 2) if seconds else None
    return {
        "count": len(seconds),
        "mean_ms": mean,
        **{f"{name}_ms": amount for name, amount in found.items()},
    }


def _during(outcomes: Sequence[Outcome], event: Event) -> dict[str, Any]:
    return _times([outcome.took for outcome in outcomes if event.start <= outcome.at < event.end])


def _in_vain(sent: Sequence[Sent], outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """(requests beside another one, tokens that nobody wanted), by the servers' own records.

    What a broken stream said before is not in vain: another one goes on from there.
    """
    by_number: dict[int, list[Sent]] = defaultdict(list)
    for each in sorted(sent, key=lambda each: each.started):
        by_number[each.number].append(each)
    beside = vain = 0
    for number, asked in by_number.items():
        beside += sum(
            any(other.ended > each.started + OVERLAP for other in asked[:index])
            for index, each in enumerate(asked)
        )
        winner = next((each for each in reversed(asked) if each.server == outcomes[number].by), None)
        vain += sum(each.tokens for each in asked if each is not winner and each.outcome in IN_VAIN)
    return beside, vain


def _lateness(outcomes: Sequence[Outcome], script: Script) -> float | None:
    """p99 of how late requests were sent, in ms: more than a few say that the machine was too busy."""
    late = (outcome.at - at for outcome, at in zip(outcomes, script.arrivals, strict=True))
    return quantiles((each * 1000 for each in late), 99)["p99"]


def _recovered(outcomes: Sequence[Outcome], script: Script) -> dict[str, float | None]:
    """Seconds from the end of an event to the next answer of a backend that is the favourite again."""
    found: dict[str, float | None] = {}
    for event in script.events:
        if script.favourite(event.end + SETTLED) != event.backend:
            continue
        answers = (
            outcome.at + outcome.took - event.end
            for outcome in outcomes
            if outcome.by == event.backend and outcome.at >= event.end
        )
        first = min(answers, default=None)
        found[event.name] = None if first is None else round(first, 2)
    return found


def _course(outcomes: Sequence[Outcome], script: Script) -> list[dict[str, Any]]:
    """What was waited in each part of the time, and who answered."""
    width = script.seconds / BINS
    bins: list[list[Outcome]] = [[] for _ in range(BINS)]
    for outcome in outcomes:
        bins[min(int(outcome.at / width), BINS - 1)].append(outcome)
    return [
        {
            "t": round((index + 0.5) * width, 2),
            **{
                name: amount
                for name, amount in _times([each.took for each in some]).items()
                if name != "p99_ms"
            },
            "lost": sum(each.lost for each in some),
            "by": dict(Counter(each.by for each in some if each.by).most_common()),
        }
        for index, some in enumerate(bins)
        if some
    ]


def _against(named: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Ours beside the others; what cannot be told is left out."""
    ours, oracle, turns = (named.get(policy, {}) for policy in (OURS, ORACLE, TURNS))
    found = {
        "mean_over_oracle": _over(ours.get("mean_ms"), oracle.get("mean_ms")),
        "over_round_robin": _over(ours.get("mean_ms"), turns.get("mean_ms")),
        "fault_p99_over_oracle": _over(
            ours.get("faults", {}).get("p99_ms"), oracle.get("faults", {}).get("p99_ms")
        ),
        **{name: ours.get(name) for name in ("hedged", "extra_tokens", "lost", "wrong")},
    }
    return {name: amount for name, amount in found.items() if amount is not None}


def _over(upper: float | None, lower: float | None) -> float | None:
    return round(upper / lower, 3) if upper is not None and lower else None


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
