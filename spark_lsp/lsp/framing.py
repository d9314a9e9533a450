"""Bytes to JSON-RPC messages and back, as LSP 3.18 ("Base Protocol") frames them. Pure."""

from __future__ import annotations

import json
from typing import Any

import orjson

from spark_lsp.errors import RequestError

Message = dict[str, Any]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
MAX_HEADER_BYTES = 8 * 1024

PARSE_ERROR = -32700


def encode(message: Message) -> bytes:
    """The message as JSON. Half a surrogate pair, which orjson refuses, is escaped."""
    try:
        return orjson.dumps(message)
    except orjson.JSONEncodeError:
        return json.dumps(message).encode()


def decode(body: bytes) -> Any:
    """The JSON value in `body`; editors do send half a surrogate pair, which orjson refuses.

    Raises ValueError.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)


class Decoder:
    """Cuts a byte stream into messages. A frame that cannot be read becomes a RequestError in its place.

    After a truncated frame the next header stands inside what was taken for the
    body: reading goes on there, so that one bad frame costs one message.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._pieces: list[bytes] = []
        self._missing = 0
        self._skip = 0

    def feed(self, data: bytes) -> list[Any]:
        """The messages that are whole now."""
        # Pieces of a long message are joined once: a file of megabytes comes in hundreds of them.
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return []
        self._buffer = data if len(self._pieces) == 1 else b"".join(self._pieces)
        self._missing = 0
        messages: list[Any] = []
        while self._buffer and self._cut(messages):
            pass
        self._pieces = [self._buffer] if self._buffer else []
        return messages

    def _cut(self, messages: list[Any]) -> bool:
        """Take one frame from the front of the buffer. False when the rest of it has yet to come."""
        if self._skip:
            dropped = min(self._skip, len(self._buffer))
            self._buffer = self._buffer[dropped:]
            self._skip -= dropped
            return True
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            if len(self._buffer) <= MAX_HEADER_BYTES:
                return False
            messages.append(self._resynchronise("no header in the first 8 KiB"))
            return True
        length = content_length(self._buffer[:head])
        start = head + 4
        if length is None:
            messages.append(self._resynchronise("no Content-Length in the header", past=start))
        elif length > MAX_MESSAGE_BYTES:
            self._buffer, self._skip = self._buffer[start:], length
            messages.append(RequestError(PARSE_ERROR, f"{length} bytes are more than a message may have"))
        elif len(self._buffer) < start + length:
            self._missing = start + length - len(self._buffer)
            return False
        else:
            body = self._buffer[start : start + length]
            self._buffer = self._buffer[start + length :]
            messages.append(self._message(body))
        return True

    def _message(self, body: bytes) -> Any:
        try:
            return decode(body)
        except ValueError as error:
            inner = body.find(b"Content-Length:")
            if inner >= 0:
                self._buffer = body[inner:] + self._buffer
            return RequestError(PARSE_ERROR, f"a message that is not JSON: {error}")

    def _resynchronise(self, why: str, past: int = 0) -> RequestError:
        start = self._buffer.find(b"Content-Length:", 1)
        if start < 0:
            start = past or len(self._buffer)
        self._buffer = self._buffer[start:]
        return RequestError(PARSE_ERROR, f"a frame that cannot be read: {why}")


def content_length(header: bytes) -> int | None:
    # What every editor sends is this one line and nothing else.
    if header.startswith(b"Content-Length: ") and header[16:].isdigit():
        return int(header[16:])
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None


def frame(message: Message) -> bytes:
    body = encode(message)
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
