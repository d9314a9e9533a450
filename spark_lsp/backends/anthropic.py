"""Kind `anthropic`: `POST {base_url}/messages`, as "Anthropic's SDK" has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from spark_lsp.backends.events import EventReader, complain, table
from spark_lsp.backends.http_backend import HttpBackend, Incoming
from spark_lsp.backends.payload import parse, whole_number
from spark_lsp.backends.refusal import stream_error
from spark_lsp.backends.sse import Decoder
from spark_lsp.config import BackendSettings
from spark_lsp.errors import NoSuchModel, RequestRejected, Unauthorized
from spark_lsp.values import Finish, Prompt, Usage

VERSION = "2023-06-01"
CACHEABLE = 4_096  # characters, about 1,024 tokens: shorter prompts are cached for no model

_FINISH: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "filter",
}
_STATUS = {"api_error": 500, "timeout_error": 504, "not_found_error": 404, "billing_error": 402}


class Anthropic(HttpBackend):
    """A message to a chat model. The answer is never begun for it: newer models refuse that."""

    usual_fim: ClassVar[str] = "chat"
    listing: ClassVar[str] = "/models?limit=1000"
    optional: ClassVar[tuple[str, ...]] = ("temperature", "stop_sequences")

    def __init__(self, settings: BackendSettings) -> None:
        self._bearer = settings.api_key_env == "ANTHROPIC_AUTH_TOKEN"
        given = {name.lower(): value for name, value in settings.headers.items()}
        super().__init__(replace(settings, headers={"anthropic-version": VERSION, **given}))

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": prompt.max_tokens,
            "messages": [{"role": "user", "content": prompt.text}],
            "temperature": prompt.temperature,
            "stream": True,
        }
        if prompt.instructions:
            block: dict[str, Any] = {"type": "text", "text": prompt.instructions}
            if len(prompt.instructions) >= CACHEABLE:
                block["cache_control"] = {"type": "ephemeral"}
            body["system"] = [block]
        if stops := [stop for stop in prompt.stop if stop.strip()]:  # a blank one is refused
            body["stop_sequences"] = stops
        return "/messages", body

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> MessageReader:
        return MessageReader(decoder, headers)

    def authorization(self, key: str) -> dict[str, str]:
        return super().authorization(key) if self._bearer else {"x-api-key": key}

    async def _post(self, path: str, body: Mapping[str, Any]) -> Incoming:
        """What the status does not say is in the words: "model: NAME" is one that is not served."""
        try:
            return await super()._post(path, body)
        except RequestRejected as error:
            if error.status == 404 and "model:" in error.message:
                advice = "set `model` to one that the server lists"
                raise NoSuchModel(error.message, advice=advice, status=404) from error
            if "credit balance" in error.message:
                advice = "the account has no credit left"
                raise Unauthorized(error.message, advice=advice, status=error.status) from error
            raise


class MessageReader(EventReader):
    """Deltas of text until `message_stop`. Thoughts, signatures and pings are no text."""

    def __init__(self, decoder: Decoder, headers: Mapping[str, str]) -> None:
        super().__init__(decoder, headers)
        self._reported: dict[str, Any] = {}

    def read(self, data: bytes) -> str:
        if self.done:
            return ""
        value = parse(data)
        match value.get("type"):
            case "content_block_delta":
                delta = table(value.get("delta"))
                text = delta.get("text") if delta.get("type") == "text_delta" else ""
                return text if isinstance(text, str) else ""
            case "message_start":
                self._note(table(value.get("message")))
            case "message_delta":
                self._note(table(value.get("delta")))
                self._note(value)
            case "message_stop":
                self.done = True
            case "message":  # asked to stream, some proxies answer in one piece
                self._note(value)
                self.done = True
                return _joined(value.get("content"))
            case "error":
                error = table(value.get("error"))
                raise stream_error(error | {"code": _STATUS.get(str(error.get("type")), error.get("type"))})
            case _:
                complain(value)
        return ""

    def usage(self) -> Usage:
        told = self._reported
        cached = whole_number(told.get("cache_read_input_tokens"))
        parts = [
            whole_number(told.get("input_tokens")),
            cached,
            whole_number(told.get("cache_creation_input_tokens")),
        ]
        known = [part for part in parts if part is not None]
        return Usage(
            prompt_tokens=sum(known) if known else None,  # `input_tokens` are those that no cache had
            completion_tokens=whole_number(told.get("output_tokens")),
            cached_tokens=cached,
        )

    def _note(self, value: dict[str, Any]) -> None:
        usage = table(value.get("usage"))
        self._reported |= {name: count for name, count in usage.items() if count is not None}
        if isinstance(reason := value.get("stop_reason"), str):
            self.finish = _FINISH.get(reason, "unknown")


def _joined(content: Any) -> str:
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))
