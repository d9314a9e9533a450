"""Kind `tabby`: `POST {base_url}/v1/completions` of a Tabby server, which answers in one piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from spark_lsp.backends.events import EventReader, complain, failure, table
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.payload import parse
from spark_lsp.backends.sse import Decoder
from spark_lsp.values import Prompt, Usage

LANGUAGES: Mapping[str, str] = {
    "bash": "shellscript",
    "cs": "csharp",
    "latex": "tex",
    "make": "makefile",
    "plaintext": "txt",
    "ps1": "powershell",
    "sh": "shellscript",
    "text": "txt",
    "zsh": "shellscript",
}
"""Ids of editors that "Tabby's source" has other names for: it goes by most of VS Code's, not by Vim's."""


class Tabby(HttpBackend):
    """The server knows its model's template, its limit and its stops: it is told the text and the file."""

    usual_fim: ClassVar[str] = "suffix"
    listing: ClassVar[str] = "/v1/health"
    optional: ClassVar[tuple[str, ...]] = ("temperature",)

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        segments: dict[str, Any] = {"prefix": prompt.prefix, "suffix": prompt.suffix}
        if prompt.path:
            segments["filepath"] = prompt.path
        if prompt.excerpts:
            segments["relevant_snippets_from_changed_files"] = [
                {"filepath": one.path, "body": one.text, "score": 1.0} for one in prompt.excerpts
            ]
        body: dict[str, Any] = {"segments": segments, "temperature": prompt.temperature}
        if prompt.language:
            body["language"] = LANGUAGES.get(prompt.language, prompt.language)
        return "/v1/completions", body

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> TabbyReader:
        return TabbyReader(decoder, headers)

    def listed(self, answer: Any) -> tuple[str, ...]:
        model = table(answer).get("model")
        return (model,) if isinstance(model, str) and model else ()


class TabbyReader(EventReader):
    """`choices[0].text`. Nothing says whether it was cut by the server's limit."""

    def read(self, data: bytes) -> str:
        if self.done:
            return ""
        value = parse(data)
        choices = value.get("choices")
        if value.get("error") or not isinstance(choices, list):
            complain(value)
            raise failure(value, None)
        self.done, self.finish = True, "unknown"
        text = table(choices[0]).get("text") if choices else ""
        return text if isinstance(text, str) else ""

    def usage(self) -> Usage:
        return Usage()
