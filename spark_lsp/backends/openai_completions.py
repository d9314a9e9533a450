"""Kind `openai-completions`: `POST {base_url}/completions`, as vLLM, llama.cpp and many others have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from spark_lsp.backends.choices import ChoicesReader
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.sse import Decoder
from spark_lsp.values import Prompt

STOPS = 4  # servers of this family reject a fifth


class OpenAICompletions(HttpBackend):
    """Text completion with a prompt rendered from a FIM template, or with the field `suffix`."""

    optional: ClassVar[tuple[str, ...]] = ("stream_options", "temperature", "stop")

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "prompt": prompt.text,
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

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> ChoicesReader:
        return ChoicesReader(decoder, headers)
