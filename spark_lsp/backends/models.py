"""Which model is asked: the one that was named, or the first of the preferred ones that the server lists."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


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
        """The server's list decides, and is not known yet."""
        return not self._named and self._listed is None

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
                if (
                    fnmatchcase(model.lower(), pattern.lower())
                    and model not in self._refused
                    and "*" not in model
                ):
                    return model
        return ""
