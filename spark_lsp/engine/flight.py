"""Generations under way. A generation belongs to its flight, not to the request that caused it.

A flight fills the cache as its text arrives; requests wait for it to get
somewhere and then ask the cache. It ends when what was typed contradicts it, or
when nobody has wanted it for a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from spark_lsp.backends.base import Backend
from spark_lsp.completion.context import Context
from spark_lsp.completion.seam import Seam, resumed
from spark_lsp.completion.trim import Trimmer
from spark_lsp.completion.typed import typed_since
from spark_lsp.engine.batch import INTERVAL, Batch
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.runner import Step
from spark_lsp.engine.tally import Tally
from spark_lsp.errors import BackendError
from spark_lsp.text import Snapshot
from spark_lsp.values import Prompt, Suggestion

log = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds a flight goes on with nobody waiting: the next keystroke usually wants it again."""


@dataclass(frozen=True, slots=True)
class State:
    """A cursor that text is generated for, and what surrounds it."""

    snapshot: Snapshot
    context: Context


Fill = Callable[[Snapshot, Suggestion], None]
Follow = Callable[[Backend, State, str, str], tuple[State, str] | None]
"""(who speaks, state, the text for it, what was said behind that) -> the state after it, and what was said
for that one; None when it is not wanted."""


class Allowance(Protocol):
    """What may be said ahead of need."""

    def spend(self, tokens: int) -> bool:
        """Takes note of tokens that came; False when there may be no more."""
        ...

    def renew(self) -> None:
        """The user has caught up: it is as large again as it was."""
        ...


