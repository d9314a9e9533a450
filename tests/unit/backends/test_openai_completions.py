"""Kind `openai-completions`: every known stream is read, and only what a server takes is sent."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from spark_lsp import errors
from spark_lsp.backends.openai_completions import CompletionReader, OpenAICompletions
from spark_lsp.backends.sse import ServerSentEvents, WholeBody
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, RequestRejected
from spark_lsp.values import Delta, Prompt, Usage

STREAMS = Path(__file__).parents[3] / "fixtures" / "streams" / "openai-completions"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((STREAMS / "expected.toml").read_text("utf-8"))


def read(body: bytes, size: int, *, whole: bool) -> tuple[list[Delta], BackendError | None]:
    """All deltas of `body` in chunks of `size` bytes, and the error that ended it."""
    reader = CompletionReader(WholeBody() if whole else ServerSentEvents(), {})
    deltas: list[Delta] = []
    try:
        for start in range(0, len(body), size):
            deltas.extend(reader.feed(body[start : start + size]))  # keeps those before an error
        deltas.extend(reader.end())
    except BackendError as error:
        return deltas, error
    return deltas, None


def check(name: str, size: int) -> None:
    expected = EXPECTED[name]
    body = (STREAMS / name).read_bytes()
    deltas, error = read(body, size or len(body) or 1, whole=name.endswith(".json"))
    assert "".join(delta.text for delta in deltas) == expected["text"]
    assert not any("\ud800" <= character <= "\udfff" for delta in deltas for character in delta.text)
    if "error" in expected:
        assert type(error) is getattr(errors, expected["error"])
        assert expected["says"] in str(error)
        return
    assert error is None
    assert [delta.finish for delta in deltas if delta.finish] == [expected["finish"]]
    assert deltas[-1].finish
    assert deltas[-1].usage == (Usage(**expected["usage"]) if "usage" in expected else None)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 0])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_streams(name: str, size: int) -> None:
    check(name, size)


def test_every_stream_is_expected() -> None:
    assert {path.name for path in STREAMS.iterdir()} - {"expected.toml"} == set(EXPECTED)


def test_limits_are_read_from_the_headers() -> None:
    headers = {"x-ratelimit-remaining-requests": "41", "x-ratelimit-remaining-tokens": "9000"}
    reader = CompletionReader(ServerSentEvents(), headers)
    *_, last = [*reader.feed((STREAMS / "no-done.sse").read_bytes()), *reader.end()]
    assert last.usage == Usage(requests_left=41, tokens_left=9000)


class StrictServer:
    """Takes what it knows and says no to the rest, in the words of the server it stands for."""

    def __init__(self, complain: Callable[[dict[str, Any]], web.Response | None]) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._complain = complain

    async def answer(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return self._complain(body) or web.Response(
            body=(STREAMS / "normal.sse").read_bytes(), content_type="text/event-stream"
        )

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[str]:
        application = web.Application()
        application.add_routes([web.post("/v1/completions", self.answer)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()


def accepts_all(_: dict[str, Any]) -> None:
    return None


def rejects(
    status: int, error: dict[str, Any], *fields: str
) -> Callable[[dict[str, Any]], web.Response | None]:
    """Rejects a body that has any of `fields`."""

    def complain(body: dict[str, Any]) -> web.Response | None:
        for name in fields:
            if name in body:
                text = orjson.dumps(error).decode().replace("NAME", name)
                return web.Response(text=text, status=status, content_type="application/json")
        return None

    return complain


@asynccontextmanager
async def backend(url: str, **settings: Any) -> AsyncIterator[OpenAICompletions]:
    backend = OpenAICompletions(
        BackendSettings(name="strict", kind="openai-completions", base_url=url, **{"model": "m", **settings})
    )
    try:
        yield backend
    finally:
        await backend.aclose()


async def text_of(backend: OpenAICompletions, prompt: Prompt) -> str:
    return "".join([delta.text async for delta in backend.stream(prompt)])


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (Prompt("a", "b"), {"prompt": "a", "suffix": "b"}),
        (Prompt("a"), {"prompt": "a"}),
        (Prompt("a", "b", rendered="<P>a<S>b<M>"), {"prompt": "<P>a<S>b<M>"}),
        (Prompt("a", rendered=""), {"prompt": ""}),
        (Prompt("a", stop=("1", "2", "3", "4", "5")), {"prompt": "a", "stop": ["1", "2", "3", "4"]}),
        (Prompt("a", max_tokens=7, temperature=0.5), {"prompt": "a", "max_tokens": 7, "temperature": 0.5}),
    ],
)
async def test_what_is_sent(prompt: Prompt, expected: dict[str, Any]) -> None:
    server = StrictServer(accepts_all)
    async with server.listen() as url, backend(url) as strict:
        assert await text_of(strict, prompt) == "return a + b"
    always = {
        "model": "m",
        "max_tokens": 256,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert server.bodies == [always | expected]


async def test_an_answer_in_one_piece_is_taken() -> None:
    def answer(_: dict[str, Any]) -> web.Response:
        return web.Response(body=(STREAMS / "no-stream.json").read_bytes(), content_type="application/json")

    async with StrictServer(answer).listen() as url, backend(url) as strict:
        assert await text_of(strict, Prompt("a")) == "return a + b"


async def test_the_key_and_the_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT_KEY", " secret-key\n")
    server = StrictServer(accepts_all)
    settings = {"api_key_env": "STRICT_KEY", "headers": {"X-Team": "editors"}}
    async with server.listen() as url, backend(url, **settings) as strict:
        await text_of(strict, Prompt("a"))
    assert server.headers[0]["authorization"] == "Bearer secret-key"
    assert server.headers[0]["x-team"] == "editors"
    assert server.headers[0]["accept-encoding"] == "identity"


OPENAI = {"error": {"message": "Unsupported parameter", "param": "NAME", "code": "unsupported_parameter"}}
FASTAPI = {"detail": [{"loc": ["body", "NAME"], "msg": "Extra inputs are not permitted"}]}
WORDS = {"object": "error", "message": "unexpected keyword argument 'NAME'"}


@pytest.mark.parametrize(
    ("status", "error", "fields", "requests"),
    [
        (400, OPENAI, ("stream_options",), 2),
        (400, {"error": {"message": "no", "param": "NAME.include_usage"}}, ("stream_options",), 2),
        (422, FASTAPI, ("stream_options",), 2),
        (400, WORDS, ("stream_options",), 2),
        (400, WORDS, ("stream_options", "temperature", "stop"), 4),
    ],
)
async def test_an_unknown_field_is_dropped_for_good(
    status: int, error: dict[str, Any], fields: tuple[str, ...], requests: int
) -> None:
    server = StrictServer(rejects(status, error, *fields))
    async with server.listen() as url, backend(url) as strict:
        for _ in range(2):
            assert await text_of(strict, Prompt("a", stop=("x",))) == "return a + b"
    assert len(server.bodies) == requests + 1
    assert not server.bodies[-1].keys() & set(fields)


@pytest.mark.parametrize(
    ("status", "error", "field"),
    [
        (400, {"error": {"message": "suffix is not currently supported"}}, "suffix"),
        (400, {"error": {"message": "no", "param": "NAME"}}, "max_tokens"),
        (500, WORDS, "stream_options"),
    ],
)
async def test_other_complaints_are_raised_at_once(status: int, error: dict[str, Any], field: str) -> None:
    server = StrictServer(rejects(status, error, field))
    async with server.listen() as url, backend(url) as strict:
        with pytest.raises(BackendError):
            await text_of(strict, Prompt("a", "b"))
    assert len(server.bodies) == 1


async def test_a_server_that_never_has_enough_is_given_up() -> None:
    def complain(_: dict[str, Any]) -> web.Response:
        return web.Response(text='{"error":{"message":"no stop"}}', status=400)

    server = StrictServer(complain)
    async with server.listen() as url, backend(url) as strict:
        with pytest.raises(RequestRejected):
            await text_of(strict, Prompt("a", stop=("x",)))
    assert len(server.bodies) == 2
