"""Which model is asked: the one that was named, or the first of the preferred ones that the server lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_NO_TEXT = re.compile(r"embed|rerank|whisper|\btts\b|guard|moderation")
"""Models that servers list beside those that write, and that `*` does not mean."""


class ModelChoice:
    """`named` is asked whatever the server lists; without it, `preferred` are patterns, the best first.

    While nothing is listed the first preferred name without a `*` is taken on trust.
    """

    def __init__(self, named: str, preferred: Sequence[str]) -> None:
        self._named = named
        self._preferred = tuple(preferred)
        self._listed: tuple[str, ...] | None = None
        self._refused: set[str] = set()
        self.current = named or self._choose()

    @property
    def open(self) -> bool:
        """The server's list decides, and is not known yet, or held nothing for us when it was."""
        return not self._named and (self._listed is None or not self.current)

    def listed(self, models: Sequence[str]) -> None:
        """What the server says it serves."""
        self._listed = tuple(models)
        self.current = self._named or self._choose()

    def refuse(self, model: str) -> bool:
        """The server does not serve this one after all. True when there is another to ask."""
        self._refused.add(model)
        if self._named:
            return False
        self.current = self._choose()
        return bool(self.current)

    def _choose(self) -> str:
        known = self._preferred if self._listed is None else self._listed
        for pattern in self._preferred:
            for model in known:
                if "*" in model or model in self._refused or not fnmatchcase(model.lower(), pattern.lower()):
                    continue
                if model.lower() == pattern.lower() or not _NO_TEXT.search(model.lower()):
                    return model
        return ""
