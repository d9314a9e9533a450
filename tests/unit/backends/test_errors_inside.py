"""An answer with status 200 that is an error all the same: in place of a stream, or at its start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from spark_lsp.backends.sse import Decoder, JsonLines, ServerSentEvents, WholeBody
from spark_lsp.errors import (
    BackendError,
    BrokenStream,
    NoSuchModel,
    RateLimited,
    RequestRejected,
    ServerFault,
    Unauthorized,
)
from spark_lsp.values import Prompt
from tests.fuzz.law import KINDS
from tests.fuzz.law import backend as reading
from tests.unit.backends.broken_servers import Says
from tests.unit.backends.strict import StrictServer, backend, text_of

BODIES: list[tuple[Any, type[BackendError], str]] = [
    (
        {"error": {"message": "Too many", "type": "requests", "code": "rate_limit_exceeded"}},
        RateLimited,
        "Too many",
    ),
    ({"error": {"message": "Slow down", "code": 429}}, RateLimited, "Slow down"),
    ({"error": {"message": "Slow down", "status": "RESOURCE_EXHAUSTED", "code": "429"}}, RateLimited, "Slow"),
    ({"error": "Too many requests"}, RateLimited, "Too many requests"),
    ({"error": "Slow down", "status_code": 429}, RateLimited, "Slow down"),
    (
        {"error": {"message": "Wrong key", "type": "invalid_request_error", "code": "invalid_api_key"}},
        Unauthorized,
        "Wrong key",
    ),
    ({"error": {"message": "Incorrect API key provided"}}, Unauthorized, "Incorrect"),
    (
        {"type": "error", "error": {"type": "authentication_error", "message": "no key"}},
        Unauthorized,
        "no key",
    ),
    ({"message": "Unauthorized", "request_id": "1"}, Unauthorized, "Unauthorized"),
    ({"error": {"message": "no quota", "code": "insufficient_quota"}}, Unauthorized, "no quota"),
    ({"error": {"message": "gone", "code": "model_not_found"}}, NoSuchModel, "gone"),
    ({"error": {"message": "The model `x` does not exist"}}, NoSuchModel, "does not exist"),
    ({"error": "model 'x' not found"}, NoSuchModel, "not found"),
    ({"object": "error", "message": "too long", "code": 400}, RequestRejected, "too long"),
    ({"error": {"message": "we broke", "type": "server_error"}}, ServerFault, "we broke"),
    ({"error": {"message": "come back later", "code": 503}}, ServerFault, "come back"),
    ({"detail": "out of luck"}, BrokenStream, "out of luck"),
    ({"status": "ok"}, BrokenStream, ""),
]

SHAPES: list[tuple[type[Decoder], Callable[[bytes], bytes]]] = [
    (WholeBody, lambda body: body),
    (ServerSentEvents, lambda body: b": hello\n\nevent: error\ndata: %b\n\n" % body),
    (ServerSentEvents, lambda body: b"\n" + body),
    (JsonLines, lambda body: body + b"\n"),
]


def ended(kind: str, decoder: type[Decoder], body: bytes) -> BackendError | None:
    """The error that a reader of this kind makes of a body."""
    reader = reading(kind).reader(decoder(), {})
    try:
        assert not list(reader.feed(body))
        list(reader.end())
    except BackendError as error:
        return error
    return None


@pytest.mark.parametrize("shape", SHAPES, ids=["whole", "first event", "whole, said to be events", "line"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_knows_them(kind: str, shape: tuple[type[Decoder], Callable[[bytes], bytes]]) -> None:
    decoder, wrapped = shape
    for said, expected, words in BODIES:
        error = ended(kind, decoder, wrapped(orjson.dumps(said)))
        assert type(error) is expected, said
        assert words in str(error)


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"", "application/json", BrokenStream),
        (b"", "text/event-stream", BrokenStream),
        (b"  \n", "application/json", BrokenStream),
        (b"<html><body>Log in</body></html>", "text/html", BrokenStream),
        (b"<html><body>Log in</body></html>", "text/plain", BrokenStream),
        (b"null", "application/json", BrokenStream),
        (b'{"error": {\n"message": "Slow down",\n"code": 429}}', "text/event-stream", RateLimited),
        (b'\xef\xbb\xbf{"error": {"message": "Slow down", "code": 429}}', "text/plain", RateLimited),
        (b'{"error": {"message": "cut off', "text/event-stream", BrokenStream),
    ],
)
@pytest.mark.parametrize("kind", ["openai-completions", "ollama"])
async def test_over_the_wire(kind: str, body: bytes, content_type: str, error: type[BackendError]) -> None:
    server = Says("200 OK", body, f"content-type: {content_type}")
    async with server.listen() as url, backend(kind, url, model="m") as asked:
        with pytest.raises(error) as raised:
            await text_of(asked, Prompt("a"))
    assert type(raised.value) is error


async def test_no_content_is_no_answer() -> None:
    async with Says("204 No Content").listen() as url, backend("openai-completions", url, model="m") as asked:
        with pytest.raises(BrokenStream, match="204"):
            await text_of(asked, Prompt("a"))


async def test_a_model_that_is_refused_inside_the_answer_is_passed_over() -> None:
    server = StrictServer(
        b'{"error":{"message":"gone","code":"model_not_found"}}',
        content_type="application/json",
        listing={"/v1/models": {"data": [{"id": "old"}, {"id": "new"}]}},
    )
    async with server.listen() as url, backend("openai-completions", f"{url}/v1") as asked:
        for model in ("new", ""):
            with pytest.raises(NoSuchModel):
                await text_of(asked, Prompt("a"))
            assert asked.model == model
    assert [body["model"] for body in server.bodies] == ["old", "new"]


async def test_a_key_that_is_refused_inside_the_answer_is_named_and_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = StrictServer(
        b'{"error":{"message":"wrong","code":"invalid_api_key"}}', content_type="application/json"
    )
    async with server.listen() as url, backend("tgi", url, model="m", api_key_env="TEST_KEY") as asked:
        for key in ("old-key-000", "new-key-000"):
            monkeypatch.setenv("TEST_KEY", key)
            with pytest.raises(Unauthorized) as raised:
                await text_of(asked, Prompt("a"))
            assert "$TEST_KEY" in raised.value.advice
    assert [said["authorization"] for said in server.headers] == ["Bearer old-key-000", "Bearer new-key-000"]
