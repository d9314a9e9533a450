"""`spark-lsp bench typing`: what a person who types waits for, beside the plainest way and the best one."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from spark_lsp.cli.bench_overhead import isolated
from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.cli.reports.machine import busy_and_total, busy_since, machine
from spark_lsp.cli.reports.output import check_files, tell
from spark_lsp.cli.typing import corpus
from spark_lsp.cli.typing.batch import run_all
from spark_lsp.cli.typing.bound import bound
from spark_lsp.cli.typing.figures import figures
from spark_lsp.cli.typing.profiles import (
    EDITORS,
    NAIVE,
    OURS,
    POLICIES,
    PREDICTOR,
    PROFILES,
    WRONG,
    Profile,
)
from spark_lsp.cli.typing.record import Plan, Record
from spark_lsp.errors import UsageError

SESSIONS, KEYS, QUICK_KEYS = 2, 500, 110
"""Of each configuration, and keys of each session."""

CURVE = (0.0, 0.05, 0.15, 0.3)

ABLATIONS = tuple(policy for policy in POLICIES if policy.startswith("without"))
LAPTOP_ABLATIONS = ("without shared flights", "without speculation", "without reading on")

SIZES, SIZE_KEYS = (10_000, 100_000), 200
"""Lines of padding, and keys typed in such a file."""

FAULTS = (
    "reset@0.02,reset@0.02:mid,close@0.02,close@0.02:headers,stall@0.01:mid,error@0.02,garbage@0.02,"
    "status500@0.02,status503@0.02,status429@0.01"
)
FAULT_SESSIONS, FAULT_KEYS, FAULT_PACE = 20, 510, 1 / 3
"""With faults it is typed three times as fast as people do: what goes wrong comes sooner."""

WHOLE = (OURS, PREDICTOR)
"""The policies that nothing is taken from: what they show has to be right."""

TIMELINE = 20_000
"""Milliseconds of a session that are reported event by event."""

ZERO = ("contradictions", "doubled", "flicker")
FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. `keys` 0 and `wrong` None are the defaults."""

    profiles: tuple[str, ...] = ()
    editors: tuple[str, ...] = tuple(EDITORS)
    keys: int = 0
    seed: int = 1
    wrong: float | None = None
    quick: bool = False


def run(options: Options, *, as_json: bool, files: Sequence[Path]) -> int:
    """Print the tables, or one JSON object, and write it to `files`. 1 if anything false was shown.

    Raises UsageError for a profile or an editor that is none, or a file of another kind than those below,
    SparkError when a server fails.
    """
    check_files(files)
    with tempfile.TemporaryDirectory(prefix="spark-lsp-bench-") as name:
        report = asyncio.run(measure(options, Path(name).resolve()))
    tell(report, "spark_lsp.cli.typing", as_json=as_json, files=files)
    return 1 if any(report["ours"][kind] for kind in ZERO) else 0


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """The whole report: see `docs/benchmarks.md` for what its figures mean. `folder` takes what is typed."""
    plans = list(dict.fromkeys(plans_of(options)))
    started = time.monotonic()
    environment, before = isolated(folder), busy_and_total()
    # Faults are typed fast, which costs time that the others would be seen to wait.
    records = await run_all([plan for plan in plans if not plan.faults], folder, environment)
    busy = busy_since(before)
    records += await run_all([plan for plan in plans if plan.faults], folder, environment, starting=4)
    report = report_of(options, records, time.monotonic() - started)
    return report | {"machine": machine(busy)}


# --- what is run


def plans_of(options: Options) -> Iterator[Plan]:
    """Every session of a run; those that are compared are neighbours, so that they run at the same time."""
    profiles = [_known(name, PROFILES, "profile") for name in options.profiles or PROFILES]
    editors = [_known(name, EDITORS, "editor") for name in options.editors]
    wrong = WRONG if options.wrong is None else options.wrong
    sessions = 1 if options.quick else SESSIONS
    keys = options.keys or (QUICK_KEYS if options.quick else KEYS)
    base = Plan(profiles[0], OURS, editors[0], options.seed, keys, wrong)

    def seeds(plan: Plan, count: int = sessions) -> Iterator[Plan]:
        for number in range(count):
            yield replace(plan, seed=options.seed + number)

    yield from _fault_plans(base, options.quick)
    for size in () if options.quick else SIZES:
        yield replace(base, keys=SIZE_KEYS, padding=size)
    for profile in profiles:
        for editor in editors if not options.quick else editors[:1]:
            for policy in (OURS, NAIVE):
                yield from seeds(replace(base, profile=profile, habits=editor, policy=policy))
    if options.quick:
        return
    for profile in profiles:
        for policy in _others(profile):
            yield from seeds(replace(base, profile=profile, policy=policy))
    if profiles[0] == PROFILES["spark"]:
        for share in CURVE if options.wrong is None else ():
            for policy in (OURS, NAIVE):
                yield from seeds(replace(base, policy=policy, wrong=share))


