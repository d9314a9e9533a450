"""The one seam to httpx: a pooled HTTP/1.1 client, and every foreign exception turned into one of ours.

httpx runs on aiohttp's pool. On its own (httpcore) a thousand streams cancelled at random moments leave
pool slots taken for ever. HTTP/2 is off: closing a stream there sends no RST_STREAM, and the server goes
on generating.

Nothing here imports httpx or aiohttp before the first connection: that takes longer than the whole rest
of the server's start, so it happens in a thread.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast
from urllib.parse import urlsplit

import orjson

from spark_lsp.backends.key import Key
from spark_lsp.backends.payload import quote
from spark_lsp.backends.refusal import refusal
from spark_lsp.errors import BackendError, BrokenStream, TimedOut, Unauthorized, Unreachable, UsageError

if TYPE_CHECKING:
    import aiohttp
    import httpx

KEEP_ALIVE = 90.0  # seconds; a server that closes earlier is noticed, one that resets costs a retry
CONNECTIONS = 16  # at least; a leaked slot would show as a pool that runs dry
DOCUMENT = 4_000_000  # bytes of a document, such as a list of models, that are read
ERROR_BODY = 65_536  # bytes of an error's body that are read
DRAIN_BYTES = 65_536
DRAIN_SECONDS = 0.05
READ_BUFFER = 1 << 18  # bytes that wait for a slow reader before the server is made to wait

_attempt: ContextVar[_Attempt] = ContextVar("attempt")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: until connected, until the first byte of the body, between two reads, for all of it."""

    connect: float = 2.0
    first_byte: float = 10.0
    between_bytes: float = 10.0
    total: float = 120.0


