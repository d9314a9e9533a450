"""Kind `openai-responses`: `POST {base_url}/responses`, or the same over a WebSocket that is kept open."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from spark_lsp.backends.events import EventReader, complain, failure, table
from spark_lsp.backends.http_backend import HttpBackend, Incoming
from spark_lsp.backends.payload import parse, whole_number
from spark_lsp.backends.sse import Decoder
from spark_lsp.backends.websocket import NoWebSocket, Sockets, create
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError
from spark_lsp.values import Finish, Prompt, Usage

log = logging.getLogger(__name__)

PATH = "/responses"
FEWEST_TOKENS = 16  # less is refused ("OpenAI's API reference")

_INCOMPLETE: Mapping[str, Finish] = {"max_output_tokens": "length", "content_filter": "filter"}
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


class OpenAIResponses(HttpBackend):
    """OpenAI's newer interface. It takes no stop strings, and its models no temperature."""

    usual_fim: ClassVar[str] = "chat"
    optional: ClassVar[tuple[str, ...]] = ("stream_options",)

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        self._sockets = Sockets(self._client, PATH) if settings.websocket else None

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "input": prompt.text,
            "max_output_tokens": max(prompt.max_tokens, FEWEST_TOKENS),
            "store": False,
            "stream": True,
            # Random bytes in each event, on unless told otherwise ("OpenAI's API reference").
            "stream_options": {"include_obfuscation": False},
        }
        if self.model:
            body["model"] = self.model
        if prompt.instructions:
            body["instructions"] = prompt.instructions
        return PATH, body

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> ResponsesReader:
        return ResponsesReader(decoder, headers)

    async def connect(self, *, anew: bool = False) -> None:
        await super().connect(anew=anew)
        if self._sockets is not None:
            if anew:
                await self._sockets.drop()
            try:
                await self._sockets.prepare()
            except (NoWebSocket, BackendError) as error:
                log.info("%s has no WebSocket: %s", self.name, error)

    async def aclose(self) -> None:
        if self._sockets is not None:
            await self._sockets.aclose()
        await super().aclose()

    async def _post(self, path: str, body: Mapping[str, Any]) -> Incoming:
        sockets = self._sockets
        if sockets is None:
            return await super()._post(path, body)
        try:
            return await sockets.ask(create(body))
        except NoWebSocket:
            answer = await super()._post(path, body)
            # Only now: where neither works it is the network, and that comes back.
            self._sockets = None
            await sockets.aclose()
            return answer


class ResponsesReader(EventReader):
    """Events by their `type`. Of what a response holds, only the final answer is text.

    Thoughts have events of their own; what models announce before they answer is a message whose `phase`
    is "commentary" ("openai-python's source").
    """

    def __init__(self, decoder: Decoder, headers: Mapping[str, str]) -> None:
        super().__init__(decoder, headers)
        self._response: dict[str, Any] = {}
        self._commentary: set[int | None] = set()
        self._said = False
        self._refused = False

    def read(self, data: bytes) -> str:
        if self.done or not data.strip() or data == b"[DONE]":
            return ""
        value = parse(data)
        kind = value.get("type")
        if kind == "response.output_text.delta":
            text = value.get("delta")
            if not isinstance(text, str) or (self._commentary and _index(value) in self._commentary):
                return ""
            self._said = True
            return text
        if kind == "error" or value.get("error"):
            complain(value)
            raise failure(value, value.get("status"))
        if kind == "response.refusal.delta":
            self._refused = True
        elif kind == "response.output_item.added":
            if table(value.get("item")).get("phase") == "commentary":
                self._commentary.add(_index(value))
        elif kind in _ENDS:
            return self._end(table(value.get("response")))
        elif value.get("object") == "response":  # asked to stream, some servers answer in one piece
            return self._end(value)
        elif not str(kind).startswith("response."):
            complain(value)
        return ""

    def usage(self) -> Usage:
        told = table(self._response.get("usage"))
        return Usage(
            prompt_tokens=whole_number(told.get("input_tokens")),
            completion_tokens=whole_number(told.get("output_tokens")),
            cached_tokens=whole_number(table(told.get("input_tokens_details")).get("cached_tokens")),
        )

    def _end(self, response: dict[str, Any]) -> str:
        self.done = True
        self._response = response
        if response.get("error") or response.get("status") == "failed":
            raise failure(response.get("error") or {}, None)
        self.finish = self._finish(response)
        return "" if self._said else _text(response)

    def _finish(self, response: dict[str, Any]) -> Finish:
        if self._refused:
            return "filter"
        status = response.get("status", "completed")
        if status != "incomplete":
            return "stop" if status == "completed" else "unknown"
        reason = table(response.get("incomplete_details")).get("reason")
        return _INCOMPLETE.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def _index(event: dict[str, Any]) -> int | None:
    return whole_number(event.get("output_index"))


def _text(response: dict[str, Any]) -> str:
    """The final answer in a whole response."""
    texts = [
        part.get("text")
        for item in _objects(response.get("output"))
        if item.get("type") == "message" and item.get("phase") != "commentary"
        for part in _objects(item.get("content"))
        if part.get("type") == "output_text"
    ]
    return "".join(text for text in texts if isinstance(text, str))


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
