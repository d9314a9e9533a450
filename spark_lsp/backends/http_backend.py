"""What all backends over HTTP share: a request goes out, a reader makes deltas of what comes in."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import urlsplit

import orjson

from spark_lsp.backends.answer import Timeouts
from spark_lsp.backends.http import Authorization, Client, bearer
from spark_lsp.backends.key import Key
from spark_lsp.backends.limits import limits
from spark_lsp.backends.listings import cache_file, recall, remember
from spark_lsp.backends.models import ModelChoice
from spark_lsp.backends.payload import quote
from spark_lsp.backends.sse import Decoder, JsonLines, ServerSentEvents, WholeBody
from spark_lsp.backends.trust import Trust
from spark_lsp.config import BackendSettings
from spark_lsp.config.presets import PRESETS
from spark_lsp.errors import BackendError, BrokenStream, NoSuchModel, RequestRejected, TimedOut
from spark_lsp.values import Delta, Lane, Prompt, Usage

log = logging.getLogger(__name__)

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


class Incoming(Protocol):
    """An answer that has begun: `answer.Answer`, or what stands for it on another wire."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def media_type(self) -> str: ...

    @property
    def connect_ms(self) -> float | None: ...

    async def chunk(self, within: float | None = None) -> bytes: ...

    async def read(self, limit: int) -> bytes: ...

    async def drain(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class HttpBackend(ABC):
    """A backend that asks by POST. A subclass knows the request's shape and the answer's grammar."""

    optional: ClassVar[tuple[str, ...]] = ()
    """Fields that the request can do without, for servers that do not know them. What the settings add
    under `body` is optional too."""

    other_names: ClassVar[Mapping[str, str]] = {}
    """Fields that some servers know by another name only: the one to send when the first is refused."""

    usual_fim: ClassVar[str] = ""
    """The FIM style of this kind where the settings name none; "" is by the model's name."""

    listing: ClassVar[str] = "/models"
    """What to GET for the models that are served."""

    def __init__(self, settings: BackendSettings) -> None:
        self.name = settings.name
        self.fim = settings.fim or self.usual_fim
        self.lanes: tuple[Lane, ...] = settings.lanes
        self._choice = ModelChoice(settings.model, settings.models)
        self._extra = settings.body
        self._client = make_client(settings, self.authorization)
        self.server = self._client.server
        self._stays_here = self._client.loopback and not settings.forwards
        self._unwanted: set[tuple[str, str]] = set()
        # A server of one's own serves something else after its next start: it is asked each time.
        self._place = "" if self._client.loopback else f"{self._client.base_url} {settings.api_key_env}"
        self.tap: Callable[[bytes], object] | None = None
        """Hears each chunk of an answer as it came, for who records it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.model}>"

    @property
    def model(self) -> str:
        return self._choice.current

    @property
    def local(self) -> bool:
        return self._stays_here

    async def connect(self, *, anew: bool = False) -> None:
        if anew:
            await self._client.renew()
        try:
            if not self._choice.open or await self._recall():
                await self._client.connect(self.listing)
            else:
                await self.models()
        except BackendError as error:
            # The first request says what is wrong, to someone who waits for it.
            log.info("%s does not list its models: %s", self.name, error)

    async def models(self) -> tuple[str, ...]:
        try:
            models = self.listed(await self._client.get(self.listing))
        except BackendError as error:
            self._client.heed(error)
            raise
        self._choice.listed(models)
        await self._remember(models)
        return models

    async def _recall(self) -> bool:
        """Settle on a model by a list that is less than a day old. False when there is none."""
        if self._place:
            known = await asyncio.to_thread(recall, cache_file(), self._place, time.time())
            if known is not None:
                self._choice.listed(known)
                return True
        return False

    async def _remember(self, models: tuple[str, ...] | None) -> None:
        if self._place:
            await asyncio.to_thread(remember, cache_file(), self._place, models, time.time())

    async def prefill(self, prompt: Prompt) -> None:  # noqa: B027 - what most kinds do
        """Most servers have no way to read a prompt without answering it."""

    async def aclose(self) -> None:
        await self._client.aclose()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        """As `Backend.stream`. A model that is not served is passed over from then on."""
        model = self.model
        said = False
        try:
            async with await self._ask(prompt) as answer:
                # Now: most streams are closed before their last delta, which says it again.
                if (news := _news(answer)) != Usage():
                    yield Delta(usage=news, tokens=0)
                reader = self.reader(await _decoder(answer), answer.headers)
                while not reader.done and (chunk := await _next(answer, reader)):
                    if self.tap is not None:
                        self.tap(chunk)
                    for delta in reader.feed(chunk):
                        said = True
                        yield delta
                if reader.done:
                    await answer.drain()
                for delta in reader.end():
                    yield delta
        except BackendError as error:
            self._client.heed(error)
            if isinstance(error, NoSuchModel) and not said and (asked := model or self.model):
                self._choice.refuse(asked)
                await self._remember(None)
            raise

    def outgoing(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        """The URL and the body of what is posted for this prompt."""
        path, body = self.request(prompt)
        return f"{self._client.base_url}{path}", self._wanted(self.model, {**body, **self._extra})

    @abstractmethod
    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        """The path below the base URL, and the body."""

    @abstractmethod
    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> Reader:
        """A reader for one answer."""

    def authorization(self, key: str) -> dict[str, str]:
        """The headers that carry the key."""
        return bearer(key)

    def listed(self, answer: Any) -> tuple[str, ...]:
        """The models' names out of the JSON that `listing` answers with."""
        rows = answer.get("data") if isinstance(answer, dict) else answer  # Together has a bare list
        return names(rows, "id")

    def hide(self, text: str) -> str:
        """`text` without the key and without what the settings' headers say."""
        return self._client.hide(text)

    async def _ask(self, prompt: Prompt) -> Incoming:
        """Post the request. A field that the server does not know is dropped, now and from now on.

        Where it is the text behind the cursor that cannot be taken, `fim` is `prefix` from then on. The
        error is raised all the same: who asks again has another prompt to ask with.
        """
        if self._choice.open and not self.model and await self.models() and not self.model:
            advice = "set `model` to one that the server lists: spark-lsp doctor shows them"
            raise NoSuchModel("none of the models that are preferred is served", advice=advice)
        model = self.model
        path, body = self.request(prompt)
        body.update(self._extra)
        while True:
            asked = self._wanted(model, body)
            try:
                return await self._post(path, asked)
            except RequestRejected as error:
                if self.takes_no_suffix(error, asked):
                    self.fim = "prefix"
                    raise
                name = self._blamed(error, asked)
                if not name or (model, self.other_names.get(name, "")) in self._unwanted:
                    raise
                self._unwanted.add((model, name))

    def takes_no_suffix(self, error: RequestRejected, asked: Mapping[str, Any]) -> bool:
        """Whether it was refused for the text behind the cursor: vLLM declares the field, and refuses it."""
        return self._blamed(error, asked) == "suffix"

    async def _post(self, path: str, body: Mapping[str, Any]) -> Incoming:
        return await self._client.post(path, orjson.dumps(body))

    def _wanted(self, model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """`body` without the fields that the server does not know, or with the names that it knows."""
        wanted = {}
        for name, value in body.items():
            if (model, name) in self._unwanted:
                name = self.other_names.get(name, "")
            if name:
                wanted[name] = value
        return wanted

    def _blamed(self, error: RequestRejected, asked: Mapping[str, Any]) -> str:
        """The field in `asked` that the server complains about, "" when it is not about an optional one."""
        if error.status not in (400, 422):
            return ""
        named = error.parameter.partition(".")[0]
        words = [word.lower() for word in ([named] if named else re.findall(r"\w+", error.message))]
        known = ("suffix", *self.optional, *self.other_names, *self._extra)
        return next((name for name in known if name in asked and name.lower() in words), "")


def names(rows: Any, field: str) -> tuple[str, ...]:
    """The texts under `field` in a list of objects, whatever else is in it."""
    found = [row.get(field) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return tuple(name for name in found if isinstance(name, str) and name)


def make_client(settings: BackendSettings, authorization: Authorization) -> Client:
    """The connections that a backend's settings describe. Raises UsageError for a wrong address."""
    return Client(
        address(settings, os.environ),
        key=Key(_variable(settings, os.environ), settings.api_key_command, settings.api_key_keyring),
        authorization=authorization,
        headers=settings.headers,
        timeouts=Timeouts(
            connect=settings.connect_ms / 1000,
            first_byte=settings.first_byte_ms / 1000,
            between_bytes=settings.stall_ms / 1000,
            total=settings.total_ms / 1000,
        ),
        trust=Trust(settings.verify, settings.ca_file, settings.client_cert, settings.client_key),
        slots=settings.slots,
    )


def _variable(settings: BackendSettings, environ: Mapping[str, str]) -> str:
    """The variable that holds the key. Servers that people run themselves mostly want none: the variable
    that their preset knows counts when it is set."""
    preset = PRESETS.get(settings.preset)
    usual = preset is not None and preset.ports and settings.api_key_env == preset.settings.get("api_key_env")
    return "" if usual and not environ.get(settings.api_key_env, "").strip() else settings.api_key_env


def address(settings: BackendSettings, environ: Mapping[str, str]) -> str:
    """`base_url`, or what the environment says instead, where $OLLAMA_HOST may be a host and no more."""
    named = environ.get(settings.base_url_env, "").strip() if settings.base_url_env else ""
    if not named:
        return settings.base_url
    usual = urlsplit(settings.base_url)
    if "://" not in named:
        named = f"{usual.scheme}://{named}"
    try:
        given = urlsplit(named)
        port = given.port
    except ValueError:
        return named  # the client says what is wrong with it
    host = given.netloc.replace("0.0.0.0", "127.0.0.1")  # where a server listens is not where it is asked
    if port is None and given.scheme == "http" and usual.port:
        host = f"{host}:{usual.port}"
    path = given.path.rstrip("/")  # SDKs mostly add the version themselves, OpenAI's does not
    return f"{given.scheme}://{host}{path if '/v1' in path else path + usual.path}"


def _news(answer: Incoming) -> Usage:
    """What is known before the first byte of the body."""
    left = limits(answer.headers, time.time())._asdict()
    return Usage(**left, connect_ms=answer.connect_ms)


async def _decoder(answer: Incoming) -> Decoder:
    """By what the answer says it is. Nothing said, or plain text, is taken for an event stream."""
    if answer.media_type == "application/json":  # asked to stream, some servers answer in one piece
        return WholeBody()
    if answer.media_type in ("application/x-ndjson", "application/jsonl"):
        return JsonLines()
    if answer.media_type in ("text/event-stream", "text/plain", ""):
        return ServerSentEvents()
    said = quote(re.sub(rb"<[^<>]*>", b" ", await answer.read(ENCLOSED)))
    raise BrokenStream(
        f"expected a stream of events, got {answer.media_type}: {said}",
        advice="check `base_url`, which usually ends in /v1",
    )


async def _next(answer: Incoming, reader: Reader) -> bytes:
    """The next chunk, b"" at the end. After the text is whole, nothing that goes wrong matters."""
    if not reader.finished:
        return await answer.chunk()
    try:
        return await answer.chunk(GRACE)
    except (BrokenStream, TimedOut):
        return b""