Authorization = Callable[[str], Mapping[str, str]]
"""The headers that carry a key."""


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Trust(NamedTuple):
    """Whom we believe, and who we say we are: a file of authorities, a client's certificate and its key."""

    verify: bool = True
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""


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
        self._client: httpx.AsyncClient | None = None
        self._session: aiohttp.ClientSession | None = None
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

    async def connect(self, path: str) -> None:
        """Have a connection ready, without spending a token: any answer to `path` will do.

        Raises BackendError when there is none.
        """
        async with await self._send("HEAD", path, b"") as answer:
            await answer.read(ERROR_BODY)

    async def upgrade(self, path: str) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket at `path`, with the key, the proxy and the trust of every other request.

        Closing it does not wait for the server to say goodbye. Raises BackendError.
        """
        await self._ready()  # imports and certificates, in a thread
        import aiohttp

        headers = await self._identity()
        try:
            if self._session is None:
                context = _context(self._trust) if self.base_url.startswith("https:") else False
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ssl=context), cookie_jar=aiohttp.DummyCookieJar()
                )
            async with asyncio.timeout(self.timeouts.connect):
                return await self._session.ws_connect(
                    self.base_url + path,
                    headers=headers,
                    proxy=_proxy(self.base_url) or None,
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
        if self._session is not None:
            await self._session.close()
        async with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(self, method: str, path: str, body: bytes) -> Answer:
        headers = await self._headers()
        client = await self._ready()
        try:
            request = client.build_request(method, self.base_url + path, content=body, headers=headers)
        except Exception as error:
            raise translate(error, self.host) from error
        end = asyncio.get_running_loop().time() + self.timeouts.total
        # A kept-alive socket that the server has just closed fails before any byte. The pool drops it, so
        # each round uses up one of them and the first fresh connection ends the loop.
        for _ in range(self._limit + 1):
            attempt = _Attempt(asyncio.timeout(self.timeouts.connect), self.timeouts.first_byte)
            _attempt.set(attempt)
            try:
                async with attempt.timeout:
                    response = await client.send(request, stream=True)
                return Answer(response, self.host, self.timeouts, attempt.timeout.when() or end, end)
            except Exception as error:
                failure = translate(error, self.host)
                if not (attempt.reused and isinstance(failure, BrokenStream)):
                    raise failure from error
        raise BrokenStream(f"{self.host} closes every connection without an answer")

    async def _headers(self) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "accept": "text/event-stream, application/json",
            "accept-encoding": "identity",  # a compressor holds tokens back until its block is full
        } | await self._identity()

    async def _identity(self) -> dict[str, str]:
        """The headers that carry the key, and those of the settings."""
        key = await self._key.read()
        return (dict(self._authorization(key)) if key else {}) | self._extra

    async def _ready(self) -> httpx.AsyncClient:
        if self._client is None:
            async with self._lock:
                if self._closed:
                    raise Unreachable("this backend has been closed")
                if self._client is None:
                    try:
                        self._client = await asyncio.to_thread(
                            _build, self.base_url, self._limit, self.timeouts, self._trust
                        )
                    except Exception as error:
                        raise translate(error, self.host) from error
        return self._client

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
        error.message = self._key.hide(error.message)
        for value in self._extra.values():
            if len(value) >= 8:
                error.message = error.message.replace(value, "[header]")
        error.args = (error.message,)


class Answer:
    """An answer whose headers are here. Use it as a context manager; leaving it closes the stream.

    A body that was read to its end gives its connection back to the pool; any other is cut at once, which
    is how a server learns that nobody wants the rest.
    """

    def __init__(
        self, response: httpx.Response, host: str, timeouts: Timeouts, due: float, end: float
    ) -> None:
        """`due` and `end` in the loop's time: for the first byte of the body, and for the last."""
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        encoded = "content-encoding" in response.headers  # some proxies compress whatever was asked for
        body = response.aiter_bytes() if encoded else response.aiter_raw()
        self._body = cast("AsyncGenerator[bytes, None]", body)
        self.host = host
        self._between_bytes = timeouts.between_bytes
        self._due: float | None = due
        self._end = end

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower case, "" when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def chunk(self, within: float | None = None) -> bytes:
        """The next bytes, b"" at the end. Waits for `within` seconds, or for as long as the timeouts say.

        Raises TimedOut or BrokenStream.
        """
        loop = asyncio.get_running_loop()
        due = self._due
        if within is not None or due is None:  # counted from now: our reader may have been busy
            due = loop.time() + (self._between_bytes if within is None else within)
        try:
            async with asyncio.timeout_at(min(due, self._end)):
                chunk = await anext(self._body)
        except StopAsyncIteration:
            return b""
        except TimeoutError as error:
            if due > self._end:
                message, advice = "is not done in the time that one answer may take", "raise `total_ms`"
            else:
                message, advice = "has gone silent", ""
            raise TimedOut(f"{self.host} {message}", advice=advice) from error
        except Exception as error:
            raise translate(error, self.host) from error
        self._due = None
        return chunk

    async def read(self, limit: int) -> bytes:
        """At least `limit` bytes of the body, or all of it."""
        body = bytearray()
        while len(body) < limit and (chunk := await self.chunk()):
            body += chunk
        return bytes(body)

    async def drain(self) -> None:
        """Take what little follows the end of the text, so that the connection can be used again."""
        left = DRAIN_BYTES
        try:
            while left > 0 and (chunk := await self.chunk(DRAIN_SECONDS)):
                left -= len(chunk)
        except BackendError:
            pass  # a new connection then

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._body.aclose()
        try:
            await self._response.aclose()
        except Exception as failure:
            raise translate(failure, self.host) from failure


