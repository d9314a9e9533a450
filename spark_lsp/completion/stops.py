"""Stop strings in a text that is still growing, and pieces that were cut inside a character."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=16)
def stop_strings(texts: tuple[str, ...]) -> StopStrings:
    """The same object for the same texts: each backend has its own few, and making one takes 0.1 ms."""
    return StopStrings(texts)


class StopStrings:
    """Finds the first stop string, and holds back an end that may become one."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._pattern = re.compile("|".join(map(re.escape, texts)))
        self._beginnings = frozenset(text[:length] for text in texts for length in range(1, len(text)))
        self._longest = max(map(len, texts))

    def search(self, text: str, start: int = 0) -> tuple[int, bool]:
        """(how much of the text can be used, whether a stop string ended it). `start`: used before."""
        match = self._pattern.search(text, start)
        if match:
            return match.start(), True
        for length in range(min(self._longest, len(text)), 0, -1):
            if text[-length:] in self._beginnings:
                return len(text) - length, False
        return len(text), False


def joined(text: str, piece: str) -> str:
    """Both as one text. JSON may carry half a surrogate pair at the end of a piece: the halves become one."""
    if text and piece and "\ud800" <= text[-1] <= "\udbff":
        pair = (text[-1] + piece[0]).encode("utf-16", "surrogatepass")
        return text[:-1] + pair.decode("utf-16", "replace") + piece[1:]
    return text + piece


def without_half(text: str) -> str:
    """The text without half a surrogate pair at its end: it is no character, and cannot be encoded."""
    return text[:-1] if text and "\ud800" <= text[-1] <= "\udfff" else text
