"""Kind `openai-completions`: every known stream is read, and only what a server takes is sent."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.backends.choices import ChoicesReader
from spark_lsp.backends.sse import ServerSentEvents
from spark_lsp.errors import BackendError, NoSuchModel, RequestRejected
from spark_lsp.values import Prompt, Usage
from tests.unit.backends import strict
from tests.unit.backends.strict import Complain, StrictServer, text_of

STREAMS = Path(__file__).parents[3] / "fixtures" / "streams" / "openai-completions"
NORMAL = (STREAMS / "normal.sse").read_bytes()


def test_limits_are_read_from_the_headers() -> None:
    headers = {"x-ratelimit-remaining-requests": "41", "x-ratelimit-remaining-tokens": "9000"}
    reader = ChoicesReader(ServerSentEvents(), headers)
    *_, last = [*reader.feed((STREAMS / "no-done.sse").read_bytes()), *reader.end()]
    assert last.usage == Usage(requests_left=41, tokens_left=9000)


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("openai-completions", f"{url}/v1", **{"model": "m", **settings})


def rejects(status: int, error: dict[str, Any], *fields: str) -> Complain:
    """Rejects a body that has any of `fields`."""

    def complain(body: dict[str, Any]) -> web.Response | None:
        for name in fields:
            if name in body:
                text = orjson.dumps(error).decode().replace("NAME", name)
                return web.Response(text=text, status=status, content_type="application/json")
        return None

    return complain


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
    server = StrictServer(NORMAL)
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, prompt) == "return a + b"
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

    async with StrictServer(NORMAL, complain=answer).listen() as url, backend(url) as asked:
        assert await text_of(asked, Prompt("a")) == "return a + b"


async def test_the_key_and_the_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT_KEY", " secret-key\n")
    server = StrictServer(NORMAL)
    settings = {"api_key_env": "STRICT_KEY", "headers": {"X-Team": "editors"}}
    async with server.listen() as url, backend(url, **settings) as asked:
        await text_of(asked, Prompt("a"))
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
    server = StrictServer(NORMAL, complain=rejects(status, error, *fields))
    async with server.listen() as url, backend(url) as asked:
        for _ in range(2):
            assert await text_of(asked, Prompt("a", stop=("x",))) == "return a + b"
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
    server = StrictServer(NORMAL, complain=rejects(status, error, field))
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(BackendError):
            await text_of(asked, Prompt("a", "b"))
    assert len(server.bodies) == 1


async def test_a_server_that_never_has_enough_is_given_up() -> None:
    def complain(_: dict[str, Any]) -> web.Response:
        return web.Response(text='{"error":{"message":"no stop"}}', status=400)

    server = StrictServer(NORMAL, complain=complain)
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(RequestRejected):
            await text_of(asked, Prompt("a", stop=("x",)))
    assert len(server.bodies) == 2


async def test_refused_models_are_passed_over_until_the_list_is_another() -> None:
    listing = {"/v1/models": {"data": [{"id": "old"}, {"id": "embed-new"}]}}

    def complain(body: dict[str, Any]) -> web.Response | None:
        gone = {"error": {"message": f"The model `{body['model']}` does not exist"}}
        return None if body["model"] == "new" else strict.refuse(404, gone)

    server = StrictServer(NORMAL, complain=complain, listing=listing)
    async with server.listen() as url, backend(url, model="", models=("old", "*")) as asked:
        await asked.connect()
        for _ in range(2):
            with pytest.raises(NoSuchModel):
                await text_of(asked, Prompt("a"))
        assert [body["model"] for body in server.bodies] == ["old"]
        listing["/v1/models"]["data"].append({"id": "new"})
        assert await text_of(asked, Prompt("a")) == "return a + b"
