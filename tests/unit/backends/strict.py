"""Servers that take what the real ones take, and say no to the rest in their words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from spark_lsp.backends.base import Backend
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings
from spark_lsp.values import Delta, Prompt

Complain = Callable[[dict[str, Any]], web.Response | None]
"""The refusal of a request's body, None when there is nothing wrong with it."""


class StrictServer:
    """Answers each POST with `stream`, unless `complain` has something to say first.

    `bodies` and `headers` (lower case) are of the POSTs, in order; `paths` of all requests, as
    "POST /v1/completions". `listing` answers each GET that has its path.
    """

    def __init__(
        self,
        stream: bytes,
        *,
        content_type: str = "text/event-stream",
        complain: Complain = lambda body: None,
        listing: Mapping[str, Any] | None = None,
        response_headers: Mapping[str, str] | None = None,
    ) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self._stream = stream
        self._content_type = content_type
        self._complain = complain
        self._listing = listing or {}
        self._response_headers = response_headers or {}

    async def answer(self, request: web.Request) -> web.Response:
        self.paths.append(f"{request.method} {request.path}")
        if request.method != "POST":
            known = self._listing.get(request.path)
            return web.json_response(known) if known is not None else web.Response(status=404)
        body = orjson.loads(await request.read())
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        return self._complain(body) or web.Response(
            body=self._stream, content_type=self._content_type, headers=self._response_headers
        )

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[str]:
        """Serve on a free port: the URL without a path."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def refuse(status: int, body: Mapping[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


@asynccontextmanager
async def backend(kind: str, url: str, **settings: Any) -> AsyncIterator[Backend]:
    """A backend of this kind at `url`, closed at the end."""
    made = make(BackendSettings(name="strict", kind=kind, base_url=url, **settings))
    try:
        yield made
    finally:
        await made.aclose()


async def first_text(stream: AsyncGenerator[Delta, None]) -> str:
    """Read as far as the first text; news may come before it."""
    while not (delta := await anext(stream)).text:
        pass
    return delta.text


async def text_of(backend: Backend, prompt: Prompt) -> str:
    """All that it says to a prompt."""
    return "".join([delta.text async for delta in backend.stream(prompt)])
