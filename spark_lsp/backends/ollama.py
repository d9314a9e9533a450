"""Kind `ollama`: `POST {base_url}/api/generate`, which answers in lines of JSON."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from spark_lsp.backends.events import EventReader, complain, milliseconds
from spark_lsp.backends.http import ERROR_BODY
from spark_lsp.backends.http_backend import HttpBackend, Incoming, names
from spark_lsp.backends.payload import parse, whole_number
from spark_lsp.backends.sse import Decoder
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, NoSuchModel, RequestRejected
from spark_lsp.values import Finish, Prompt, Usage

log = logging.getLogger(__name__)

KEEP_ALIVE = "30m"  # Ollama's own five minutes are over after one telephone call
NANOSECONDS = 1e-6  # in ms

_FINISH: Mapping[str, Finish] = {"stop": "stop", "length": "length", "load": "stop"}


class Ollama(HttpBackend):
    """A rendered prompt goes past the model's template (`raw`), a chat through it, and text on both sides
    into `suffix`, where the template has a place for that.
    """

    listing: ClassVar[str] = "/api/tags"
    optional: ClassVar[tuple[str, ...]] = ("think", "keep_alive")

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        self._named = bool(settings.model)

    @property
    def local(self) -> bool:
        """Ollama passes what its cloud models are asked on to its makers: `qwen3-coder:480b-cloud`."""
        return self._stays_here and not self.model.endswith(("-cloud", ":cloud"))

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        if not self.model:
            raise NoSuchModel("Ollama has none of the wanted models", advice="run `ollama pull MODEL`")
        body: dict[str, Any] = {
            "model": self.model,
            "stream": True,
            "keep_alive": KEEP_ALIVE,
            "think": False,  # left out, models that can think do ("Ollama's source")
            "options": {
                "num_predict": prompt.max_tokens,
                "temperature": prompt.temperature,
                "stop": prompt.stop,
            },
        }
        if prompt.instructions:
            body |= {"system": prompt.instructions, "prompt": prompt.text}
        elif prompt.rendered is None and prompt.suffix:  # without one, it is taken for a message to a chat
            body |= {"prompt": prompt.text, "suffix": prompt.suffix}
        else:
            text = prefix_alone(prompt) if prompt.rendered is None else prompt.rendered
            body |= {"prompt": text, "raw": True}
        return "/api/generate", body

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> OllamaReader:
        return OllamaReader(decoder, headers)

    def listed(self, answer: Any) -> tuple[str, ...]:
        """The models that generate: those for embeddings are of the family `bert`, or named for it."""
        rows = answer.get("models") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            return ()
        return names([row for row in rows if "bert" not in _family(row)], "name")

    async def connect(self, *, anew: bool = False) -> None:
        """With a model that the user named, have it loaded, too.

        One that was merely found here is not: it would take gigabytes, and perhaps the place of the model
        that something else is using, for a session in which nobody may ask it anything.
        """
        await super().connect(anew=anew)
        if self._named:
            try:
                body = {"model": self.model, "keep_alive": KEEP_ALIVE, "stream": False}
                async with await self._client.post("/api/generate", orjson.dumps(body)) as answer:
                    await answer.read(ERROR_BODY)
            except BackendError as error:
                log.info("%s does not load %s: %s", self.name, self.model, error)

    def takes_no_suffix(self, error: RequestRejected, asked: Mapping[str, Any]) -> bool:
        no_place = "suffix" in asked and "does not support insert" in error.message
        return no_place or super().takes_no_suffix(error, asked)

    async def _ask(self, prompt: Prompt) -> Incoming:
        model = self.model
        try:
            return await super()._ask(prompt)
        except NoSuchModel as error:
            if model:
                error.advice = f"run `ollama pull {model}`"
            raise


class OllamaReader(EventReader):
    """`response` until `done`, which comes with counts and durations. `thinking` is no text."""

    def __init__(self, decoder: Decoder, headers: Mapping[str, str]) -> None:
        super().__init__(decoder, headers)
        self._last: dict[str, Any] = {}

    def read(self, data: bytes) -> str:
        if self.done:
            return ""
        value = parse(data)
        if "response" not in value:
            complain(value)
        if value.get("done") is True:
            self.done = True
            self.finish = _FINISH.get(str(value.get("done_reason", "stop")), "unknown")
            self._last = value
        text = value.get("response")
        return text if isinstance(text, str) else ""

    def usage(self) -> Usage:
        last = self._last
        return Usage(
            prompt_tokens=whole_number(last.get("prompt_eval_count")),
            completion_tokens=whole_number(last.get("eval_count")),
            queue_ms=_ms(last.get("load_duration")),
            prompt_ms=_ms(last.get("prompt_eval_duration")),
            generation_ms=_ms(last.get("eval_duration")),
        )


def prefix_alone(prompt: Prompt) -> str:
    """The text before the cursor for a model that continues it. A blank before the cursor is left out
    where a word is about to follow: tokens begin with their blank. Indentation stays."""
    line = prompt.prefix[prompt.prefix.rfind("\n") + 1 :]
    return prompt.text[:-1] if line.endswith(" ") and line.strip() else prompt.text


def _ms(nanoseconds: Any) -> float | None:
    count = whole_number(nanoseconds)
    return None if count is None else milliseconds(count * NANOSECONDS, 1)


def _family(row: Any) -> str:
    details = row.get("details") if isinstance(row, dict) else None
    return str(details.get("family", "")) if isinstance(details, dict) else ""
