"""`spark-lsp bench quality`: how much more often the same model is right behind this server."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_lsp.cli.quality import infilling, packages
from spark_lsp.cli.quality.case import KINDS, PACKAGE, Case, Group
from spark_lsp.cli.quality.figures import Outcome, report_of
from spark_lsp.cli.quality.measures import applied, score, taken
from spark_lsp.cli.quality.models import PREDICTOR, Counting, named, opened
from spark_lsp.cli.quality.policies import Answered, Policy, names, policy
from spark_lsp.cli.reports.machine import busy_and_total, busy_since, machine
from spark_lsp.cli.reports.output import check_files, tell
from spark_lsp.cli.sandbox import failure
from spark_lsp.config import BackendSettings
from spark_lsp.errors import UsageError

SAMPLE = 40
"""Cases of each kind."""

Judged = Callable[[Outcome], None]

HINT = "no model: --model FILE.gguf or --backend NAME has one asked beside the predictor"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. `data` is human-eval-infilling's folder; of each kind of case `sample`
    are asked, 0 for all. `only` names kinds and policies, nothing for all of them."""

    data: Path | None = None
    packages: tuple[str, ...] = ()
    models: tuple[Path, ...] = ()
    backends: tuple[str, ...] = ()
    config: Path | None = None
    sample: int = SAMPLE
    seed: int = 1
    kinds: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


def run(options: Options, *, as_json: bool, files: Sequence[Path], dump: Path | None) -> int:
    """Print the tables, or one JSON object, and write it to `files`; to `dump`, what is not right.

    Raises UsageError for a name, a file or a folder that is none, SparkError when a model fails.
    """
    check_files(files)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="spark-lsp-bench-"))
        lost = stack.enter_context(dump.open("w", encoding="utf-8")) if dump is not None else None

        def judged(outcome: Outcome) -> None:
            if lost is not None and not outcome.right:
                print(json.dumps(outcome.told()), file=lost, flush=True)

        report = asyncio.run(measure(options, Path(name).resolve(), judged))
    tell(report, "spark_lsp.cli.quality", as_json=as_json, files=files)
    return 0


async def measure(options: Options, folder: Path, judged: Judged) -> dict[str, Any]:
    """The whole report. `folder` takes the workspaces; `judged` is told of each answer as it comes."""
    started, before = time.monotonic(), busy_and_total()
    kinds = _chosen(options.kinds, KINDS, "--kind")
    known, untold = names()
    policies = _chosen(options.policies, known, "--policy")
    models = named(options.models, options.backends, options.config)
    if not models:
        _tell(HINT)
    chosen = packages.installed(options.packages, options.seed) if set(kinds) & set(PACKAGE) else []
    groups = packages.groups(chosen, options.sample, options.seed)
    if options.data is not None:
        groups += infilling.groups(options.data, options.sample, options.seed)
    groups = [each for each in (_of_kinds(group, kinds) for group in groups) if each.cases]
    if not groups:
        raise UsageError(
            "there is no case: --data names human-eval-infilling, --package an installed package"
        )
    outcomes: list[Outcome] = []
    for model in (*models, None):
        outcomes += await _asked(model, groups, policies, folder, judged)
    return {
        "seed": options.seed,
        "sample": options.sample,
        "packages": [
            {"name": each.name, "version": each.version, "files": len(each.files), "characters": each.size}
            for each in chosen
        ],
        "left_out": untold,
        **report_of(outcomes, options.seed),
        "took_s": round(time.monotonic() - started, 1),
        "machine": machine(busy_since(before)),
    }


def _chosen(wanted: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    for name in wanted:
        if name not in known:
            raise UsageError(f"{option} {name!r}: it is one of {', '.join(known)}")
    return [name for name in known if name in wanted or not wanted]


def _of_kinds(group: Group, kinds: Sequence[str]) -> Group:
    return Group(group.name, [case for case in group.cases if case.kind in kinds], group.files)


async def _asked(
    settings: BackendSettings | None,
    groups: Sequence[Group],
    policies: Sequence[str],
    folder: Path,
    judged: Judged,
) -> list[Outcome]:
    """One model, or the predictor, all policies, all cases."""
    outcomes: list[Outcome] = []
    numbers, count = itertools.count(1), sum(len(group.cases) for group in groups)
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(opened(settings)) if settings is not None else None
        for group in groups:
            with tempfile.TemporaryDirectory(dir=folder) as name:
                answers = await stack.enter_async_context(
                    aclosing(_group(model, group, policies, Path(name)))
                )
                async for outcome in answers:
                    if not outcomes or outcomes[-1].case is not outcome.case:
                        _tell(f"{outcome.model}: {next(numbers)} of {count}, {outcome.case.name}")
                    outcomes.append(outcome)
                    judged(outcome)
    return outcomes


async def _group(
    model: Counting | None, group: Group, names: Sequence[str], folder: Path
) -> AsyncGenerator[Outcome, None]:
    """All policies, side by side over the same workspace: the server has kept what they have in common."""
    root, empty = folder / "workspace", folder / "empty"
    _write(group, root)
    empty.mkdir()
    who = PREDICTOR if model is None else model.model or model.name
    async with AsyncExitStack() as stack:
        asked: dict[str, Policy] = {}
        for name in names:
            made = await stack.enter_async_context(policy(name, model, root, empty))
            if made is not None:
                asked[name] = made
        for case in group.cases:
            for name, each in asked.items():
                answered = await each.ask(case)
                passed = await asyncio.to_thread(_passes, case, answered)
                yield Outcome(who, name, case, answered, score(case, answered.offered), passed)


def _write(group: Group, root: Path) -> None:
    root.mkdir()
    for path, text in group.files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", newline="")


def _passes(case: Case, answered: Answered) -> bool | None:
    """Whether the program's test passes with what is taken; None where it has none."""
    if case.test is None:
        return None
    if not answered.offered.text:
        return False
    program = applied(case, taken(case, answered.offered))
    return not failure("program.py", program, case.test.code)


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
