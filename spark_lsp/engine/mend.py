"""Files mended without an editor: one fault after the other, each edit checked before the next is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from spark_lsp.actions.catalog import CATALOG
from spark_lsp.actions.checkers import Checker
from spark_lsp.actions.edits import Replacement, apply, changes, minimal, rebase
from spark_lsp.actions.verdict import carried, moved
from spark_lsp.engine.check import Checks
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.order import Order, Outcome
from spark_lsp.engine.propose import Means, propose
from spark_lsp.errors import ActionFailed
from spark_lsp.routing.route import Ask
from spark_lsp.text import Lines
from spark_lsp.values import Diagnostic, Edit, Reach

State = Literal["fixed", "unverified", "failed"]
FIXED: State = "fixed"
FAILED: State = "failed"
FIX = CATALOG[0]
KEPT_HERE = "the file stays here: an ignore file lists it, or it looks like a secret"
ALONG = "went along with another one"
COVERED = "its lines were changed for another one: look again"


@dataclass(frozen=True, slots=True)
class Fault:
    """What became of a diagnostic of a text: `reason` says why it is left.

    `edits` fix it, counted in the text as it was; they hold those of earlier ones that touch the same lines.
    """

    diagnostic: Diagnostic
    state: State
    reason: str = ""
    edits: tuple[Edit, ...] = ()
    rounds: int = 0
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Faulty:
    """A file and what was said of it. `text` has line ends \\n; `checkers` are those who said it, none where
    they cannot be asked again."""

    path: Path
    root: Path
    language: str
    text: str
    said: tuple[Diagnostic, ...]
    checkers: tuple[Checker, ...] = ()


@dataclass(slots=True)
class Mended:
    """A file's text as it shall be, and what became of its faults."""

    text: str
    faults: list[Fault] = field(default_factory=list)

    @property
    def fixed(self) -> int:
        return sum(fault.state == "fixed" for fault in self.faults)


@dataclass(slots=True)
class _Left:
    """A diagnostic of the first text, where it is in the one of now, and why it is still there: `tried` is
    how many were fixed when that was found out."""

    was: Diagnostic
    now: Diagnostic
    fault: Fault | None = None
    tried: int = 0


class Mender:
    """Mends files in the lane `batch`. `reach` tells how far a file's text may go, `shown` what others may
    see of its path."""

    def __init__(
        self,
        fleet: Fleet,
        checks: Checks,
        rounds: int,
        reach: Callable[[str], Awaitable[Reach]],
        shown: Callable[[str], str],
    ) -> None:
        self._fleet = fleet
        self._checks = checks
        self._rounds = rounds
        self._reach = reach
        self._shown = shown

    def against(self) -> str:
        """Why nothing can be asked at all, "" when something can."""
        route = self._fleet.route(Ask("batch", 0, "", "", "anywhere"))
        return "" if route.names else f"{route.reason}. `spark-lsp doctor` says what to do"

    async def mend(self, file: Faulty, tell: Callable[[], None]) -> Mended:
        """Mend what was said of a file. `tell` is called for each diagnostic that is dealt with.

        What cannot be fixed is tried once more when others are: a fix may need what another one brings.
        """
        mended = Mended(file.text)

        def done(fault: Fault) -> None:
            mended.faults.append(fault)
            tell()

        reach = await self._reach(str(file.path))
        if reach == "process":
            for item in file.said:
                done(Fault(item, FAILED, KEPT_HERE))
            return mended
        left = [_Left(item, item) for item in file.said]
        while target := _next(left, mended.fixed):
            order = self._order(file, mended.text, target.now, reach)
            fault, outcome = await self._work(order, file.root, target.was)
            is_last = target.fault is not None
            if outcome is None and not is_last:
                target.fault, target.tried = fault, mended.fixed
                continue
            left.remove(target)
            if outcome is None:
                done(fault)
                continue
            before, after = file.text.split("\n"), apply(order.lines, outcome.replacements)
            mended.text = "\n".join(after)
            done(replace(fault, edits=_alone(outcome.replacements, order.lines, before, after)))
            edits = minimal(order.lines, outcome.replacements)
            for along in await self._carry(left, file, mended.text, edits):
                done(along)
        for one in left:
            if one.fault is not None:
                done(one.fault)
        mended.faults.sort(key=lambda fault: (fault.diagnostic.line, fault.diagnostic.column))
        return mended

    async def _work(self, order: Order, root: Path, was: Diagnostic) -> tuple[Fault, Outcome | None]:
        means = Means(
            course=lambda size: self._fleet.course(
                Ask("batch", size, order.uri, order.language, order.reach)
            ),
            checks=self._checks,
            root=root,
            rounds=self._rounds,
        )
        try:
            outcome = await propose(order, means)
        except ActionFailed as error:
            return Fault(was, "failed", str(error), rounds=self._rounds), None
        state: State = "fixed" if outcome.verified else "unverified"
        fault = Fault(was, state, outcome.remark, rounds=outcome.rounds, backend=outcome.backend)
        return fault, outcome if outcome.verified else None

    async def _carry(self, left: list[_Left], file: Faulty, text: str, edits: Sequence[Edit]) -> list[Fault]:
        """Takes what is left to do along to the new text; what is said no more is done, too."""
        before = [item.now for item in left]
        places, state, reason = moved(before, edits), FAILED, COVERED
        if file.checkers:
            report = await self._checks.check(
                file.path, file.root, file.language, text, checkers=file.checkers
            )
            if len(report.ran) == len(file.checkers):
                places, state, reason = carried(before, report.diagnostics, edits), FIXED, ALONG
        pairs = list(zip(left, places, strict=True))
        left[:] = [replace(item, now=place) for item, place in pairs if place is not None]
        return [Fault(item.was, state, reason) for item, place in pairs if place is None]

    def _order(self, file: Faulty, text: str, target: Diagnostic, reach: Reach) -> Order:
        lines = Lines.of(text)
        first = min(target.line, lines.count - 1)
        return Order(
            FIX,
            lines,
            file.path.as_uri(),
            str(file.path),
            self._shown(str(file.path)),
            file.language,
            first,
            min(max(target.end_line, first) + 1, lines.count),
            (target,),
            reach=reach,
            lane="batch",
        )


def _next(left: Sequence[_Left], fixed: int) -> _Left | None:
    """One that was not tried yet, else one that failed when less was fixed."""
    untried = (one for one in left if one.fault is None)
    again = (one for one in left if one.tried < fixed)
    return next(untried, None) or next(again, None)


def _alone(
    found: Sequence[Replacement], lines: Sequence[str], first: Sequence[str], after: Sequence[str]
) -> tuple[Edit, ...]:
    """The edits of one fix, as they would be in the first text; all so far, where they are about lines of
    others."""
    own = rebase(found, lines, first)
    return minimal(first, changes(first, after) if own is None else own)
