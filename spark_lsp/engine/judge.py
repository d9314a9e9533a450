"""Whether an edit is right: it parses, the checkers that knew what was wrong know it no more, and nothing
new came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.actions import syntax
from spark_lsp.actions.edits import Replacement, apply, minimal
from spark_lsp.actions.verdict import compare, find
from spark_lsp.engine.check import Checks, Report
from spark_lsp.engine.order import Order
from spark_lsp.values import Diagnostic

OBJECTIONS = 12
"""Things said against an answer that the next round is told."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said against an edit; if nothing, who accepts it, and if nobody does, why."""

    objections: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    remark: str = ""


class Judge:
    """Judges the edits of one order. The checkers look at the text as it is from the first moment on, while
    the model is still asked. `spent_ms` is what judging has cost."""

    def __init__(self, order: Order, checks: Checks, root: Path) -> None:
        self.spent_ms = 0.0
        self._order = order
        self._checks = checks
        self._root = root
        self._looking = asyncio.create_task(self._check(order.lines), name="check before")

    async def before(self) -> Report:
        """What the checkers say of the text as it is."""
        return await asyncio.shield(self._looking)

    async def judge(self, targets: Sequence[Diagnostic], found: Sequence[Replacement]) -> Judgement:
        began = time.monotonic()
        try:
            return await self._judge(targets, found)
        finally:
            self.spent_ms += (time.monotonic() - began) * 1000

    async def aclose(self) -> None:
        self._looking.cancel()
        await asyncio.wait([self._looking])

    async def _judge(self, targets: Sequence[Diagnostic], found: Sequence[Replacement]) -> Judgement:
        order = self._order
        lines = apply(order.lines, found)
        broken = syntax.worse(order.language, "\n".join(order.lines), "\n".join(lines))
        if broken:
            return Judgement((broken,))
        after, before = await self._check(lines), await self.before()
        ran = tuple(name for name in after.ran if name in before.ran)
        edits = minimal(order.lines, found)
        # Only what our own run of the checkers says, too, can be told to have ended.
        known = [one for target in targets if (one := find(target, before.diagnostics)) is not None]
        objections = [
            f"still there: {_described(one)}"
            for one in known
            if not compare(one, before.diagnostics, after.diagnostics, edits).gone
        ]
        new = compare(None, before.diagnostics, after.diagnostics, edits).new
        objections += [f"new: {_described(one)}" for one in new]
        if objections:
            return Judgement(tuple(objections[:OBJECTIONS]))
        if self._checks.has_tests:
            failed = await self._checks.tests(Path(order.path), self._root, "\n".join(lines))
            return Judgement((f"the tests do not pass: {failed}",) if failed else (), (*ran, "tests"))
        if not ran:
            return Judgement(remark=_why_not_checked(after, order.language))
        if len(known) < len(targets):
            teller = targets[0].source or "who said it"
            judges = ", ".join(ran)
            return Judgement(
                remark=f"{judges} did not object, but only {teller} can tell whether it is mended"
            )
        return Judgement(checked=ran)

    async def _check(self, lines: Sequence[str]) -> Report:
        order = self._order
        return await self._checks.check(Path(order.path), self._root, order.language, "\n".join(lines))


def same_kind(report: Report, target: Diagnostic, most: int) -> tuple[Diagnostic, ...]:
    """All that the checkers say with the code of this one."""
    return tuple(one for one in report.diagnostics if target.code and one.code == target.code)[:most]


def _described(one: Diagnostic) -> str:
    code = f" [{one.code}]" if one.code else ""
    return f"{one.source}: {one.message}{code}, line {one.line + 1}"


def _why_not_checked(report: Report, language: str) -> str:
    if report.failed:
        return "; ".join(f"{name} {why}" for name, why in report.failed.items())
    if report.missing:
        return f"not checked: {', '.join(report.missing)} is not installed"
    return f"not checked: no checker for {language or 'this language'} is in actions.verify"
