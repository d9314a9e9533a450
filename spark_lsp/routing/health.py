"""Which backends are worth asking now: one that failed rests, longer each time, and then gets one try.

A breaker is closed while a backend answers, open while it rests, and half open when the rest is over:
then one request goes there, and what becomes of it decides. A rate limit is a rest that begins before
the limit is hit: the headers of an answer say how much is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

from spark_lsp.errors import (
    BackendError,
    BrokenStream,
    NoSuchModel,
    RateLimited,
    ServerFault,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from spark_lsp.values import Usage

FIRST_REST = 0.3
LONGEST_REST, LONGEST_REST_PAID = 2.0, 10.0
"""Of one that is tried again beside another, where nobody waits for it; and of one that costs money, which is
tried in front."""
SILENT_REST = 0.7
"""The first rest of one that was waited for in vain: to try it again costs more than a refusal does."""
PERMANENT_REST = 300.0
"""Seconds. A wrong key does not become right by asking again, but a user may mend it on the vendor's side."""
LONGEST_LIMIT = 3600.0
"""Of a vendor's word about when to come back: one that says a year means a day at most, or is wrong."""
USUAL_WINDOW = 60.0
"""Seconds until a limit is full again, where the headers do not say."""

State = Literal["ok", "resting", "probing", "limited"]
AWAY = Unreachable | TimedOut | BrokenStream | ServerFault
PERMANENT = Unauthorized | NoSuchModel


@dataclass(slots=True)
class _Breaker:
    """Of one backend. `away`: it could not be reached, or went silent; `reached`: it has shown a sign of life
    since then."""

    faults: int = 0
    until: float = 0.0
    trying: bool = False
    away: bool = False
    reached: bool = False
    why: str = ""


@dataclass(slots=True)
class _Quota:
    """What a rate limit leaves, until it is full again."""

    requests: int | None
    tokens: int | None
    until: float


