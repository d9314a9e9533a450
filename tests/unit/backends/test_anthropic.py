"""Kind `anthropic`: what the API takes, by a server that refuses what it refuses."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.errors import NoSuchModel, RateLimited, RequestRejected, ServerFault, Unauthorized
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import StrictServer, refuse, text_of

NORMAL = (Path(__file__).parents[3] / "fixtures/streams/anthropic/normal.sse").read_bytes()
FIELDS = {"model", "max_tokens", "messages", "system", "stop_sequences", "temperature", "stream"}


def problem(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


class Api(StrictServer):
    """Refuses what the real one does: no version, unknown fields, blank stops, an answer begun for it."""

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("anthropic-version") != "2023-06-01":
            return refuse(400, problem("invalid_request_error", "anthropic-version: header is required"))
        if request.method == "POST" and (said := self._wrong(await request.json())):
            return refuse(400, problem("invalid_request_error", said))
        return await super().answer(request)

    def _wrong(self, body: dict[str, Any]) -> str:
        if unknown := body.keys() - FIELDS:
            return f"{min(unknown)}: Extra inputs are not permitted"
        if not body.get("model") or not isinstance(body.get("max_tokens"), int):
            return "max_tokens: Field required"
        if not all(stop.strip() for stop in body.get("stop_sequences", ())):
            return "stop_sequences: each stop sequence must contain non-whitespace"
        if body["messages"][-1]["role"] != "user":
            return "This model does not support assistant message prefill."
        return ""


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("anthropic", f"{url}/v1", **{"model": "claude", **settings})


CHAT = Prompt("a", "b", rendered="Fill it", instructions="Be brief")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (CHAT, {"system": [{"type": "text", "text": "Be brief"}]}),
        (Prompt("a", rendered="Fill it"), {}),
        (
            Prompt("a", rendered="Fill it", stop=("\n", "\n\n", " \t", "</hole>", "\n#")),
            {"stop_sequences": ["</hole>", "\n#"]},
        ),
        (Prompt("a", rendered="Fill it", stop=("\n",)), {}),
        (
            Prompt("a", rendered="Fill it", instructions="x" * 5000, max_tokens=7, temperature=0.5),
            {
                "system": [{"type": "text", "text": "x" * 5000, "cache_control": {"type": "ephemeral"}}],
                "max_tokens": 7,
                "temperature": 0.5,
            },
        ),
    ],
)
async def test_what_is_sent(prompt: Prompt, expected: dict[str, Any]) -> None:
    server = Api(NORMAL)
    async with server.listen() as url, backend(url) as asked:
        assert asked.fim == "chat"
        assert await text_of(asked, prompt) == "return a + b"
    always = {
        "model": "claude",
        "max_tokens": 256,
        "messages": [{"role": "user", "content": "Fill it"}],
        "temperature": 0.0,
        "stream": True,
    }
    assert server.bodies == [always | expected]
    assert server.paths == ["POST /v1/messages"]


@pytest.mark.parametrize(
    ("variable", "header", "value"),
    [
        ("ANTHROPIC_API_KEY", "x-api-key", "secret-key"),
        ("ANTHROPIC_AUTH_TOKEN", "authorization", "Bearer secret-key"),
    ],
)
async def test_the_key_is_sent_once(
    monkeypatch: pytest.MonkeyPatch, variable: str, header: str, value: str
) -> None:
    monkeypatch.setenv(variable, "secret-key")
    server = Api(NORMAL)
    async with server.listen() as url, backend(url, api_key_env=variable) as asked:
        await text_of(asked, CHAT)
    assert {name: sent for name, sent in server.headers[0].items() if "secret-key" in sent} == {header: value}


async def test_a_header_of_the_settings_wins() -> None:
    server = StrictServer(NORMAL)
    headers = {"Anthropic-Version": "2099-01-01", "anthropic-beta": "fast"}
    async with server.listen() as url, backend(url, headers=headers) as asked:
        await text_of(asked, CHAT)
    assert server.headers[0]["anthropic-version"] == "2099-01-01"
    assert server.headers[0]["anthropic-beta"] == "fast"


async def test_the_first_preferred_model_that_is_listed_is_asked() -> None:
    listing = {"/v1/models": {"data": [{"id": "claude-opus-9"}, {"id": "claude-haiku-9"}], "has_more": False}}
    server = Api(NORMAL, listing=listing)
    async with server.listen() as url, backend(url, model="", models=("claude-haiku-*", "*")) as asked:
        await asked.connect()
        assert asked.model == "claude-haiku-9"


async def test_a_model_without_temperature_is_asked_without() -> None:
    def complain(body: dict[str, Any]) -> web.Response | None:
        said = problem("invalid_request_error", "`temperature` is deprecated for this model.")
        return refuse(400, said) if "temperature" in body else None

    server = Api(NORMAL, complain=complain)
    async with server.listen() as url, backend(url) as asked:
        for _ in range(2):
            assert await text_of(asked, CHAT) == "return a + b"
    assert ["temperature" in body for body in server.bodies] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected", "advice"),
    [
        (404, "not_found_error", "model: claude-0", NoSuchModel, "that the server lists"),
        (404, "not_found_error", "Not found", RequestRejected, "base_url"),
        (400, "invalid_request_error", "Your credit balance is too low", Unauthorized, "no credit"),
        (400, "invalid_request_error", "prompt is too long", RequestRejected, ""),
        (401, "authentication_error", "invalid x-api-key", Unauthorized, "api_key"),
        (429, "rate_limit_error", "too many", RateLimited, "wait"),
        (529, "overloaded_error", "Overloaded", ServerFault, ""),
    ],
)
async def test_refusals(status: int, kind: str, message: str, expected: type[Exception], advice: str) -> None:
    server = Api(NORMAL, complain=lambda body: refuse(status, problem(kind, message)))
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(expected, match=message) as caught:
            await text_of(asked, CHAT)
    assert type(caught.value) is expected
    assert advice in getattr(caught.value, "advice", "")
