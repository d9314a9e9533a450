"""`spark-lsp complete FILE:LINE:COL`: one suggestion from the same engine, without an editor."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spark_lsp.cli.files import language_of, project_root, read_file, settings_in_force
from spark_lsp.config import Config
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.query import Answer, Query
from spark_lsp.engine.status import StatusKind
from spark_lsp.errors import PositionError, UsageError
from spark_lsp.text import Snapshot, line_body

LEARNING_LIMIT = 60.0
"""Seconds that the workspace may be learned for before an answer is given with what there is."""


@dataclass(frozen=True, slots=True)
class Target:
    """A place in a file: `line` and `column` 1-based, columns in code points."""

    file: Path
    line: int
    column: int


def parse_target(argument: str) -> Target:
    """FILE:LINE:COL as compilers print it. Raises UsageError."""
    parts = re.fullmatch(r"(.+):([1-9][0-9]*):([1-9][0-9]*)", argument, re.DOTALL)
    if parts is None:
        raise UsageError(f"{argument!r} is not FILE:LINE:COL with line and column from 1 on")
    return Target(Path(parts[1]), int(parts[2]), int(parts[3]))


async def run(argument: str, *, as_json: bool, config_file: Path | None) -> int:
    """Print the suggestion. Raises UsageError for a place that is not there."""
    target = parse_target(argument)
    text = read_file(target.file)
    answer, took = await _complete(target, text, config_file)
    offer = answer.offer
    if as_json:
        print(json.dumps(_report(target, answer, took), ensure_ascii=False))
    elif offer is not None:
        print(offer.text)
    if offer is None:
        print("spark-lsp: no suggestion here", file=sys.stderr)
    return 0


async def _complete(target: Target, text: str, config_file: Path | None) -> tuple[Answer, float]:
    async with opened(target, text, config_file) as (engine, snapshot):
        query = Query(snapshot, automatic=False)
        await engine.learned(LEARNING_LIMIT)
        started = time.perf_counter()
        answer = engine.complete_now(query) or await engine.complete_later(query)
        return answer, time.perf_counter() - started


@asynccontextmanager
async def opened(
    target: Target, text: str, config_file: Path | None
) -> AsyncGenerator[tuple[Engine, Snapshot], None]:
    """A started engine with this document open, which asks nothing by itself. Raises UsageError."""
    root = project_root(target.file)
    engine = Engine(_for_one_answer(settings_in_force(config_file, root)), Stderr())
    try:
        path = target.file.resolve()
        engine.open(path.as_uri(), str(path), text, language=language_of(path), version=1, encoding="utf-32")
        snapshot = _snapshot(engine, path.as_uri(), target)
        await engine.start([root])
        await engine.discovered()
        yield engine, snapshot
    finally:
        await engine.close()


def _for_one_answer(config: Config) -> Config:
    """The whole text, and nothing asked ahead: no key follows."""
    inline = replace(config.inline, without=(*config.inline.without, "pieces"))
    return replace(config, inline=inline, prefetch=replace(config.prefetch, enabled=False))


def _snapshot(engine: Engine, uri: str, target: Target) -> Snapshot:
    document = engine.document(uri)
    assert document is not None, "it was opened just now"
    count = document.lines.count
    if target.line > count:
        raise PositionError(f"{target.file} has {count} lines, so there is no line {target.line}")
    width = len(line_body(document.lines[target.line - 1]))
    if target.column > width + 1:
        raise PositionError(
            f"line {target.line} of {target.file} has {width} characters: its columns are 1 to {width + 1}"
        )
    return document.snapshot(target.line - 1, target.column - 1)


def _report(target: Target, answer: Answer, took: float) -> dict[str, Any]:
    offer = answer.offer
    report: dict[str, Any] = {
        "file": str(target.file),
        "line": target.line,
        "column": target.column,
        "text": None if offer is None else offer.text,
        "hit": answer.hit,
        "time_ms": round(took * 1000, 3),
    }
    if offer is not None:
        suggestion = offer.suggestion
        report |= {
            "replaces": {"before": offer.dedent, "after": offer.absorbed},
            "backend": suggestion.backend,
            "model": suggestion.model,
            "confidence": suggestion.confidence,
            "tokens": answer.tokens_in(offer.text),
        }
    return report


class Stderr:
    """Tells a person at a terminal what an editor would be told."""

    def warn(self, message: str) -> None:
        print(f"spark-lsp: {message}", file=sys.stderr)

    def learned(self, done: int, total: int) -> None:
        """A command that ends in a second shows no progress."""

    def status(self, kind: StatusKind, message: str) -> None:
        """The result says which backend it came from."""
