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
    its line. `whole` is the text that it is the end of, in which the suggestion's tokens are.
    """

    __slots__ = ("_column", "_line", "_typed", "offer", "whole")

    def __init__(self, offer: Offer, whole: str, snapshot: Snapshot) -> None:
        self.offer = offer
        self.whole = whole
        self._line = snapshot.line
        self._column = snapshot.column
        self._typed = 0

    @classmethod
    def of(cls, offer: Offer, whole: str, snapshot: Snapshot) -> Along | None:
        """None for an offer that has to be looked up again at each key."""
        if offer.absorbed or offer.dedent or snapshot.line_after.strip():
            return None
        if not snapshot.line_before.strip() and offer.text[:1] in (" ", "\t"):
            return None  # behind its blanks may come `else:`, which belongs further out
        return cls(offer, whole, snapshot)

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
