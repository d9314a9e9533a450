"""What all backends over HTTP share: a request goes out, a reader makes deltas of what comes in."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, ClassVar, Protocol

import orjson

from spark_lsp.backends.http import Answer, Client, Timeouts
from spark_lsp.backends.key import Key
from spark_lsp.backends.payload import quote
from spark_lsp.backends.sse import Decoder, JsonLines, ServerSentEvents, WholeBody
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, BrokenStream, RequestRejected, TimedOut
from spark_lsp.values import Delta, Lane, Prompt

GRACE = 0.25  # seconds for what may follow the end of the text: usage, [DONE]
ENCLOSED = 2_048  # bytes of a page that are read to quote it


class Reader(Protocol):
    """One answer's grammar, pure: bytes in, deltas out."""

    @property
    def finished(self) -> bool:
        """The text is whole. What may follow is welcome and not needed."""
        ...

    @property
    def done(self) -> bool:
        """Nothing follows."""
        ...

    def feed(self, chunk: bytes) -> Iterator[Delta]:
        """The deltas that `chunk` completes. Raises BackendError where the stream says so, after them."""
        ...

    def end(self) -> Iterator[Delta]:
        """The deltas left, the last of them with `finish`. Raises BrokenStream when the end came early."""
        ...


class HttpBackend(ABC):
    """A backend that asks by POST. A subclass knows the request's shape and the answer's grammar."""

    optional: ClassVar[tuple[str, ...]] = ()
    """Fields that the request can do without, for servers that do not know them."""

    def __init__(self, settings: BackendSettings, client: Client | None = None) -> None:
        self.name = settings.name
        self.model = settings.model
        self.fim = settings.fim
        self.lanes: tuple[Lane, ...] = settings.lanes
        self._client = client or _client(settings)
        self._unwanted: set[str] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.model}>"

    async def connect(self) -> None:
        await self._client.connect()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        try:
            async with await self._ask(prompt) as answer:
                reader = self.reader(await _decoder(answer), answer.headers)
                while not reader.done and (chunk := await _next(answer, reader)):
                    for delta in reader.feed(chunk):
                        yield delta
                if reader.done:
                    await answer.drain()
                for delta in reader.end():
                    yield delta
        except BackendError as error:
            self._client.clean(error)
            raise

    @abstractmethod
    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        """The path below the base URL, and the body."""

    @abstractmethod
    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> Reader:
        """A reader for one answer."""

    async def _ask(self, prompt: Prompt) -> Answer:
        """Post the request. A field that the server does not know is dropped, now and from now on."""
        path, body = self.request(prompt)
        while True:
            asked = {name: value for name, value in body.items() if name not in self._unwanted}
            try:
                return await self._client.post(path, orjson.dumps(asked))
            except RequestRejected as error:
                name = self._blamed(error)
                if name not in asked:
                    raise
                self._unwanted.add(name)

    def _blamed(self, error: RequestRejected) -> str:
        """The optional field that the server complains about, "" when it is not about one."""
        if error.status not in (400, 422):
            return ""
        named = error.parameter.partition(".")[0]
        words = [named] if named else re.findall(r"\w+", error.message)
        return next((name for name in self.optional if name in words), "")


def _client(settings: BackendSettings) -> Client:
    return Client(
        settings.base_url,
        key=Key(settings.api_key_env, settings.api_key_command),
        headers=settings.headers,
        timeouts=Timeouts(
            connect=settings.connect_ms / 1000,
            first_byte=settings.first_byte_ms / 1000,
            between_bytes=settings.stall_ms / 1000,
            total=settings.total_ms / 1000,
        ),
        slots=settings.slots,
    )


async def _decoder(answer: Answer) -> Decoder:
    """By what the answer says it is. Nothing said, or plain text, is taken for an event stream."""
    if answer.media_type == "application/json":  # asked to stream, some servers answer in one piece
        return WholeBody()
    if answer.media_type in ("application/x-ndjson", "application/jsonl"):
        return JsonLines()
    if answer.media_type in ("text/event-stream", "text/plain", ""):
        return ServerSentEvents()
    said = quote(re.sub(rb"<[^>]*>", b" ", await answer.read(ENCLOSED)))
    raise BrokenStream(
        f"expected a stream of events, got {answer.media_type}: {said}",
        advice="check `base_url`, which usually ends in /v1",
    )


async def _next(answer: Answer, reader: Reader) -> bytes:
    """The next chunk, b"" at the end. After the text is whole, nothing that goes wrong matters."""
    if not reader.finished:
        return await answer.chunk()
    try:
        return await answer.chunk(GRACE)
    except (BrokenStream, TimedOut):
        return b""
