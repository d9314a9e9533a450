"""How a fake backend behaves: its times, and what goes wrong. Pure; the randomness is an argument.

A fault is written `KIND[@SHARE][:MOMENT]`, several are separated by commas:

    reset@0.1,stall@0.05:mid,status503@0.02

KIND    reset      the connection is reset
        close      the connection ends as if all had been said
        stall      nothing more comes
        drip       one token a second; nothing else goes wrong
        error      an error object inside the stream
        garbage    bytes that are not an event
        statusNNN  an HTTP status, 400 to 599, instead of an answer
SHARE   of the requests it hits, 0 to 1, all of them if not given; together at most 1
MOMENT  before     before the status line
        headers    after the headers, before the first token
        first      after the first token
        mid        in the middle of the line that holds the second token
        a number   after so many tokens
        Not given: `before` for reset, `first` for the others. A status has no moment.

A limit is written `REQUESTS/SECONDS`, and how often an answer is late `SHARE:SECONDS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple, cast, get_args

from spark_lsp.backends.oracle import tokens
from spark_lsp.errors import UsageError
from spark_lsp.values import Finish

FaultKind = Literal["reset", "close", "stall", "drip", "error", "garbage", "status"]

BEFORE = -1  # as Fault.after: before the status line
DRIP = 1.0  # seconds from one token to the next

_FAULT = re.compile(r"(?P<kind>[a-z]+)(?P<status>\d{3})?(?:@(?P<share>[\d.]+))?(?::(?P<moment>\w+))?")
_LIMIT = re.compile(r"(\d{1,9})/(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_LATE = re.compile(r"([\d.]+):(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_MOMENTS = {"before": BEFORE, "headers": 0, "first": 1, "mid": 1}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, after so many tokens (`BEFORE`: before the status line).

    `cut`: and after half of the next token's line.
    """

    kind: FaultKind
    share: float = 1.0
    after: int = 1
    cut: bool = False
    status: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Late:
    """A share of the answers, 0 to 1, and the seconds by which they come later."""

    share: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Performance:
    """One answer, planned: its tokens, when each is due (seconds after the request), and where it breaks."""

    pieces: tuple[str, ...]
    due: tuple[float, ...]
    finish: Finish
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Script:
    """Seconds to the first token, tokens a second (0: at once), seconds it may be late by, and the faults;
    how many requests are answered, and how often one is later still."""

    ttft: float = 0.0
    rate: float = 0.0
    jitter: float = 0.0
    faults: tuple[Fault, ...] = ()
    limit: Limit | None = None
    late: Late | None = None

    def perform(self, text: str, random: Random, *, max_tokens: int, stop: Sequence[str] = ()) -> Performance:
        """Plan the answer `text`, which ends at a stop string or after `max_tokens`."""
        for string in stop:
            text = text.partition(string)[0] if string else text
        pieces = tokens(text, max_tokens + 1)
        finish: Finish = "length" if len(pieces) > max_tokens else "stop"
        pieces = pieces[:max_tokens]
        # Three draws for each answer, whatever the script: changing it leaves the luck of what follows.
        jitter, fault, late = random.random() * self.jitter, self._fault(random.random()), random.random()
        first = self.ttft + jitter + (self.late.seconds if self.late and late < self.late.share else 0.0)
        drips = fault is not None and fault.kind == "drip"
        steady = max(1, fault.after) if fault is not None and drips else len(pieces)
        due = tuple(self._times(first, len(pieces), steady))
        return Performance(tuple(pieces), due, finish, None if drips else fault)

    def _times(self, first: float, count: int, steady: int) -> Iterator[float]:
        """When each is due. What is late is the way, not the model: the tokens keep their distance, but those
        behind the first `steady`, which drip."""
        for index in range(count):
            at = first + (min(index, steady - 1) / self.rate if self.rate else 0.0)
            yield at + max(0, index - steady + 1) * DRIP

    def _fault(self, luck: float) -> Fault | None:
        for fault in self.faults:
            luck -= fault.share
            if luck < 0:
                return fault
        return None


class Allowance(NamedTuple):
    """What a limit says to one request. `resets` is in seconds, when all of it is there again."""

    granted: bool
    left: int
    resets: float


class Quota:
    """Counts requests against a limit. A window begins with the first that finds none. Times in seconds."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._used = 0
        self._ends = float("-inf")

    def take(self, now: float) -> Allowance:
        if now >= self._ends:
            self._used, self._ends = 0, now + self.limit.seconds
        granted = self._used < self.limit.requests
        self._used += granted
        return Allowance(granted, self.limit.requests - self._used, self._ends - now)


def parse_limit(spec: str) -> Limit | None:
    """The limit that `spec` writes, None for "". Raises UsageError."""
    match = _LIMIT.fullmatch(spec)
    limit = Limit(int(match[1]), float(match[2])) if match else None
    if spec and (limit is None or not limit.requests or not limit.seconds):
        raise UsageError(f"{spec!r} is not a limit: write REQUESTS/SECONDS, such as 60/60")
    return limit


def parse_late(spec: str) -> Late | None:
    """How often an answer is late, and by what, None for "". Raises UsageError."""
    match = _LATE.fullmatch(spec)
    if spec and match is None:
        raise UsageError(f"{spec!r} does not say how late: write SHARE:SECONDS, such as 0.05:0.4")
    return Late(_share(spec, match[1]), float(match[2])) if match else None


def parse_faults(spec: str) -> tuple[Fault, ...]:
    """The faults that `spec` lists. Raises UsageError that says which is not one, and why."""
    faults = tuple(_fault(part) for word in spec.split(",") if (part := word.strip()))
    if sum(fault.share for fault in faults) > 1 + 1e-9:
        raise UsageError(f"the shares of the faults {spec!r} add up to more than 1")
    return faults


def _fault(text: str) -> Fault:
    match = _FAULT.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a fault: write KIND@SHARE:MOMENT, such as stall@0.1:mid")
    kind, status, moment = match["kind"], int(match["status"] or 0), match["moment"]
    if kind not in get_args(FaultKind):
        known = ", ".join(name if name != "status" else "statusNNN" for name in get_args(FaultKind))
        raise UsageError(f"{text!r} is not a fault: the kinds are {known}")
    if (kind == "status") != bool(status) or (status and not 400 <= status <= 599):
        raise UsageError(f"{text!r} is not a fault: write a status as status503, 400 to 599")
    if kind == "status":
        if moment not in (None, "before"):
            raise UsageError(f"{text!r}: a status comes before everything else and has no moment")
        return Fault("status", _share(text, match["share"]), BEFORE, status=status)
    after = _after(text, moment or ("before" if kind == "reset" else "first"))
    if kind in ("drip", "error", "garbage") and (after == BEFORE or moment == "mid"):
        raise UsageError(f"{text!r}: {kind} stands between events, so not {moment}")
    return Fault(cast(FaultKind, kind), _share(text, match["share"]), after, moment == "mid")


def _share(text: str, share: str | None) -> float:
    try:
        value = 1.0 if share is None else float(share)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{text!r}: a share is a number from 0 to 1")
    return value


def _after(text: str, moment: str) -> int:
    if moment.isdecimal():
        return int(moment)
    if moment not in _MOMENTS:
        raise UsageError(f"{text!r}: the moments are {', '.join(_MOMENTS)} or a number of tokens")
    return _MOMENTS[moment]
