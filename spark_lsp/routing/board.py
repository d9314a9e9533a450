"""What each entrant is expected to take for one kind of question: looked up again where something changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from spark_lsp.routing.choose import Contender, cost, seconds
from spark_lsp.routing.measure import FRESH, Measurements, Meter, Subject
from spark_lsp.routing.route import Entrant
from spark_lsp.values import Lane

WARM = 300.0
"""Seconds that a server keeps what it has read of a prompt."""

DOCUMENTS = 16
"""That a vendor keeps so. One's own server keeps one for each slot."""


FORGETS = 1.02
"""By what the best time is raised at each answer: twice as long after 35."""


class Runner:
    """What is known of one entrant, beside its measurements.

    `changed` counts what a forecast depends on; `best` is the least time of late, in seconds, to a line, 0
    before the first.
    """

    __slots__ = ("asked", "asked_at", "best", "changed", "documents", "entrant", "open", "place")

    def __init__(self, entrant: Entrant, place: int) -> None:
        self.entrant = entrant
        self.place = place
        self.open = 0
        self.asked = self.asked_at = 0
        self.changed = 0
        self.best = 0.0
        self.documents: OrderedDict[str, float] = OrderedDict()

    def has_read(self, document: str, now: float) -> bool:
        return now - self.documents.get(document, -WARM) < WARM

    def reads(self, document: str, now: float) -> None:
        if not document:
            return
        self.documents[document] = now
        self.documents.move_to_end(document)
        most = self.entrant.slots if self.entrant.local and self.entrant.slots else DOCUMENTS
        while len(self.documents) > most:
            self.documents.popitem(last=False)

    def took(self, seconds: float) -> None:
        """A line was there after so long."""
        self.best = min(seconds, self.best * FORGETS) if self.best else seconds

    def subject(self, lane: Lane, size: int) -> Subject:
        return Subject(self.entrant.name, self.entrant.model, lane, size)


class Board:
    """The contenders for a lane, a size of prompt and a document, in the order of the settings.

    `left_out` names those that serve the lane and may not be asked such a thing, and why.
    """

    __slots__ = (
        *("_at", "_changes", "_contenders", "_document", "_embedded", "_lane", "_last", "_measurements"),
        *("_runners", "_size", "left_out"),
    )

    def __init__(
        self,
        runners: Sequence[Runner],
        left_out: Mapping[str, str],
        measurements: Measurements,
        lane: Lane,
        size: int,
        document: str,
    ) -> None:
        self.left_out = left_out
        self._runners = [runner for runner in runners if not runner.entrant.embedded]
        self._embedded = [runner for runner in runners if runner.entrant.embedded]
        self._contenders: list[Contender] = []
        self._last: list[Contender] = []
        self._measurements = measurements
        self._lane = lane
        self._size = size
        self._document = document
        self._changes: list[int] = []
        self._at = 0.0

    def look(self, now: float) -> tuple[list[Contender], list[Contender]]:
        """The others, and those of this process. Up to `FRESH` seconds old where nothing was heard."""
        if not self._changes or not 0 <= now - self._at < FRESH:
            self._contenders = [self._contender(runner, now) for runner in self._runners]
            self._changes = [runner.changed for runner in self._runners]
            self._last = [self._contender(runner, now) for runner in self._embedded]
            self._at = now
            return self._contenders, self._last
        changes = self._changes
        for index, runner in enumerate(self._runners):
            if changes[index] != runner.changed:
                changes[index] = runner.changed
                self._contenders[index] = self._contender(runner, now)
        return self._contenders, self._last

    def _contender(self, runner: Runner, now: float) -> Contender:
        entrant = runner.entrant
        meter: Meter = self._measurements.meter(runner.subject(self._lane, self._size))
        forecast = meter.forecast(now, warm=runner.has_read(self._document, now))
        return Contender(
            entrant.name,
            forecast,
            seconds(forecast, self._lane, runner.open, entrant.slots),
            cost(entrant.price_prompt, entrant.price_completion, metered=entrant.metered),
            entrant.embedded,
        )
