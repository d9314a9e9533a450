"""Kind `openai-completions`: `POST {base_url}/completions`, as vLLM, llama.cpp and many others have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.payload import Halves, parse, whole_number
from spark_lsp.backends.refusal import stream_error
from spark_lsp.backends.sse import Decoder, Event
from spark_lsp.errors import BrokenStream
from spark_lsp.values import Delta, Finish, Prompt, Usage

STOPS = 4  # servers of this family reject a fifth

_FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "filter",
}


class OpenAICompletions(HttpBackend):
    """Text completion with a prompt rendered from a FIM template, or with the field `suffix`."""

    optional: ClassVar[tuple[str, ...]] = ("stream_options", "temperature", "stop")

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "prompt": prompt.prefix if prompt.rendered is None else prompt.rendered,
            "max_tokens": prompt.max_tokens,
            "temperature": prompt.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.model:
            body["model"] = self.model
        if prompt.rendered is None and prompt.suffix:
            body["suffix"] = prompt.suffix
        if prompt.stop:
            body["stop"] = prompt.stop[:STOPS]
        return "/completions", body

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> CompletionReader:
        return CompletionReader(decoder, headers)


class CompletionReader:
    """`choices[].text`, then a finish reason, then perhaps the usage, then perhaps `[DONE]`."""

    def __init__(self, decoder: Decoder, headers: Mapping[str, str]) -> None:
        self.done = False
        self._decoder = decoder
        self._headers = headers
        self._halves = Halves()
        self._finish: Finish | None = None
        self._usage: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        return self.done or self._finish is not None

    def feed(self, chunk: bytes) -> Iterator[Delta]:
        for event in self._decoder.feed(chunk):
            yield from self._read(event)

    def end(self) -> Iterator[Delta]:
        for event in self._decoder.end():
            yield from self._read(event)
        if not self.finished:
            raise BrokenStream("the stream ended before the text did")
        usage = _usage(self._usage, self._headers)
        yield Delta(finish=self._finish or "unknown", usage=usage, tokens=0)

    def _read(self, event: Event) -> Iterator[Delta]:
        data = event.data.strip()
        if not data or self.done:
            return
        if data == b"[DONE]":
            self.done = True
            return
        value = parse(data)
        if value.get("error") or value.get("object") == "error":
            raise stream_error(value.get("error") or value)
        usage = value.get("usage")
        if isinstance(usage, dict):
            self._usage = usage
        choice = _first_choice(value)
        text = choice.get("text")
        if isinstance(text, str) and (whole := self._halves.join(text)):
            yield Delta(whole)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._finish = _FINISH.get(reason, "unknown")


def _first_choice(value: dict[str, Any]) -> dict[str, Any]:
    """The chunk that reports the usage has no choices; a server set to several has others beside ours."""
    choices = value.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return {}


def _usage(reported: Mapping[str, Any], headers: Mapping[str, str]) -> Usage | None:
    details = reported.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    usage = Usage(
        prompt_tokens=whole_number(reported.get("prompt_tokens")),
        completion_tokens=whole_number(reported.get("completion_tokens")),
        cached_tokens=whole_number(reported.get("prompt_cache_hit_tokens") if cached is None else cached),
        requests_left=_header(headers, "x-ratelimit-remaining-requests"),
        tokens_left=_header(headers, "x-ratelimit-remaining-tokens"),
    )
    return None if usage == Usage() else usage


def _header(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() else None
