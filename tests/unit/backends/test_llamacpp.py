"""Kind `llamacpp`: each prompt goes where the server can serve it, and reading ahead is in nobody's way."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.errors import RequestRejected, ServerFault
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import StrictServer, refuse, text_of

WORD = (Path(__file__).parents[3] / "fixtures/streams/llamacpp/word.sse").read_bytes()
ALWAYS = {"temperature": 0.0, "stop": [], "cache_prompt": True, "stream": True}
NO_INFILL = {"error": {"code": 501, "message": "Infill is not supported by this model"}}
BOTH_SIDES = Prompt("import os\n    return ", "\n\nx")


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("llamacpp", url, **{"model": "m", **settings})


def without_fim(body: dict[str, Any]) -> web.Response | None:
    """A model that has no FIM tokens."""
    return refuse(501, NO_INFILL) if "input_prefix" in body else None


@pytest.mark.parametrize(
    ("prompt", "path", "expected"),
    [
        (
            Prompt("a", "b", rendered="<P>a<S>b<M>"),
            "/completion",
            {"prompt": "<P>a<S>b<M>", "n_predict": 256},
        ),
        (Prompt("a", rendered=""), "/completion", {"prompt": "", "n_predict": 256}),
        (
            BOTH_SIDES,
            "/infill",
            {
                "input_prefix": "import os\n",
                "input_suffix": "\n\nx",
                "prompt": "    return ",
                "n_predict": 256,
            },
        ),
        (
            Prompt("a", rendered="a", stop=tuple("123456"), max_tokens=7, temperature=0.5),
            "/completion",
            {"prompt": "a", "stop": list("123456"), "n_predict": 7, "temperature": 0.5},
        ),
        (
            Prompt("a", rendered="Fill it", instructions="Be brief"),
            "/v1/chat/completions",
            {
                "messages": [
                    {"role": "system", "content": "Be brief"},
                    {"role": "user", "content": "Fill it"},
                ],
                "max_tokens": 256,
            },
        ),
    ],
)
async def test_what_is_sent(prompt: Prompt, path: str, expected: dict[str, Any]) -> None:
    server = StrictServer(WORD)
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, prompt) == " a + b"
    assert server.paths == [f"POST {path}"]
    assert server.bodies == [ALWAYS | {"model": "m"} | expected]


async def test_a_model_without_fim_wants_the_prefix_from_then_on() -> None:
    server = StrictServer(WORD, complain=without_fim)
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(RequestRejected, match="Infill is not supported"):
            await text_of(asked, BOTH_SIDES)
        assert asked.fim == "prefix"
        assert await text_of(asked, Prompt("a", rendered="a")) == " a + b"
    assert server.paths == ["POST /infill", "POST /completion"]


@pytest.mark.parametrize(("status", "prompt"), [(501, Prompt("a", rendered="a")), (400, BOTH_SIDES)])
async def test_other_refusals_are_raised(status: int, prompt: Prompt) -> None:
    server = StrictServer(WORD, complain=lambda body: refuse(status, NO_INFILL))
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(RequestRejected):
            await text_of(asked, prompt)
        assert not asked.fim
    assert len(server.bodies) == 1


async def test_a_server_that_loads_says_so() -> None:
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    server = StrictServer(WORD, complain=lambda body: refuse(503, loading))
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(ServerFault, match="Loading model") as caught:
            await text_of(asked, BOTH_SIDES)
    assert "loading" in caught.value.advice


@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        ("/home/me/codellama/SmolLM2-135M.Q4_1.gguf", "SmolLM2-135M.Q4_1"),
        ("C:\\models\\qwen\\SmolLM2.gguf", "SmolLM2"),
        ("ggml-org/Qwen2.5-Coder-1.5B-GGUF:Q8_0", "ggml-org/Qwen2.5-Coder-1.5B-GGUF:Q8_0"),
    ],
)
async def test_a_file_is_called_by_its_name_and_asked_by_its_id(listed: str, shown: str) -> None:
    server = StrictServer(WORD, listing={"/v1/models": {"data": [{"id": listed}]}})
    async with server.listen() as url, backend(url, model="") as asked:
        assert await asked.models() == (shown,)
        await text_of(asked, BOTH_SIDES)
        assert asked.model == shown
    assert server.bodies[0]["model"] == listed


async def test_reading_ahead_generates_nothing() -> None:
    server = StrictServer(b"{}", content_type="application/json")
    async with server.listen() as url, backend(url) as asked:
        await asked.prefill(Prompt("a", rendered="<P>a"))
        await asked.prefill(Prompt("a", rendered="a", instructions="Be brief"))
    assert server.paths == ["POST /completion"]
    assert server.bodies == [ALWAYS | {"model": "m", "prompt": "<P>a", "n_predict": 0, "stream": False}]


async def test_reading_ahead_never_raises() -> None:
    server = StrictServer(WORD, complain=lambda body: refuse(500, {}))
    async with server.listen() as url, backend(url) as asked:
        await asked.prefill(BOTH_SIDES)
    async with backend(url) as asked:  # nobody is there any more
        await asked.prefill(BOTH_SIDES)


class ReadsForEver:
    """A server with one slot, which a request with `n_predict` 0 fills until its socket closes."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.gone = asyncio.Event()
        self.predicted: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.predicted.append(body["n_predict"])
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        if body["n_predict"]:
            await self.gone.wait()
            await response.write(WORD)
            return response
        self.reading.set()
        try:
            while True:
                await response.write(b": \n\n")
                await asyncio.sleep(0.001)
        finally:
            self.gone.set()


async def test_an_answer_does_not_wait_for_reading_ahead() -> None:
    server = ReadsForEver()
    application = web.Application()
    application.router.add_post("/completion", server.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with backend(f"http://127.0.0.1:{runner.addresses[0][1]}") as asked:
            ahead = asyncio.create_task(asked.prefill(Prompt("a", rendered="a")))
            await server.reading.wait()
            assert await text_of(asked, Prompt("ab", rendered="ab")) == " a + b"
            await ahead
    finally:
        await runner.cleanup()
    assert server.predicted == [0, 256]


async def test_nothing_is_read_ahead_while_somebody_waits() -> None:
    server = StrictServer(WORD)
    async with server.listen() as url, backend(url) as asked:
        stream = asked.stream(Prompt("a", rendered="a"))
        await anext(stream)
        await asked.prefill(Prompt("b", rendered="b"))
        await stream.aclose()
        assert len(server.bodies) == 1
        await asked.prefill(Prompt("b", rendered="b"))
    assert len(server.bodies) == 2
