"""Kind `tgi`: what Text Generation Inference takes, and nothing that it refuses."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.errors import RateLimited, RequestRejected
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import StrictServer, refuse, text_of

STREAMS = Path(__file__).parents[3] / "fixtures/streams/tgi"
NORMAL = (STREAMS / "normal.sse").read_bytes()


def validation(body: dict[str, Any]) -> web.Response | None:
    """The refusals of "TGI's source"."""
    options = body.get("parameters", body)
    words = ""
    if options.get("temperature", 1.0) <= 0:
        words = "`temperature` must be strictly positive"
    if len(options["stop"]) > 4:
        words = "`stop` supports up to 4 stop sequences"
    said = {"error": f"Input validation error: {words}", "error_type": "validation"}
    return refuse(422, said) if words else None


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("tgi", url, **{"model": "m", **settings})


@pytest.mark.parametrize(
    ("prompt", "inputs", "parameters"),
    [
        (Prompt("return ", "b"), "return", {}),
        (Prompt("a", "b", rendered="<P>a<S>b<M>"), "<P>a<S>b<M>", {}),
        (Prompt("a", stop=tuple("12345"), max_tokens=7), "a", {"stop": list("1234"), "max_new_tokens": 7}),
        (Prompt("a", temperature=0.5), "a", {"temperature": 0.5}),
    ],
)
async def test_what_is_sent(prompt: Prompt, inputs: str, parameters: dict[str, Any]) -> None:
    server = StrictServer(NORMAL, complain=validation)
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, prompt) == "return a + b"
    always = {"max_new_tokens": 256, "details": True, "return_full_text": False, "stop": []}
    assert server.bodies == [{"inputs": inputs, "parameters": always | parameters}]
    assert server.paths == ["POST /generate_stream"]


async def test_a_chat_goes_where_the_chat_template_is() -> None:
    server = StrictServer((STREAMS / "chat.sse").read_bytes(), complain=validation)
    async with server.listen() as url, backend(url) as asked:
        assert await text_of(asked, Prompt("a", rendered="Fill it", instructions="Be brief")) == "pass"
    assert server.paths == ["POST /v1/chat/completions"]
    assert [message["content"] for message in server.bodies[0]["messages"]] == ["Be brief", "Fill it"]


async def test_the_model_is_the_one_that_is_served() -> None:
    server = StrictServer(NORMAL, listing={"/info": {"model_id": "bigcode/starcoder2-3b", "version": "3"}})
    async with server.listen() as url, backend(url, model="") as asked:
        assert await asked.models() == ("bigcode/starcoder2-3b",)
        assert asked.model == "bigcode/starcoder2-3b"


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [(422, "validation", RequestRejected), (429, "overloaded", RateLimited)],
)
async def test_refusals(status: int, kind: str, expected: type[Exception]) -> None:
    said = {"error": "Model is overloaded", "error_type": kind}
    server = StrictServer(NORMAL, complain=lambda body: refuse(status, said))
    async with server.listen() as url, backend(url) as asked:
        with pytest.raises(expected, match="overloaded"):
            await text_of(asked, Prompt("a"))
