"""Kind `mistral-fim`: `POST {base_url}/fim/completions`, for Codestral and Inception's Mercury."""

from __future__ import annotations

from typing import Any, ClassVar

from spark_lsp.backends.openai_completions import OpenAICompletions
from spark_lsp.values import Prompt


class MistralFim(OpenAICompletions):
    """Both sides of the cursor in fields. Mistral answers in chat's shape, Inception in text's."""

    usual_fim: ClassVar[str] = "suffix"
    optional: ClassVar[tuple[str, ...]] = ("temperature", "stop")

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        _, body = super().request(prompt)
        del body[
            "stream_options"
        ]  # Mistral's SDK has no such field, and its streams end with the usage anyway
        return "/fim/completions", body
