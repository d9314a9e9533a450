"""What users did with what they were shown, and what follows from it.

A client may tell, and the text always does (`completion/feedback.py`). Each
suggestion is judged once: for the metrics, for the odds of asking ahead, and so that what
was turned down is not offered again in the same place.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spark_lsp.completion.block import plain
from spark_lsp.completion.feedback import Feedback, Verdict
from spark_lsp.completion.gate import Gate
from spark_lsp.completion.odds import Odds, Step, situation
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.query import Answer, Query
from spark_lsp.text import Lines, Snapshot, Span

log = logging.getLogger(__name__)

REMEMBERED = 512
"""Offers that a client can still speak of."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer that was given at a state, which an accept may have led to. `features`: what the gate saw of
    the moment when it came on the screen."""

    answer: Answer
    snapshot: Snapshot
    after_accept: bool
    features: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The offer's, a line end one character as clients and the feedback count it."""
        assert self.answer.offer is not None
        return plain(self.answer.offer.text)

    @property
    def situation(self) -> str:
        assert self.answer.offer is not None
        return situation(self.snapshot, self.answer.offer, after_accept=self.after_accept)


@dataclass(slots=True)
class _Document:
    """`after_accept`: the last change took a suggestion; `expecting`: the client said that the next one will.

    `waited` is how long the user had waited for what is on the screen, in seconds; `taken` is what the last
    change took all of: what comes next is a part of how. `features` are those of what is on the screen.
    """

    feedback: Feedback = field(default_factory=Feedback)
    after_accept: bool = False
    expecting: bool = False
    waited: float = 0.0
    taken: Remembered | None = None
    features: tuple[str, ...] = ()


class Reactions:
    """The judgements of one session. `reject` is told what is not wanted at a state.

    `learns` off: only what clients say is counted.
    """

    def __init__(
        self,
        metrics: Metrics,
        odds: Odds,
        gate: Gate,
        reject: Callable[[Snapshot, str], None],
        *,
        learns: bool,
    ) -> None:
        self.learns = learns
        self._metrics = metrics
        self.odds = odds
        self.gate = gate
        self._reject = reject
        self._documents: dict[str, _Document] = {}
        self._offers: OrderedDict[str, Remembered] = OrderedDict()
        self._offered = 0

    # --- documents

    def opened(self, uri: str) -> None:
        self._documents[uri] = _Document()

    def closed(self, uri: str) -> None:
        self._documents.pop(uri, None)

    def begin(self, uri: str) -> None:
        """A notification of changes begins."""
        document = self._documents[uri]
        document.after_accept, document.expecting = document.expecting, False

    def changed(self, uri: str, text: str, span: Span, lines: Lines) -> None:
        """One change put `text` somewhere within `span` of what are these `lines` now."""
        document = self._documents[uri]
        if document.taken is not None and not document.after_accept:
            self._observe(document.taken, "newline" if text.startswith(("\n", "\r")) else "all")
            document.taken = None
        self._judge(document, document.feedback.changed(span, lines))

    def after_accept(self, uri: str) -> bool:
        """Whether the last change took a suggestion."""
        document = self._documents.get(uri)
        return document is not None and document.after_accept

    # --- answers

    def answered(self, uri: str, answer: Answer, waited: float) -> Answer:
        """The answer with the time that was waited for what it shows, `waited` seconds for itself."""
        document = self._documents.get(uri)
        if document is None:  # closed while it was waited for
            return answer
        if answer.offer is not None:
            document.waited = max(waited, document.waited) if answer.continues else waited
            document.features = document.features if answer.continues else answer.features
        return answer._replace(waited=document.waited)

    def remember(self, answer: Answer, query: Query, *, shown: bool = True) -> str:
        """A name for an offer, by which a client tells what becomes of it.

        Not `shown` is what a client lists beside what it shows: only what is said of it counts.
        """
        assert answer.offer is not None
        self._offered += 1
        name = str(self._offered)
        document = self._documents.get(query.snapshot.uri)
        after_accept = document is not None and document.after_accept
        features = () if document is None else document.features
        self._offers[name] = Remembered(answer, query.snapshot, after_accept, features)
        if len(self._offers) > REMEMBERED:
            self._offers.popitem(last=False)
        if shown and not answer.continues:
            self._metrics.shown += 1
        if shown and document is not None:
            verdicts = document.feedback.shown(name, query.snapshot, answer.offer, query.origin)
            self._judge(document, verdicts)
        return name

    def text_of(self, name: str) -> str:
        """The offer's text as clients have it, "" where it is not remembered."""
        remembered = self._offers.get(name)
        return "" if remembered is None or remembered.answer.offer is None else remembered.answer.offer.text

    def shown(self, name: str) -> None:
        """The client says that this offer is on the screen: it was counted when it was answered."""
        if name not in self._offers:
            log.info("an offer was shown that is not remembered: %s", name)

    def accepted(self, name: str, left: int = 0) -> None:
        """The client says that this offer was taken, but for the last `left` code points of its text."""
        remembered = self._offers.get(name)
        document = self._documents.get(remembered.snapshot.uri) if remembered is not None else None
        if remembered is None or document is None:
            log.info("an offer was accepted that is not remembered: %s", name)
            return
        characters = document.feedback.told(name, left, len(remembered.text))
        if characters:
            document.expecting = not left
            document.taken = None if left else remembered
            self._took(document, remembered, characters, left)

    def turned_down(self, name: str) -> None:
        """The client says that the user does not want this offer."""
        remembered = self._offers.get(name)
        document = self._documents.get(remembered.snapshot.uri) if remembered is not None else None
        if remembered is None or document is None:
            log.info("an offer was turned down that is not remembered: %s", name)
        elif document.feedback.turned_down(name):
            self._observe(remembered, None)
            self._turn_down(remembered)

    # --- judgements

    def _judge(self, document: _Document, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            remembered = self._offers.get(verdict.name)
            if remembered is None:
                continue
            if verdict.kind in ("taken", "part"):
                self._took(document, remembered, verdict.characters, verdict.left)
            if verdict.kind in ("taken", "typed"):
                document.after_accept = verdict.kind == "taken"
                document.taken = remembered
            elif verdict.kind != "part":
                self._observe(remembered, None)
                self._turn_down(remembered)

    def _took(self, document: _Document, remembered: Remembered, characters: int, left: int) -> None:
        end = len(remembered.text) - left
        taken = remembered.text[max(end - characters, 0) : end]
        self._metrics.took(remembered.answer.tokens_in(taken), document.waited)
        # It was waited for once, in however many parts it is taken.
        document.waited = 0.0

    def _observe(self, remembered: Remembered, taken: Step | None) -> None:
        if self.learns:
            self.odds.observe(remembered.snapshot.language, remembered.situation, taken)
            if remembered.features:
                self.gate.observe(remembered.features, taken=taken is not None)

    def _turn_down(self, remembered: Remembered) -> None:
        assert remembered.answer.offer is not None
        if self.learns:
            self._reject(remembered.snapshot, remembered.answer.offer.suggestion.text)
