"""Kind `tgi`: `POST {base_url}/generate_stream` of Text Generation Inference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from spark_lsp.backends.choices import ChoicesReader
from spark_lsp.backends.events import failure, table
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.ollama import prefix_alone
from spark_lsp.backends.openai_chat import messages
from spark_lsp.backends.openai_completions import STOPS
from spark_lsp.backends.payload import parse, whole_number
from spark_lsp.backends.sse import Decoder
from spark_lsp.values import Finish, Prompt, Usage

_FINISH: Mapping[str, Finish] = {"eos_token": "stop", "stop_sequence": "stop", "length": "length"}
_STATUS = {"overloaded": 529, "validation": 422, "generation": 500, "incomplete_generation": 500}


class TextGenerationInference(HttpBackend):
    """The server takes a prompt and no suffix; a chat goes to the endpoint that knows the chat template."""

    listing: ClassVar[str] = "/info"

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        # A temperature of 0 is refused; left out, the likeliest token is taken ("TGI's source").
        options: dict[str, Any] = {"stop": prompt.stop[:STOPS]}
        if prompt.temperature > 0:
            options["temperature"] = prompt.temperature
        if prompt.instructions:
            chat = {"messages": messages(prompt), "max_tokens": prompt.max_tokens, "stream": True}
            return "/v1/chat/completions", {"model": self.model or "tgi", **chat, **options}
        parameters = {"max_new_tokens": prompt.max_tokens, "details": True, "return_full_text": False}
        text = prefix_alone(prompt) if prompt.rendered is None else prompt.rendered
        return "/generate_stream", {"inputs": text, "parameters": parameters | options}

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> TgiReader:
        return TgiReader(decoder, headers)

    def listed(self, answer: Any) -> tuple[str, ...]:
        model = table(answer).get("model_id")
        return (model,) if isinstance(model, str) and model else ()


class TgiReader(ChoicesReader):
    """`token.text` but of special tokens, until `generated_text`; or what the chat endpoint says."""

    def __init__(self, decoder: Decoder, headers: Mapping[str, str]) -> None:
        super().__init__(decoder, headers)
        self._details: dict[str, Any] = {}

    def read(self, data: bytes) -> str:
        if self.done or not data.lstrip().startswith(b"{"):
            return super().read(data)
        value = parse(data)
        if isinstance(error := value.get("error"), str) and error:
            kind = value.get("error_type")
            said = {"message": error, "type": kind, "code": _STATUS.get(str(kind))}
            raise failure(said, value.get("status_code"))
        if "token" not in value:
            return super().read(data)
        if isinstance(value.get("generated_text"), str):
            self.done = True
            self._details = table(value.get("details"))
            self.finish = _FINISH.get(str(self._details.get("finish_reason")), "unknown")
        token = table(value["token"])
        text = token.get("text")
        return text if isinstance(text, str) and not token.get("special") else ""

    def usage(self) -> Usage:
        if not self._details:
            return super().usage()
        return Usage(
            prompt_tokens=whole_number(self._details.get("input_length")),
            completion_tokens=whole_number(self._details.get("generated_tokens")),
        )
