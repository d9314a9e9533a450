"""Servers that go wrong, each named for how."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVENT = b'data: {"choices":[{"index":0,"text":"pass","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


TEXT = b'data: {"choices":[{"index":0,"text":"pas"}]}\n\n'


class RawServer:
    """HTTP by hand, so that it can be done wrong. `requests` holds each head as it arrived."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None] | None] = set()

    @property
    def open(self) -> int:
        """Connections that neither side has closed."""
        return sum(task is not None and not task.done() for task in self._tasks)

    @asynccontextmanager
    async def listen(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        try:
            scheme = "https" if tls else "http"
            yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()
            self.hang_up()
            await asyncio.gather(*filter(None, self._tasks))
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        self._tasks.add(asyncio.current_task())
        try:
            served = 0
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
                self.requests.append(head)
                if head.startswith("HEAD"):
                    self.head(writer, "content-length: 0")
                    continue
                served += 1
                await self.answer(writer, served)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        """`served` counts the requests of this connection, this one included, without HEAD."""
        self.head(writer, "content-type: text/event-stream", f"content-length: {len(EVENT)}")
        writer.write(EVENT)

    def hang_up(self) -> None:
        """Close what is open, as servers do with connections that idle."""
        for writer in self._writers:
            writer.close()

    def head(self, writer: asyncio.StreamWriter, *headers: str, status: str = "200 OK") -> None:
        writer.write("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())


class ResetsKeptAlive(RawServer):
    """Answers the first request of a connection, and resets at the second."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        if served > 1:
            reset(writer)
        else:
            await super().answer(writer, served)


class AlwaysResets(RawServer):
    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        reset(writer)


class Redirects(RawServer):
    """Sends everybody to `target`."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, f"location: {self._target}", "content-length: 0", status="307 Temporary Redirect")


class LineWithoutEnd(RawServer):
    """Garbage until the client has had enough."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream")
        for _ in range(1_600):  # 100 MB
            writer.write(b"x" * 65_536)
            await writer.drain()


class Trickles(RawServer):
    """A comment now and then, and never a text."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream")
        for _ in range(100):
            writer.write(b": still here\n\n")
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.close()


class ThinksFirst(RawServer):
    """Is connected at once, and then says nothing for a while."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        await asyncio.sleep(0.3)
        await super().answer(writer, served)


class EndsLate(RawServer):
    """Says `[DONE]`, and only a moment later that the body ends there."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream", "transfer-encoding: chunked")
        writer.write(b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")


class FinishesAndHangs(RawServer):
    """Says that the text is whole, and then keeps the connection open."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream")
        writer.write(EVENT.partition(b"data: [DONE]")[0])


class Page(RawServer):
    """A page for people, where a stream was asked for."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        page = b"<html><title>Log in</title><body>Please log in</body></html>"
        self.head(writer, "content-type: text/html; charset=utf-8", f"content-length: {len(page)}")
        writer.write(page)


class SpeaksFirst(RawServer):
    """Not even asked, and not in TLS."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await super()._serve(reader, writer)


class NotHttp(RawServer):
    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")


class CutShort(RawServer):
    """Promises more bytes than it sends."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream", "content-length: 4000")
        writer.write(b'data: {"choices":[{"index":0,"text":"pas"}]}\n\n')
        writer.close()


class EchoesTheKey(RawServer):
    """Quotes the request, key and all, in its error."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        body = self.error()
        self.head(writer, "content-type: application/json", f"content-length: {len(body)}", status="401 No")
        writer.write(body)

    def error(self) -> bytes:
        key = self.requests[-1].partition("Bearer ")[2].partition("\r\n")[0]
        team = self.requests[-1].lower().partition("x-team: ")[2].partition("\r\n")[0]
        return f'{{"error":{{"message":"bad key {key} ({key[:5]}***{key[-3:]}) of {team}"}}}}'.encode()


class EchoesTheKeyInside(EchoesTheKey):
    """The same, inside a stream."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream")
        writer.write(b"data: " + self.error() + b"\n\n")


class Says(RawServer):
    """One answer to everybody: a status, headers and a body, as they are. Then it closes."""

    def __init__(self, status: str, body: bytes = b"", *headers: str) -> None:
        super().__init__()
        self._status = status
        self._body = body
        self._headers = headers

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, *self._headers, f"content-length: {len(self._body)}", status=self._status)
        writer.write(self._body)


class Streams(Says):
    """An event stream of these bytes, and the end of the connection."""

    def __init__(self, body: bytes, content_type: str = "text/event-stream") -> None:
        super().__init__("200 OK", body, f"content-type: {content_type}")


class ResetsInside(RawServer):
    """Sends some text, then resets."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream")
        writer.write(TEXT)
        await writer.drain()
        await asyncio.sleep(0.05)
        reset(writer)


class Silent(RawServer):
    """Takes the request and never answers. With `after`, falls silent behind some text."""

    def __init__(self, *, after: bytes = b"") -> None:
        super().__init__()
        self._after = after

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        if self._after:
            self.head(writer, "content-type: text/event-stream")
            writer.write(self._after)


class Garbage(RawServer):
    """100 MB of lines that mean nothing."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream")
        line = b": " + b"x" * 65_533 + b"\n"
        for _ in range(1_600):
            writer.write(line)
            await writer.drain()
        writer.close()


class Tunnel(RawServer):
    """A proxy that leads every CONNECT to one port here. With `login`, only for who says so."""

    def __init__(self, port: int, login: str = "") -> None:
        super().__init__()
        self._port = port
        self._login = login

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._tasks.add(asyncio.current_task())
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if self._login not in self.requests[-1]:
            self.head(writer, "content-length: 0", status="407 Proxy Authentication Required")
            writer.close()
            return
        there = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.append(there[1])
        self.head(writer, status="200 Connection established")
        await asyncio.gather(_pour(reader, there[1]), _pour(there[0], writer))


class RefusesToTunnel(RawServer):
    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-length: 0", status="502 Bad Gateway")


class HangsUp(RawServer):
    """Takes a connection and ends it at the first word."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await reader.read(1)
        writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
    except ConnectionError:
        pass
    writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionResetError
