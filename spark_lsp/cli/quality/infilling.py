"""human-eval-infilling: functions with a line, some lines or a span left out, and tests that tell."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from spark_lsp.cli.quality.case import Case, Group, Test, sample
from spark_lsp.errors import UsageError

FILES = {
    "single-line.jsonl.gz": "single-line",
    "multi-line.jsonl.gz": "multi-line",
    "random-span-light.jsonl.gz": "random span",
}


def groups(folder: Path, most: int, seed: int) -> list[Group]:
    """Of each kind `most` cases, 0 for all, each in a workspace of its own: holes of one function would tell
    of each other. Raises UsageError where there are none.
    """
    found = [name for name in FILES if (folder / name).is_file()]
    if not found:
        raise UsageError(f"--data {folder} holds none of {', '.join(FILES)}: that is human-eval-infilling")
    return [
        Group(case.name, [case])
        for name in found
        for case in sample(list(_read(folder / name, FILES[name])), most, f"{seed} {name}")
    ]


def _read(path: Path, kind: str) -> Iterator[Case]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield case_of(json.loads(line), kind)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not human-eval-infilling: {error}") from error


def case_of(row: dict[str, Any], kind: str) -> Case:
    """Whole lines are left out as an editor has it: the line is there, and empty."""
    truth, after = row["canonical_solution"], row["suffix"]
    if truth.endswith("\n"):
        truth, after = truth[:-1], "\n" + after
    name = row["task_id"]
    file = re.sub(r"\W", "_", row["entry_point"]).lower() + ".py"
    test = Test(f"{row['test']}\ncheck({row['entry_point']})\n")
    return Case(kind, name, PurePosixPath(file), row["prompt"], after, truth, test)
