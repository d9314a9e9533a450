"""One order from its question to an answer that was checked: propose, apply, check, correct."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from spark_lsp.actions import screen, syntax
from spark_lsp.actions.answer import AnswerReader
from spark_lsp.actions.ask import Question, question, restored
from spark_lsp.actions.edits import Replacement, apply, changes
from spark_lsp.actions.rewrite import RewriteReader
from spark_lsp.actions.scope import Scope, block_of, header_of, may_stand_in_header, scope_of
from spark_lsp.actions.suite import Suite
from spark_lsp.engine.check import Checks
from spark_lsp.engine.course import Course
from spark_lsp.engine.hear import Heard, Reader, hear
from spark_lsp.engine.judge import Judge, same_kind
from spark_lsp.engine.order import Order, Outcome
from spark_lsp.errors import ActionFailed
from spark_lsp.values import Diagnostic

log = logging.getLogger(__name__)

_Reader = TypeVar("_Reader", bound=Reader)

MOST_AT_ONCE = 50
"""Diagnostics of one kind that are mended by one question."""

Written = Callable[[range, Sequence[str], bool], None]
"""(lines of the order's text, what takes their place so far, whether that is all): for whoever watches."""


class Draft(NamedTuple):
    """What one round came to: the answer, what it changes, and why not."""

    answer: str
    outcome: Outcome
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Means:
    """What an order is worked on with.

    `course` says whom to ask for a prompt of so many characters; `root` is the project's folder; `spend`
    takes note of tokens, and is false when no more may be said.
    """

    course: Callable[[int], Course]
    checks: Checks
    root: Path
    rounds: int
    spend: Callable[[int], bool] = lambda tokens: True
    written: Written = lambda span, lines, done: None


async def propose(order: Order, means: Means, tests: Suite | None = None) -> Outcome:
    """The answer that was accepted, or that nobody could judge. Raises ActionFailed when there is none.

    `tests` is where a new test file belongs, for the action that makes one.
    """
    proposal = _Proposal(order, means)
    if order.action.form == "text":
        return await proposal.words()
    if order.action.form == "file":
        assert tests is not None
        return await proposal.new_file(tests)
    async with aclosing(Judge(order, means.checks, means.root)) as judge:
        return await proposal.edits(judge)


class _Proposal:
    def __init__(self, order: Order, means: Means) -> None:
        self._order = order
        self._means = means
        self._lines = order.lines

    # --- edits

    async def edits(self, judge: Judge) -> Outcome:
        order, targets = self._order, self._order.diagnostics
        if order.action.about == "kind":
            targets = same_kind(await judge.before(), targets[0], MOST_AT_ONCE) or targets
        scope = scope_of(self._lines, _may_change(order, targets))
        asked, against = self._question(scope, targets), ""
        for turn in range(1, self._means.rounds + 1):
            draft = await self._draft(asked, scope)
            objections = draft.refusals or ("the model sees nothing to change",)
            if draft.outcome.replacements:
                judgement = await judge.judge(targets, draft.outcome.replacements)
                if not judgement.objections:
                    return replace(
                        draft.outcome,
                        checked=judgement.checked,
                        remark=judgement.remark,
                        rounds=turn,
                        checking_ms=judge.spent_ms,
                    )
                objections = judgement.objections
            against = objections[0]
            log.info("%s, round %d: %s", order.action.name, turn, "; ".join(objections))
            asked = asked.again(draft.answer, objections)
        raise ActionFailed(f"no edit that can be offered: {against}")

    async def _draft(self, asked: Question, scope: Scope) -> Draft:
        if self._order.action.form == "lines" and len(scope.change) == 1:
            return await self._rewritten(asked, scope)
        written = self._means.written

        def tell(reader: AnswerReader, news: list[Replacement]) -> None:
            for one in news:
                written(range(one.first, one.last), one.lines, False)

        heard = await self._hear(asked, lambda: self._reader(scope.change), tell)
        return self._draft_of(heard.reader, heard)

    async def _rewritten(self, asked: Question, scope: Scope) -> Draft:
        [span] = scope.change
        old, written = self._lines[span.start : span.stop], self._means.written

        def tell(reader: RewriteReader, more: bool) -> None:
            if more:
                written(span, list(map(restored, reader.written)), reader.done)

        heard = await self._hear(asked, lambda: RewriteReader(old), tell)
        if heard.reader.other:
            other = self._reader(scope.change)
            other.feed(heard.text)
            other.finish(complete=heard.complete)
            return self._draft_of(other, heard)
        if not heard.reader.done:
            return Draft(heard.text, Outcome(), ("the answer was cut off before its end",))
        new = tuple(map(restored, heard.reader.written))
        whole = Replacement(span.start, span.stop, new)
        against = (
            screen.characters(new, old)
            or screen.left_out(new, old)
            or screen.wipes(self._lines, scope.change, [whole])
        )
        found = tuple(
            replace(one, first=one.first + span.start, last=one.last + span.start)
            for one in changes(old, new)
        )
        if against:
            return Draft(heard.text, Outcome(), (against,))
        return Draft(heard.text, Outcome(found, backend=heard.backend))

    def _draft_of(self, reader: AnswerReader, heard: Heard[Any]) -> Draft:
        found = tuple(replace(one, lines=tuple(map(restored, one.lines))) for one in reader.replacements)
        if apply(self._lines, found) == list(self._lines):
            found = ()
        if code := self._code_in_header(found):
            return Draft(heard.text, Outcome(), (f"only imports belong at the top, not: {code}",))
        return Draft(heard.text, Outcome(found, backend=heard.backend), reader.refusals)

    def _code_in_header(self, found: Sequence[Replacement]) -> str:
        """A line that a fix puts between the imports and that is none, "" when it does not.

        A fix may import what it uses; whatever else runs when the file is loaded is not asked for.
        """
        if self._order.action.about == "range":
            return ""
        header = header_of(self._lines)
        new = [
            line
            for one in found
            if one.last <= header.stop
            for line in one.lines
            if line not in self._lines[one.first : one.last]
        ]
        return next((line for line in new if not may_stand_in_header(line)), "")

    def _reader(self, change: Sequence[range]) -> AnswerReader:
        return AnswerReader(self._order.shown, self._lines, change, near=self._order.first)

    # --- other answers

    async def words(self) -> Outcome:
        """For a person to read."""
        shown = scope_of(self._lines, [meant(self._order)]).shown
        heard = await self._hear(self._question(Scope((), shown), self._order.diagnostics), _Words)
        if not heard.text.strip():
            raise ActionFailed("the model had nothing to say")
        return Outcome(words=heard.text.strip(), backend=heard.backend)

    async def new_file(self, place: Suite) -> Outcome:
        """Tests in a file of their own."""
        shown = scope_of(self._lines, [meant(self._order)]).shown
        values = {
            "tests_path": place.path,
            "framework": place.framework,
            "tests_state": "is there: write more, to stand at its end" if place.exists else "is new",
        }
        asked, against = self._question(Scope((), shown), (), values), ""
        for turn in range(1, self._means.rounds + 1):
            heard = await self._hear(
                asked, lambda: AnswerReader(self._order.shown, (), (), near=0, newfile=True)
            )
            objections = heard.reader.refusals or (f"the answer has no file {place.path}",)
            made = tuple(
                replace(file, text="\n".join(map(restored, file.text.split("\n"))))
                for file in heard.reader.files
                if file.path == place.path
            )
            if made:
                broken = syntax.worse(self._order.language, "", made[0].text)
                if not broken:
                    remark = "new tests are not run"
                    return Outcome(files=made, remark=remark, backend=heard.backend, rounds=turn)
                objections = (broken,)
            against = objections[0]
            asked = asked.again(heard.text, objections)
        raise ActionFailed(f"no tests that can be offered: {against}")

    # --- the model

    def _question(
        self, scope: Scope, targets: Sequence[Diagnostic], values: Mapping[str, str] | None = None
    ) -> Question:
        order, span = self._order, meant(self._order)
        return question(
            order.action,
            self._lines,
            scope,
            path=order.shown,
            language=order.language,
            diagnostics=targets,
            values={
                "instruction": order.instruction,
                "selection": "\n".join(self._lines[span.start : span.stop]),
                **(values or {}),
            },
        )

    async def _hear(
        self,
        asked: Question,
        begin: Callable[[], _Reader],
        tell: Callable[[_Reader, Any], None] = lambda reader, news: None,
    ) -> Heard[_Reader]:
        course = self._means.course(len(asked.message))
        return await hear(self._order, asked, course, begin, self._means.spend, tell)


class _Words:
    """Reads words as they are."""

    done = False

    def feed(self, text: str) -> None: ...

    def finish(self, *, complete: bool) -> None: ...


def meant(order: Order) -> range:
    """The lines a person chose, or the definition around the cursor."""
    if order.selected:
        return range(order.first, order.last)
    return block_of(order.lines, order.first, order.last)


def _may_change(order: Order, targets: Sequence[Diagnostic]) -> list[range]:
    lines = order.lines
    if order.action.where == "selection":
        return [block_of(lines, order.first, order.last)]  # what is extracted stands beside it
    if order.action.about == "range":
        return [meant(order)]
    return [
        header_of(lines),
        *(block_of(lines, one.line, max(one.end_line, one.line) + 1) for one in targets),
    ]
