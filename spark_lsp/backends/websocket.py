"""WebSockets that are asked one thing at a time, kept open between answers and connected ahead.

OpenAI's protocol has no message to cancel an answer: the socket is closed, and the next question finds
another one that is open already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from spark_lsp.backends.answer import translate
from spark_lsp.backends.events import failure
from spark_lsp.backends.http import Client
from spark_lsp.backends.payload import parse
from spark_lsp.backends.pool import Pool
from spark_lsp.errors import BackendError, BrokenStream, RateLimited, TimedOut, Unauthorized, Unreachable

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

SPARE = 2  # sockets that are kept open; more are left over when several answers end at once
EXPIRED = "websocket_connection_limit_reached"  # OpenAI's code for a socket that is an hour old


class NoWebSocket(Exception):
    """The server has no WebSocket here, or none that can be reached."""


class Sockets:
    """The sockets to one endpoint."""

    def __init__(self, client: Client, path: str) -> None:
        self._client = client
        self._path = path
        self._idle: list[Socket] = []
        self._coming: asyncio.Task[BackendError | None] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Sockets {len(self._idle)} idle{', one coming' if self._coming else ''}>"

    async def prepare(self) -> None:
        """Have one open. Raises NoWebSocket, or BackendError where HTTP would fare no better."""
        while not self._usable():
            coming = self._connecting()
            await asyncio.wait([coming])  # it goes on when we are cancelled: the next question needs it
            error = Unreachable("this backend has been closed") if coming.cancelled() else coming.result()
            # A firewall that lets no upgrade through says 403 as well: HTTP tells which it is.
            if isinstance(error, Unauthorized | RateLimited) and error.status != 403:
                raise error
            if error is not None:
                raise NoWebSocket(error.message) from error

    async def ask(self, message: bytes) -> SocketAnswer:
        """Send `message` and return the answer once it begins. Raises like `prepare`.

        A socket may have been closed, or be too old, without our knowing: then a fresh one is asked.
        """
        kept = self._usable()
        try:
            answer = await self._ask(message)
        except BrokenStream:
            if not kept:
                raise
            await self.drop()
            answer = await self._ask(message)
        if answer.refusal is not None:
            await self.put_back(answer.socket)
            raise answer.refusal
        return answer

    async def aclose(self) -> None:
        self._closed = True
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait([self._coming])
        await self.drop()

    async def drop(self) -> None:
        """Close those that idle."""
        idle, self._idle = self._idle, []
        for socket in idle:
            await socket.aclose()

    async def put_back(self, socket: Socket) -> None:
        """It can be asked: it is new, or its answer has been read to the end."""
        if self._closed or len(self._idle) >= SPARE:
            await socket.aclose()
        else:
            socket.sleep()
            self._idle.append(socket)

    async def _ask(self, message: bytes) -> SocketAnswer:
        started = None if self._usable() else asyncio.get_running_loop().time()
        await self.prepare()
        socket = self._idle.pop()
        answer = SocketAnswer(self, socket, self._client, started)
        try:
            await socket.wake()
            if not self._usable():
                self._connecting()  # for the next question, should this answer be cut short
            await answer.begin(message)
        except BaseException:
            await socket.aclose()
            raise
        return answer

    def _usable(self) -> bool:
        self._idle = [socket for socket in self._idle if socket.open]
        return bool(self._idle)

    def _connecting(self) -> asyncio.Task[BackendError | None]:
        if self._coming is None:
            self._coming = asyncio.create_task(self._connect())
        return self._coming

    async def _connect(self) -> BackendError | None:
        """One more idle socket, or why there is none."""
        try:
            wire, pool = await self._client.upgrade(self._path)
        except BackendError as error:
            log.info("no WebSocket at %s: %s", self._client.host, error)
            return error
        finally:
            self._coming = None
        await self.put_back(Socket(wire, pool, self._client.host))
        return None


class Socket:
    """One WebSocket. It is listened to while idle, so that pings are answered and its end is noticed."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, pool: Pool, host: str) -> None:
        self._wire = wire
        self._pool = pool
        self._host = host
        self._watch: asyncio.Task[object] | None = None

    @property
    def open(self) -> bool:
        return not self._wire.closed and not (self._watch is not None and self._watch.done())

    def sleep(self) -> None:
        self._watch = asyncio.create_task(self._listen())

    async def wake(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.wait([watch])

    async def send(self, message: bytes) -> None:
        try:
            await self._wire.send_str(message.decode())
        except Exception as error:
            raise translate(error, self._host) from error

    async def receive(self) -> bytes:
        """The next message. Raises BrokenStream once the socket is closed."""
        try:
            message = await self._wire.receive()
        except Exception as error:
            raise translate(error, self._host) from error
        if isinstance(message.data, str):
            return message.data.encode()
        if isinstance(message.data, bytes):
            return message.data
        raise BrokenStream(f"{self._host} closed the connection")

    async def aclose(self) -> None:
        await self.wake()
        await self._wire.close()
        await self._pool.leave()

    async def _listen(self) -> None:
        """Nothing is said while nothing was asked: whatever arrives is the end of it."""
        await self._wire.receive()


class SocketAnswer:
    """One answer over a socket, as the event stream that it would have been over HTTP.

    A context manager like `http.Answer`: leaving it before `drain` closes the socket.
    """

    media_type = "text/event-stream"

    def __init__(self, sockets: Sockets, socket: Socket, client: Client, started: float | None) -> None:
        """`started` is when a new connection began to be waited for, in the loop's time."""
        now = asyncio.get_running_loop().time()
        self.connect_ms = None if started is None else (now - started) * 1000
        self.headers: Mapping[str, str] = {}
        self.socket = socket
        self.refusal: BackendError | None = None
        self._sockets = sockets
        self._host = client.host
        self._timeouts = client.timeouts
        self._first: bytes | None = None
        self._end = now + client.timeouts.total
        self._whole = False

    async def begin(self, message: bytes) -> None:
        """Send the question and wait for the first event. Sets `refusal` where that is an error."""
        await self.socket.send(message)
        self._first = await self._receive(self._timeouts.first_byte)
        value = parse(self._first)
        if value.get("type") == "error":
            error = value.get("error") or value
            if isinstance(error, dict) and error.get("code") == EXPIRED:
                raise BrokenStream("the connection has become too old")
            self.refusal = failure(error, value.get("status"))

    async def chunk(self, within: float | None = None) -> bytes:
        first, self._first = self._first, None
        if first is None:
            first = await self._receive(self._timeouts.between_bytes if within is None else within)
        return b"data: %b\n\n" % first.replace(b"\n", b" ")

    async def read(self, limit: int) -> bytes:
        return await self.chunk()

    async def drain(self) -> None:
        """Nothing follows: the socket can be asked again."""
        self._whole = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._whole and kind is None:
            await self._sockets.put_back(self.socket)
        else:
            await self.socket.aclose()

    async def _receive(self, seconds: float) -> bytes:
        due = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(min(due, self._end)):
                return await self.socket.receive()
        except TimeoutError as error:
            if due > self._end:
                message, advice = "is not done in the time that one answer may take", "raise `total_ms`"
            else:
                message, advice = "has gone silent", ""
            raise TimedOut(f"{self._host} {message}", advice=advice) from error


def create(body: Mapping[str, Any]) -> bytes:
    """The message that asks for what `body` asks for over HTTP, where streaming goes without saying."""
    asked = {name: value for name, value in body.items() if name not in ("stream", "background")}
    return orjson.dumps({"type": "response.create", **asked})
