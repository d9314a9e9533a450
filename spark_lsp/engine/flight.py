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
from dataclasses import replace

from spark_lsp.completion.context import Context
from spark_lsp.completion.trim import Trimmer
from spark_lsp.completion.typed import typed_since
from spark_lsp.engine.batch import INTERVAL, Batch
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.race import Step
from spark_lsp.engine.tasks import Tasks
from spark_lsp.errors import BackendError
from spark_lsp.text import Snapshot
from spark_lsp.values import Suggestion

log = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds a flight goes on with nobody waiting: the next keystroke usually wants it again."""


class Flight:
    """One generation, and who waits for it.

    `suggestion` is the text so far; `landed` turns true when no more will come;
    `moved` is done, and replaced by a new one, at each change of either.
    """

    def __init__(
        self,
        origin: Snapshot,
        context: Context,
        steps: AsyncGenerator[Step, None],
        fill: Callable[[Snapshot, Suggestion], None],
    ) -> None:
        self.origin = origin
        self.suggestion = Suggestion("", complete=False)
        self.landed = False
        self._loop = asyncio.get_running_loop()
        self.moved: asyncio.Future[None] = self._loop.create_future()
        self._context = context
        self._steps = steps
        self._fill = fill
        self._tokens_heard = 0
        self._characters_heard = 0
        self._trimming: asyncio.TimerHandle | None = None
        self._waiters = 0
        self._wanted_at = self._loop.time()

    def __repr__(self) -> str:
        state = "landed" if self.landed else f"{self._waiters} waiting"
        return f"<Flight {self.origin!r} {self.suggestion.text!r} {state}>"

    def fits(self, snapshot: Snapshot) -> bool:
        """What was typed since starts with what was said, or the other way round."""
        typed = typed_since(self.origin, snapshot)
        if typed is None:
            return False
        said = self.suggestion.text
        return said.startswith(typed) or typed.startswith(said)

    def want(self) -> None:
        self._wanted_at = self._loop.time()

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Somebody waits: the flight goes on for as long as they do."""
        self._waiters += 1
        try:
            yield
        finally:
            self._waiters -= 1
            self.want()

    @property
    def unwanted(self) -> bool:
        return not self._waiters and self._loop.time() - self._wanted_at > GRACE

    async def fly(self) -> None:
        """Read the stream to its end; close it when trimmed text needs no more."""
        trimmer: Trimmer | None = None
        batch, speaker = Batch(), None
        try:
            async with aclosing(self._steps) as steps:
                async for step in steps:
                    if trimmer is None or step.backend is not speaker:
                        speaker, trimmer, batch = step.backend, self._reader(step), Batch()
                    self._take(trimmer, batch, step)
                    if trimmer.done:
                        break
            if trimmer is not None:
                self._finish(trimmer)
        except BackendError as error:
            log.info("%s ended early: %s", self, error)
            if trimmer is not None:
                trimmer.feed(batch.take(self._loop.time()))
                trimmer.finish("unknown")
                if trimmer.text:
                    self._finish(trimmer)
        finally:
            self._trim_no_later()
            self.landed = True
            self._announce()

    def _reader(self, step: Step) -> Trimmer:
        self._trim_no_later()
        return Trimmer(self._context, stop=step.prompt.stop)

    def _take(self, trimmer: Trimmer, batch: Batch, step: Step) -> None:
        delta = step.delta
        if delta.text:
            self._tokens_heard += delta.tokens
            self._characters_heard += len(delta.text)
        if batch.add(delta.text, self._loop.time()) or delta.finish is not None:
            self._trim(trimmer, batch, step)
        elif self._trimming is None:
            # Many tokens may come in one packet, and the next packet late.
            self._trimming = self._loop.call_later(INTERVAL, self._trim, trimmer, batch, step)

    def _trim(self, trimmer: Trimmer, batch: Batch, step: Step) -> None:
        self._trim_no_later()
        before = trimmer.text
        trimmer.feed(batch.take(self._loop.time()))
        if step.delta.finish is not None:
            trimmer.finish(step.delta.finish)
        self.suggestion = Suggestion(
            trimmer.text,
            backend=step.backend.name,
            model=step.backend.model,
            tokens=self._tokens_in(trimmer.text),
            complete=False,
            confidence=step.delta.confidence,
        )
        if trimmer.text != before:
            self._fill(self.origin, self.suggestion)
            self._announce()

    def _trim_no_later(self) -> None:
        if self._trimming is not None:
            self._trimming.cancel()
            self._trimming = None

    def _tokens_in(self, text: str) -> int:
        """How many of the tokens heard are in what the trimmer left of them."""
        return round(self._tokens_heard * len(text) / max(self._characters_heard, 1))

    def _finish(self, trimmer: Trimmer) -> None:
        self.suggestion = replace(self.suggestion, text=trimmer.text, complete=trimmer.complete)
        # A model that had nothing to say is not asked again here; the predictor may know more by then.
        if trimmer.text or self.suggestion.backend != NAME:
            self._fill(self.origin, self.suggestion)

    def _announce(self) -> None:
        moved, self.moved = self.moved, self._loop.create_future()
        moved.set_result(None)


class Flights:
    """All flights, at most one per document: a document has one cursor that types."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._flying: dict[str, tuple[Flight, asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        return sum(not flight.landed for flight, _ in self._flying.values())

    def find(self, snapshot: Snapshot) -> Flight | None:
        """The flight under way that fits what stands there now. One that does not is ended."""
        entry = self._flying.get(snapshot.uri)
        if entry is None:
            return None
        flight, _ = entry
        if flight.landed:
            return None
        if flight.fits(snapshot):
            flight.want()
            return flight
        self.end(snapshot.uri)
        return None

    def start(self, flight: Flight) -> None:
        uri = flight.origin.uri
        self.end(uri)
        task = self._tasks.start(flight.fly(), f"flight {uri}")
        self._flying[uri] = flight, task
        self._end_when_unwanted(flight, task)

    def end(self, uri: str) -> None:
        """Close the stream of this document, if any."""
        entry = self._flying.pop(uri, None)
        if entry is not None:
            entry[1].cancel()

    def _end_when_unwanted(self, flight: Flight, task: asyncio.Task[None]) -> None:
        if task.done():
            return
        if flight.unwanted:
            task.cancel()
        else:
            later = asyncio.get_running_loop().call_later
            later(GRACE / 4, self._end_when_unwanted, flight, task)