class Flight:
    """One generation, and who waits for it.

    `suggestion` is the text so far; `landed` turns true when no more will come; `moved` is done, and
    replaced by a new one, at each change of either. What was filled is withdrawn when the stream breaks off
    before a line is whole. With `ahead` nobody asked for it yet: what it
    says is taken from the `allowance`, and ends there. When the text for its state is there and the
    stream goes on, `follow` may say for which state it is read on, and that is ahead of need, too.
    """

    def __init__(
        self,
        state: State,
        steps: AsyncGenerator[Step, None],
        fill: Fill,
        *,
        withdraw: Callable[[Snapshot], None] = lambda _: None,
        follow: Follow | None = None,
        allowance: Allowance | None = None,
        ahead: bool = False,
    ) -> None:
        self.ahead = ahead
        self.shown = False
        self.suggestion = Suggestion("", complete=False)
        self.landed = False
        self._loop = asyncio.get_running_loop()
        self.moved: asyncio.Future[None] = self._loop.create_future()
        self._state = state
        self._passed: list[tuple[Snapshot, str]] = []
        self._reached = 0
        self._steps = steps
        self._fill = fill
        self._withdraw = withdraw
        self._follow = follow
        self._allowance = allowance
        self._batch = Batch()
        self._trimmer: Trimmer | None = None
        self._speaker: Step | None = None
        self._seam = Seam(state.context, "")
        self._before = Suggestion("")
        self._heard = Tally()
        self._begun_at = 0
        self._trimming: asyncio.TimerHandle | None = None
        self._through = False
        self._waiters = 0
        self._wanted_at = self._loop.time()

    def __repr__(self) -> str:
        state = "landed" if self.landed else "ahead" if self.ahead else f"{self._waiters} waiting"
        return f"<Flight {self.reached!r} {self.suggestion.text!r} {state}>"

    @property
    def uri(self) -> str:
        return self._state.snapshot.uri

    @property
    def origin(self) -> Snapshot:
        """The state that it was started for."""
        return self._passed[0][0] if self._passed else self._state.snapshot

    @property
    def tokens(self) -> int:
        """All that were heard."""
        return self._heard.tokens

    @property
    def reached(self) -> Snapshot:
        """The furthest of its states that was asked for; the one that it was started for to begin with."""
        if self._reached == len(self._passed):
            return self._state.snapshot
        return self._passed[self._reached][0]

    def handed_over(self) -> str | None:
        """What another backend would go on from; None when no more is needed."""
        if self._trimming is not None and self._speaker is not None:
            self._trim(self._speaker)
        if self._through or self.reads_on:
            return None
        return resumed(self.suggestion.text)

    @property
    def reads_on(self) -> bool:
        """What comes is for a state that nobody has asked for yet."""
        return len(self._passed) > self._reached

    def fits(self, snapshot: Snapshot) -> bool:
        """What was typed since starts with what was said, or the other way round."""
        return self._stage(snapshot) is not None

    def _stage(self, snapshot: Snapshot) -> int | None:
        """Which of its states leads here."""
        for index, (origin, text) in enumerate(self._passed):
            typed = typed_since(origin, snapshot)
            if typed is not None and text.startswith(typed) and len(typed) < max(len(text), 1):
                return index
        typed = typed_since(self._state.snapshot, snapshot)
        said = self.suggestion.text
        if typed is not None and (said.startswith(typed) or typed.startswith(said)):
            return len(self._passed)
        return None

    def want(self, snapshot: Snapshot) -> None:
        """Somebody asks what follows here: what it says for this state is not ahead of need."""
        self.ahead = False
        self._wanted_at = self._loop.time()
        stage = self._stage(snapshot)
        if stage is not None and stage > self._reached:
            self._reached = stage
            if self._allowance is not None:
                self._allowance.renew()

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Somebody waits: the flight goes on for as long as they do."""
        self._waiters += 1
        try:
            yield
        finally:
            self._waiters -= 1
            self._wanted_at = self._loop.time()

    @property
    def unwanted(self) -> bool:
        """Nobody waits, nobody looks at what it has said, and nobody bet on it."""
        if self._waiters or self.ahead or self.shown or self.reads_on:
            return False
        return self._loop.time() - self._wanted_at > GRACE

    async def fly(self) -> None:
        """Read the stream to its end; close it when trimmed text needs no more."""
        try:
            async with aclosing(self._steps) as steps:
                async for step in steps:
                    if self._speaker is None or step.turn != self._speaker.turn:
                        self._begin(step)
                    if self._take(step):
                        break
            if self._trimmer is not None and not self._through:
                self._settle()
        except BackendError as error:
            log.info("%s ended early: %s", self, error)
            if self._trimmer is not None:
                said = self._seam.feed(self._batch.take(self._loop.time()), final=True)
                self._trimmer.feed(said)
                self._break_off(self._trimmer)
        finally:
            self._trim_no_later()
            self.landed = True
            self._announce()

    def _begin(self, step: Step) -> None:
        """Another stream: what it says goes on from what its prompt has of the answer."""
        self._trim_no_later()
        said, context = step.prompt.said, self._state.context
        self._speaker, self._batch = step, Batch()
        self._trimmer = Trimmer(context, stop=step.prompt.stop, said=said)
        self._seam = Seam(context, said, told=bool(step.prompt.instructions))
        self._before = self.suggestion
        self._begun_at = max(self._heard.characters - len(said), 0)

    def _take(self, step: Step) -> bool:
        """Read one step; True when no more is needed."""
        delta = step.delta
        if delta.text:
            self._heard.add(len(delta.text), delta.tokens)
        may_go_on = True
        if delta.text and self._allowance is not None and (self.ahead or self.reads_on):
            may_go_on = self._allowance.spend(delta.tokens)
        if not may_go_on and delta.finish is None:
            step = replace(step, delta=replace(delta, finish="length"))
        delta = step.delta
        if self._batch.add(delta.text, self._loop.time()) or delta.finish is not None:
            return self._trim(step)
        if self._trimming is None:
            # Many tokens may come in one packet, and the next packet late.
            self._trimming = self._loop.call_later(INTERVAL, self._trim, step)
        return self._through

    def _trim(self, step: Step) -> bool:
        self._trim_no_later()
        said = self._seam.feed(self._batch.take(self._loop.time()), final=step.delta.finish is not None)
        while not self._through:
            trimmer = self._trimmer
            assert trimmer is not None
            before = self.suggestion.text
            trimmer.feed(said)
            if step.delta.finish is not None:
                trimmer.finish(step.delta.finish)
            self._say(trimmer, step)
            if not trimmer.done:
                if self.suggestion.text != before:
                    self._fill(self._state.snapshot, self.suggestion)
                    self._announce()
                break
            self._settle()
            self._announce()
            following = self._next_state(trimmer)
            if following is None:
                self._through = True
            else:
                said = self._read_on(*following, step.prompt)
        return self._through

    def _say(self, trimmer: Trimmer, step: Step) -> None:
        if not self._goes_on(trimmer):
            return
        self.suggestion = Suggestion(
            trimmer.text,
            backend=step.backend.name,
            model=step.backend.model,
            tokens=round(self._heard.within(self._begun_at, len(trimmer.text))),
            complete=False,
            confidence=step.delta.confidence,
            speculative=self.ahead or self.reads_on,
            raw=not self._state.context.fitting,
        )

    def _goes_on(self, trimmer: Trimmer) -> bool:
        """Whether the text is no other than what an earlier stream has said already.

        Until the new one has caught up with that, it stands; and for good, where the two disagree and
        somebody has seen it.
        """
        before = self._before.text
        if trimmer.text.startswith(before):
            return True
        return trimmer.done and not self.shown and not before.startswith(trimmer.text)

    def _next_state(self, trimmer: Trimmer) -> tuple[State, str] | None:
        if self._follow is None or trimmer.rest is None or not trimmer.complete:
            return None
        assert self._speaker is not None
        if self.suggestion.text != trimmer.text:
            return None
        return self._follow(self._speaker.backend, self._state, trimmer.text, trimmer.rest)

    def _read_on(self, state: State, said: str, prompt: Prompt) -> str:
        self._passed.append((self._state.snapshot, self.suggestion.text))
        self._begun_at = self._heard.characters - len(said)
        self._state = state
        self._trimmer = Trimmer(state.context, stop=prompt.stop)
        self._seam, self._before = Seam(state.context, ""), Suggestion("")
        self.suggestion = Suggestion("", complete=False, speculative=True)
        return said

    def _trim_no_later(self) -> None:
        if self._trimming is not None:
            self._trimming.cancel()
            self._trimming = None

    def _settle(self) -> None:
        """The text for this state is all there."""
        trimmer = self._trimmer
        assert trimmer is not None
        if self._goes_on(trimmer):
            self.suggestion = replace(self.suggestion, text=trimmer.text, complete=trimmer.complete)
        # A model that had nothing to say is not asked again here; the predictor may know more by then.
        # Read on and cut off before a word was said is no answer either.
        if trimmer.text or (self.suggestion.backend != NAME and (trimmer.complete or not self.reads_on)):
            self._fill(self._state.snapshot, self.suggestion)

    def _break_off(self, trimmer: Trimmer) -> None:
        """Nobody goes on with what was said: its whole lines are an answer. Half a line is none, but somebody
        may have seen it."""
        trimmer.finish("unknown" if self.shown else "length")
        if trimmer.text and (self.shown or trimmer.whole_lines):
            self._settle()
        elif not self.shown:
            self.suggestion = replace(self.suggestion, text="", complete=False)
            self._withdraw(self._state.snapshot)

    def _announce(self) -> None:
        moved, self.moved = self.moved, self._loop.create_future()
        moved.set_result(None)
