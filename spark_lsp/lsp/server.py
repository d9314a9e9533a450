"""The server object of one client: pygls' server around our protocol, and the engine behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from spark_lsp import __version__
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.status import StatusKind
from spark_lsp.engine.tasks import Tasks
from spark_lsp.errors import RequestError
from spark_lsp.lsp.copilot import Copilot
from spark_lsp.lsp.framing import Message
from spark_lsp.lsp.handlers import Handlers
from spark_lsp.lsp.progress import Progress
from spark_lsp.lsp.protocol import NOT_INITIALIZED, SparkProtocol
from spark_lsp.lsp.settings import SettingsSource

log = logging.getLogger(__name__)


class SparkServer(LanguageServer):
    """One client's session: what the transport feeds, and what the engine tells things to."""

    protocol: SparkProtocol

    def __init__(self, send: Callable[[Message], None], config_file: Path | None) -> None:
        super().__init__("spark-lsp", __version__, protocol_cls=SparkProtocol)
        self.protocol.send = send
        self.settings = SettingsSource(config_file)
        self.tasks = Tasks()
        self.engine: Engine | None = None
        self.bar = Progress(self)
        self.copilot = Copilot(self, Handlers(self))

    @property
    def session(self) -> Engine:
        """The engine. Raises RequestError before the client has said `initialize`."""
        if self.engine is None:
            raise RequestError(NOT_INITIALIZED, "the session has not begun")
        return self.engine

    # --- transport.Session

    @property
    def finished(self) -> asyncio.Future[int]:
        return self.protocol.finished

    def receive(self, message: Any) -> None:
        self.protocol.receive(message)

    def lost(self) -> None:
        self.protocol.lost()

    async def close(self) -> None:
        await self.protocol.close()
        await self.tasks.close()
        if self.engine is not None:
            await self.engine.close()
        super().shutdown()  # type: ignore[no-untyped-call]  # pygls has no annotation there

    # --- engine.Listener

    def warn(self, message: str) -> None:
        log.warning("%s", message)
        self.window_show_message(types.ShowMessageParams(type=types.MessageType.Warning, message=message))

    def learned(self, done: int, total: int) -> None:
        self.bar.report(done, total)

    def status(self, kind: StatusKind, message: str) -> None:
        log.info("status: %s, %s", kind, message)
        self.protocol.tell("spark/status", {"kind": kind, "message": message, "busy": False})
        self.copilot.status(kind, message)


def make_session(config_file: Path | None) -> Callable[[Callable[[Message], None]], SparkServer]:
    """What a transport calls for each client that connects."""

    def make(send: Callable[[Message], None]) -> SparkServer:
        return SparkServer(send, config_file)

    return make
