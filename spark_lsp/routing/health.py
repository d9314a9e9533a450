"""Which backends are worth asking now: one that failed rests, longer each time, and then gets one try."""

from __future__ import annotations

from spark_lsp.errors import (
    BackendError,
    NoSuchModel,
    RateLimited,
    RequestRejected,
    ServerFault,
    Unauthorized,
)

FIRST_REST = 1.0
LONGEST_REST = 30.0
PERMANENT_REST = 300.0
"""Seconds. A wrong key does not become right by asking again, but a user may mend it on the vendor's side."""


class Health:
    """The resting times of the backends. Times are seconds of one monotonic clock, given by the caller."""

    def __init__(self) -> None:
        self._faults: dict[str, int] = {}
        self._resting_until: dict[str, float] = {}

    def succeeded(self, name: str) -> bool:
        """True when it had failed before."""
        self._resting_until.pop(name, None)
        return self._faults.pop(name, None) is not None

    def failing(self, name: str) -> bool:
        """Whether the last thing heard of it was a fault."""
        return name in self._faults

    def failed(self, name: str, error: BackendError, now: float) -> None:
        faults = self._faults[name] = self._faults.get(name, 0) + 1
        self._resting_until[name] = now + _rest(error, faults)

    def usable(self, name: str, now: float) -> bool:
        return now >= self._resting_until.get(name, now)

    def state(self, name: str, now: float) -> str:
        """`ok`, `resting`, or `probing` when the next request is the one try after a rest."""
        if not self.usable(name, now):
            return "resting"
        return "probing" if name in self._resting_until else "ok"


def _rest(error: BackendError, faults: int) -> float:
    if isinstance(error, RateLimited | ServerFault) and error.retry_after is not None:
        return error.retry_after
    if isinstance(error, Unauthorized | NoSuchModel | RequestRejected):
        return PERMANENT_REST
    return min(FIRST_REST * 2.0 ** (faults - 1), LONGEST_REST)
