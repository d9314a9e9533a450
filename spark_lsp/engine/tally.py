"""The tokens of a stream, by where they stand in it."""

from __future__ import annotations

from bisect import bisect_left


class Tally:
    """How many tokens each part of a stream had: models say long words in one and a bracket in one."""

    def __init__(self) -> None:
        self.characters = 0
        self._ends: list[int] = []
        self._counts: list[int] = [0]

    @property
    def tokens(self) -> int:
        return self._counts[-1]

    def add(self, characters: int, tokens: int) -> None:
        self.characters += characters
        self._ends.append(self.characters)
        self._counts.append(self._counts[-1] + tokens)

    def within(self, start: int, length: int) -> float:
        """Tokens in so many characters from there on; parts of one count as parts."""
        return self._until(start + length) - self._until(start)

    def _until(self, place: int) -> float:
        index = bisect_left(self._ends, place)
        if index == len(self._ends):
            return self._counts[-1]
        begin = self._ends[index - 1] if index else 0
        share = (place - begin) / (self._ends[index] - begin)
        return self._counts[index] + share * (self._counts[index + 1] - self._counts[index])
