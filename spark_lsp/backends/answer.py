"""One answer over HTTP, chunk by chunk, in the time it may take; and what aiohttp raises, as our errors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from spark_lsp.backends.payload import quote
from spark_lsp.backends.pool import Pool
from spark_lsp.errors import BackendError, BrokenStream, TimedOut, Unreachable

if TYPE_CHECKING:
    import aiohttp

DRAIN_BYTES = 65_536
DRAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: until connected, until the first byte of the body, between two reads, for all of it."""

    connect: float = 2.0
    first_byte: float = 10.0
    between_bytes: float = 10.0
    total: float = 120.0


class Answer:
    """An answer whose headers are here. Use it as a context manager; leaving it closes the stream.

    A body that was read to its end gives its connection back to the pool; any other is cut at once, which
    is how a server learns that nobody wants the rest.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        host: str,
        timeouts: Timeouts,
        due: float,
        end: float,
        pool: Pool,
        connect_ms: float | None,
    ) -> None:
        """`due` and `end` in the loop's time: for the first byte of the body, and for the last.

        `connect_ms` is how long it took until there was a connection, None where one was open.
        """
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.connect_ms = connect_ms
        self._pool = pool
        self._response = response
        self._content = response.content
        self._host = host
        self._between_bytes = timeouts.between_bytes
        self._due: float | None = due
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None
        self._waiting_until: float | None = None
        self._failure: BackendError | None = None

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower case, "" when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def chunk(self, within: float | None = None) -> bytes:
        """The next bytes, b"" at the end. Waits for `within` seconds, or for as long as the timeouts say.

        Raises TimedOut or BrokenStream.
        """
        if self._failure is not None:
            raise self._failure
        try:
            chunk = self._content.read_nowait()
            if not chunk and not self._content.at_eof():
                chunk = await self._wait(within)
        except Exception as error:
            self._failure = translate(error, self._host)
            if rest := self._arrived():
                return rest
            raise self._failure from error
        self._due = None
        return chunk

    async def _wait(self, within: float | None) -> bytes:
        due = self._due
        if within is not None or due is None:  # counted from now: our reader may have been busy
            due = self._loop.time() + (self._between_bytes if within is None else within)
        self._waiting_until = min(due, self._end)
        # One timer that is moved on when it rings. One for each chunk would be a tenth of what a chunk costs.
        if self._alarm is None or self._alarm.when() > self._waiting_until:
            self._ring_at(self._waiting_until)
        try:
            return await self._content.readany()
        finally:
            self._waiting_until = None

    def _ring_at(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiting_until is None:
            return
        if self._waiting_until > self._loop.time():
            self._ring_at(self._waiting_until)
        else:
            self._content.set_exception(self._overdue())

    def _overdue(self) -> TimedOut:
        if self._loop.time() >= self._end:
            message = f"{self._host} is not done in the time that one answer may take"
            return TimedOut(message, advice="raise `total_ms`")
        return TimedOut(f"{self._host} has gone silent")

    def _arrived(self) -> bytes:
        """What had come before it went wrong: aiohttp keeps that back once it has an exception to raise."""
        self._content.set_exception(None)  # type: ignore[arg-type] # there is no other way to take it away
        return self._content.read_nowait()

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
        if self._alarm is not None:
            self._alarm.cancel()
        self._response.close()  # no more than a formality once the body has ended
        await self._pool.leave()


def translate(error: Exception, host: str) -> BackendError:
    """What aiohttp, ssl or the loop raised, as one of our errors."""
    if isinstance(error, BackendError):
        return error
    import aiohttp

    said = quote(str(error))
    match error:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            said = quote(_verdict(error))
            advice = "if the certificate is your own, name its authority in `ca_file` or $SSL_CERT_FILE"
            return Unreachable(f"{host} has a certificate that is not trusted: {said}", advice=advice)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Unreachable(f"no TLS with {host}: {said}", advice="is it http:// rather than https://?")
        case aiohttp.ClientHttpProxyError(status=407):
            advice = "write http://USER:PASSWORD@HOST:PORT into $HTTPS_PROXY"
            return Unreachable(f"the proxy before {host} wants to know who asks: HTTP 407", advice=advice)
        case aiohttp.ClientHttpProxyError(status=status):
            advice = "check $HTTPS_PROXY, or list the host in $NO_PROXY"
            return Unreachable(f"the proxy does not connect to {host}: HTTP {status}", advice=advice)
        case aiohttp.ClientProxyConnectionError():
            advice = "check $HTTPS_PROXY, or list the host in $NO_PROXY"
            return Unreachable(f"the proxy before {host} does not answer", advice=advice)
        case aiohttp.ClientConnectorDNSError():
            return Unreachable(f"no such host: {host}", advice="check `base_url` and the network")
        case aiohttp.ClientConnectorError():
            advice = "start the server there, or correct `base_url`"
            return Unreachable(f"nothing answers at {host}", advice=advice)
        case TimeoutError():
            return TimedOut(f"{host} does not answer in time")
        case aiohttp.InvalidURL():
            return Unreachable("`base_url` is not a URL", advice="write http://HOST:PORT/v1")
        case aiohttp.ClientResponseError():
            return BrokenStream(f"{host} does not answer in HTTP: {said}")
        case OSError(strerror=str(words)) if "SSL:" in words:  # the server's alert, after the handshake
            advice = "if it wants a certificate of yours, set `client_cert`"
            return Unreachable(f"{host} ends TLS: {quote(words)}", advice=advice)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | OSError():
            return BrokenStream(f"{host} closed the connection")
        case _:
            return BrokenStream(f"the connection to {host} failed: {type(error).__name__}")


def _verdict(error: Exception) -> str:
    """What is wrong with a certificate, in OpenSSL's words."""
    inner = getattr(error, "certificate_error", error)
    return getattr(inner, "verify_message", "") or str(inner)
