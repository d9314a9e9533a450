"""A session written down while it goes on: a JSON line for each message, for `spark-lsp replay`.

The first line is `{"format": 1, "server": VERSION}`, each of the others
`{"at": SECONDS, "from": "client" | "server", "message": {...}}`, in the order in which the server took and
sent them. The texts of all documents are in it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Any, BinaryIO, Literal

from spark_lsp import __version__
from spark_lsp.errors import UsageError
from spark_lsp.lsp.framing import Message, encode
from spark_lsp.lsp.transport import MakeSession, Send, Session

log = logging.getLogger(__name__)

FORMAT = 1


class Recording:
    """An open file of one session. Each line is there once its message was handled, whatever comes next."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._started = time.monotonic()
        self._line({"format": FORMAT, "server": __version__})

    @classmethod
    def at(cls, path: Path) -> Recording:
        """A new file, readable by its user only; in a folder, one of a name of its own. Raises UsageError."""
        if path.is_dir():
            path /= f"session-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise UsageError(f"the session cannot be recorded in {path}: {error.strerror}") from error
        return cls(os.fdopen(descriptor, "wb", buffering=0))

    def add(self, sender: Literal["client", "server"], message: Message) -> None:
        at = round(time.monotonic() - self._started, 3)
        self._line({"at": at, "from": sender, "message": message})

    def close(self) -> None:
        self._file.close()

    def _line(self, line: dict[str, Any]) -> None:
        if self._file.closed:
            return
        try:
            self._file.write(encode(line) + b"\n")
        except OSError as error:
            # The session is worth more than its recording.
            log.error("the recording ends here: %s", error.strerror)
            self._file.close()


def recorded(make_session: MakeSession, recording: Recording) -> MakeSession:
    """Sessions as `make_session` makes them, written down."""

    def make(send: Send) -> Session:
        def tell(message: Message) -> None:
            recording.add("server", message)
            send(message)

        return _Recorded(make_session(tell), recording)

    return make


class _Recorded:
    """A session whose client is listened to. What was no message is left out."""

    def __init__(self, session: Session, recording: Recording) -> None:
        self._session = session
        self._recording = recording

    @property
    def finished(self) -> asyncio.Future[int]:
        return self._session.finished

    def receive(self, message: Any) -> None:
        if isinstance(message, dict):
            self._recording.add("client", message)
        self._session.receive(message)

    def lost(self) -> None:
        self._session.lost()

    async def close(self) -> None:
        await self._session.close()
        self._recording.close()
