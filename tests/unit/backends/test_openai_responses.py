"""Kind `openai-responses`: what spark takes over HTTP, and the same over a WebSocket."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import WSMsgType, web

from spark_lsp.backends.base import Backend
from spark_lsp.backends.openai_responses import OpenAIResponses
from spark_lsp.backends.sse import ServerSentEvents
from spark_lsp.errors import BrokenStream, NoSuchModel, RateLimited, RequestRejected, TimedOut, Unauthorized
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import StrictServer, first_text, refuse, text_of

STREAMS = Path(__file__).parents[3] / "fixtures" / "streams" / "openai-responses"
NORMAL = (STREAMS / "openai.sse").read_bytes()
EVENTS = [event.data.decode() for event in ServerSentEvents().feed(NORMAL)]
HOLE = Prompt("a", "b", rendered="fill", instructions="You fill holes.", stop=("\n",), max_tokens=64)
BODY = {
    "model": "gpt-5.3-codex-spark",
    "input": "fill",
    "instructions": "You fill holes.",
    "max_output_tokens": 64,
    "store": False,
    "stream_options": {"include_obfuscation": False},
}


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("openai-responses", f"{url}/v1", **{"model": "gpt-5.3-codex-spark", **settings})


def unsupported(body: dict[str, Any]) -> dict[str, Any] | None:
    """What spark says to a parameter that it does not take."""
    summary = {"reasoning.summary"} if "summary" in body.get("reasoning", {}) else set()
    for name in body.keys() & {"temperature", "stop", "max_tokens", "messages"} | summary:
        words = f"Unsupported parameter: '{name}' is not supported with this model."
        return {
            "message": words,
            "type": "invalid_request_error",
            "param": name,
            "code": "unsupported_parameter",
        }
    return None


def spark(body: dict[str, Any]) -> web.Response | None:
    error = unsupported(body)
    return refuse(400, {"error": error}) if error else None


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (HOLE, BODY),
        (
            Prompt("a", max_tokens=1),
            {name: BODY[name] for name in ("model", "store", "stream_options")}
            | {"input": "a", "max_output_tokens": 16},
        ),
    ],
)
async def test_what_is_sent(prompt: Prompt, expected: dict[str, Any]) -> None:
    server = StrictServer(NORMAL, complain=spark)
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, prompt) == "return a + b"
        assert asked.fim == "chat"
    assert server.bodies == [expected | {"stream": True}]
    assert server.paths == ["POST /v1/responses"]


@pytest.mark.parametrize(
    ("extra", "kept"),
    [
        ({"reasoning": {"effort": "low"}}, {"reasoning"}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, set[str]()),
        ({"temperature": 0, "service_tier": "fast"}, {"service_tier"}),
    ],
)
@pytest.mark.parametrize("websocket", [False, True])
async def test_what_the_settings_add_is_dropped_where_it_is_refused(
    extra: dict[str, Any], kept: set[str], websocket: bool
) -> None:
    server = SocketServer()
    async with server.listen() as url, backend(url, body=extra, websocket=websocket) as asked:
        for _ in range(2):
            assert await text_of(asked, HOLE) == "return a + b"
    assert server.bodies[-1].keys() & extra.keys() == kept
    assert len(server.bodies) == (2 if kept == extra.keys() else 3)


class SocketServer:
    """Answers `response.create` as OpenAI does, one at a time on each socket, and POST as well.

    `first` is what the first requests get instead, one each ("" for their answer): "close" ends the
    socket, "cut" does so after the first event, "hang" falls silent inside the text, anything else is
    said. `refusal` is the status that an upgrade is answered with.
    """

    def __init__(self, *first: str, refusal: int = 0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.upgrades = 0
        self.posts = 0
        self.open = 0
        self.pongs = 0
        self.refusal = refusal
        self.sockets: list[web.WebSocketResponse] = []
        self._first = list(first)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            self.posts += 1
            body = orjson.loads(await request.read())
            assert body.pop("stream")
            self.bodies.append(body)
            return spark(body) or web.Response(body=NORMAL, content_type="text/event-stream")
        if request.headers.get("upgrade", "").lower() != "websocket":
            return web.Response(status=404)
        self.upgrades += 1
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.refusal:
            return web.Response(status=self.refusal)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        await socket.ping()
        self.sockets.append(socket)
        self.open += 1
        try:
            await self._serve(socket)
        finally:
            self.open -= 1
        return socket

    async def _serve(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is WSMsgType.PONG:
                self.pongs += 1
                continue
            assert message.type is WSMsgType.TEXT
            body = orjson.loads(message.data)
            assert body.pop("type") == "response.create"
            assert not {"stream", "background"} & body.keys()
            self.bodies.append(body)
            if self._first and await self._instead(socket, self._first.pop(0)):
                continue
            error = unsupported(body)
            for event in (
                [orjson.dumps({"type": "error", "status": 400, "error": error}).decode()] if error else EVENTS
            ):
                await socket.send_str(event)

    async def _instead(self, socket: web.WebSocketResponse, what: str) -> bool:
        if what == "close":
            await socket.close()
        elif what == "hang":
            await socket.send_str(EVENTS[0])
            await socket.send_str(next(event for event in EVENTS if "output_text.delta" in event))
        elif what == "cut":
            await socket.send_str(EVENTS[0])
            await socket.close()
        elif what:
            await socket.send_str(what)
        return bool(what)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[str]:
        application = web.Application()
        application.router.add_route("*", "/v1/responses", self.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")


async def test_answers_over_one_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT_KEY", "secret-key")
    server = SocketServer()
    settings = {"websocket": True, "api_key_env": "STRICT_KEY", "headers": {"X-Team": "editors"}}
    async with server.listen() as url, backend(url, **settings) as asked:
        await asked.connect()
        assert server.upgrades == 1
        for _ in range(5):
            assert await text_of(asked, HOLE) == "return a + b"
        await until(lambda: server.open == 2)
    assert server.bodies == [BODY] * 5
    assert server.upgrades == 2  # one was connected ahead while the first answered
    assert not server.posts
    assert server.headers[0]["authorization"] == "Bearer secret-key"
    assert server.headers[0]["x-team"] == "editors"
    await until(lambda: server.open == 0)


async def test_a_socket_that_had_to_be_made_is_news_one_that_was_ready_is_none() -> None:
    server = SocketServer()
    async with server.listen() as url, backend(url, websocket=True) as asked:
        news = []
        for _ in range(2):
            first, *_ = [delta async for delta in asked.stream(HOLE)]
            news.append(first.usage is not None and first.usage.connect_ms is not None and not first.text)
            await until(lambda: server.open == 2)
    assert news == [True, False]


async def test_sockets_that_idle_are_not_asked_when_they_are_not_trusted() -> None:
    server = SocketServer("hang")
    async with server.listen() as url, backend(url, websocket=True) as asked:
        stream = asked.stream(HOLE)
        await first_text(stream)
        await until(lambda: server.open == 2)
        in_use, idle = server.sockets
        await asked.connect(anew=True)
        await until(lambda: idle.closed)
        assert (in_use.closed, server.open) == (False, 2)
        assert await text_of(asked, HOLE) == "return a + b"
        await stream.aclose()
        await until(lambda: in_use.closed)


async def test_an_answer_cut_short_closes_its_socket_and_the_next_finds_another() -> None:
    server = SocketServer("hang", "")
    async with server.listen() as url, backend(url, websocket=True) as asked:
        stream = asked.stream(HOLE)
        assert await first_text(stream) == "return a"
        await until(lambda: server.open == 2)
        first = server.sockets[0]
        await stream.aclose()
        await until(lambda: first.closed)
        upgrades = server.upgrades
        assert await text_of(asked, HOLE) == "return a + b"
        assert upgrades == 2
    del stream, asked
    gc.collect()


async def test_many_cuts_leave_nothing_behind() -> None:
    server = SocketServer(*["hang"] * 50)
    async with server.listen() as url, backend(url, websocket=True) as asked:
        for _ in range(50):
            stream = asked.stream(HOLE)
            await first_text(stream)
            await stream.aclose()
        assert await text_of(asked, HOLE) == "return a + b"
        await until(lambda: server.open <= 2)
        tasks = len(asyncio.all_tasks())
        assert tasks < 12
    await until(lambda: server.open == 0)


async def test_two_at_once_have_a_socket_each() -> None:
    server = SocketServer("hang")
    async with server.listen() as url, backend(url, websocket=True) as asked:
        stream = asked.stream(HOLE)
        await first_text(stream)
        assert await text_of(asked, HOLE) == "return a + b"
        await stream.aclose()


@pytest.mark.parametrize("refusal", [400, 403, 404, 405, 426, 501])
async def test_a_server_without_websocket_is_asked_over_http_from_then_on(refusal: int) -> None:
    server = SocketServer(refusal=refusal)
    async with server.listen() as url, backend(url, websocket=True) as asked:
        await asked.connect()
        for _ in range(3):
            assert await text_of(asked, HOLE) == "return a + b"
    assert server.posts == 3
    assert server.upgrades == 2


@pytest.mark.parametrize(("refusal", "error"), [(401, Unauthorized), (429, RateLimited)])
async def test_a_refused_key_is_not_tried_again_over_http(refusal: int, error: type[Exception]) -> None:
    server = SocketServer(refusal=refusal)
    async with server.listen() as url, backend(url, websocket=True) as asked:
        with pytest.raises(error):
            await text_of(asked, HOLE)
        server.refusal = 0
        assert await text_of(asked, HOLE) == "return a + b"
    assert not server.posts


EXPIRED = orjson.dumps(
    {
        "type": "error",
        "status": 400,
        "error": {
            "type": "invalid_request_error",
            "code": "websocket_connection_limit_reached",
            "message": "Responses websocket connection limit reached (60 minutes).",
        },
    }
).decode()


@pytest.mark.parametrize("what", ["close", EXPIRED])
async def test_a_socket_that_is_over_is_replaced(what: str) -> None:
    server = SocketServer("", what)
    async with server.listen() as url, backend(url, websocket=True) as asked:
        for _ in range(2):
            assert await text_of(asked, HOLE) == "return a + b"
    assert len(server.bodies) == 3
    assert not server.posts


async def test_a_server_that_closes_every_socket_is_given_up() -> None:
    server = SocketServer(*["close"] * 9)
    async with server.listen() as url, backend(url, websocket=True) as asked:
        for _ in range(2):
            with pytest.raises(BrokenStream):
                await text_of(asked, HOLE)
    assert len(server.bodies) <= 4


async def test_an_idle_socket_answers_pings() -> None:
    server = SocketServer()
    async with server.listen() as url, backend(url, websocket=True) as asked:
        await asked.connect()
        await until(lambda: server.pongs == 1)


async def test_an_idle_socket_that_the_server_closes_is_not_asked() -> None:
    server = SocketServer()
    async with server.listen() as url, backend(url, websocket=True) as asked:
        await asked.connect()
        await server.sockets[0].close()
        await until(lambda: server.open == 0)
        assert await text_of(asked, HOLE) == "return a + b"
    assert len(server.bodies) == 1


async def test_a_socket_closed_inside_an_answer_breaks_it() -> None:
    server = SocketServer("cut")
    async with server.listen() as url, backend(url, websocket=True) as asked:
        with pytest.raises(BrokenStream):
            await text_of(asked, HOLE)
    assert len(server.bodies) == 1


async def test_silence_is_timed_out() -> None:
    server = SocketServer("hang")
    async with server.listen() as url, backend(url, websocket=True, stall_ms=20) as asked:
        with pytest.raises(TimedOut, match="silent"):
            await text_of(asked, HOLE)


async def test_errors_have_their_types_and_spare_the_socket() -> None:
    gone = {"type": "invalid_request_error", "code": "model_not_found", "message": "no such thing"}
    slow = {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "Slow down"}
    says = [orjson.dumps({"type": "error", "status": 400, "error": error}).decode() for error in (gone, slow)]
    server = SocketServer(*says)
    async with server.listen() as url, backend(url, websocket=True) as asked:
        with pytest.raises(NoSuchModel, match="no such thing"):
            await text_of(asked, HOLE)
        with pytest.raises(RateLimited, match="Slow down"):
            await text_of(asked, HOLE)
        assert await text_of(asked, HOLE) == "return a + b"
        assert server.upgrades <= 2


async def test_nothing_is_connected_after_the_end() -> None:
    server = SocketServer()
    async with server.listen() as url:
        async with backend(url, websocket=True) as asked:
            assert isinstance(asked, OpenAIResponses)
            await text_of(asked, HOLE)
        await until(lambda: server.open == 0)


async def test_a_redirect_is_not_followed_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT_KEY", "secret-key")
    elsewhere = SocketServer()

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"location": f"{other}/v1/responses"})

    application = web.Application()
    application.router.add_route("*", "/v1/responses", redirect)
    runner = web.AppRunner(application, access_log=None)
    async with elsewhere.listen() as other:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with backend(url, websocket=True, api_key_env="STRICT_KEY") as asked:
            with pytest.raises(RequestRejected, match="redirect"):
                await text_of(asked, HOLE)
        await runner.cleanup()
    assert not elsewhere.headers
    assert not elsewhere.bodies
