"""A language client on bare pipes, for measuring.

It blocks, on purpose: on an event loop of our own every measured time would hold that loop's wakeups
too, which cost as much as the answers that are measured.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from spark_lsp.errors import RequestError, SparkError

GRACE = 5.0
AUTOMATIC = 2  # InlineCompletionTriggerKind


class Timed(NamedTuple):
    """An answer, and the seconds from before the first byte was written until its last one was read."""

    result: Any
    seconds: float


def frame(message: Mapping[str, Any]) -> bytes:
    body = orjson.dumps({"jsonrpc": "2.0", **message})
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Pipe:
    """A server in a child process, spoken to by one thread. Its standard error is ours.

    Used as a context manager: the server ends with the block.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, bufsize=0
            )
        except OSError as error:
            raise SparkError(f"the server {command[0]} does not start: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._read = b""
        self._last_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def initialize(self, root: Path | None = None) -> None:
        """The handshake, as a client that takes nothing beside the answers."""
        uri = root.as_uri() if root else None
        capabilities: dict[str, Any] = {}
        self.request("initialize", {"processId": None, "rootUri": uri, "capabilities": capabilities})
        self.notify("initialized", {})

    def notify(self, method: str, params: Any) -> None:
        self._write(frame({"method": method, "params": params}))

    def request(self, method: str, params: Any, *, after: bytes = b"") -> Timed:
        """Send a request, in one write with the frames `after` which it comes, and wait for the answer.

        Raises RequestError for an error, SparkError when the server ends.
        """
        self._last_id += 1
        sent = after + frame({"id": self._last_id, "method": method, "params": params})
        started = time.perf_counter_ns()
        self._write(sent)
        while True:
            body = self._next_body()
            took = time.perf_counter_ns() - started
            message = orjson.loads(body)
            if "method" in message:
                self._reply(message)
            elif message["id"] == self._last_id:
                break
        if error := message.get("error"):
            raise RequestError(error["code"], error["message"])
        return Timed(message.get("result"), took / 1e9)

    def stop(self) -> None:
        """`shutdown` and `exit`; a server that stays is killed."""
        with contextlib.suppress(SparkError):
            self.request("shutdown", None)
            self.notify("exit", None)
        with contextlib.suppress(OSError):
            self._in.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()

    def _reply(self, message: dict[str, Any]) -> None:
        if "id" in message:
            # null is an answer to everything that servers ask, but for the settings, which are a list.
            items = (message.get("params") or {}).get("items")
            result = None if items is None else [None] * len(items)
            self._write(frame({"id": message["id"], "result": result}))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._in.write(view) :]
        except OSError as error:
            raise SparkError("the server ended") from error

    def _next_body(self) -> bytes:
        while (end := self._read.find(b"\r\n\r\n")) < 0:
            self._more()
        head = self._read[:end].lower()
        size = int(head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        while len(self._read) < end + 4 + size:
            self._more()
        body, self._read = self._read[end + 4 : end + 4 + size], self._read[end + 4 + size :]
        return body

    def _more(self) -> None:
        data = os.read(self._out.fileno(), 1 << 16)
        if not data:
            raise SparkError("the server ended before it answered")
        self._read += data


class Editor:
    """An open document with a cursor in it. Line ends are \\n."""

    def __init__(self, pipe: Pipe, uri: str) -> None:
        self._pipe = pipe
        self._uri = uri
        self._version = 1
        self._line = self._character = 0

    @property
    def character(self) -> int:
        """The cursor's place in its line, in UTF-16 units."""
        return self._character

    def open(self, before: str, after: str = "") -> None:
        """Open the document with the cursor between the two texts."""
        self._move(before)
        document = {"uri": self._uri, "languageId": "python", "version": 1, "text": before + after}
        self._pipe.notify("textDocument/didOpen", {"textDocument": document})

    def type(self, text: str) -> Timed:
        """Enter `text` at the cursor and ask what follows, in one write: what an editor does at one key."""
        at = {"line": self._line, "character": self._character}
        self._version += 1
        self._move(text)
        changed = {
            "textDocument": {"uri": self._uri, "version": self._version},
            "contentChanges": [{"range": {"start": at, "end": at}, "text": text}],
        }
        return self.ask(after=frame({"method": "textDocument/didChange", "params": changed}))

    def ask(self, *, above: int = 0, after: bytes = b"") -> Timed:
        """Ask what follows at the cursor, or so many lines above it."""
        asked = {
            "textDocument": {"uri": self._uri},
            "position": {"line": max(self._line - above, 0), "character": self._character},
            "context": {"triggerKind": AUTOMATIC},
        }
        return self._pipe.request("textDocument/inlineCompletion", asked, after=after)

    def _move(self, text: str) -> None:
        lines = text.split("\n")
        self._line += len(lines) - 1
        last = len(lines[-1].encode("utf-16-le")) // 2
        self._character = last + (self._character if len(lines) == 1 else 0)
