"""Kind `tabby`: text and file as they are, and one answer in one piece."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.errors import RequestRejected, Unauthorized
from spark_lsp.values import Prompt
from tests.unit.backends import strict
from tests.unit.backends.strict import StrictServer, text_of

NORMAL = (Path(__file__).parents[3] / "fixtures/streams/tabby/normal.json").read_bytes()


def serve(**options: Any) -> StrictServer:
    return StrictServer(NORMAL, content_type="application/json", **options)


def backend(url: str, **settings: Any) -> AbstractAsyncContextManager[Backend]:
    return strict.backend("tabby", url, **settings)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (Prompt("a", "b"), {"segments": {"prefix": "a", "suffix": "b"}}),
        (
            Prompt("a", "b", language="python", path="src/a.py"),
            {"language": "python", "segments": {"prefix": "a", "suffix": "b", "filepath": "src/a.py"}},
        ),
        (Prompt("a", language="latex"), {"language": "tex", "segments": {"prefix": "a", "suffix": ""}}),
        (Prompt("a", temperature=0.5), {"temperature": 0.5, "segments": {"prefix": "a", "suffix": ""}}),
    ],
)
async def test_what_is_sent(prompt: Prompt, expected: dict[str, Any]) -> None:
    server = serve(listing={"/v1/health": {"model": "TabbyML/StarCoder-1B", "device": "cpu"}})
    async with server.listen() as url, backend(url) as asked:
        await asked.connect()
        assert asked.model == "TabbyML/StarCoder-1B"
        assert asked.fim == "suffix"  # whatever the model's name says: the server has the template
        assert await text_of(asked, prompt) == "return a + b"
    assert server.bodies == [{"temperature": 0.0} | expected]
    assert server.headers[0]["user-agent"]  # without one it refuses
    assert server.paths[-1] == "POST /v1/completions"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(401, "Invalid token", Unauthorized), (400, "", RequestRejected)],
)
async def test_refusals_are_plain_text(status: int, body: str, expected: type[Exception]) -> None:
    server = serve(complain=lambda _: web.Response(text=body, status=status))
    async with server.listen() as url, backend(url, model="m") as asked:
        with pytest.raises(expected, match=f"HTTP {status}.*{body}"):
            await text_of(asked, Prompt("a"))
