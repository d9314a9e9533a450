"""Kind `mistral-fim`: `POST {base_url}/fim/completions`, for Codestral and Inception's Mercury, and
`/edit/completions` of the latter for the next edit."""

from __future__ import annotations

from typing import Any, ClassVar

from spark_lsp.backends.openai_completions import OpenAICompletions
from spark_lsp.values import Prompt


class MistralFim(OpenAICompletions):
    """Both sides of the cursor in fields. Mistral answers in chat's shape, Inception in text's."""

    usual_fim: ClassVar[str] = "suffix"
    optional: ClassVar[tuple[str, ...]] = ("temperature", "stop")

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        if prompt.rewrites:  # one message, answered in one piece
            asked = {"messages": [{"role": "user", "content": prompt.text}], "max_tokens": prompt.max_tokens}
            return "/edit/completions", {"model": self.model, **asked}
        _, body = super().request(prompt)
        del body[
            "stream_options"
        ]  # Mistral's SDK has no such field, and its streams end with the usage anyway
        return "/fim/completions", body