def _others(profile: Profile) -> tuple[str, ...]:
    """The policies beside ours and naive that say something about a backend."""
    match profile.name:
        case "spark":
            return ABLATIONS
        case "gpu":
            return (*ABLATIONS, PREDICTOR)
        case "laptop":
            return LAPTOP_ABLATIONS
    return ()


def _fault_plans(base: Plan, quick: bool) -> Iterator[Plan]:
    count = 2 if quick else FAULT_SESSIONS
    faulty = replace(base, faults=FAULTS, pace=FAULT_PACE, keys=base.keys if quick else FAULT_KEYS)
    editors = list(EDITORS.values())
    for number in range(count):
        yield replace(faulty, seed=base.seed + 100 + number, habits=editors[number % len(editors)])


def _known(name: str, names: Mapping[str, Any], what: str) -> Any:
    if name not in names:
        raise UsageError(f"{name!r} is no {what}: there are {', '.join(names)}")
    return names[name]


# --- what came of it


def report_of(options: Options, records: Sequence[Record], took: float) -> dict[str, Any]:
    """One JSON object."""
    plain = [record for record in records if not record.plan.faults and not record.plan.padding]
    ours = [record for record in records if record.plan.policy in WHOLE]
    wrong = WRONG if options.wrong is None else options.wrong
    usual = [record for record in plain if record.plan.wrong == wrong]
    found = [finding for record in ours for finding in record.findings]
    return {
        "seed": options.seed,
        "keys": sum(record.keys for record in records),
        "took_s": round(took, 1),
        "profiles": [
            _profile(profile, wrong, some)
            for profile in PROFILES.values()
            if (some := [record for record in usual if record.plan.profile == profile])
        ],
        "curve": _curve(plain),
        "sizes": _sizes(records),
        "faults": {"faults": FAULTS, **_zeros([record for record in records if record.plan.faults])},
        "ours": _zeros(ours),
        "timeline": _timeline(usual, OURS),
        "timeline_naive": _timeline(usual, NAIVE),
        "findings": found[:FINDINGS],
    }


def _profile(profile: Profile, wrong: float, records: Sequence[Record]) -> dict[str, Any]:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.plan.policy, record.plan.habits.name].append(record)
    return {
        "name": profile.name,
        "ttft_ms": round(profile.ttft * 1000),
        "jitter_ms": round(profile.jitter * 1000),
        "tokens_per_s": profile.rate,
        "slots": profile.slots,
        "wrong": wrong,
        "drops": profile.drops,
        "bound_tokens_per_s": _bound(profile, wrong, records),
        "runs": [
            {"policy": policy, "editor": editor, **figures(some)} for (policy, editor), some in groups.items()
        ],
    }


def _bound(profile: Profile, wrong: float, records: Sequence[Record]) -> float:
    places = {(record.plan.seed, record.plan.keys) for record in records}
    bodies = [
        module.body(number)
        for seed, keys in sorted(places)
        for module in corpus.modules(seed, keys)
        for number in range(len(module.bodies))
    ]
    return bound(profile, wrong, bodies, seed=0)


def _curve(records: Sequence[Record]) -> list[dict[str, Any]]:
    some = [
        record
        for record in records
        if record.plan.profile.name == "spark" and record.plan.habits.name == "vscode"
    ]
    rows = []
    for share in sorted({record.plan.wrong for record in some}):
        at_share = [record for record in some if record.plan.wrong == share]
        row: dict[str, Any] = {"wrong": share, "bound": _bound(PROFILES["spark"], share, at_share)}
        for policy in (OURS, NAIVE):
            chosen = [record for record in at_share if record.plan.policy == policy]
            row[policy] = figures(chosen)["perceived_tokens_per_s"] if chosen else None
        rows.append(row)
    return rows if len(rows) > 1 else []


def _sizes(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {"lines": record.plan.padding, "cpu_ms_per_key": quantiles(record.cpu_ms)}
        for record in records
        if record.plan.padding
    ]


def _zeros(records: Sequence[Record]) -> dict[str, int]:
    counts = {kind: sum(record.counts[kind] for record in records) for kind in ZERO}
    return {"keys": sum(record.keys for record in records), **counts}


def _timeline(records: Sequence[Record], policy: str) -> dict[str, Any] | None:
    """The first seconds of a session, from its first key on."""
    for record in records:
        if record.plan.policy == policy and record.plan.habits.name == "vscode" and record.events:
            first = next(event.t for event in record.events if event.kind == "key")
            events = [
                {**asdict(event), "t": round(event.t - first, 1)}
                for event in record.events
                if 0 <= event.t - first <= TIMELINE
            ]
            return {"policy": policy, "profile": record.plan.profile.name, "events": events}
    return None
