"""Event streams from bytes: Server-Sent Events and newline-delimited JSON, without I/O.

Both decoders work on bytes and cut lines at \\n, \\r\\n and \\r only. `str.splitlines` (and with it
`aiter_lines` of the usual HTTP clients) also cuts at U+2028, U+0085 and form feed, which are legal inside
a JSON string; and decoding chunk by chunk breaks a character whose bytes arrive in two chunks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from spark_lsp.errors import BrokenStream

LIMIT = 1_000_000

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its name ("" where the server gave none) and its data, not yet decoded."""

    event: str
    data: bytes


class Decoder(ABC):
    """Feed it chunks, cut anywhere; take events. `limit` is in bytes, for one line and for one event."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._after_return = False
        self._broken: BrokenStream | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes.

        Raises BrokenStream for a line or an event over the limit, but only once every event before it
        has been handed out: text that was received stays valid.
        """
        if self._broken is not None:
            raise self._broken
        events: list[Event] = []
        try:
            for line in self._lines(chunk):
                event = self._line(line)
                if event is not None:
                    events.append(event)
        except BrokenStream as broken:
            self._broken = broken
            if not events:
                raise
        return events

    def end(self) -> list[Event]:
        """The event that the end of the stream completes. Raises like `feed`."""
        events = self.feed(b"\n") if self._rest else self.feed(b"")
        last = self._last()
        return events if last is None else [*events, last]

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        """Complete lines without their ends. A \\n after a \\r belongs to it, also in the next chunk."""
        if self._after_return and chunk:
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return
        self._after_return = chunk.endswith(b"\r")
        for line in chunk.splitlines(keepends=True):  # bytes, unlike str, know only the three line ends
            body = line.rstrip(b"\r\n")
            if len(self._rest) + len(body) > self._limit:
                raise BrokenStream(f"a line of the stream is over {self._limit:,} bytes")
            if len(body) == len(line):
                self._rest += body
                return
            if self._rest:
                body = bytes(self._rest + body)
                self._rest.clear()
            yield body

    @abstractmethod
    def _line(self, line: bytes) -> Event | None:
        """The event that this line completes, if it does."""

    def _last(self) -> Event | None:
        """The event that is complete but for its end mark."""
        return None


class ServerSentEvents(Decoder):
    """`text/event-stream`. Comments (keep-alives) and the fields `id` and `retry` are dropped.

    At the end an event counts that lacks only its blank line: the specification drops it, but servers
    do forget that line after `[DONE]`. A body that begins with a brace is none of this: gateways say so in
    JSON that something went wrong, under the content type of the stream they were asked for.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__(limit)
        self._start = True
        self._unheard = True
        self._whole: WholeBody | None = None
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0

    def _line(self, line: bytes) -> Event | None:
        if self._start:
            self._start = False
            line = line.removeprefix(_BOM)
        if self._unheard and line.startswith(b"{"):
            self._whole = WholeBody(self._limit)
        if self._whole is not None:
            return self._whole._line(line)
        if not line:
            return self._last()
        self._unheard = False
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value)
            if self._size > self._limit:
                raise BrokenStream(f"an event of the stream is over {self._limit:,} bytes")
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        return None

    def _last(self) -> Event | None:
        if self._whole is not None:
            return self._whole._last()
        event = Event(self._event, b"\n".join(self._data)) if self._data else None
        self._event, self._data, self._size = "", [], 0
        return event


class JsonLines(Decoder):
    """NDJSON: each line that is not blank is an event without a name."""

    def _line(self, line: bytes) -> Event | None:
        return Event("", line) if line.strip() else None


class WholeBody(Decoder):
    """No stream at all: the whole body is one event. `limit` holds for all of it."""

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__(limit)
        self._body: list[bytes] = []
        self._size = 0

    def _line(self, line: bytes) -> Event | None:
        self._size += len(line)
        if self._size > self._limit:
            raise BrokenStream(f"the answer is over {self._limit:,} bytes")
        self._body.append(line)
        return None

    def _last(self) -> Event | None:
        body = b"\n".join(self._body)
        return Event("", body) if body.strip() else None
