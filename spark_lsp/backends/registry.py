"""From settings to a backend. A new kind is one file and one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from spark_lsp.backends.base import Backend
from spark_lsp.config import BackendSettings
from spark_lsp.errors import UsageError

KINDS: Mapping[str, tuple[str, str]] = {
    "local": ("local", "LocalBackend"),
    "openai-completions": ("openai_completions", "OpenAICompletions"),
    "openai-chat": ("openai_chat", "OpenAIChat"),
    "openai-responses": ("openai_responses", "OpenAIResponses"),
    "mistral-fim": ("mistral_fim", "MistralFim"),
    "anthropic": ("anthropic", "Anthropic"),
    "llamacpp": ("llamacpp", "LlamaCpp"),
    "ollama": ("ollama", "Ollama"),
    "tgi": ("tgi", "TextGenerationInference"),
    "tabby": ("tabby", "Tabby"),
    "fake": ("fake", "FakeBackend"),
    "replay": ("replay", "Replay"),
}
"""Module and class by kind: imported when settings name the kind, since each brings milliseconds of start."""


def make(settings: BackendSettings) -> Backend:
    """The backend that `settings` describe. Raises UsageError where they describe none."""
    if settings.kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise UsageError(f"unknown kind {settings.kind!r}; known are {known}")
    module, name = KINDS[settings.kind]
    kind: Callable[[BackendSettings], Backend] = getattr(import_module(f"spark_lsp.backends.{module}"), name)
    return kind(settings)
