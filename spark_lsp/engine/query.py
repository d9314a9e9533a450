"""What an editor asks, where, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from spark_lsp.completion.weight import share
from spark_lsp.text import Snapshot
from spark_lsp.values import Hit, Offer, Reach, Suggestion


@dataclass(frozen=True, slots=True)
class Query:
    """What an editor asks: a suggestion for this snapshot.

    With an item selected in the completion menu, `snapshot` is the text with
    that item in place, `origin` the text as it is, and `selected` the item's
    columns (start, end) in it.
    """

    snapshot: Snapshot
    automatic: bool = True
    origin: Snapshot | None = None
    selected: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a query's document: its path, how far its text may go, and whether the last change
    took a suggestion, or only took text away."""

    path: str
    reach: Reach = "anywhere"
    after_accept: bool = False
    erased: bool = False

    @property
    def private(self) -> bool:
        """Whether its text may not leave this process."""
        return self.reach == "process"


class Answer(NamedTuple):
    """An offer, or none; `hit` says where it came from.

    The suggestion's tokens are those of `whole`; `waited` is in seconds, from the keystroke on. With
    `continues` it is what was on the screen before, less what was typed, and perhaps more at its end. What is
    new on the screen has `features`: what the gate saw of its moment.
    """

    offer: Offer | None
    hit: Hit
    whole: str = ""
    waited: float = 0.0
    continues: bool = False
    features: tuple[str, ...] = ()

    def tokens_in(self, part: str) -> int:
        """How many of the model's tokens are in a part of the offer's text.

        Part of a token counts as one: that is how a model would have to say the rest.
        """
        suggestion = self.offer.suggestion if self.offer is not None else Suggestion("")
        return ceil(round(suggestion.tokens * share(part, self.whole), 6))


NOTHING = Answer(None, "none")
