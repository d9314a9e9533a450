"""HumanEvalPack's faults: functions of a line or twenty with one fault each, and tests that tell."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spark_lsp.cli.faults import Planted
from spark_lsp.errors import UsageError

FILES = {"python.jsonl.gz": ".py", "js.jsonl.gz": ".js"}


def problems(folder: Path, most: int = 0) -> list[Planted]:
    """The faults of a folder; of each language the first `most`, 0 for all. Without Node.js those in Python.

    Raises UsageError when there are none.
    """
    found = [name for name in FILES if (folder / name).is_file()]
    if not found:
        raise UsageError(f"--data {folder} holds neither of {' and '.join(FILES)}: that is HumanEvalPack")
    runnable = [name for name in found if FILES[name] == ".py" or shutil.which("node")]
    return [fault for name in runnable for fault in list(_read(folder / name, FILES[name]))[: most or None]]


def _read(path: Path, ending: str) -> Iterator[Planted]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield _planted(json.loads(line), ending)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not HumanEvalPack: {error}") from error


def _planted(row: dict[str, Any], ending: str) -> Planted:
    """The function in a file of its own, and what a person who ran the tests would be told."""
    declaration = row["declaration"].lstrip("\n")
    head = declaration.split("\n")
    name = row["entry_point"]
    line = next(
        (number for number, text in enumerate(head, 1) if re.search(rf"\b{re.escape(name)}\b", text)), 1
    )
    doc = " ".join(row["docstring"].split()).rstrip(".") or "what its tests say"
    return Planted(
        file=re.sub(r"\W", "_", row["task_id"]).lower() + ending,
        kind=_kind(row["bug_type"]),
        tells="test",
        faulty=_ended(declaration + row["buggy_solution"]),
        fixed=_ended(declaration + row["canonical_solution"]),
        line=line,
        says=f"{name} fails its test ({row['failure_symptoms']}). It should do this: {doc}.",
        test=row["test"],
    )


def _kind(bug_type: str) -> str:
    """In the words of our own faults."""
    first, _, second = bug_type.partition(" ")
    return f"wrong {first}" if second == "misuse" else bug_type


def _ended(text: str) -> str:
    return text.rstrip("\n") + "\n"
