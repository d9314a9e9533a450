"""Where the cursor stands in a word: the prompt is cut back to where a token ends, the answer says the rest.

Models learn text that is cut into tokens, and `retu` is seldom one: hardly any model has seen that `rn`
follows it. So the beginning of the word is left out of the prompt, and the answer has to begin with it.
Where to cut does not depend on a tokenizer: in front of a word with the one character before it, which most
of them join to it (` name`, `.name`, `(name`), of an operator with its blank, or of the blank at the end. Of
an indentation the last blank belongs to the word, and nothing more is cut.
"""

from __future__ import annotations

import re
from itertools import takewhile

LONGEST = 40
"""Characters. What is longer is no word that a model would finish."""

_HALF_TYPED = re.compile(r"(?:[^\w\n\t]?\w+| ?[^\w\s]+|(?<=[^ \t])[ \t]+| )$")


def half_typed(before: str) -> str:
    """The end of the text before the cursor that the answer is to begin with; "" where there is none."""
    line = before[before.rfind("\n") + 1 :]
    found = _HALF_TYPED.search(line[-LONGEST - 1 :])
    return found[0] if found is not None and len(found[0]) <= LONGEST else ""


class Healing:
    """Takes what a model says to a prompt that was cut, and gives what comes behind the `typed` text.

    `contradicted`: it says something else. A blank at the end may be missing: then what is said follows it.
    """

    def __init__(self, typed: str) -> None:
        self.contradicted = False
        self._left = typed

    def feed(self, text: str, *, final: bool = False) -> str:
        """What of this piece comes behind the typed text. `final`: no more pieces will come."""
        if not self._left or self.contradicted:
            return text
        agreed = _shared(text, self._left)
        self._left = self._left[agreed:]
        over = agreed < len(text) or final
        if over:
            self.contradicted = bool(self._left.strip())
            self._left = ""
        return "" if self.contradicted else text[agreed:]


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
