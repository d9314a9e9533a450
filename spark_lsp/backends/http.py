"""A pooled HTTP/1.1 client for one backend.

HTTP/1.1, because closing the socket is what stops a server: an HTTP/2 client that leaves a stream without
RST_STREAM, as the usual ones do, lets it go on generating.

Nothing here imports aiohttp before the first connection: that takes longer than the whole rest of the
server's start, so it happens in a thread.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

import orjson

from spark_lsp import __version__
from spark_lsp.backends.answer import Answer, Timeouts, translate
from spark_lsp.backends.key import Key
from spark_lsp.backends.payload import quote
from spark_lsp.backends.pool import Attempt, Pool
from spark_lsp.backends.refusal import NO_KEY, refusal
from spark_lsp.backends.trust import Proxy, Trust, context, is_loopback, proxy_for
from spark_lsp.errors import BackendError, BrokenStream, Unauthorized, Unreachable, UsageError

if TYPE_CHECKING:
    import aiohttp

CONNECTIONS = 100
"""At least: a request that waits for a connection of ours would look like a slow server. How many are sent
at once is decided elsewhere, for fewer; here a leak shows, as a pool that runs dry."""

DOCUMENT = 4_000_000  # bytes of a document, such as a list of models, that are read
ERROR_BODY = 65_536  # bytes of an error's body that are read

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
        self._pool: Pool | None = None
        self._retired: WeakSet[Pool] = WeakSet()
        self._lock = asyncio.Lock()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Client {self.host} {self._key!r}>"

    @property
    def loopback(self) -> bool:
        """The server runs on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def server(self) -> str:
        """Who is asked, as HOST:PORT, the same for all names of this machine."""
        url = urlsplit(self.base_url)
        host = (url.hostname or "").rstrip(".")
        host = "127.0.0.1" if host in ("localhost", "::1") else host
        port = url.port or (443 if url.scheme == "https" else 80)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

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
        """Whether a connection is open that the next request may use."""
        return self._pool is not None and self._pool.warm

    async def connect(self, path: str) -> None:
        """Have a connection ready, without spending a token: any answer to `path` will do.

        Costs nothing while the connection is warm. Raises BackendError when there is none to be had.
        """
        if self.warm:
            return
        async with await self._send("HEAD", path, b"") as answer:
            await answer.read(ERROR_BODY)

    async def renew(self) -> None:
        """Have the next request make a new connection. Those that idle are closed; answers go on."""
        async with self._lock:
            pool, self._pool = self._pool, None
            if pool is not None:
                self._retired.add(pool)
                await pool.retire()

    async def upgrade(self, path: str) -> tuple[aiohttp.ClientWebSocketResponse, Pool]:
        """A WebSocket at `path`, with the key, the proxy and the trust of every other request; and the
        pool to leave once it is closed.

        Closing it does not wait for the server to say goodbye. Raises BackendError.
        """
        headers = await self._identity()
        pool = await self._ready()
        pool.enter()
        try:
            return await self._upgrade(pool.session, path, headers), pool
        except BaseException:
            await pool.leave()
            raise

    async def _upgrade(
        self, session: aiohttp.ClientSession, path: str, headers: Mapping[str, str]
    ) -> aiohttp.ClientWebSocketResponse:
        import aiohttp

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
            pools = [*self._retired, *([self._pool] if self._pool else [])]
            self._pool = None
        for pool in pools:
            await pool.aclose()

    async def _send(self, method: str, path: str, body: bytes) -> Answer:
        started = asyncio.get_running_loop().time()
        headers = await self._headers()
        pool = await self._ready()
        pool.enter()
        try:
            return await self._request(pool, method, path, body, headers, started)
        except BaseException:
            await pool.leave()
            raise

    async def _request(
        self, pool: Pool, method: str, path: str, body: bytes, headers: Mapping[str, str], started: float
    ) -> Answer:
        end = asyncio.get_running_loop().time() + self.timeouts.total
        # A kept-alive socket that the server has just closed fails before any byte. The pool drops it, so
        # each round uses up one of them and the first fresh connection ends the loop.
        for _ in range(self._limit + 1):
            attempt = Attempt(asyncio.timeout(self.timeouts.connect), self.timeouts.first_byte, started)
            try:
                async with attempt.timeout:
                    response = await pool.session.request(
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
                due = attempt.timeout.when() or end
                return Answer(response, self.host, self.timeouts, due, end, pool, attempt.connect_ms)
        raise BrokenStream(f"{self.host} closes every connection without an answer")

    def _hung_up(self, failure: BrokenStream, attempt: Attempt) -> BackendError:
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

    async def _ready(self) -> Pool:
        pool = self._pool
        if pool is None:
            async with self._lock:
                if self._closed:
                    raise Unreachable("this backend has been closed")
                pool = self._pool
                if pool is None:
                    try:
                        self._proxy = proxy_for(self.base_url)
                        tls = await asyncio.to_thread(_prepare, self.base_url, self._trust)
                        pool = self._pool = Pool(tls, self._limit)
                    except Exception as error:
                        raise translate(error, self.host) from error
        return pool

    async def _refused(self, answer: Answer) -> BackendError:
        try:
            body = await answer.read(ERROR_BODY)
        except BackendError:
            body = b""  # the status line says enough
        return self._refusal(answer.status, answer.headers, body)

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> BackendError:
        error = refusal(status, headers, body, now=time.time())
        self.heed(error)
        return error

    def heed(self, error: BackendError) -> None:
        """Take the key and the headers out of a message that quotes the server: some echo what they got. A
        key that was refused is read again for the next request."""
        error.message = self.hide(error.message)
        error.args = (error.message,)
        if isinstance(error, Unauthorized):
            if error.advice == NO_KEY and self._key.source:
                error.advice = f"check the key {self._key.source}"
            self._key.forget()

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


def _host(base_url: str) -> str:
    """Host and port, as they are shown. Raises UsageError when it is not a URL that we can ask."""
    try:
        url = urlsplit(base_url)
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return url.netloc.rpartition("@")[2]
    except ValueError:
        pass
    raise UsageError("`base_url` is not a URL: write http://HOST:PORT/v1")
