"""All generations under way: which of them fits what stands there now, and which has to end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from spark_lsp.engine.flight import GRACE, Flight
from spark_lsp.engine.tasks import Tasks
from spark_lsp.text import Snapshot


class Flights:
    """All flights: of each document at most one that is wanted now, and those ahead of need."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._flying: dict[str, list[tuple[Flight, asyncio.Task[None]]]] = {}

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Flight]:
        """Those that have not landed."""
        return iter(
            [flight for flights in self._flying.values() for flight, _ in flights if not flight.landed]
        )

    def find(self, snapshot: Snapshot) -> Flight | None:
        """The flight under way that fits what stands there now, wanted from now on.

        One that was wanted before and does not fit is ended. Those ahead of need stay: whoever bet on them
        knows whether the bet is lost.
        """
        found = self.covering(snapshot)
        for flight, _ in self._flying.get(snapshot.uri, ()):
            if flight is not found and not flight.ahead:
                self.end(flight)
        if found is not None:
            found.want(snapshot)
        return found

    def covering(self, snapshot: Snapshot) -> Flight | None:
        """The same, without consequences."""
        flights = [
            flight
            for flight, _ in self._flying.get(snapshot.uri, ())
            if not flight.landed and flight.fits(snapshot)
        ]
        return min(flights, key=lambda flight: flight.ahead, default=None)

    def start(self, flight: Flight) -> asyncio.Task[None]:
        uri = flight.uri
        if not flight.ahead:
            self.end_wanted(uri)
        task = self._tasks.start(flight.fly(), f"flight {uri}")
        self._flying.setdefault(uri, []).append((flight, task))
        task.add_done_callback(lambda _: self._forget(uri, flight))
        self._end_when_unwanted(flight, task)
        return task

    def end(self, flight: Flight) -> None:
        """Close its stream."""
        for one, task in self._flying.get(flight.uri, ()):
            if one is flight:
                task.cancel()
        self._forget(flight.uri, flight)

    def end_wanted(self, uri: str) -> None:
        """Close the stream of this document that was asked for, if any."""
        for flight, _ in list(self._flying.get(uri, ())):
            if not flight.ahead:
                self.end(flight)

    def end_all(self, uri: str) -> None:
        """Close all streams of this document."""
        for flight, _ in list(self._flying.get(uri, ())):
            self.end(flight)

    def _forget(self, uri: str, flight: Flight) -> None:
        left = [entry for entry in self._flying.get(uri, ()) if entry[0] is not flight]
        if left:
            self._flying[uri] = left
        else:
            self._flying.pop(uri, None)

    def _end_when_unwanted(self, flight: Flight, task: asyncio.Task[None]) -> None:
        if task.done():
            return
        if flight.unwanted:
            task.cancel()
        else:
            later = asyncio.get_running_loop().call_later
            later(GRACE / 4, self._end_when_unwanted, flight, task)
