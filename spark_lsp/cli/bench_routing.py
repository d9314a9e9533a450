"""`spark-lsp bench routing`: how near our choice of backends comes to one that knows what will happen."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_lsp.cli.reports.machine import busy_and_total, busy_since, machine
from spark_lsp.cli.reports.output import check_files, tell
from spark_lsp.cli.routing.figures import report_of, targets
from spark_lsp.cli.routing.policies import OURS, POLICIES

REQUESTS, QUICK_REQUESTS = 2_000, 180
"""Of the scripted fleet."""

SIMULATED, QUICK_SIMULATED = 1_000_000, 3_000

QUICK_DECISIONS = 1_000

QUICK_REHEARSALS, QUICK_REHEARSED = 2, 300

AT_ONCE, QUICK_AT_ONCE = 2, 6
"""Policies that run at the same time: more would wait for the processors, and not for the servers."""

LIMITS = (
    ("decision_us", "one decision among twenty backends, in us", 50),
    ("inline_ratio", "inline p95 beside a batch in a lane of its own, over idle", 1.3),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. 0 requests are the usual ones."""

    seed: int = 1
    quick: bool = False
    simulate_only: bool = False
    requests: int = 0
    simulated: int = 0


def run(options: Options, *, as_json: bool, files: Sequence[Path]) -> int:
    """Print the tables, or one JSON object, and write it to `files`. 1 if ours lost a request or
    answered one wrongly.

    Raises UsageError for a file of a kind that is none, SparkError when a server fails.
    """
    check_files(files)
    report = measure(options)
    tell(report, "spark_lsp.cli.routing", as_json=as_json, files=files)
    return 1 if _went_wrong(report) else 0


def _went_wrong(report: Mapping[str, Any]) -> bool:
    """Whether ours lost something, or said what does not belong there."""
    ours = [policy for policy in report["policies"] if policy["policy"] == OURS]
    texts = [each["inline_wrong"] + each["fixes_wrong"] for each in report.get("segments", ())]
    return any(policy["lost"] or policy["wrong"] for policy in ours) or any(texts)


def measure(options: Options) -> dict[str, Any]:
    """The whole report: see `docs/benchmarks.md` for what its figures mean."""
    started, before = time.monotonic(), busy_and_total()
    report: dict[str, Any] = {"seed": options.seed, "policies": [], "targets": []}
    if not options.simulate_only:
        report |= asyncio.run(_fleet(options))
        busy = busy_since(before)  # of what is measured by the clock on the wall
        report["segments"] = _segments(options)
        report["targets"] += targets(LIMITS[1:], _of_segments(report["segments"]))
    else:
        busy = None
    report["decision"] = _decision(options)
    report["targets"] += targets(LIMITS[:1], {"decision_us": report["decision"]["us"]["p50"]})
    report["rehearsed"] = _rehearsed(options)
    report["simulated"] = _simulated(options)
    report["took_s"] = round(time.monotonic() - started, 1)
    report["machine"] = machine(busy)
    return report


async def _fleet(options: Options) -> dict[str, Any]:
    """Every policy on servers of its own, some at a time."""
    from spark_lsp.cli.routing.play import play
    from spark_lsp.cli.routing.script import drawn

    requests = options.requests or (QUICK_REQUESTS if options.quick else REQUESTS)
    at_once = QUICK_AT_ONCE if options.quick else AT_ONCE
    runs = []
    for first in range(0, len(POLICIES), at_once):
        some = POLICIES[first : first + at_once]
        _tell(f"{requests:,} requests each: {', '.join(some)}")
        runs += await asyncio.gather(*(play(policy, options.seed, requests) for policy in some))
    return report_of(drawn(options.seed, requests), runs)


def _segments(options: Options) -> list[dict[str, Any]]:
    from spark_lsp.cli.routing.segments import segments

    _tell("inline requests beside a batch")
    with tempfile.TemporaryDirectory(prefix="spark-lsp-bench-") as name:
        return asyncio.run(segments(options.seed, Path(name).resolve(), quick=options.quick))


def _of_segments(segments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"inline_ratio": max((each["ratio"] for each in segments if each["ratio"]), default=None)}


def _decision(options: Options) -> dict[str, Any]:
    from spark_lsp.cli.routing.decision import DECISIONS, decision

    return decision(options.seed, QUICK_DECISIONS if options.quick else DECISIONS)


def _rehearsed(options: Options) -> dict[str, Any]:
    from spark_lsp.cli.routing.simulate import REHEARSALS, REHEARSED, rehearsed

    _tell("the script without servers, with other seeds")
    if options.quick:
        return rehearsed(options.seed, QUICK_REHEARSALS, QUICK_REHEARSED)
    return rehearsed(options.seed, REHEARSALS, REHEARSED)


def _simulated(options: Options) -> dict[str, Any]:
    from spark_lsp.cli.routing.simulate import compared

    requests = options.simulated or (QUICK_SIMULATED if options.quick else SIMULATED)
    _tell(f"{requests:,} simulated requests for each policy")
    return compared(options.seed, requests)


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
