"""Kind `llamacpp`: the own endpoints of llama.cpp's server, `{base_url}/completion` and `/infill`."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from string import ascii_letters, digits
from typing import Any, ClassVar

import orjson

from spark_lsp.backends.choices import ChoicesReader
from spark_lsp.backends.events import milliseconds, table
from spark_lsp.backends.http import ERROR_BODY
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.openai_chat import messages
from spark_lsp.backends.payload import parse, whole_number
from spark_lsp.backends.sse import Decoder
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, RequestRejected
from spark_lsp.values import Delta, Finish, Prompt, Usage

log = logging.getLogger(__name__)

_PLAIN = frozenset(f"{ascii_letters}{digits} _")
"""What stands for itself in a grammar's text, whoever parses it."""

_FINISH: Mapping[str, Finish] = {"eos": "stop", "word": "stop", "none": "stop", "limit": "length"}


class LlamaCpp(HttpBackend):
    """A rendered prompt goes to `/completion`, text on both sides to `/infill`, a chat to the chat endpoint,
    which alone knows the model's chat template.

    A model without FIM tokens has 501 for `/infill` ("llama.cpp's server, README").
    """

    listing: ClassVar[str] = "/v1/models"
    optional: ClassVar[tuple[str, ...]] = ("grammar",)

    def __init__(self, settings: BackendSettings) -> None:
        super().__init__(settings)
        self._ids: dict[str, str] = {}
        self._streams = 0
        self._ahead: asyncio.Task[None] | None = None

    def request(self, prompt: Prompt) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {
            "temperature": prompt.temperature,
            "stop": prompt.stop,
            "cache_prompt": True,
            "stream": True,
        }
        if self.model:  # ignored by a server of one model, needed by one that has several
            body["model"] = self._ids.get(self.model, self.model)
        if prompt.instructions:
            return "/v1/chat/completions", body | {
                "messages": messages(prompt),
                "max_tokens": prompt.max_tokens,
            }
        body["n_predict"] = prompt.max_tokens
        if prompt.rendered is None:
            # What stands on the cursor's line goes last, behind the suffix: while that line is typed, all
            # before it is in the server's cache.
            start = prompt.prefix.rfind("\n") + 1
            if prompt.excerpts:
                body["input_extra"] = [{"filename": one.path, "text": one.text} for one in prompt.excerpts]
            return "/infill", body | {
                "input_prefix": prompt.prefix[:start],
                "input_suffix": prompt.suffix,
                "prompt": prompt.prefix[start:],
            }
        if prompt.typed:
            body["grammar"] = beginning(prompt.typed)
        return "/completion", body | {"prompt": prompt.rendered}

    def reader(self, decoder: Decoder, headers: Mapping[str, str]) -> LlamaCppReader:
        return LlamaCppReader(decoder, headers)

    def listed(self, answer: Any) -> tuple[str, ...]:
        """The names: of a file without its folders, in which a word may look like a model's name."""
        self._ids = {_name(id): id for id in super().listed(answer)}
        return tuple(self._ids)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self._streams += 1
        if self._ahead is not None:  # what it has read until now stays in the cache
            self._ahead.cancel()
        try:
            async with aclosing(super().stream(prompt)) as deltas:
                async for delta in deltas:
                    yield delta
        finally:
            self._streams -= 1

    async def prefill(self, prompt: Prompt) -> None:
        """Nothing while somebody waits for an answer; given up when somebody does, or for a newer one."""
        if self._ahead is not None:
            self._ahead.cancel()
        if self._streams or prompt.instructions:
            return
        ahead = self._ahead = asyncio.create_task(self._read_ahead(prompt))
        try:
            await asyncio.wait({ahead})
        finally:
            ahead.cancel()

    async def aclose(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.wait({self._ahead})
        await super().aclose()

    async def _read_ahead(self, prompt: Prompt) -> None:
        path, body = self.request(prompt)
        body |= {"n_predict": 0, "stream": False}
        body.pop("grammar", None)  # of what is said, and nothing is
        try:
            async with await self._client.post(path, orjson.dumps(body)) as answer:
                await answer.read(ERROR_BODY)
        except BackendError as error:
            log.info("%s does not read ahead: %s", self.name, error)

    def takes_no_suffix(self, error: RequestRejected, asked: Mapping[str, Any]) -> bool:
        return error.status == 501 and "input_suffix" in asked


class LlamaCppReader(ChoicesReader):
    """`content` until `stop`, which has a `stop_type` and the timings; or what the chat endpoint says."""

    def read(self, data: bytes) -> str:
        if self.done or data[:1] != b"{":
            return super().read(data)
        value = parse(data)
        if "content" not in value:
            return super().read(data)
        if value.get("stop") is True:
            self.done = True
            self.finish = _FINISH.get(str(value.get("stop_type")), "unknown")
            self._timings = table(value.get("timings"))
        text = value["content"]
        return text if isinstance(text, str) else ""

    def usage(self) -> Usage:
        if self._reported:
            return super().usage()
        timings = self._timings
        read, cached = whole_number(timings.get("prompt_n")), whole_number(timings.get("cache_n"))
        return Usage(
            prompt_tokens=None if read is None else read + (cached or 0),
            completion_tokens=whole_number(timings.get("predicted_n")),
            cached_tokens=cached,
            prompt_ms=milliseconds(timings.get("prompt_ms"), 1),
            generation_ms=milliseconds(timings.get("predicted_ms"), 1),
        )


def beginning(text: str) -> str:
    """A grammar (GBNF) of the answers that begin with `text`."""
    literal = "".join(character if character in _PLAIN else f"\\U{ord(character):08x}" for character in text)
    return f'root ::= "{literal}" [^\\x00]*'


def _name(id: str) -> str:
    return re.split(r"[\\/]", id)[-1].removesuffix(".gguf") if id.endswith(".gguf") else id
