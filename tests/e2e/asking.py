"""How end-to-end tests ask a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from spark_lsp.backends.base import Backend
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings
from spark_lsp.values import Prompt, Usage
from tests.e2e.servers import Server

ADD = "def add(a, b):\n    return a + b\n\n\ndef subtract(a, b):\n    return"
CONTINUED = Prompt(ADD, rendered=ADD, max_tokens=12)
CHAT = replace(CONTINUED, rendered="Say hello.", instructions="You answer in one short sentence.")


class Answer(NamedTuple):
    text: str
    usage: Usage | None
    finish: str | None


@asynccontextmanager
async def backend(kind: str, server: Server, path: str = "", **settings: Any) -> AsyncIterator[Backend]:
    """A backend of this kind at `server`, closed at the end."""
    named = {"name": "real", "kind": kind, "base_url": server.url + path, "headers": server.headers}
    made = make(BackendSettings(**{**named, "first_byte_ms": 60_000, **settings}))
    try:
        yield made
    finally:
        await made.aclose()


async def answer(asked: Backend, prompt: Prompt) -> Answer:
    async with aclosing(asked.stream(prompt)) as stream:
        deltas = [delta async for delta in stream]
    return Answer("".join(delta.text for delta in deltas), deltas[-1].usage, deltas[-1].finish)
