"""Where messages come from and go to: stdio, TCP and WebSocket.

pygls reads stdio through a thread pool: three hops a message. Here the event
loop reads the pipe itself and a message is handled in the callback that brought
it, so a keystroke costs one wake-up. The servers of pygls also end with their
first client; these serve several, each with a session of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO, Protocol

from spark_lsp.errors import MissingExtra, RequestError, UsageError
from spark_lsp.lsp.framing import (
    MAX_MESSAGE_BYTES,
    PARSE_ERROR,
    Decoder,
    Message,
    decode,
    encode,
    frame,
)

log = logging.getLogger(__name__)

READ_BYTES = 64 * 1024


class Session(Protocol):
    """One client's side of the server.

    `receive` takes what arrived, a message or the reason why it could not be
    read, and never raises. `finished` holds the exit status once the client
    said `exit` or was lost.
    """

    @property
    def finished(self) -> asyncio.Future[int]: ...

    def receive(self, message: Any) -> None: ...

    def lost(self) -> None: ...

    async def close(self) -> None: ...


Send = Callable[[Message], None]
MakeSession = Callable[[Send], Session]


class Connection(asyncio.Protocol):
    """Feeds a session from a byte stream. `write` is bound once there is somewhere to write to."""

    def __init__(self, make_session: MakeSession, write: Callable[[bytes], None] | None = None) -> None:
        self._decoder = Decoder()
        self._write = write
        self.session = make_session(self.send)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._write is None and isinstance(transport, asyncio.WriteTransport):
            self._write = transport.write

    def send(self, message: Message) -> None:
        if self._write is not None:
            self._write(frame(message))

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            self.session.receive(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._write = None
        self.session.lost()


class _Outgoing(asyncio.BaseProtocol):
    """Notices when stdout is gone, and when everything written to it has left."""

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


async def serve_stdio(make_session: MakeSession, stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Serve one client until it says `exit`, its pipe closes, or our parent dies. Returns the exit status."""
    outgoing, write, finish = await _open_stdout(stdout)
    connection = Connection(make_session, write)
    session = connection.session
    outgoing.add_done_callback(lambda _: session.lost())
    stop_reading = _read(stdin, connection)
    with _Watch(os.getppid(), session.lost):
        status = await session.finished
        stop_reading()
        await session.close()
    await finish()
    return status


def _read(stdin: BinaryIO, connection: Connection) -> Callable[[], None]:
    """Feed the connection from `stdin`. Returns what ends that.

    By hand and not with `connect_read_pipe`, which asks for 256 KiB at each read: the system then maps
    and unmaps fresh memory for every key.
    """
    loop = asyncio.get_running_loop()
    descriptor = stdin.fileno()

    def stop() -> None:
        loop.remove_reader(descriptor)

    def ready() -> None:
        data = os.read(descriptor, READ_BYTES)
        if data:
            connection.data_received(data)
        else:
            stop()
            connection.connection_lost(None)

    try:
        loop.add_reader(descriptor, ready)
    except (OSError, NotImplementedError):
        # A regular file as stdin, or Windows, whose loop cannot poll an inherited pipe.
        _read_in_thread(descriptor, connection, loop)
        return lambda: None
    return stop


async def _open_stdout(
    stdout: BinaryIO,
) -> tuple[asyncio.Future[None], Callable[[bytes], None], Callable[[], Awaitable[None]]]:
    """Where to write: (done when it is gone, write, flush and close)."""
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.connect_write_pipe(_Outgoing, stdout)
    except (ValueError, OSError, NotImplementedError):

        def write(data: bytes) -> None:
            stdout.write(data)
            stdout.flush()

        async def nothing_to_flush() -> None:
            return

        return loop.create_future(), write, nothing_to_flush

    async def finish() -> None:
        transport.close()
        await asyncio.wait([protocol.closed], timeout=1)

    return protocol.closed, transport.write, finish


def _read_in_thread(descriptor: int, connection: Connection, loop: asyncio.AbstractEventLoop) -> None:
    def read() -> None:
        try:
            while data := os.read(descriptor, READ_BYTES):
                loop.call_soon_threadsafe(connection.data_received, data)
            loop.call_soon_threadsafe(connection.connection_lost, None)
        except (OSError, RuntimeError):
            # RuntimeError: the loop ended while we were reading, so nobody is left to tell.
            return

    threading.Thread(target=read, name="stdin", daemon=True).start()


class _Watch:
    """Calls `gone` when process `pid` ends: at once where the system can tell, within a second elsewhere.

    End of stdin is not enough: another child of a dead editor may still hold the pipe open.
    """

    def __init__(self, pid: int, gone: Callable[[], None]) -> None:
        self._pid = pid
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if sys.platform == "linux":
            try:
                self._descriptor = os.pidfd_open(self._pid)
                self._loop.add_reader(self._descriptor, self._gone)
                return
            except OSError:
                log.debug("no pidfd for process %d: polling instead", self._pid)
        self._poll()

    def _poll(self) -> None:
        if os.getppid() != self._pid:
            self._gone()
        else:
            self._timer = self._loop.call_later(1.0, self._poll)

    def __exit__(self, *exc: object) -> None:
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
        if self._timer is not None:
            self._timer.cancel()


async def serve_tcp(make_session: MakeSession, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve any number of clients until cancelled. Raises UsageError when the address cannot be had."""
    loop = asyncio.get_running_loop()
    closing: set[asyncio.Task[None]] = set()

    def connect() -> Connection:
        connection = _TcpConnection(make_session)
        task = loop.create_task(_close_when_finished(connection))
        closing.add(task)
        task.add_done_callback(closing.discard)
        return connection

    try:
        server = await loop.create_server(connect, host, port)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    async with server:
        bound = server.sockets[0].getsockname()
        ready(f"{bound[0]}:{bound[1]}")
        await server.serve_forever()


class _TcpConnection(Connection):
    transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        super().connection_made(transport)


async def _close_when_finished(connection: _TcpConnection) -> None:
    await connection.session.finished
    await connection.session.close()
    if connection.transport is not None:
        connection.transport.close()


async def serve_ws(make_session: MakeSession, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve WebSocket clients, one message a frame, until cancelled.

    Raises MissingExtra, or UsageError when the address cannot be had.
    """
    try:
        from websockets.asyncio.server import ServerConnection, serve
    except ImportError as error:
        raise MissingExtra("serving over WebSocket", "ws") from error
    from websockets.exceptions import ConnectionClosed

    async def handle(socket: ServerConnection) -> None:
        outbox: asyncio.Queue[Message] = asyncio.Queue()
        session = make_session(outbox.put_nowait)

        async def write() -> None:
            while True:
                await socket.send(encode(await outbox.get()).decode())

        async def read() -> None:
            async for body in socket:
                try:
                    session.receive(decode(body.encode() if isinstance(body, str) else body))
                except ValueError as error:
                    session.receive(RequestError(PARSE_ERROR, f"a message that is not JSON: {error}"))

        tasks = [asyncio.ensure_future(work()) for work in (write, read)]
        ends: list[asyncio.Future[Any]] = [*tasks, session.finished]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            session.lost()
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await session.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionClosed):
                log.error("a WebSocket session ended by an error", exc_info=outcome)

    try:
        server = await serve(handle, host, port, max_size=MAX_MESSAGE_BYTES)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    async with server:
        bound = next(iter(server.sockets)).getsockname()
        ready(f"{bound[0]}:{bound[1]}")
        await server.serve_forever()
