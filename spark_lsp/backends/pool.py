"""Connections that are kept for the next request, and who uses them: a session of aiohttp's."""

from __future__ import annotations

import asyncio
import socket
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING
from weakref import WeakSet

from spark_lsp.backends.refusal import refusal

if TYPE_CHECKING:
    import aiohttp

KEEP_ALIVE = 90.0  # seconds; a server that closes earlier is noticed, one that resets costs a retry
READ_BUFFER = 1 << 18  # bytes that wait for a slow reader before the server is made to wait
HEADER = 1 << 16  # bytes of one header's value; cookies and policies of some gateways go past 8 KB


class Pool:
    """Whoever uses a connection enters before and leaves after it."""

    def __init__(self, tls: ssl.SSLContext, limit: int) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self.session = _session(tls, limit, self._sockets)
        self._users = 0
        self._retired = False

    @property
    def warm(self) -> bool:
        """Whether a connection is open. It closes those that idle for too long, and servers do."""
        return any(opened.fileno() >= 0 for opened in self._sockets)

    def enter(self) -> None:
        self._users += 1

    async def leave(self) -> None:
        self._users -= 1
        if self._retired and not self._users:
            await self.aclose()

    async def retire(self) -> None:
        """Nobody will enter any more. It ends now, or with the last answer that comes over it."""
        self._retired = True
        if not self._users:
            await self.aclose()

    async def aclose(self) -> None:
        """Close all of it, also what is in use."""
        await self.session.close()


def _session(tls: ssl.SSLContext, limit: int, sockets: WeakSet[socket.socket]) -> aiohttp.ClientSession:
    """A session that has no connection yet. Those that it makes are added to `sockets`."""
    import aiohttp

    def opened(address: aiohttp.AddrInfoType) -> socket.socket:
        made = socket.socket(*address[:3])
        sockets.add(made)
        return made

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(_connected)
    tracing.on_connection_reuseconn.append(_reused)
    tracing.on_request_redirect.append(_redirected)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=limit, keepalive_timeout=KEEP_ALIVE, ssl=tls, socket_factory=opened
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        trace_configs=[tracing],
        read_bufsize=READ_BUFFER,
        max_field_size=HEADER,
    )


class Attempt:
    """One try at sending a request. aiohttp tells it when it has got its connection."""

    def __init__(self, timeout: asyncio.Timeout, first_byte: float, started: float) -> None:
        """`started` is when the request was wanted, in the loop's time: it may be the second try."""
        self.timeout = timeout
        self.made = False
        self.reused = False
        self.connect_ms: float | None = None
        self._first_byte = first_byte
        self._started = started

    def connected(self, *, reused: bool) -> None:
        """From here on it is the server that is waited for."""
        now = asyncio.get_running_loop().time()
        self.made, self.reused = True, reused
        if not reused:
            self.connect_ms = (now - self._started) * 1000
        self.timeout.reschedule(now + self._first_byte)


async def _connected(_: object, context: SimpleNamespace, __: object) -> None:
    _tell(context, reused=False)


async def _reused(_: object, context: SimpleNamespace, __: object) -> None:
    _tell(context, reused=True)


def _tell(context: SimpleNamespace, *, reused: bool) -> None:
    attempt: Attempt | None = context.trace_request_ctx
    if attempt is not None:  # a WebSocket has none
        attempt.connected(reused=reused)


async def _redirected(_: object, __: object, params: aiohttp.TraceRequestRedirectParams) -> None:
    """aiohttp has no other way to stop an upgrade from following a redirect, key and all."""
    params.response.close()
    headers = {"location": params.response.headers.get("location", "")}
    raise refusal(params.response.status, headers, b"", now=0)
