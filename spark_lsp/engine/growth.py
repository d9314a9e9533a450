"""Answers that grow after they were given, told to clients that can show it.

A request is answered at the first line, or at the deadline with nothing; its stream goes on. What it says
then comes with the next key, and, for clients that asked for it, by itself: through the same door as answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from spark_lsp.engine.complete import Completer
from spark_lsp.engine.flight import Flight
from spark_lsp.engine.query import Answer, Place, Query
from spark_lsp.engine.tasks import Tasks

INTERVAL = 1 / 30
"""Seconds between two stages that are told: a screen shows no more of them."""


class Stage(NamedTuple):
    """What an answer has grown to. `number` counts from 0; with `done` it is the last one."""

    number: int
    answer: Answer
    done: bool


class Growths:
    """What grows in the documents of one session: in each of them only what was asked for last."""

    def __init__(self, completer: Completer, tasks: Tasks) -> None:
        self._completer = completer
        self._tasks = tasks
        self._asked: dict[str, Query] = {}
        self._growing: dict[str, asyncio.Task[None]] = {}

    def asked(self, query: Query) -> None:
        """This is asked now: what grew for an older one is over."""
        self.end(query.snapshot.uri)
        self._asked[query.snapshot.uri] = query

    def begin(self, answer: Answer, query: Query, place: Place, tell: Callable[[Stage], None]) -> None:
        """`answer` was given; tell what becomes of it while a stream goes on for its state, if one does."""
        uri = query.snapshot.uri
        if self._asked.get(uri) is not query:
            return  # overtaken by another one, or by a change
        flight = self._completer.under_way(query.snapshot)
        if flight is not None:
            follow = self._follow(flight, answer, query, place, tell)
            self._growing[uri] = self._tasks.start(follow, f"growth {uri}")

    def end(self, uri: str) -> None:
        """Something else stands there now."""
        self._asked.pop(uri, None)
        task = self._growing.pop(uri, None)
        if task is not None:
            task.cancel()

    async def _follow(
        self, flight: Flight, answer: Answer, query: Query, place: Place, tell: Callable[[Stage], None]
    ) -> None:
        number, done = 0, False
        with flight.wanted():
            while not done:
                moved = flight.moved
                # First of all, so that nothing overtakes the answer itself.
                await asyncio.sleep(INTERVAL)
                done = flight.landed or not flight.fits(query.snapshot)
                grown, whole = self._completer.grown(answer, query, place)
                done = done or whole
                if grown is not None:
                    flight.shown, answer = True, grown
                if done or grown is not None:
                    tell(Stage(number, answer, done))
                    number += 1
                if not done:
                    await asyncio.wait([moved])
