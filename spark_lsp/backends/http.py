"""A pooled HTTP/1.1 client for one backend.

HTTP/1.1, because closing the socket is what stops a server: an HTTP/2 client that leaves a stream without
RST_STREAM, as the usual ones do, lets it go on generating.

Nothing here imports aiohttp before the first connection: that takes longer than the whole rest of the
server's start, so it happens in a thread.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

import orjson

from spark_lsp import __version__
from spark_lsp.backends.answer import Answer, Timeouts, translate
from spark_lsp.backends.key import Key
from spark_lsp.backends.payload import quote
from spark_lsp.backends.refusal import refusal
from spark_lsp.backends.trust import Proxy, Trust, context, is_loopback, proxy_for
from spark_lsp.errors import BackendError, BrokenStream, Unauthorized, Unreachable, UsageError

if TYPE_CHECKING:
    import aiohttp

KEEP_ALIVE = 90.0  # seconds; a server that closes earlier is noticed, one that resets costs a retry
CONNECTIONS = 16  # at least; a leaked slot would show as a pool that runs dry
DOCUMENT = 4_000_000  # bytes of a document, such as a list of models, that are read
ERROR_BODY = 65_536  # bytes of an error's body that are read
READ_BUFFER = 1 << 18  # bytes that wait for a slow reader before the server is made to wait
HEADER = 1 << 16  # bytes of one header's value; cookies and policies of some gateways go past 8 KB

Authorization = Callable[[str], Mapping[str, str]]
"""The headers that carry a key."""


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Client:
    """The connections to one backend. Raises UsageError for a wrong URL, and later only BackendError."""

    def __init__(
        self,
        base_url: str,
        *,
        key: Key | None = None,
        authorization: Authorization = bearer,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        trust: Trust | None = None,
        slots: int = 0,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.host = _host(base_url)
        self._key = key or Key()
        self._extra = {name.lower(): value for name, value in (headers or {}).items()}
        self.timeouts = timeouts or Timeouts()
        self._authorization = authorization
        self._trust = trust or Trust()
        self._limit = max(CONNECTIONS, 2 * slots)
        self._proxy = Proxy()
        self._session: aiohttp.ClientSession | None = None
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._lock = asyncio.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Client {self.host} {self._key!r}>"

    @property
    def loopback(self) -> bool:
        """The server runs on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    async def post(self, path: str, body: bytes) -> Answer:
        """Send `body`, JSON, and return the answer once its headers are here and say 200.

        The answer is a context manager: leaving it early closes the socket.
        """
        answer = await self._send("POST", path, body)
        if answer.status != 200:
            async with answer:
                raise await self._refused(answer)
        return answer

    async def get(self, path: str) -> Any:
        """The JSON at `path`. Raises BackendError, BrokenStream when it is none."""
        async with await self._send("GET", path, b"") as answer:
            if answer.status != 200:
                raise await self._refused(answer)
            body = await answer.read(DOCUMENT)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BrokenStream(
                f"expected JSON, got {quote(body)}", advice="check `base_url`, which usually ends in /v1"
            ) from error

    @property
    def warm(self) -> bool:
        """Whether a connection is open. The pool closes those that idle for too long, and servers do."""
        return any(opened.fileno() >= 0 for opened in self._sockets)

    async def connect(self, path: str) -> None:
        """Have a connection ready, without spending a token: any answer to `path` will do.

        Costs nothing while the connection is warm. Raises BackendError when there is none to be had.
        """
        if self.warm:
            return
        async with await self._send("HEAD", path, b"") as answer:
            await answer.read(ERROR_BODY)

    async def upgrade(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket at `path`, with the key, the proxy and the trust of every other request.

        Closing it does not wait for the server to say goodbye. Raises BackendError.
        """
        session = await self._ready()
        import aiohttp

        headers = await self._identity()
        try:
            async with asyncio.timeout(self.timeouts.connect):
                return await session.ws_connect(
                    self.base_url + path,
                    headers=headers,
                    proxy=self._proxy.url,
                    proxy_headers=self._proxy.headers,
                    timeout=aiohttp.ClientWSTimeout(ws_close=0),
                    max_msg_size=DOCUMENT,
                )
        except aiohttp.WSServerHandshakeError as error:
            said = {name.lower(): value for name, value in (error.headers or {}).items()}
            raise self._refusal(error.status, said, b"") from error
        except Exception as error:
            raise translate(error, self.host) from error

    async def aclose(self) -> None:
        self._closed = True
        async with self._lock:
            session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _send(self, method: str, path: str, body: bytes) -> Answer:
        headers = await self._headers()
        session = await self._ready()
        end = asyncio.get_running_loop().time() + self.timeouts.total
        # A kept-alive socket that the server has just closed fails before any byte. The pool drops it, so
        # each round uses up one of them and the first fresh connection ends the loop.
        for _ in range(self._limit + 1):
            attempt = _Attempt(asyncio.timeout(self.timeouts.connect), self.timeouts.first_byte)
            try:
                async with attempt.timeout:
                    response = await session.request(
                        method,
                        self.base_url + path,
                        data=body or None,
                        headers=headers,
                        allow_redirects=False,
                        proxy=self._proxy.url,
                        proxy_headers=self._proxy.headers,
                        trace_request_ctx=attempt,
                    )
            except Exception as error:
                failure = translate(error, self.host)
                if not isinstance(failure, BrokenStream):
                    raise failure from error
                if not attempt.reused:
                    raise self._hung_up(failure, attempt) from error
            else:
                return Answer(response, self.host, self.timeouts, attempt.timeout.when() or end, end)
        raise BrokenStream(f"{self.host} closes every connection without an answer")

    def _hung_up(self, failure: BrokenStream, attempt: _Attempt) -> BackendError:
        """A new connection that was closed before any byte: by whom, and why, is a guess."""
        if self._proxy.url and not attempt.made:
            advice = "check $HTTPS_PROXY, or list the host in $NO_PROXY"
            return Unreachable(f"the proxy before {self.host} closed the connection", advice=advice)
        if self.base_url.startswith("https:") and not self._trust.client_cert:
            failure.advice = "if it wants a certificate of yours, set `client_cert`"
        return failure

    async def _headers(self) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "accept": "text/event-stream, application/json",
            "accept-encoding": "identity",  # a compressor holds tokens back until its block is full
        } | await self._identity()

    async def _identity(self) -> dict[str, str]:
        """The headers that carry the key, and those of the settings."""
        key = await self._key.read()
        agent = {"user-agent": f"spark-lsp/{__version__}"}
        return agent | (dict(self._authorization(key)) if key else {}) | self._extra

    async def _ready(self) -> aiohttp.ClientSession:
        if self._session is None:
            async with self._lock:
                if self._closed:
                    raise Unreachable("this backend has been closed")
                if self._session is None:
                    try:
                        self._proxy = proxy_for(self.base_url)
                        tls = await asyncio.to_thread(_prepare, self.base_url, self._trust)
                        self._session = _session(tls, self._limit, self._sockets)
                    except Exception as error:
                        raise translate(error, self.host) from error
        return self._session

    async def _refused(self, answer: Answer) -> BackendError:
        try:
            body = await answer.read(ERROR_BODY)
        except BackendError:
            body = b""  # the status line says enough
        return self._refusal(answer.status, answer.headers, body)

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        error = refusal(status, headers, body, now=time.time(), key_source=self._key.source)
        self.clean(error)
        if isinstance(error, Unauthorized):
            self._key.forget()
        return error

    def clean(self, error: BackendError) -> None:
        """Take the key and the headers out of a message that quotes the server: some echo what they got."""
        error.message = self.hide(error.message)
        error.args = (error.message,)

    def hide(self, text: str) -> str:
        """`text` without the key and without what the settings' headers say."""
        text = self._key.hide(text)
        for value in self._extra.values():
            if len(value) >= 8:
                text = text.replace(value, "[header]")
        return text


def _prepare(base_url: str, trust: Trust) -> ssl.SSLContext:
    """What is slow before a first connection (imports, certificates): not for the loop."""
    import aiohttp  # noqa: F401 - so that it is there when a session is made

    if not base_url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context(trust)


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


class _Attempt:
    """One try at sending a request. aiohttp tells it when it has got its connection."""

    def __init__(self, timeout: asyncio.Timeout, first_byte: float) -> None:
        self.timeout = timeout
        self.made = False
        self.reused = False
        self._first_byte = first_byte

    def connected(self, *, reused: bool) -> None:
        """From here on it is the server that is waited for."""
        self.made, self.reused = True, reused
        self.timeout.reschedule(asyncio.get_running_loop().time() + self._first_byte)


async def _connected(_: object, context: SimpleNamespace, __: object) -> None:
    _tell(context, reused=False)


async def _reused(_: object, context: SimpleNamespace, __: object) -> None:
    _tell(context, reused=True)


def _tell(context: SimpleNamespace, *, reused: bool) -> None:
    attempt: _Attempt | None = context.trace_request_ctx
    if attempt is not None:  # a WebSocket has none
        attempt.connected(reused=reused)


async def _redirected(_: object, __: object, params: aiohttp.TraceRequestRedirectParams) -> None:
    """aiohttp has no other way to stop an upgrade from following a redirect, key and all."""
    params.response.close()
    headers = {"location": params.response.headers.get("location", "")}
    raise refusal(params.response.status, headers, b"", now=0)


def _host(base_url: str) -> str:
    """Host and port, as they are shown. Raises UsageError when it is not a URL that we can ask."""
    try:
        url = urlsplit(base_url)
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return url.netloc.rpartition("@")[2]
    except ValueError:
        pass
    raise UsageError("`base_url` is not a URL: write http://HOST:PORT/v1")
