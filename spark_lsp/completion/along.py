"""Typing along with what is on the screen: the rest of it, without looking anything up.

Most keys while a suggestion is shown are its own next characters. For those the
answer is the offer of the key before, less what was typed; the cache and the
fitting would come to the same, at ten times the cost (a law in the tests).
"""

from __future__ import annotations

from spark_lsp.text import Snapshot
from spark_lsp.values import Offer


class Along:
    """An offer that is shown, and how far the user has typed into it.

    Only of the plain kind: its text grows no more, is inserted at the cursor, and has nothing behind it on
    its line.
    """

    __slots__ = ("_column", "_line", "_tokens", "_typed", "offer")

    def __init__(self, offer: Offer, tokens: float, snapshot: Snapshot) -> None:
        self.offer = offer
        self._tokens = tokens
        self._line = snapshot.line
        self._column = snapshot.column
        self._typed = 0

    @classmethod
    def of(cls, offer: Offer, tokens: float, snapshot: Snapshot) -> Along | None:
        """None for an offer that has to be looked up again at each key. It holds `tokens` of the model's."""
        if offer.absorbed or offer.dedent or snapshot.line_after.strip():
            return None
        return cls(offer, tokens, snapshot)

    @property
    def tokens(self) -> float:
        """How many of the model's tokens are in what is left."""
        left = len(self.offer.text) - self._typed
        return self._tokens * left / len(self.offer.text)

    def insert(self, line: int, column: int, text: str) -> bool:
        """`text` was inserted there. False when that was not the next of the offer: then it is over."""
        if line != self._line or column != self._column or "\n" in text or "\r" in text:
            return False
        if not self.offer.text.startswith(text, self._typed):
            return False
        self._typed += len(text)
        self._column += len(text)
        return True

    def rest(self, line: int, column: int) -> Offer | None:
        """What is left of the offer for a cursor behind what was typed, None for any other."""
        if line != self._line or column != self._column or not self._typed:
            return None
        text = self.offer.text[self._typed :]
        if not text.strip():
            return None
        return Offer(text, suggestion=self.offer.suggestion, hit="typed_through")
