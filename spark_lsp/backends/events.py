"""What readers share whose every event holds one piece of text at most."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from spark_lsp.backends.limits import limits
from spark_lsp.backends.payload import Halves
from spark_lsp.backends.refusal import stream_error
from spark_lsp.backends.sse import Decoder
from spark_lsp.errors import BackendError, BrokenStream
from spark_lsp.values import Delta, Finish, Usage

MOST = 1e9  # of any unit: a time that is longer is none


class EventReader(ABC):
    """Texts, then why they ended, then perhaps the usage. A subclass reads one event."""

    def __init__(self, decoder: Decoder, headers: Mapping[str, str]) -> None:
        self.done = False
        self.finish: Finish | None = None
        self._decoder = decoder
        self._headers = headers
        self._join = Halves().join

    @property
    def finished(self) -> bool:
        return self.done or self.finish is not None

    def feed(self, chunk: bytes) -> Iterator[Delta]:
        for event in self._decoder.feed(chunk):
            if (said := self.read(event.data)) and (text := self._join(said)):
                yield Delta(text)

    def end(self) -> Iterator[Delta]:
        for event in () if self.done else self._decoder.end():
            if (said := self.read(event.data)) and (text := self._join(said)):
                yield Delta(text)
        if not self.finished:
            raise BrokenStream("the stream ended before the text did")
        left = limits(self._headers, time.time())
        usage = replace(
            self.usage(),
            requests_left=left.requests_left,
            tokens_left=left.tokens_left,
            resets_ms=left.resets_ms,
        )
        reported = None if usage == Usage() else usage
        yield Delta(finish=self.finish or "unknown", usage=reported, tokens=0)

    @abstractmethod
    def read(self, data: bytes) -> str:
        """The text in one event, "" for none. Sets `finish` and `done`. Raises BackendError."""

    @abstractmethod
    def usage(self) -> Usage:
        """What the events have reported, without the rate limits."""


def failure(error: Any, status: Any) -> BackendError:
    """The error in an event, whose `status` stands beside it where the vendor has such a field."""
    found = stream_error(error)
    if found.status is None and isinstance(status, int) and status >= 400:
        return stream_error((error if isinstance(error, dict) else {"message": error}) | {"code": status})
    return found


def complain(value: dict[str, Any]) -> None:
    """Raise the error that an object is which holds no part of an answer, in whatever shape a vendor or a
    gateway on the way has it. Returns where it is none."""
    status = value.get("status_code", value.get("status"))
    if error := value.get("error"):
        raise failure(error, status)
    if value.get("object") == "error" or value.get("detail") or isinstance(value.get("message"), str):
        raise failure(value, status)


def milliseconds(value: Any, unit: int = 1000) -> float | None:
    """`value`, in units of so many ms, where it is a time; None for anything else a server may put there."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST:
        return float(value * unit)
    return None


def table(value: Any) -> dict[str, Any]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
