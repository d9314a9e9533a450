"""Kind `mistral-fim`: `POST {base_url}/fim/completions`, for Codestral and Inception's Mercury."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from spark_lsp.backends.choices import ChoicesReader
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.openai_completions import STOPS
from spark_lsp.backends.sse import Decoder
from spark_lsp.values import Prompt


class MistralFim(HttpBackend):
    """Both sides of the cursor in fields. Mistral answers in chat's shape, Inception in text's."""

    usual_fim: ClassVar[str] = "suffix"
    optional: ClassVar[tuple[str, ...]] = ("temperature", "stop")

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        # No `stream_options`: Mistral's SDK has no such field, and its streams end with the usage anyway.
        body: dict[str, Any] = {
            "prompt": prompt.prefix if prompt.rendered is None else prompt.rendered,
            "max_tokens": prompt.max_tokens,
            "temperature": prompt.temperature,
            "stream": True,
        }
        if self.model:
            body["model"] = self.model
        if prompt.rendered is None and prompt.suffix:
            body["suffix"] = prompt.suffix
        if prompt.stop:
            body["stop"] = prompt.stop[:STOPS]
        return "/fim/completions", body

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> ChoicesReader:
        return ChoicesReader(decoder, headers)
