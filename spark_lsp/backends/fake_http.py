"""A completion server over real HTTP/1.1 that says what its source knows, when its script says.

It speaks as much of the OpenAI protocol as a client of completions can notice: `/v1/completions` and
`/v1/chat/completions`, streamed or in one piece, `/v1/models`, `/health`; and of its own `/fake/stats`
and `/fake/script`. When a client closes its socket the generation ends there, and is counted.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Self

import orjson
from aiohttp import web

from spark_lsp.backends.fake_wire import (
    DONE,
    GARBAGE,
    LIMITED,
    SCRIPTED,
    Ask,
    RejectedError,
    Shape,
    changed,
    event,
    limit_headers,
    understand,
)
from spark_lsp.backends.oracle import Filler, Source
from spark_lsp.backends.script import (
    BEFORE,
    Fault,
    Performance,
    Quota,
    Script,
)
from spark_lsp.errors import UsageError

LOG = 1_000  # requests that /fake/stats remembers
BODY_BYTES = 8_000_000


@dataclass(slots=True)
class Entry:
    """One request. Times in seconds since the server started; `first` is when its first token was sent.

    `outcome` is open, completed, cancelled, rejected, limited, or the fault it met.
    """

    number: int
    path: str
    started: float
    prompt_tokens: int = 0
    max_tokens: int = 0
    first: float | None = None
    ended: float | None = None
    tokens: int = 0
    outcome: str = "open"


@dataclass(slots=True)
class Stats:
    """What a test wants to know. `cancelled`: the client left first. `failed`: a fault was scripted.
    `limited`: there were too many requests. `tokens` are those of all answers, cancelled ones too."""

    requests: int = 0
    completed: int = 0
    cancelled: int = 0
    failed: int = 0
    rejected: int = 0
    limited: int = 0
    tokens: int = 0
    open: int = 0
    log: deque[Entry] = field(default_factory=lambda: deque(maxlen=LOG))


class FakeServer:
    """An async context manager: it listens inside, at `url`. Port 0 takes a free one.

    `model` "" serves any model, a name only that one. `slots` generations run at a time and the others
    wait in line; 0 is no limit. `script` may be replaced at any time and holds for later requests.
    Entering raises UsageError when the port cannot be had.
    """

    def __init__(
        self,
        source: Source | None = None,
        script: Script | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        model: str = "",
        slots: int = 0,
        seed: int = 0,
    ) -> None:
        self.script = script or Script()
        self.stats = Stats()
        self.url = ""
        self._source = source or Filler()
        self._address = host, port
        self._model = model
        self._slots = asyncio.Semaphore(slots) if slots else None
        self._quota: Quota | None = None
        self._random = Random(seed)
        self._began = time.monotonic()
        self._runner = web.AppRunner(
            self._application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )

    def __repr__(self) -> str:
        return f"<FakeServer {self.url} {self.script} {self.stats.requests} requests, {self.stats.open} open>"

    async def __aenter__(self) -> Self:
        host, port = self._address
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            said = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen on {host}:{port}: {said}") from error
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_BYTES)
        application.add_routes(
            [
                web.post("/v1/completions", self._completions),
                web.post("/v1/chat/completions", self._completions),
                web.get("/v1/models", self._models),
                web.get("/health", self._health),
                web.get("/fake/stats", self._report),
                web.post("/fake/script", self._direct),
            ]
        )
        return application

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        async with self._entry(request.path) as entry:
            try:
                body = await _object(request)
                ask = understand(body, chat="chat" in request.path, model=self._model)
            except RejectedError as rejected:
                entry.outcome = "rejected"
                return _json(rejected.body, rejected.status)
            entry.prompt_tokens, entry.max_tokens = ask.prompt_tokens, ask.max_tokens
            headers = self._limits()
            if "retry-after" in headers:
                entry.outcome = "limited"
                return _json(LIMITED.body, LIMITED.status, headers)
            async with self._slot():
                answer = self._source.answer(ask.prefix, ask.suffix)
                plan = self.script.perform(answer, self._random, max_tokens=ask.max_tokens, stop=ask.stop)
                try:
                    return await _Stage(request, ask, plan, entry, self._now, headers).play()
                except ConnectionError:
                    # The client left while we wrote. Raised further it would be logged as our fault.
                    return web.Response()

    @asynccontextmanager
    async def _entry(self, path: str) -> AsyncIterator[Entry]:
        """Counts a request, however it ends."""
        self.stats.requests += 1
        self.stats.open += 1
        entry = Entry(self.stats.requests, path, self._now())
        self.stats.log.append(entry)
        try:
            yield entry
        finally:
            if entry.outcome == "open":
                entry.outcome = "cancelled"
            entry.ended = self._now()
            self.stats.open -= 1
            self.stats.tokens += entry.tokens
            match entry.outcome:
                case "completed":
                    self.stats.completed += 1
                case "cancelled":
                    self.stats.cancelled += 1
                case "rejected":
                    self.stats.rejected += 1
                case "limited":
                    self.stats.limited += 1
                case _:
                    self.stats.failed += 1

    def _limits(self) -> dict[str, str]:
        """The headers that say what the limit leaves after this request; `retry-after` if it is too many."""
        limit = self.script.limit
        if limit is None:
            self._quota = None
            return {}
        if self._quota is None or self._quota.limit != limit:
            self._quota = Quota(limit)
        return limit_headers(limit, self._quota.take(self._now()))

    def _slot(self) -> AbstractAsyncContextManager[None]:
        return self._slots or nullcontext()

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 6)

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": self._model or "fake", "object": "model", "created": 0, "owned_by": "spark-lsp"}
        return _json({"object": "list", "data": [model]})

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _report(self, _: web.Request) -> web.Response:
        counts = {name: getattr(self.stats, name) for name in Stats.__slots__}
        return _json(counts | {"log": list(self.stats.log), "now": self._now()})

    async def _direct(self, request: web.Request) -> web.Response:
        """Change the script: any of its values. The others stay."""
        try:
            self.script = changed(self.script, await _object(request))
        except RejectedError as rejected:
            return _json(rejected.body, rejected.status)
        return _json(asdict(self.script))


class _Stage:
    """Plays one performance to one client."""

    def __init__(
        self,
        request: web.Request,
        ask: Ask,
        plan: Performance,
        entry: Entry,
        now: Callable[[], float],
        headers: Mapping[str, str],
    ) -> None:
        self._request = request
        self._ask = ask
        self._plan = plan
        self._entry = entry
        self._now = now
        self._headers = headers
        self._shape = Shape(ask, entry.number, int(time.time()))

    async def play(self) -> web.StreamResponse:
        fault = self._plan.fault
        if fault is not None and fault.kind == "status":
            self._entry.outcome = f"status{fault.status}"
            return _status(fault.status, self._headers)
        if fault is not None and (fault.after == BEFORE or not self._ask.stream):
            return await self._break(fault, None)
        return await (self._stream() if self._ask.stream else self._whole())

    async def _whole(self) -> web.Response:
        """In one piece, when its last token is due."""
        plan = self._plan
        await asyncio.sleep(plan.due[-1] if plan.due else 0)
        self._count(len(plan.pieces))
        self._entry.outcome = "completed"
        answer = self._shape.whole("".join(plan.pieces), plan.finish, len(plan.pieces))
        return _json(answer, headers=self._headers)

    async def _stream(self) -> web.StreamResponse:
        plan, fault, ask = self._plan, self._plan.fault, self._ask
        response = web.StreamResponse(
            headers={
                "content-type": "text/event-stream; charset=utf-8",
                "cache-control": "no-cache",
                **self._headers,
            }
        )
        started = asyncio.get_running_loop().time()
        await response.prepare(self._request)
        for index, (piece, due) in enumerate(zip(plan.pieces, plan.due, strict=True)):
            chunk = event(self._shape.piece(piece))
            if fault is not None and fault.after == index:
                if fault.cut:
                    await response.write(chunk[: len(chunk) // 2])
                return await self._break(fault, response)
            await _until(started + due)
            await response.write(chunk)
            self._count(1)
        if fault is not None:
            return await self._break(fault, response)
        ending = event(self._shape.finish(plan.finish))
        if ask.usage:
            ending += event(self._shape.usage(len(plan.pieces)))
        await response.write(ending + DONE)
        await response.write_eof()
        self._entry.outcome = "completed"
        return response

    def _count(self, sent: int) -> None:
        if self._entry.first is None:
            self._entry.first = self._now()
        self._entry.tokens += sent

    async def _break(self, fault: Fault, response: web.StreamResponse | None) -> web.StreamResponse:
        """Go wrong, now. Without a response nothing has been sent yet."""
        self._entry.outcome = fault.kind
        match fault.kind:
            case "reset":
                _reset(self._request)
            case "stall":
                self._entry.outcome = "open"  # until the client has had enough, which is a cancel
                await asyncio.Event().wait()
            case "error" | "garbage" if response is None:
                body = orjson.dumps(SCRIPTED) if fault.kind == "error" else GARBAGE
                return web.Response(
                    body=body, status=500, content_type="application/json", headers=self._headers
                )
            case "error" if response is not None:
                await response.write(event(SCRIPTED))
            case "garbage" if response is not None:
                await response.write(GARBAGE)
            case "close" if response is None and self._request.transport is not None:
                self._request.transport.close()
        if response is not None:
            await response.write_eof()
        return response or web.Response()


def _reset(request: web.Request) -> None:
    """Close without a farewell: lingering for no time makes the kernel send a reset, not an end."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


def _status(status: int, limits: Mapping[str, str]) -> web.Response:
    """As such an answer looks in life: gateways answer in HTML, the others say when to come back."""
    if status in (502, 504):
        page = f"<html><head><title>{status} scripted</title></head><body><h1>Gateway</h1></body></html>"
        return web.Response(text=page, status=status, content_type="text/html", headers=limits)
    return _json(SCRIPTED, status, {**limits, "retry-after": "1"} if status in (429, 503, 529) else limits)


async def _object(request: web.Request) -> dict[str, Any]:
    """The JSON object that a request brings. Raises RejectedError when it brings none."""
    try:
        value = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise RejectedError(400, f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RejectedError(400, "the body is not a JSON object")
    return value


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(value), status=status, content_type="application/json", headers=headers
    )


async def _until(due: float) -> None:
    wait = due - asyncio.get_running_loop().time()
    if wait > 0:
        await asyncio.sleep(wait)
