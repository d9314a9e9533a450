"""A language client without an editor: JSON-RPC over the stdio of a server in a child process.

Messages are plain dicts, so that what the commands show is what the wire carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from spark_lsp.errors import RequestError, SparkError

METHOD_NOT_FOUND = -32601
INTERNAL_ERROR = -32603

Handler = Callable[[Any], Any]

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {"dynamicRegistration": False},
        "inlineCompletion": {"dynamicRegistration": False},
    },
    "window": {"workDoneProgress": True},
    "workspace": {"configuration": True, "workspaceFolders": True},
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way: `id` to cancel it by, `answer` to await."""

    id: int
    answer: asyncio.Future[Any]


class Client:
    """One session with one server.

    `settings` is what `workspace/configuration` is answered with, by section; `patience` is how many
    seconds an answer may take. `on` registers a handler for a notification or a request of the server;
    what it returns is the answer. Notifications without a handler wait in `notifications` as
    (method, params). `heard` is told of each message that the server begins.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        settings: Mapping[str, Any] | None = None,
        patience: float = 30,
    ) -> None:
        self._process = process
        self._settings = settings or {}
        self._patience = patience
        self._grace = min(patience, 5.0)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0
        self._folders: list[dict[str, str]] = []
        self.capabilities: dict[str, Any] = {}
        self.notifications: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.heard: Callable[[str, Any], None] = lambda method, params: None
        self._handlers: dict[str, Handler] = {
            "workspace/configuration": self._configuration,
            "workspace/workspaceFolders": lambda _: self._folders,
            "window/workDoneProgress/create": lambda _: None,
            "window/showMessageRequest": lambda _: None,
            "client/registerCapability": lambda _: None,
            "client/unregisterCapability": lambda _: None,
        }
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        settings: Mapping[str, Any] | None = None,
        patience: float = 30,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stderr: IO[bytes] | None = None,
    ) -> Client:
        """Start `command` as the server. Its standard error goes to `stderr`, or where ours goes.

        Raises SparkError when the command cannot be run.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                cwd=cwd,
                env=None if env is None else dict(env),
            )
        except OSError as error:
            raise SparkError(f"the server {command[0]} does not start: {error.strerror}") from error
        return cls(process, settings=settings, patience=patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def initialize(
        self,
        root: Path | None,
        options: Mapping[str, Any] | None = None,
        *,
        capabilities: Mapping[str, Any] = CAPABILITIES,
    ) -> dict[str, Any]:
        """The handshake: `initialize`, then `initialized`. Returns what `initialize` was answered with."""
        self._folders = [{"uri": root.as_uri(), "name": root.name}] if root else []
        params = {
            "processId": os.getpid(),
            "clientInfo": {"name": "spark-lsp command"},
            "rootUri": root.as_uri() if root else None,
            "workspaceFolders": self._folders or None,
            "capabilities": capabilities,
            "initializationOptions": options or {},
        }
        result: dict[str, Any] = await self.request("initialize", params)
        self.capabilities = result["capabilities"]
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, *, language: str = "plaintext", version: int = 0) -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, changes: Sequence[Mapping[str, Any]]) -> None:
        """Tell of edits: each `{range, text}`, or `{text}` for the whole document."""
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def close(self, uri: str) -> None:
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def on(self, method: str, handler: Handler) -> None:
        self._handlers[method] = handler

    def notify(self, method: str, params: Any = None) -> None:
        self._send({"method": method, **_params(params)})

    async def request(self, method: str, params: Any = None) -> Any:
        """The result of a request. Cancelling the task that awaits it cancels the request.

        Raises RequestError when it is answered with an error, SparkError when no answer came: the server
        ended, or our patience did.
        """
        call = self.call(method, params)
        try:
            async with asyncio.timeout(self._patience):
                return await call.answer
        except TimeoutError as error:
            self.cancel(call)
            raise SparkError(f"the server did not answer {method} in {self._patience:g} s") from error
        except asyncio.CancelledError:
            self.cancel(call)
            raise

    def call(self, method: str, params: Any = None) -> Call:
        """Send a request and do not wait: the answer, or its error, arrives in the call's future."""
        self._last_id += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        # Nobody has to await a call: an error that nobody asked for is not worth a warning.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._calls[self._last_id] = answer
        if self._reader.done():
            self._fail_calls()
        else:
            self._send({"id": self._last_id, "method": method, **_params(params)})
        return Call(self._last_id, answer)

    def cancel(self, call: Call) -> None:
        """Ask the server to drop a request; its answer, usually error -32800, still arrives."""
        if call.id in self._calls:
            self.notify("$/cancelRequest", {"id": call.id})

    async def stop(self) -> int:
        """`shutdown` and `exit`, with a few seconds for each; a server that stays is killed.

        Returns the process's exit status, negative when a signal ended it.
        """
        if self._process.returncode is None and not self._reader.done():
            with contextlib.suppress(SparkError, TimeoutError):
                async with asyncio.timeout(self._grace):
                    await self.request("shutdown")
            self.notify("exit")
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(self._grace):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader
        assert self._process.returncode is not None
        return self._process.returncode

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            body = orjson.dumps({"jsonrpc": "2.0", **message})
            self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _read(self) -> None:
        try:
            assert self._process.stdout is not None
            while (message := await read_message(self._process.stdout)) is not None:
                self._receive(message)
        finally:
            self._fail_calls()

    def _receive(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            self._settle(message)
            return
        self.heard(message["method"], message.get("params"))
        if "id" in message:
            self._send({"id": message["id"], **self._answer(message)})
        elif handler := self._handlers.get(message["method"]):
            handler(message.get("params"))
        else:
            self.notifications.put_nowait((message["method"], message.get("params")))

    def _settle(self, message: dict[str, Any]) -> None:
        future = self._calls.pop(message.get("id", 0), None)
        if future is None or future.done():
            return
        if error := message.get("error"):
            future.set_exception(RequestError(error["code"], error["message"]))
        else:
            future.set_result(message.get("result"))

    def _answer(self, message: dict[str, Any]) -> dict[str, Any]:
        handler = self._handlers.get(message["method"])
        if handler is None:
            return {"error": {"code": METHOD_NOT_FOUND, "message": f"no {message['method']} here"}}
        try:
            return {"result": handler(message.get("params"))}
        except Exception as error:  # a server must get its answer, whatever the handler does
            return {"error": {"code": INTERNAL_ERROR, "message": str(error)}}

    def _configuration(self, params: Any) -> list[Any]:
        return [self._settings.get(item.get("section", "")) for item in params["items"]]

    def _fail_calls(self) -> None:
        calls, self._calls = self._calls, {}
        for future in calls.values():
            if not future.done():
                future.set_exception(SparkError("the server ended before it answered"))


def _params(params: Any) -> dict[str, Any]:
    # `shutdown` and `exit` have no params, and strict servers refuse a null there.
    return {} if params is None else {"params": params}


async def read_message(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message, None at the end of the stream or where the stream makes no sense any more."""
    try:
        header = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b":", 1) for line in header.lower().split(b"\r\n") if line)
        message: dict[str, Any] = orjson.loads(await reader.readexactly(int(fields[b"content-length"])))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError, KeyError):
        return None
    return message
