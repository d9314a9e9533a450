"""What verifying an edit costs beside the checker that does it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from spark_lsp.actions.catalog import CATALOG
from spark_lsp.actions.checkers import Checker
from spark_lsp.actions.edits import changes
from spark_lsp.cli.actions.catalogue import Shop, settings_of
from spark_lsp.cli.faults import Planted
from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.engine.check import Checks
from spark_lsp.engine.judge import Judge
from spark_lsp.engine.order import Order
from spark_lsp.engine.programs import arguments, find_program
from spark_lsp.errors import SparkError
from spark_lsp.text import Document

CHECKERS = ("ruff", "mypy")
CHECKED, QUICK_CHECKED = 15, 2


async def checking(shop: Shop, folder: Path, count: int) -> list[dict[str, Any]]:
    """Milliseconds of a verdict, and of the checker's own command on the same text, in turns."""
    return [row for name in CHECKERS if (row := await _checked(name, shop, folder, count)) is not None]


async def _checked(name: str, shop: Shop, folder: Path, count: int) -> dict[str, Any] | None:
    faults = [fault for fault in shop.told if fault.tells == name]
    if not faults:
        return None
    checks = Checks(settings_of({**shop.actions, "verify": [name]}).actions, cache=folder / f"warm-{name}")
    bare = _Bare(checks.checkers("python")[0], shop.root, folder / f"bare-{name}")
    verdicts, alone = [], []
    try:
        for number in range(count + 1):
            fault = faults[number % len(faults)]
            pad = "\n" * (number // len(faults))  # another text: nothing is known of it
            verdicts.append(await _verdict(checks, shop, fault, pad))
            alone.append(await bare.run(shop.root / fault.file, fault.fixed + pad))
    finally:
        await checks.aclose()
    verdicts, alone = verdicts[1:], alone[1:]  # the first ones fill the checker's cache
    more = [one - other for one, other in zip(verdicts, alone, strict=True)]
    return {
        "checker": name,
        "verdicts": count,
        "verdict_ms": quantiles(verdicts, 50, 95),
        "bare_ms": quantiles(alone, 50, 95),
        "more_ms": round(median(more), 2),
    }


async def _verdict(checks: Checks, shop: Shop, fault: Planted, pad: str) -> float:
    """Until the edit is judged. The text before it was looked at while the model was asked."""
    text = Document("", fault.faulty + pad).lines
    target = shop.said[fault.file]
    path = shop.root / fault.file
    order = Order(
        CATALOG[0],
        text,
        path.as_uri(),
        str(path),
        fault.file,
        fault.language,
        target.line,
        target.line + 1,
        (target,),
    )
    judge = Judge(order, checks, shop.root)
    try:
        await judge.before()
        found = changes(order.lines, (fault.fixed + pad).replace("\r\n", "\n").split("\n"))
        began = time.perf_counter()
        judgement = await judge.judge((target,), found)
        took = (time.perf_counter() - began) * 1000
    finally:
        await judge.aclose()
    if judgement.objections:
        raise SparkError(f"{fault.file} is not accepted: {judgement.objections[0]}")
    return took


class _Bare:
    """The checker's command, by itself."""

    def __init__(self, checker: Checker, root: Path, folder: Path) -> None:
        self._checker = checker
        self._root = root
        self._folder = folder
        folder.mkdir()
        program = find_program(checker.command[0], root, root, os.environ, False)
        assert program is not None
        self._program = str(program)

    async def run(self, path: Path, text: str) -> float:
        """Milliseconds from its start to its end."""
        copy = self._folder / path.name
        await asyncio.to_thread(copy.write_bytes, text.encode())
        words = {"file": str(path), "text": str(copy), "cache": str(self._folder / "cache")}
        command = self._command(words)
        pipe = asyncio.subprocess.PIPE
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=self._root
        )
        await process.communicate(text.encode() if self._checker.stdin else None)
        return (time.perf_counter() - began) * 1000

    def _command(self, words: Mapping[str, str]) -> Sequence[str]:
        return [self._program, *arguments(self._checker, self._checker.command, words)]
