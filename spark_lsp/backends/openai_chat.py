"""Kind `openai-chat`: `POST {base_url}/chat/completions`, as Cerebras, Groq and OpenAI have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from spark_lsp.backends.choices import ChoicesReader
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.openai_completions import STOPS
from spark_lsp.backends.sse import Decoder
from spark_lsp.config import BackendSettings
from spark_lsp.values import Prompt

_NEW_NAME = ("openai.com", "cerebras.ai", "groq.com")


class OpenAIChat(HttpBackend):
    """Models that are told what to do.

    The limit of tokens goes by two names. Vendors that call `max_tokens` deprecated get the other, and
    everybody else `max_tokens`: a server that ignores a name it does not know generates without a
    limit, while one that refuses it is asked again by the other.
    """

    usual_fim: ClassVar[str] = "chat"
    optional: ClassVar[tuple[str, ...]] = ("stream_options", "temperature", "stop")
    other_names: ClassVar[Mapping[str, str]] = {
        "max_tokens": "max_completion_tokens",
        "max_completion_tokens": "max_tokens",
    }

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        host = urlsplit(self._client.base_url).hostname or ""
        self._limit = "max_completion_tokens" if _within(host, *_NEW_NAME) else "max_tokens"
        self._openai = _within(host, "openai.com")

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "messages": messages(prompt),
            self._limit: prompt.max_tokens,
            "temperature": prompt.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._openai:
            body["store"] = False
            # Random bytes in each event, on unless told otherwise ("OpenAI's API reference").
            body["stream_options"]["include_obfuscation"] = False
        if self.model:
            body["model"] = self.model
        if prompt.stop:
            body["stop"] = prompt.stop[:STOPS]
        return "/chat/completions", body

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> ChoicesReader:
        return ChoicesReader(decoder, headers)


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """The prompt as a conversation: what the model is told, where there is that, and what it is asked."""
    told = [{"role": "system", "content": prompt.instructions}] if prompt.instructions else []
    return [*told, {"role": "user", "content": prompt.text}]


def _within(host: str, *domains: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
