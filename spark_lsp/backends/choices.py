"""The stream grammar of OpenAI's completions and chat, with what the vendors that follow it add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spark_lsp.backends.events import EventReader, complain, failure, milliseconds, table
from spark_lsp.backends.payload import parse, whole_number
from spark_lsp.backends.sse import Decoder
from spark_lsp.values import Finish, Usage

_FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "filter",
}


class ChoicesReader(EventReader):
    """`choices[].text` or `choices[].delta.content`, a finish reason, perhaps the usage, perhaps `[DONE]`.

    What a model thinks (`reasoning`, `reasoning_content`, chunks of `thinking`) is no text.
    """

    def __init__(self, decoder: Decoder, headers: Mapping[str, str]) -> None:
        super().__init__(decoder, headers)
        self._reported: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}
        self._refused = False

    def read(self, data: bytes) -> str:
        if self.done:
            return ""
        if data[:1] != b"{":
            data = data.strip()
            self.done = data == b"[DONE]"
            if self.done or not data:
                return ""
        value = parse(data)
        self._note(value)
        choice = _first(value.get("choices"))
        message = choice.get("delta") or choice.get("message")
        if isinstance(message, dict):
            text = message.get("content")
            if text is None:
                text = choice.get("text")
            self._refused = self._refused or bool(message.get("refusal"))
        else:
            text = choice.get("text")
        if reason := choice.get("finish_reason"):
            self._end(reason, choice)
        return text if isinstance(text, str) else _joined(text)

    def usage(self) -> Usage:
        told, timings = self._reported, self._timings
        cached = table(told.get("prompt_tokens_details")).get("cached_tokens")
        prompt_ms = milliseconds(told.get("prompt_time"))
        generation_ms = milliseconds(told.get("completion_time"))
        return Usage(
            prompt_tokens=whole_number(told.get("prompt_tokens")),
            completion_tokens=whole_number(told.get("completion_tokens")),
            cached_tokens=whole_number(told.get("prompt_cache_hit_tokens") if cached is None else cached),
            queue_ms=milliseconds(told.get("queue_time")),
            prompt_ms=milliseconds(timings.get("prompt_ms"), 1) if prompt_ms is None else prompt_ms,
            generation_ms=milliseconds(timings.get("predicted_ms"), 1)
            if generation_ms is None
            else generation_ms,
            ttft_ms=milliseconds(told.get("time_to_first_token")),
        )

    def _note(self, value: dict[str, Any]) -> None:
        """What an event says beside its text: an error, or what was used."""
        if value.get("error"):
            raise failure(value["error"], value.get("status_code"))
        if usage := value.get("usage"):
            self._report(usage)
        if times := value.get("time_info"):  # Cerebras
            self._report(times)
        if timings := value.get("timings"):  # llama.cpp
            self._timings = table(timings)
        if groq := table(value.get("x_groq")):
            self._report(groq.get("usage"))
            if groq.get("error"):
                raise failure(groq["error"], None)
        if "choices" not in value:
            complain(value)

    def _report(self, values: Any) -> None:
        self._reported |= {name: said for name, said in table(values).items() if said is not None}

    def _end(self, reason: Any, choice: dict[str, Any]) -> None:
        if reason == "error":  # OpenRouter says why beside it, Mistral nowhere
            raise failure(choice.get("error") or {}, None)
        if isinstance(reason, str):
            self.finish = "filter" if self._refused else _FINISH.get(reason, "unknown")


def _first(choices: Any) -> dict[str, Any]:
    """The chunk that reports the usage has no choices; a server set to several has others beside ours."""
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return {}


def _joined(content: Any) -> str:
    """Content in chunks, as Mistral's reasoning models have it: those that are text."""
    chunks = (
        [chunk.get("text") for chunk in content if isinstance(chunk, dict)]
        if isinstance(content, list)
        else ()
    )
    return "".join(text for text in chunks if isinstance(text, str))
