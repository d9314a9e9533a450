"""`spark-lsp bench actions`: how fast code actions are, and how right, with all kinds of models."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from spark_lsp.cli.actions import checking, humaneval, speeds
from spark_lsp.cli.actions.catalogue import MODES, Shop, real, scripted, shop_of
from spark_lsp.cli.actions.models import Named, named_in
from spark_lsp.cli.bench_overhead import isolated
from spark_lsp.cli.faults import FOLDER, planted
from spark_lsp.cli.reports.machine import busy_and_total, busy_since, machine
from spark_lsp.cli.reports.output import check_files, tell
from spark_lsp.cli.routing.figures import targets

QUICK_STEP = 8
"""Of the planted faults a quick run tries one in so many."""

LIMITS = (
    ("list_p50_ms", "codeAction with 200 diagnostics in the file, p50, ms", 2),
    ("list_p99_ms", "the same, p99, ms", 5),
    ("ready_p50_ms", "a fix that was asked ahead and verified resolves in, ms", 5),
    ("first_ratio", "the first edit of a 30-line rewrite, over the first token", 1.2),
    ("end_ratio", "its last line, over the end of the raw stream", 1.1),
    ("checking_ms", "a verdict, over the checker's own time, ms", 20),
    ("outside", "answers that changed something else", 0),
    ("verified_and_wrong", "edits that were called verified and mended nothing", 0),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. `data` is HumanEvalPack's folder; of each of its languages the first
    `problems`, 0 for all. `config` names a model that is tried, too."""

    faults: Path | None = None
    data: Path | None = None
    problems: int = 0
    config: Path | None = None
    quick: bool = False


def run(options: Options, *, as_json: bool, files: Sequence[Path]) -> int:
    """Print the tables, or one JSON object, and write it to `files`. 1 if anything was changed that nobody
    asked for, or called verified and was not.

    Raises UsageError for a file or a folder of a kind that is none, SparkError when a server fails.
    """
    check_files(files)
    with tempfile.TemporaryDirectory(prefix="spark-lsp-bench-") as name:
        report = asyncio.run(measure(options, Path(name).resolve()))
    tell(report, "spark_lsp.cli.actions", as_json=as_json, files=files)
    return 1 if any(report["counts"].values()) else 0


async def measure(options: Options, folder: Path) -> dict[str, Any]:
    """The whole report: see `docs/benchmarks.md` for its figures. `folder` takes what is worked on."""
    faults = planted(options.faults or FOLDER)
    faults = faults[::QUICK_STEP] if options.quick and len(faults) > QUICK_STEP else faults
    problems = humaneval.problems(options.data, options.problems) if options.data else []
    named = named_in(options.config)
    started, before = time.monotonic(), busy_and_total()
    environment = isolated(folder)
    report: dict[str, Any] = {}
    quick = options.quick
    with (folder / "servers.log").open("ab") as log:
        _tell("the list of actions")
        listing = folder / "listing"
        listing.mkdir()
        lists = speeds.QUICK_LISTS if quick else speeds.LISTS
        report["lists"] = await speeds.lists(listing, environment, log, lists)
        _tell("a rewrite as it is written")
        rewrites = speeds.QUICK_REWRITES if quick else speeds.REWRITES
        report["rewrite"] = await speeds.rewrite(folder, environment, log, rewrites)
        shop = await shop_of(faults, folder / "ours")
        _tell("fixes that are asked ahead")
        fixes = speeds.QUICK_READY if quick else speeds.READY
        report["ready"] = await speeds.ready(shop, environment, log, fixes)
        _tell("what a verdict costs")
        checked = checking.QUICK_CHECKED if quick else checking.CHECKED
        report["checking"] = await checking.checking(shop, folder, checked)
        busy = busy_since(before)  # of what is measured by the clock on the wall
        report["faults"] = await _catalogue(shop, environment, log, named, "faults")
        if problems:
            shop = await shop_of(problems, folder / "data")
            report["data"] = await _catalogue(shop, environment, log, named, "problems", modes=("right",))
    report["counts"] = _counts(report)
    report["targets"] = targets(LIMITS, {**_figures(report), **report["counts"]})
    report["took_s"] = round(time.monotonic() - started, 1)
    report["machine"] = machine(busy)
    return report


async def _catalogue(
    shop: Shop,
    environment: Mapping[str, str],
    log: IO[bytes],
    named: Named | None,
    noun: str,
    *,
    modes: Sequence[str] = MODES,
) -> dict[str, Any]:
    """All faults of a folder, with each kind of model, and with the one that the settings name."""
    rows = []
    for mode in modes:
        _tell(f"{len(shop.told)} {noun}: {mode}")
        rows.append(await scripted(shop, mode, environment, log))
    if named is not None:
        _tell(f"{len(shop.told)} {noun}: {named.name}")
        rows.append(await real(shop, named, log, _tell))
    untold = [fault.file for fault in shop.faults if fault.file not in shop.said]
    return {"count": len(shop.faults), "untold": untold, "modes": rows}


def _rows(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for name in ("faults", "data") if name in report for row in report[name]["modes"]]


def _counts(report: Mapping[str, Any]) -> dict[str, int]:
    """What must not happen, over all of them. A model of one's own is trusted no more than the others."""
    return {name: sum(row[name] for row in _rows(report)) for name in ("outside", "verified_and_wrong")}


def _figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the limits are about."""
    return {
        "list_p50_ms": report["lists"]["one"]["p50"],
        "list_p99_ms": report["lists"]["one"]["p99"],
        "ready_p50_ms": report["ready"]["resolve"]["p50"],
        "first_ratio": report["rewrite"]["first_ratio"],
        "end_ratio": report["rewrite"]["end_ratio"],
        "checking_ms": max((row["more_ms"] for row in report["checking"]), default=None),
    }


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
