"""Kind `mistral-fim`: both sides in fields, and an answer in either shape."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import StrictServer, refuse, text_of

STREAMS = Path(__file__).parents[3] / "fixtures" / "streams" / "mistral-fim"
FIELDS = {  # of Mistral's SDK
    *("model", "prompt", "suffix", "max_tokens", "min_tokens", "stop", "stream"),
    *("temperature", "top_p", "random_seed", "metadata"),
}


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("mistral-fim", f"{url}/v1", **{"model": "codestral-latest", **settings})


def mistral(body: dict[str, Any]) -> web.Response | None:
    for name in body.keys() - FIELDS:
        problem = {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
        return refuse(422, {"detail": [problem]})
    return None


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (Prompt("a", "b"), {"prompt": "a", "suffix": "b"}),
        (Prompt("a"), {"prompt": "a"}),
        (Prompt("a", "b", rendered="[SUFFIX]b[PREFIX]a"), {"prompt": "[SUFFIX]b[PREFIX]a"}),
        (Prompt("a", stop=("1", "2", "3", "4", "5")), {"prompt": "a", "stop": ["1", "2", "3", "4"]}),
        (Prompt("a", max_tokens=7, temperature=0.5), {"prompt": "a", "max_tokens": 7, "temperature": 0.5}),
    ],
)
@pytest.mark.parametrize("stream", ["mistral.sse", "inception.sse"])
async def test_what_is_sent(prompt: Prompt, expected: dict[str, Any], stream: str) -> None:
    server = StrictServer((STREAMS / stream).read_bytes(), complain=mistral)
    async with server.listen() as url, backend(url) as asked:
        assert asked.fim == "suffix"
        assert await text_of(asked, prompt) == "return a + b"
    always = {"model": "codestral-latest", "max_tokens": 256, "temperature": 0.0, "stream": True}
    assert server.bodies == [always | expected]
    assert server.paths == ["POST /v1/fim/completions"]


async def test_an_unknown_field_of_the_settings_is_dropped_for_good() -> None:
    server = StrictServer((STREAMS / "mistral.sse").read_bytes(), complain=mistral)
    async with server.listen() as url, backend(url, body={"top_k": 3, "min_tokens": 1}) as asked:
        for _ in range(2):
            assert await text_of(asked, Prompt("a", "b")) == "return a + b"
    assert ["top_k" in body for body in server.bodies] == [True, False, False]
    assert all(body["min_tokens"] == 1 for body in server.bodies)


async def test_lines_anew_are_asked_by_another_path_and_come_in_one_piece() -> None:
    said = b'{"choices": [{"index": 0, "message": {"content": "return a"}, "finish_reason": "stop"}]}'
    server = StrictServer(said, content_type="application/json")
    async with server.listen() as url, backend(url, model="mercury-edit-2") as asked:
        assert await text_of(asked, Prompt("p", rendered="p", rewrites=True)) == "return a"
    message = [{"role": "user", "content": "p"}]
    assert server.bodies == [{"model": "mercury-edit-2", "messages": message, "max_tokens": 256}]
    assert server.paths == ["POST /v1/edit/completions"]