class Health:
    """The breakers and quotas of all backends. Times are seconds of one monotonic clock, told by callers."""

    def __init__(self) -> None:
        self._breakers: dict[str, _Breaker] = {}
        self._quotas: dict[str, _Quota] = {}

    # --- what happened

    def asked(self, name: str, tokens: int) -> None:
        """A request is sent: until it is heard of, count it against what was left."""
        breaker = self._breakers.get(name)
        if breaker is not None:
            breaker.trying = True
        quota = self._quotas.get(name)
        if quota is not None:
            quota.requests = None if quota.requests is None else quota.requests - 1
            quota.tokens = None if quota.tokens is None else quota.tokens - tokens

    def succeeded(self, name: str) -> bool:
        """It spoke. True when it had failed before."""
        return self._breakers.pop(name, None) is not None

    def failed(self, name: str, error: BackendError, now: float, *, paid: bool = False) -> None:
        breaker = self._breakers.setdefault(name, _Breaker())
        if now < breaker.until and not isinstance(error, PERMANENT):
            # One fault met several requests that were under way. They may differ in when to come back.
            breaker.until = max(breaker.until, now + _told(error))
            return
        breaker.faults += 1
        breaker.trying = False
        # One that lists its models and then fails again is not judged by its lists any more.
        breaker.away = isinstance(error, AWAY) and not breaker.reached
        breaker.reached = False
        # It says how to mend what will not mend itself: the status is there when the message is gone.
        mend = error.advice if isinstance(error, PERMANENT) else ""
        breaker.why = f"{error.message} ({mend})" if mend else error.message
        breaker.until = now + _rest(error, breaker.faults, LONGEST_REST_PAID if paid else LONGEST_REST)

    def forget(self, name: str) -> None:
        """It is another one now: another key, or address."""
        self._breakers.pop(name, None)
        self._quotas.pop(name, None)

    def left(self, name: str) -> None:
        """The one try was given up before anything was known."""
        breaker = self._breakers.get(name)
        if breaker is not None:
            breaker.trying = False

    def reached(self, name: str) -> bool:
        """It lists its models again: the next request may try it. True when that is news.

        How often it failed is not forgotten: listing is not answering.
        """
        breaker = self._breakers.get(name)
        if breaker is None or not self.out_of_reach(name):
            return False
        breaker.reached = True
        breaker.until = 0.0
        return True

    def limited(self, name: str, usage: Usage, now: float) -> None:
        """What an answer's headers say about the rate limit."""
        if usage.requests_left is None and usage.tokens_left is None:
            return
        resets = USUAL_WINDOW if usage.resets_ms is None else min(usage.resets_ms / 1000, LONGEST_LIMIT)
        self._quotas[name] = _Quota(usage.requests_left, usage.tokens_left, now + resets)

    # --- what follows from it

    def concerns(self, now: float) -> frozenset[str]:
        """Those that failed last time or have a limit: of the others there is nothing to ask."""
        for name in [name for name, quota in self._quotas.items() if now >= quota.until]:
            del self._quotas[name]
        return frozenset((*self._breakers, *self._quotas))

    def usable(self, name: str, now: float, tokens: int = 0) -> bool:
        """Whether a request of so many tokens may be sent: as any other, or as the one try."""
        breaker = self._breakers.get(name)
        if breaker is not None and (now < breaker.until or breaker.trying):
            return False
        quota = self._quotas.get(name)
        return quota is None or not _exhausted(quota, now, tokens)

    def on_trial(self, name: str) -> bool:
        """It failed last time, and has shown no sign of life since: the next request is its one try."""
        breaker = self._breakers.get(name)
        return breaker is not None and not breaker.reached

    @property
    def down(self) -> list[str]:
        """Those that failed last time."""
        return list(self._breakers)

    def spares(self, name: str, now: float, requests: int, tokens: int) -> bool:
        """Whether more than so many requests and tokens are left of its rate limit."""
        quota = self._quotas.get(name)
        if quota is None or now >= quota.until:
            return True
        few_requests = quota.requests is not None and quota.requests <= requests
        return not few_requests and (quota.tokens is None or quota.tokens > tokens)

    def out_of_reach(self, name: str) -> bool:
        """Whether it is worth looking whether it is there again."""
        breaker = self._breakers.get(name)
        return breaker is not None and breaker.away and not breaker.reached

    def failing(self, name: str) -> bool:
        """Whether the last thing heard of it was a fault."""
        breaker = self._breakers.get(name)
        return breaker is not None and not breaker.reached

    def state(self, name: str, now: float) -> State:
        """`ok`, `resting`, `probing` when the next request is the one try after a rest, or `limited`."""
        breaker = self._breakers.get(name)
        if breaker is not None:
            return "resting" if now < breaker.until else "probing"
        quota = self._quotas.get(name)
        return "limited" if quota is not None and _exhausted(quota, now, 0) else "ok"

    def why(self, name: str, now: float) -> str:
        """Why it is not asked now, in a few words; "" when it may be."""
        breaker = self._breakers.get(name)
        if breaker is not None and now < breaker.until:
            return f"rests {ceil(breaker.until - now)} s: {breaker.why}"
        if breaker is not None and breaker.trying:
            return "is being tried again"
        quota = self._quotas.get(name)
        if quota is not None and _exhausted(quota, now, 0):
            return f"its rate limit is used up for {ceil(quota.until - now)} s"
        return ""


def _exhausted(quota: _Quota, now: float, tokens: int) -> bool:
    if now >= quota.until:
        return False
    none_left = quota.requests is not None and quota.requests <= 0
    return none_left or (quota.tokens is not None and quota.tokens <= tokens)


def _told(error: BackendError) -> float:
    """Seconds after which the server wants to be asked again, 0 when it did not say."""
    told = error.retry_after if isinstance(error, RateLimited | ServerFault) else None
    return min(told or 0.0, LONGEST_LIMIT)


def _rest(error: BackendError, faults: int, longest: float) -> float:
    if told := _told(error):
        return told
    if isinstance(error, PERMANENT):
        return PERMANENT_REST
    first = SILENT_REST if isinstance(error, TimedOut) else FIRST_REST
    return min(first * 2.0 ** min(faults - 1, 10), longest)
