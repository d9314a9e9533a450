"""pygls' protocol with our own way in and out: every request gets exactly one response.

Messages arrive here as plain JSON. The few methods that make up the way of a
keystroke, and those that the LSP does not define, are taken as dicts by a
direct handler; everything else goes through pygls with its typed parameters.
Both leave through `_respond`.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import Future as ThreadFuture
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method

from spark_lsp.errors import RequestError, SparkError
from spark_lsp.lsp.convert import INVALID_PARAMS, command_call, of_copilot_family
from spark_lsp.lsp.framing import Message

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

log = logging.getLogger(__name__)

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002
REQUEST_CANCELLED = -32800

MessageId = int | str
Direct = Callable[[Any], Any]
"""Takes the params as they came, before the next message is read; may return a coroutine to finish later."""


class SparkProtocol(LanguageServerProtocol):
    """One client's protocol state.

    `direct` maps a method to its dict handler, `commands` an executeCommand
    name to one that takes the argument list.
    """

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self.direct: dict[str, Direct] = {types.WORKSPACE_EXECUTE_COMMAND: self._execute_command}
        self.commands: dict[str, Direct] = {}
        self.send: Callable[[Message], None] = lambda message: None
        self.finished: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._initialized = False
        self._running: dict[MessageId, asyncio.Task[Any]] = {}

    # --- in

    def receive(self, message: Any) -> None:
        """Take one message, or the reason why it could not be read. Never raises."""
        if isinstance(message, RequestError):
            log.warning("%s", message)
            self._fail(None, message.code, str(message))
        elif not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self._fail(None, INVALID_REQUEST, "not a JSON-RPC 2.0 message")
        elif "method" not in message:
            self._receive_response(message)
        elif not isinstance(message["method"], str):
            self._fail(None, INVALID_REQUEST, "a method's name is a string")
        elif "id" in message:
            self._receive_request(message)
        else:
            self._receive_notification(message)

    def _receive_request(self, message: Message) -> None:
        message_id, method = message["id"], message["method"]
        if isinstance(message_id, bool) or not isinstance(message_id, int | str):
            self._fail(None, INVALID_REQUEST, "a request's id is a number or a string")
        elif self._shutdown:
            self._fail(message_id, INVALID_REQUEST, f"{method} came after shutdown")
        elif method == types.INITIALIZE and self._initialized:
            self._fail(message_id, INVALID_REQUEST, "initialize came twice")
        elif method != types.INITIALIZE and not self._initialized:
            self._fail(message_id, NOT_INITIALIZED, f"{method} came before initialize")
        elif (direct := self.direct.get(method)) is not None:
            self._trace(method)
            self._answer(message_id, direct, message.get("params"))
        elif self._handles(method):
            self._trace(method)
            self._answer_typed(message_id, message)
        else:
            self._fail(message_id, METHOD_NOT_FOUND, f"{method} is not known here")

    def _receive_notification(self, message: Message) -> None:
        method, params = message["method"], message.get("params")
        if method == types.EXIT:
            self.end(0 if self._shutdown else 1)
        elif not self._initialized or self._shutdown:
            log.info("ignored %s outside of a session", method)
        elif method == types.CANCEL_REQUEST:
            self._cancel(params)
        elif (direct := self.direct.get(method)) is not None:
            self._notice(method, direct, params)
        elif self._handles(method):
            self._notice_typed(message)
        elif not method.startswith("$/"):
            log.info("ignored a notification that is not known here: %s", method)

    def _receive_response(self, message: Message) -> None:
        message_id = message.get("id")
        if not isinstance(message_id, int | str) or message_id not in self._request_futures:
            log.info("ignored a response to nothing that was asked: %s", message_id)
            return
        if self._request_futures[message_id].cancelled():
            del self._request_futures[message_id]
            return  # asked just before the end of the session
        try:
            response: Any = self.structure_message(message)
        except JsonRpcException as error:
            response = None
            self._request_futures.pop(message_id).set_exception(error)
        if response is None:
            return
        if "error" in message:
            self._handle_response(message_id, None, response.error)
        else:
            self._handle_response(message_id, response.result)

    def _handles(self, method: str) -> bool:
        return method in self.fm.builtin_features or method in self.fm.features

    def lost(self) -> None:
        """The client is gone without saying `exit`."""
        self.end(0 if self._shutdown else 1)

    def end(self, status: int) -> None:
        if not self.finished.done():
            self.finished.set_result(status)

    def _trace(self, method: str) -> None:
        if self.trace != types.TraceValue.Off:
            self.tell(types.LOG_TRACE, {"message": f"{method} came; {len(self._running)} others wait"})

    # --- direct handlers

    def _answer(self, message_id: MessageId, direct: Direct, params: Any) -> None:
        try:
            result = direct(params)
        except Exception as error:
            self._respond_with_error(message_id, error)
            return
        if isinstance(result, Coroutine):
            task = asyncio.get_running_loop().create_task(result)
            self._running[message_id] = task
            task.add_done_callback(lambda done: self._answered(message_id, done))
        else:
            self._respond(message_id, result)

    def _answered(self, message_id: MessageId, task: asyncio.Task[Any]) -> None:
        if self._running.get(message_id) is task:
            del self._running[message_id]
        if task.cancelled():
            self._fail(message_id, REQUEST_CANCELLED, "cancelled")
        elif (error := task.exception()) is not None:
            self._respond_with_error(message_id, error)
        else:
            self._respond(message_id, task.result())

    def _notice(self, method: str, direct: Direct, params: Any) -> None:
        try:
            direct(params)
        except Exception as error:
            self._report(method, error)

    def _cancel(self, params: Any) -> None:
        message_id = params.get("id") if isinstance(params, dict) else None
        if not isinstance(message_id, int | str):
            return
        if (task := self._running.get(message_id)) is not None:
            task.cancel()
        elif (future := self._request_futures.get(message_id)) is not None:
            future.cancel()

    def _execute_command(self, params: Any) -> Any:
        # pygls runs commands inside a generator, which answers a cancelled request while
        # the command runs on.
        name, arguments = command_call(params)
        command = self.commands.get(name)
        if command is None:
            raise RequestError(INVALID_PARAMS, f"there is no command {name!r}")
        return command(arguments)

    # --- typed handlers, by pygls

    def _answer_typed(self, message_id: MessageId, message: Message) -> None:
        try:
            request: Any = self.structure_message(message)
        except JsonRpcException as error:
            log.info("params of %s: %r", message["method"], error.__cause__ or error)
            self._fail(message_id, INVALID_PARAMS, f"the params of {message['method']} are not valid")
            return
        contextvars.copy_context().run(
            self._handle_request, message_id, message["method"], getattr(request, "params", None)
        )

    def _notice_typed(self, message: Message) -> None:
        if message["method"] == types.INITIALIZED and message.get("params") is None:
            # copilot.el sends it so, and without it the session would never begin.
            message = {**message, "params": {}}
        try:
            notification: Any = self.structure_message(message)
        except JsonRpcException as error:
            log.warning(
                "ignored %s, its params are not valid: %r", message["method"], error.__cause__ or error
            )
            return
        contextvars.copy_context().run(
            self._handle_notification, message["method"], getattr(notification, "params", None)
        )

    def _send_handler_result(self, future: ThreadFuture[Any], *, msg_id: MessageId) -> None:
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._fail(msg_id, REQUEST_CANCELLED, "cancelled")
        elif (error := future.exception()) is not None:
            self._respond_with_error(msg_id, error)
        else:
            self._respond(msg_id, future.result())

    def _check_handler_result(self, future: ThreadFuture[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._report("a notification", error)

    # --- out

    def _respond(self, message_id: MessageId, result: Any) -> None:
        if hasattr(result, "__attrs_attrs__"):
            result = self._converter.unstructure(result)
        self.send({"jsonrpc": "2.0", "id": message_id, "result": result})

    def _respond_with_error(self, message_id: MessageId, error: BaseException) -> None:
        if isinstance(error, RequestError):
            self._fail(message_id, error.code, str(error))
        elif isinstance(error, asyncio.CancelledError):
            self._fail(message_id, REQUEST_CANCELLED, "cancelled")
        elif isinstance(error, JsonRpcException):
            self._fail(message_id, error.code, error.message)
        elif isinstance(error, SparkError):
            self._fail(message_id, INTERNAL_ERROR, str(error))
        else:
            # The traceback is for the log: it names the user's files, and an editor shows `data`.
            log.error("request %r failed", message_id, exc_info=error)
            self._fail(message_id, INTERNAL_ERROR, f"{type(error).__name__}; the log has the details")

    def _fail(self, message_id: MessageId | None, code: int, text: str) -> None:
        self.send({"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": text}})

    def _report(self, what: str, error: BaseException) -> None:
        if isinstance(error, RequestError):
            log.warning("ignored %s: %s", what, error)
        else:
            log.error("%s failed", what, exc_info=error)

    def _send_data(self, data: Any) -> None:
        """pygls' way out for notifications and requests of ours."""
        if data:
            self.send(self._converter.unstructure(data) if hasattr(data, "__attrs_attrs__") else data)

    def tell(self, method: str, params: Any) -> None:
        """A notification with plain params, for methods that the LSP does not define."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def apply_edit(self, label: str, edit: Any) -> types.ApplyWorkspaceEditResult:
        """Have the client apply a plain WorkspaceEdit. Raises JsonRpcException when it does not answer."""
        # pygls sends requests with typed params only.
        params = self._converter.structure({"label": label, "edit": edit}, types.ApplyWorkspaceEditParams)
        answer: types.ApplyWorkspaceEditResult = await self.send_request_async(
            types.WORKSPACE_APPLY_EDIT, params
        )
        return answer

    # --- state

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:
        self._initialized = True
        self.trace = params.trace or types.TraceValue.Off
        if params.capabilities.general is not None and of_copilot_family(params.initialization_options):
            # Neovim offers UTF-8 for all its clients; these count in UTF-16, whatever was agreed on.
            params.capabilities.general.position_encodings = None
        result = yield from super().lsp_initialize(params)
        # Not {}, as pygls has it: lsp-mode with property lists takes that for nil.
        result.capabilities.inline_completion_provider = True
        return result

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Any:
        for task in list(self._running.values()):
            task.cancel()
        return (yield from super().lsp_shutdown(*args))

    async def close(self) -> None:
        """Answer what is still open, and wait until it is."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
