"""Kind `openai-chat`: only what a server takes is sent, and what it refuses is not sent again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.backends.openai_chat import OpenAIChat
from spark_lsp.config import BackendSettings
from spark_lsp.errors import (
    BackendError,
    NoSuchModel,
    RateLimited,
    RequestRejected,
    ServerFault,
    Unauthorized,
)
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import StrictServer, refuse, text_of

STREAMS = Path(__file__).parents[3] / "fixtures" / "streams" / "openai-chat"
NORMAL = (STREAMS / "vllm.sse").read_bytes()
HOLE = Prompt("a", "b", rendered="fill", instructions="You fill holes.", stop=("1", "2", "3", "4", "5"))


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("openai-chat", f"{url}/v1", **{"model": "m", **settings})


def cerebras(body: dict[str, Any]) -> web.Response | None:
    """As Cerebras refuses: by the name of the field, in words."""
    known = {"messages", "model", "max_completion_tokens", "stop", "stream", "stream_options", "temperature"}
    for name in body.keys() - known - {"max_tokens"}:
        return refuse(400, {"message": f"body.{name}: property '{name}' is unsupported", "param": name})
    return four_stops(body)


def openai_reasoning(body: dict[str, Any]) -> web.Response | None:
    """As OpenAI's reasoning models refuse: one parameter at a time."""
    advice = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    )
    for name, words in (
        ("max_tokens", advice),
        ("temperature", "Unsupported value: 'temperature' does not support 0.0 with this model."),
        ("stop", "Unsupported parameter: 'stop' is not supported with this model."),
    ):
        if name in body:
            return refuse(400, {"error": {"message": words, "param": name, "code": "unsupported_parameter"}})
    return None


def fastapi(body: dict[str, Any]) -> web.Response | None:
    """As a server refuses that forbids what it does not know, here the newer name of the limit."""
    for name in ("max_completion_tokens", "stream_options"):
        if name in body:
            return refuse(422, {"detail": [{"loc": ["body", name], "msg": "Extra inputs are not permitted"}]})
    return None


def no_limit(body: dict[str, Any]) -> web.Response | None:
    for name in ("max_tokens", "max_completion_tokens"):
        if name in body:
            return refuse(400, {"error": {"message": f"{name} is too large", "param": name}})
    return None


def four_stops(body: dict[str, Any]) -> web.Response | None:
    if len(body.get("stop", ())) > 4:
        return refuse(400, {"error": {"message": "at most 4 stop sequences", "param": "stop"}})
    return None


USER = {"role": "user", "content": "fill"}
SYSTEM = {"role": "system", "content": "You fill holes."}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (Prompt("a"), {"messages": [{"role": "user", "content": "a"}]}),
        (Prompt("a", rendered="fill"), {"messages": [USER]}),
        (HOLE, {"messages": [SYSTEM, USER], "stop": ["1", "2", "3", "4"]}),
        (
            Prompt("a", max_tokens=7, temperature=0.5),
            {"messages": [{"role": "user", "content": "a"}], "max_tokens": 7, "temperature": 0.5},
        ),
    ],
)
async def test_what_is_sent(prompt: Prompt, expected: dict[str, Any]) -> None:
    server = StrictServer(NORMAL, complain=four_stops)
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, prompt) == "pass"
        assert asked.fim == "chat"
    always = {
        "model": "m",
        "max_tokens": 256,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert server.bodies == [always | expected]
    assert server.paths == ["POST /v1/chat/completions"]


@pytest.mark.parametrize(
    ("base_url", "limit", "openai"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens", True),
        ("https://eu.api.openai.com/v1", "max_completion_tokens", True),
        ("https://api.cerebras.ai/v1", "max_completion_tokens", False),
        ("https://api.groq.com/openai/v1", "max_completion_tokens", False),
        ("https://notopenai.com/v1", "max_tokens", False),
        ("https://openai.com.example.org/v1", "max_tokens", False),
        ("http://127.0.0.1:8000/v1", "max_tokens", False),
    ],
)
def test_what_only_some_vendors_know(base_url: str, limit: str, openai: bool) -> None:
    made = OpenAIChat(BackendSettings(name="x", kind="openai-chat", base_url=base_url, model="m"))
    _, body = made.request(HOLE)
    assert {name for name in body if name.startswith("max")} == {limit}
    assert ("include_obfuscation" in body["stream_options"]) is openai
    assert (body.get("store") is False) is openai
    assert openai or cerebras(body) is None


@pytest.mark.parametrize(
    ("complain", "settings", "requests", "sent"),
    [
        (cerebras, {}, 1, {"max_tokens", "temperature", "stop", "stream_options"}),
        (
            cerebras,
            {"body": {"frequency_penalty": 1}},
            2,
            {"max_tokens", "temperature", "stop", "stream_options"},
        ),
        (openai_reasoning, {}, 4, {"max_completion_tokens", "stream_options"}),
        (fastapi, {}, 2, {"max_tokens", "temperature", "stop"}),
    ],
)
async def test_what_is_refused_is_not_sent_again(
    complain: Callable[[dict[str, Any]], web.Response | None],
    settings: dict[str, Any],
    requests: int,
    sent: set[str],
) -> None:
    server = StrictServer(NORMAL, complain=complain)
    async with server.listen() as url, backend(url, **settings) as asked:
        for _ in range(2):
            assert await text_of(asked, HOLE) == "pass"
    assert len(server.bodies) == requests + 1
    assert server.bodies[-1].keys() == sent | {"messages", "model", "stream"}


async def test_a_limit_that_is_refused_by_both_names_is_never_left_out() -> None:
    server = StrictServer(NORMAL, complain=no_limit)
    async with server.listen() as url, backend(url) as asked:
        for _ in range(2):
            with pytest.raises(RequestRejected):
                await text_of(asked, HOLE)
    assert all({"max_tokens", "max_completion_tokens"} & body.keys() for body in server.bodies)
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": {"message": "Wrong API Key", "code": "wrong_api_key"}}, Unauthorized),
        (404, {"error": {"message": "gone", "code": "model_not_found", "param": "model"}}, NoSuchModel),
        (429, {"error": {"message": "Too many", "code": "too_many_requests"}}, RateLimited),
        (498, {"error": {"message": "Flex capacity exceeded"}}, RateLimited),
        (503, {"error": {"message": "Overloaded"}}, ServerFault),
    ],
)
async def test_other_refusals_are_raised_at_once(
    status: int, body: dict[str, Any], error: type[BackendError]
) -> None:
    server = StrictServer(NORMAL, complain=lambda _: refuse(status, body))
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(error):
            await text_of(asked, HOLE)
    assert len(server.bodies) == 1
