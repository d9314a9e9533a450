"""Whose words become the answer: of those who are asked, the first that says something useful.

One backend is asked, and when it is later than it usually is, the next one beside it. When a stream breaks or
falls silent in the middle, the next one goes on from what was said; one that was silent may still be sooner
than that, and is listened to until then. While two are asked, what they say is
held back until one of them has a whole line, or is through; the other's socket is closed at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from math import inf

from spark_lsp.backends.base import Backend
from spark_lsp.engine.runner import Ask, Attempt, Rules, Runner, Step
from spark_lsp.errors import BackendError, TimedOut
from spark_lsp.routing.route import Role

log = logging.getLogger(__name__)


TRICKLES = 3.0
"""Times its expected time to the first line: one that takes longer has failed, however often it speaks."""


async def race(rules: Rules, ask: Ask) -> AsyncGenerator[Step, None]:
    """Stream the answer.

    A backend that has another model or FIM style after a refusal is asked again, and so is one whose place
    was taken back. Raises the last BackendError when nobody answered, or when a stream broke after text was
    received and nobody could go on: that text stays valid.
    """
    field = _Field(rules, ask)
    try:
        field.begin()
        while True:
            for step in field.taken():
                yield step
            if field.settled or not field.running:
                break
            await field.news()
    finally:
        await field.aclose()
    if field.failure is not None:
        raise field.failure


class Alone:
    """The rules for one backend that nobody competes with."""

    beside = None
    stall = inf

    def __init__(self, backend: Backend, attempt: Callable[[], Attempt]) -> None:
        self.backends = (backend,)
        self._attempt = attempt

    def attempt(self, backend: Backend, role: Role) -> Attempt:
        return self._attempt()

    async def slot(self, backend: Backend, taken_back: Callable[[], None]) -> AbstractContextManager[object]:
        return nullcontext()

    def patience(self, backend: Backend) -> float:
        return inf

    def line_within(self, backend: Backend) -> float:
        return inf

    def stalls_after(self, backend: Backend) -> float:
        return inf

    def give_up(self, backend: Backend, *, alone: bool) -> float | None:
        return None

    def may_hedge(self, backend: Backend, beside: Backend) -> bool:
        return False

    def may_continue(self, backend: Backend) -> bool:
        return False


class _Field:
    """Those who run, and those who may still be asked."""

    def __init__(self, rules: Rules, ask: Ask) -> None:
        self.running: list[Runner] = []
        self.settled = False
        self.failure: Exception | None = None
        self._rules = rules
        self._ask = ask
        self._waiting = list(rules.backends)
        self._turns = count()
        self._spoken = False
        self._nothing: deque[Step] = deque()
        self._gone: list[Runner] = []
        self._loop = asyncio.get_running_loop()
        self._news: asyncio.Future[None] = self._loop.create_future()
        self._alarm: asyncio.TimerHandle | None = None
        self._rang = False
        self._changed = True

    def begin(self) -> None:
        if self._waiting:
            self._enter(self._waiting.pop(0), "first")
        beside = self._rules.beside
        if beside is not None and self.running:
            self._waiting = [backend for backend in self._waiting if backend is not beside]
            self._enter(beside, "beside")

    def taken(self) -> list[Step]:
        """What became certain: the words of the one that speaks."""
        self._drop_failed()
        if len(self.running) > 1:
            self._decide()
        if not self.running and self._nothing:
            self.failure = None  # somebody answered, if only that there is nothing to say
            return list(self._nothing)
        if len(self.running) != 1:
            return []
        [speaker] = self.running
        steps = list(speaker.steps)
        speaker.steps.clear()
        self._spoken = self._spoken or any(step.delta.text for step in steps)
        if speaker.over and speaker.failure is None:
            self.settled = True
            self.failure = None  # whoever failed beside it is not what became of the question
            # One that ended without a word, when another had nothing to say either, or failed.
            steps = steps or list(self._nothing)
        return steps

    async def news(self) -> None:
        """Wait until somebody said something, or is late."""
        self._news = self._loop.create_future()
        if any(runner.steps or runner.over for runner in self.running) and self._has_news():
            return
        if self._changed:
            self._set_alarm()
        await self._news
        if self._rang:
            self._rang, self._changed = False, True
            self._late()

    def _set_alarm(self) -> None:
        """For when somebody will be late. Words only put that off, so one alarm does for many of them: to set
        it at each would be most of what a word costs."""
        self._end_alarm()
        self._changed = False
        due = self._due()
        if due is not None:
            self._alarm = self._loop.call_at(due, self._ring)

    def _end_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._rang = True
        self._tell()

    async def aclose(self) -> None:
        """Close every stream that is open."""
        self._end_alarm()
        for runner in self.running:
            runner.leave()
        gone = [runner.task for runner in (*self._gone, *self.running)]
        self.running = []
        if gone:
            await asyncio.gather(*gone, return_exceptions=True)

    # --- who runs

    def _enter(self, backend: Backend, role: Role) -> None:
        runner = Runner(backend, self._rules, self._ask, role, self._turns, self._tell)
        self.running.append(runner)
        self._changed = True

    def _tell(self, changed: bool = False) -> None:
        """There is news; `changed`: of a kind that says anew who is late when."""
        self._changed = self._changed or changed
        if not self._news.done():
            self._news.set_result(None)

    def _has_news(self) -> bool:
        """Something that changes who speaks, or what is said."""
        if len(self.running) == 1:
            return True
        return any(runner.over or runner.useful_at is not None for runner in self.running)

    def _remove(self, runner: Runner) -> None:
        self._changed = True
        self.running.remove(runner)
        self._gone.append(runner)

    def _drop_failed(self) -> None:
        for runner in list(self.running):
            if runner.failure is None or (runner.steps and len(self.running) == 1):
                continue  # the last one's words are passed on first
            self.failure = runner.failure
            self._remove(runner)
            if not isinstance(runner.failure, BackendError):
                raise runner.failure
        if not self.running:
            self._replace()

    def _replace(self) -> None:
        """Nobody speaks any more: the next one, who goes on with what was said."""
        for backend in self._waiting:
            if not self._spoken or self._rules.may_continue(backend):
                self._waiting.remove(backend)
                self.failure = None
                self._enter(backend, "failover")
                return

    def _decide(self) -> None:
        """Two were asked. One that has something useful wins; one that has nothing to say is out."""
        useful = [runner for runner in self.running if runner.useful_at is not None]
        if useful:
            winner = min(useful, key=lambda runner: runner.useful_at or 0.0)
            for runner in list(self.running):
                if runner is not winner:
                    runner.leave()
                    self._remove(runner)
                    # The winner may break, and then it is asked again.
                    self._waiting.insert(0, runner.backend)
            return
        for runner in list(self.running):
            if runner.over and len(self.running) > 1:
                self._nothing = self._nothing or runner.steps
                self._remove(runner)

    # --- who is late

    def _due(self) -> float | None:
        """When one of them will have failed, or the youngest be late."""
        moments = [moment for runner in self.running if (moment := self._fails_at(runner)) is not None]
        if self.running and self._waiting and (moment := self._late_at(self.running[-1])) is not None:
            moments.append(moment)
        return min(moments, default=None)

    def _late_at(self, runner: Runner) -> float | None:
        """When the next one is asked beside it."""
        if runner.started_at is None or runner.over or runner.useful_at is not None or runner.hopeless:
            return None
        if runner.spoke_at is None:
            return runner.started_at + self._rules.patience(runner.backend)
        return runner.spoke_at + self._rules.line_within(runner.backend)

    def _fails_at(self, runner: Runner) -> float | None:
        """When it is taken for dead, if that leaves somebody: else its own timeouts say when it is enough."""
        if runner.started_at is None or runner.over or runner.stalled:
            return None
        others = len(self.running) > 1 or any(map(self._rules.may_continue, self._waiting))
        if runner.spoke_at is None:
            if not others and not self._waiting and not self._nothing:
                return None
            patience = self._rules.give_up(runner.backend, alone=not others)
            return None if patience is None else runner.started_at + patience
        if not others:
            return None
        silent = runner.heard_at + self._rules.stalls_after(runner.backend)
        if runner.useful_at is not None:
            return silent
        within = max(self._rules.line_within(runner.backend) * TRICKLES, self._rules.stall)
        return min(silent, runner.spoke_at + within)

    def _late(self) -> None:
        now = self._loop.time()
        for runner in list(self.running):
            fails = self._fails_at(runner)
            if fails is None or now < fails:
                continue
            if runner.spoke_at is None:
                runner.leave(TimedOut(f"{runner.backend.name} has not said a word"))
                self._drop_failed()
            else:
                runner.stalls(TimedOut(f"{runner.backend.name} went silent in its answer"))
                self._changed = True
                if len(self.running) == 1:
                    self._replace()
        if not self.running or not self._waiting:
            return
        youngest = self.running[-1]
        late = self._late_at(youngest)
        if late is not None and now >= late:
            self._ask_another(youngest)

    def _ask_another(self, late: Runner) -> None:
        for backend in self._waiting:
            if self._rules.may_hedge(backend, late.backend):
                log.info("%s is late: %s is asked beside it", late.backend.name, backend.name)
                self._waiting.remove(backend)
                self._enter(backend, "hedge")
                return
        late.hopeless = True
