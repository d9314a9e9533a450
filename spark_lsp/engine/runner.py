"""One request to one backend, read as it comes; and the rules that a race of them goes by."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from spark_lsp.backends.base import Backend
from spark_lsp.completion.healing import Healing
from spark_lsp.errors import BackendError
from spark_lsp.routing.route import Role
from spark_lsp.values import Delta, Prompt

log = logging.getLogger(__name__)

CHANGES = 8
"""How often one backend may come with another model or FIM style after a refusal."""


@dataclass(frozen=True, slots=True)
class Step:
    """One delta, who said it and what was asked. A new `turn` is a new stream: its text goes on from the
    prompt's `said`."""

    backend: Backend
    prompt: Prompt
    delta: Delta
    turn: int = 0


class Attempt(Protocol):
    """Keeps the record of one request to one backend."""

    def heard(self, delta: Delta) -> None: ...

    def ended(self) -> None: ...

    def failed(self, error: BackendError) -> None: ...


class Rules(Protocol):
    """The rules of one race. Times in seconds."""

    @property
    def backends(self) -> Sequence[Backend]:
        """Whom to ask, in order."""
        ...

    @property
    def beside(self) -> Backend | None:
        """Who is asked at once beside the first."""
        ...

    @property
    def stall(self) -> float:
        """The longest silence within a text that is borne."""
        ...

    def attempt(self, backend: Backend, role: Role) -> Attempt: ...

    async def slot(self, backend: Backend, taken_back: Callable[[], None]) -> AbstractContextManager[object]:
        """Wait until it may be asked. `taken_back` is called when somebody needs the place more."""
        ...

    def patience(self, backend: Backend) -> float:
        """From its request on, until the next one is asked beside it."""
        ...

    def line_within(self, backend: Backend) -> float:
        """From its first word on, until the next one goes on beside it."""
        ...

    def stalls_after(self, backend: Backend) -> float:
        """A silence within its text: then it has failed."""
        ...

    def give_up(self, backend: Backend, *, alone: bool) -> float | None:
        """From its request on: then it has failed. `alone`: nobody is left but the predictor."""
        ...

    def may_hedge(self, backend: Backend, beside: Backend) -> bool:
        """Whether this one may be asked beside that one, now."""
        ...

    def may_continue(self, backend: Backend) -> bool:
        """Whether this one may go on with what another one said."""
        ...


Ask = Callable[[Backend], Prompt | None]
"""What a backend is asked now, with what was said already; None when no more is needed."""


class Runner:
    """One request to one backend, read as it comes."""

    def __init__(
        self,
        backend: Backend,
        rules: Rules,
        ask: Ask,
        role: Role,
        turns: Iterator[int],
        tell: Callable[[bool], None],
    ) -> None:
        self.backend = backend
        self.role = role
        self.steps: deque[Step] = deque()
        self.failure: Exception | None = None
        self.over = False
        self.started_at: float | None = None
        self.heard_at = 0.0
        self.spoke_at: float | None = None
        self.useful_at: float | None = None
        self.hopeless = self.stalled = False
        self._contradicted = False
        self._rules = rules
        self._ask = ask
        self._turns = turns
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._attempt: Attempt | None = None
        self._line = ""
        self._taken_back = False
        self._left = False
        self.task = asyncio.create_task(self._run(), name=f"asking {backend.name}")

    def leave(self, error: BackendError | None = None) -> None:
        """Close its stream. With an error it counts as a failure."""
        if error is not None and self._attempt is not None:
            self._attempt.failed(error)
            self.failure = error
        self._left = True
        self.task.cancel()

    def stalls(self, error: BackendError) -> None:
        """It fell silent, which is a failure; if it has another line before somebody else has, it goes on."""
        if self._attempt is not None:
            self._attempt.failed(error)
        self.stalled = True
        self.useful_at = None
        self._line = ""

    async def _run(self) -> None:
        try:
            while not self.over:
                with await self._rules.slot(self.backend, self._give_back):
                    try:
                        await self._stream()
                        self.over = True
                    except asyncio.CancelledError:
                        if self._left or not self._taken_back:
                            raise
                        self._task_goes_on()
        except Exception as error:
            self.failure = error
        finally:
            self.over = True
            self._tell(True)

    def _give_back(self) -> None:
        self._taken_back = True
        self.task.cancel()

    def _task_goes_on(self) -> None:
        """Its place was taken back, and it waits for another, to go on from what was passed on."""
        self._taken_back = False
        self.task.uncancel()
        self.steps.clear()
        self._line = ""
        self.started_at = self.spoke_at = self.useful_at = None

    async def _stream(self) -> None:
        for left in reversed(range(CHANGES)):
            asked = self.backend.model, self.backend.fim
            prompt, turn = self._ask(self.backend), next(self._turns)
            if prompt is None:
                return
            prompt = prompt.unhealed if self._contradicted else prompt
            healing = Healing(prompt.typed)
            self.started_at = self.heard_at = self._loop.time()
            attempt = self._attempt = self._rules.attempt(self.backend, self.role)
            self._tell(True)  # from now on it can be late
            try:
                async with aclosing(self.backend.stream(prompt)) as deltas:
                    async for delta in deltas:
                        attempt.heard(delta)
                        text = healing.feed(delta.text, final=delta.finish is not None)
                        if healing.contradicted:
                            break
                        if text or delta.finish is not None:  # else it is news for the record only
                            self._take(Step(self.backend, prompt, replace(delta, text=text), turn))
                if not healing.contradicted:
                    return
                log.debug(
                    "%s said something else than %r: asked with all of it", self.backend.name, prompt.typed
                )
                self._contradicted = True
            except BackendError as error:
                # A model that is passed over for none is no change that could help.
                other_model = self.backend.model not in ("", asked[0])
                changed = other_model or self.backend.fim != asked[1]
                if self.spoke_at is not None or not changed or not left:
                    log.info("%s: %s", self.backend.name, error)  # the user is told by who keeps the record
                    if not self.stalled:  # that was its failure already
                        attempt.failed(error)
                    raise
            finally:
                attempt.ended()

    def _take(self, step: Step) -> None:
        delta, changed = step.delta, False
        if delta.text:
            self.heard_at = self._loop.time()
            if self.spoke_at is None:
                self.spoke_at = self.heard_at
                changed = True
        if self.useful_at is None:
            self._line += delta.text
            # White space and a line end are no answer, nor is the end of a stream that said nothing.
            ends = delta.finish is not None and (self.stalled or self._line.strip())
            if "\n" in self._line.lstrip() or ends:
                self.useful_at = self._loop.time()
                self._line = ""
                changed = True
        self.steps.append(step)
        self._tell(changed)