def translate(error: Exception, host: str) -> BackendError:
    """What httpx, aiohttp, ssl or the loop raised, as one of our errors.

    httpx-aiohttp calls a refused connection a connect timeout: aiohttp's own exception, the cause, is
    what tells them apart.
    """
    if isinstance(error, BackendError):
        return error
    import aiohttp
    import httpx

    cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
    said = quote(str(cause))
    match cause:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            advice = "if the certificate is your own, name its authority in $SSL_CERT_FILE"
            return Unreachable(f"{host} has a certificate that is not trusted: {said}", advice=advice)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Unreachable(f"no TLS with {host}: {said}", advice="is it http:// rather than https://?")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError() | httpx.ProxyError():
            advice = "check $HTTPS_PROXY, or list the host in $NO_PROXY"
            return Unreachable(f"the proxy does not connect to {host}", advice=advice)
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(f"no such host: {host}", advice="check `base_url` and the network")
        case aiohttp.ClientConnectorError() | httpx.ConnectError():
            advice = "start the server there, or correct `base_url`"
            return Unreachable(f"nothing answers at {host}", advice=advice)
        case aiohttp.ServerTimeoutError() | httpx.TimeoutException() | TimeoutError():
            return TimedOut(f"{host} does not answer in time")
        case aiohttp.InvalidURL() | httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return Unreachable("`base_url` is not a URL", advice="write http://HOST:PORT/v1")
        case aiohttp.ClientResponseError() | httpx.DecodingError():
            return BrokenStream(f"{host} does not answer in HTTP: {said}")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | OSError():
            return BrokenStream(f"{host} closed the connection")
        case _:
            return BrokenStream(f"the connection to {host} failed: {type(cause).__name__}")


def _build(base_url: str, limit: int, timeouts: Timeouts, trust: Trust) -> httpx.AsyncClient:
    """A client that has no connection yet. Slow the first time (imports, certificates): not for the loop."""
    import aiohttp
    import httpx
    import httpx_aiohttp

    context = _context(trust) if base_url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def session() -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_create_end.append(_connected)
        tracing.on_connection_reuseconn.append(_reused)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, keepalive_timeout=KEEP_ALIVE, ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[tracing],
            read_bufsize=READ_BUFFER,
        )

    proxy = _proxy(base_url)
    transport = httpx_aiohttp.AiohttpTransport(
        verify=context, client=session, proxy=httpx.Proxy(proxy) if proxy else None
    )
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(None, connect=timeouts.connect, pool=timeouts.connect),
        follow_redirects=False,
        trust_env=False,
    )


class _Attempt:
    """One try at sending a request. aiohttp tells it when it has got its connection."""

    def __init__(self, timeout: asyncio.Timeout, first_byte: float) -> None:
        self.timeout = timeout
        self.reused = False
        self._first_byte = first_byte

    def connected(self, *, reused: bool) -> None:
        """From here on it is the server that is waited for."""
        self.reused = reused
        self.timeout.reschedule(asyncio.get_running_loop().time() + self._first_byte)


async def _connected(*_: object) -> None:
    _attempt.get().connected(reused=False)


async def _reused(*_: object) -> None:
    _attempt.get().connected(reused=True)


def is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _host(base_url: str) -> str:
    """Host and port, as they are shown. Raises UsageError when it is not a URL that we can ask."""
    try:
        url = urlsplit(base_url)
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return url.netloc.rpartition("@")[2]
    except ValueError:
        pass
    raise UsageError("`base_url` is not a URL: write http://HOST:PORT/v1")


@cache
def _context(trust: Trust) -> ssl.SSLContext:
    """One for all clients that trust the same: it takes 20 ms. Raises Unreachable for a file that is none.

    The system's authorities and, unless told otherwise, Mozilla's.
    """
    import certifi

    context = ssl.create_default_context()  # reads $SSL_CERT_FILE and $SSL_CERT_DIR
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_verify_locations(certifi.where())
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if trust.ca_file:
            context.load_verify_locations(os.path.expanduser(trust.ca_file))
    except OSError as error:
        raise Unreachable(f"{trust.ca_file} holds no certificate", advice="correct `ca_file`") from error
    try:
        if trust.client_cert:
            key = os.path.expanduser(trust.client_key) or None
            # A passphrase would be asked for on the terminal, and stdin is the editor's.
            context.load_cert_chain(os.path.expanduser(trust.client_cert), key, password="")
    except OSError as error:
        advice = "correct `client_cert` and `client_key`: PEM files, without a passphrase"
        raise Unreachable(f"{trust.client_cert} cannot be used as a certificate", advice=advice) from error
    return context


def _proxy(base_url: str) -> str:
    """The proxy that the environment names for this URL, "" for none. A local server needs none."""
    from urllib.request import getproxies, proxy_bypass

    url = urlsplit(base_url)
    host = url.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return ""
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all") or ""
