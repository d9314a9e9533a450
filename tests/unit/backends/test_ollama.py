"""Kind `ollama`: raw prompts, `suffix` where the template has a place for it, models not there."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.errors import NoSuchModel, RequestRejected
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import Complain, StrictServer, refuse, text_of

NORMAL = (Path(__file__).parents[3] / "fixtures/streams/ollama/normal.ndjson").read_bytes()
TAGS = {
    "/api/tags": {
        "models": [
            {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}},
            {"name": "qwen2.5-coder:1.5b", "details": {"family": "qwen2"}},
        ]
    }
}


def serve(complain: Complain = lambda body: None, **options: Any) -> StrictServer:
    """A server that says no to what the real one does, beside what `complain` is about."""

    def strict_complaint(body: dict[str, Any]) -> web.Response | None:
        if body.get("raw") and (body.get("system") or body.get("template")):
            return refuse(400, {"error": "raw mode does not support template, system, or context"})
        return complain(body)

    return StrictServer(NORMAL, content_type="application/x-ndjson", complain=strict_complaint, **options)


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("ollama", url, **{"model": "m", **settings})


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (Prompt("a", "b"), {"prompt": "a", "suffix": "b"}),
        (Prompt("a = "), {"prompt": "a =", "raw": True}),
        (Prompt("a", "b", rendered="<P>a<S>b<M>"), {"prompt": "<P>a<S>b<M>", "raw": True}),
        (
            Prompt("a", rendered="Fill it", instructions="Be brief"),
            {"prompt": "Fill it", "system": "Be brief"},
        ),
    ],
)
async def test_what_is_sent(prompt: Prompt, expected: dict[str, Any]) -> None:
    server = serve()
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, prompt) == "return a + b"
    always = {
        "model": "m",
        "stream": True,
        "keep_alive": "30m",
        "think": False,
        "options": {"num_predict": 256, "temperature": 0.0, "stop": []},
    }
    assert server.bodies == [always | expected]
    assert server.paths == ["POST /api/generate"]


async def test_the_options_are_sent() -> None:
    server = serve()
    async with server.listen() as url, backend(url) as asked:
        await text_of(asked, Prompt("a", stop=tuple("12345"), max_tokens=7, temperature=0.5))
    assert server.bodies[0]["options"] == {"num_predict": 7, "temperature": 0.5, "stop": list("12345")}


async def test_a_template_without_a_suffix_wants_the_prefix_from_then_on() -> None:
    def complain(body: dict[str, Any]) -> web.Response | None:
        said = {"error": "registry.ollama.ai/library/llama3:latest does not support insert"}
        return refuse(400, said) if "suffix" in body else None

    server = serve(complain)
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(RequestRejected, match="does not support insert"):
            await text_of(asked, Prompt("return ", "b"))
        assert asked.fim == "prefix"
        assert await text_of(asked, Prompt("return ", "b", rendered="return")) == "return a + b"
    assert (server.bodies[1]["prompt"], server.bodies[1]["raw"]) == ("return", True)


@pytest.mark.parametrize(
    ("prefix", "sent"),
    [("    return ", "    return"), ("    ", "    "), ("a\n    ", "a\n    "), ("a\nb  ", "a\nb "), ("", "")],
)
async def test_a_prefix_alone_ends_where_a_token_does(prefix: str, sent: str) -> None:
    server = serve()
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, Prompt(prefix)) == "return a + b"
    assert (server.bodies[0]["prompt"], server.bodies[0]["raw"]) == (sent, True)


async def test_other_complaints_are_raised() -> None:
    server = serve(lambda body: refuse(400, {"error": '"m" does not support generate'}))
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(RequestRejected, match="does not support generate"):
            await text_of(asked, Prompt("a", "b"))
        assert not asked.fim
    assert len(server.bodies) == 1


async def test_a_server_that_does_not_know_think_is_asked_without() -> None:
    def complain(body: dict[str, Any]) -> web.Response | None:
        return refuse(400, {"error": "invalid option: think"}) if "think" in body else None

    server = serve(complain)
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, Prompt("a")) == "return a + b"
    assert "think" not in server.bodies[-1]


async def test_a_model_that_is_not_there_is_to_be_pulled() -> None:
    server = serve(lambda body: refuse(404, {"error": f"model '{body['model']}' not found"}))
    async with server.listen() as url, backend(url, model="qwen3-coder:30b") as asked:
        with pytest.raises(NoSuchModel, match="not found") as caught:
            await text_of(asked, Prompt("a"))
    assert "ollama pull qwen3-coder:30b" in caught.value.advice


async def test_no_model_at_all_is_said() -> None:
    server = serve(listing={"/api/tags": {"models": []}})
    async with server.listen() as url, backend(url, model="") as asked:
        with pytest.raises(NoSuchModel) as caught:
            await text_of(asked, Prompt("a"))
    assert "ollama pull" in caught.value.advice
    assert server.bodies == []


async def test_models_for_embeddings_are_not_listed() -> None:
    async with serve(listing=TAGS).listen() as url, backend(url, model="") as asked:
        assert await asked.models() == ("qwen2.5-coder:1.5b",)


@pytest.mark.parametrize(
    ("model", "loaded"),
    [("", []), ("m", [{"model": "m", "keep_alive": "30m", "stream": False}])],
)
async def test_connecting_loads_the_model_that_was_named(model: str, loaded: list[Any]) -> None:
    server = serve(listing=TAGS)
    async with server.listen() as url, backend(url, model=model) as asked:
        await asked.connect()
    assert server.bodies == loaded


async def test_connecting_never_raises() -> None:
    server = serve(lambda body: refuse(500, {"error": "no memory"}))
    async with server.listen() as url, backend(url) as asked:
        await asked.connect()
    assert len(server.bodies) == 1
