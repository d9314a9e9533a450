"""The protocol that the fake server speaks: requests understood or rejected, answers in their shape. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from spark_lsp.backends.oracle import split_prompt, tokens
from spark_lsp.backends.script import Allowance, Limit, Script, parse_faults, parse_late, parse_limit
from spark_lsp.errors import UsageError
from spark_lsp.values import Finish

STOPS = 4  # as the servers of this family
DEFAULT_TOKENS = 16  # the protocol's own default, which surprises people

NUMBERS = ("ttft", "rate", "jitter")
TEXTS: Mapping[str, Callable[[str], object]] = {
    "faults": parse_faults,
    "limit": parse_limit,
    "late": parse_late,
}

DONE = b"data: [DONE]\n\n"
GARBAGE = b'data: {"choices": [{"te\n\n'
SCRIPTED = {"error": {"message": "a scripted fault", "type": "server_error", "param": None, "code": None}}


class RejectedError(Exception):
    """A request that is answered with an error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str = "",
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "error": {
                "message": message,
                "type": kind,
                "param": param or None,
                "code": code or None,
            }
        }


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a completion that has been understood. `usage`: the stream ends with a usage chunk."""

    prefix: str
    suffix: str
    max_tokens: int
    stop: tuple[str, ...]
    stream: bool
    usage: bool
    chat: bool
    model: str

    @property
    def prompt_tokens(self) -> int:
        return len(tokens(self.prefix)) + len(tokens(self.suffix))


def understand(body: dict[str, Any], *, chat: bool, model: str) -> Ask:
    """Raises RejectedError for what a real server would not take. `model` "" takes any."""
    asked = body.get("model") or model or "fake"
    if model and asked != model:
        raise RejectedError(
            404, f"The model `{asked}` does not exist.", param="model", code="model_not_found"
        )
    stream, options = body.get("stream") or False, body.get("stream_options") or {}
    if options and not stream:
        raise RejectedError(400, "stream_options needs stream to be true", param="stream_options")
    if not isinstance(options, dict):
        raise RejectedError(400, "stream_options is an object", param="stream_options")
    prefix, suffix = _message(body) if chat else _prompt(body)
    return Ask(
        prefix=prefix,
        suffix=suffix,
        max_tokens=_max_tokens(body, chat=chat),
        stop=_stop(body),
        stream=bool(stream),
        usage=bool(options.get("include_usage")),
        chat=chat,
        model=str(asked),
    )


def _prompt(body: dict[str, Any]) -> tuple[str, str]:
    prompt, suffix = body.get("prompt"), body.get("suffix") or ""
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise RejectedError(400, "prompt is a string", param="prompt")
    if not isinstance(suffix, str):
        raise RejectedError(400, "suffix is a string", param="suffix")
    return (prompt, suffix) if suffix else split_prompt(prompt)


def _message(body: dict[str, Any]) -> tuple[str, str]:
    """The prompt is the text of the last message by the user."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise RejectedError(400, "messages is a list", param="messages")
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
            if isinstance(content, str):
                return split_prompt(content)
    raise RejectedError(400, "no message by the user holds text", param="messages")


def _max_tokens(body: dict[str, Any], *, chat: bool) -> int:
    for name in ("max_completion_tokens", "max_tokens") if chat else ("max_tokens",):
        value = body.get(name)
        if value is not None:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise RejectedError(400, f"{name} is a whole number of at least 1", param=name)
            return value
    return 4_096 if chat else DEFAULT_TOKENS


def _stop(body: dict[str, Any]) -> tuple[str, ...]:
    stop = body.get("stop") or []
    strings = [stop] if isinstance(stop, str) else stop
    if not isinstance(strings, list) or not all(isinstance(string, str) for string in strings):
        raise RejectedError(400, "stop is a string or a list of strings", param="stop")
    if len(strings) > STOPS:
        raise RejectedError(400, f"stop holds at most {STOPS} strings", param="stop")
    return tuple(strings)


LIMITED = RejectedError(429, "Rate limit reached for requests", kind="requests", code="rate_limit_exceeded")


def limit_headers(limit: Limit, allowance: Allowance) -> dict[str, str]:
    """What every answer says about the limit, and when to come back where it is used up."""
    headers = {
        "x-ratelimit-limit-requests": str(limit.requests),
        "x-ratelimit-remaining-requests": str(allowance.left),
        "x-ratelimit-reset-requests": f"{allowance.resets:.3f}s",
    }
    if not allowance.granted:
        headers["retry-after"] = str(math.ceil(allowance.resets))  # whole seconds, by the standard
        headers["retry-after-ms"] = str(math.ceil(allowance.resets * 1000))
    return headers


def changed(script: Script, changes: dict[str, Any]) -> Script:
    """The script with some of its values replaced. Raises RejectedError."""
    unknown = changes.keys() - {*NUMBERS, *TEXTS}
    if unknown:
        known = ", ".join([*NUMBERS, *TEXTS])
        raise RejectedError(400, f"a script has {known}, not {', '.join(sorted(unknown))}")
    return replace(script, **{name: _value(name, value) for name, value in changes.items()})


def _value(name: str, value: Any) -> Any:
    """What a script has under `name`. Raises RejectedError."""
    if name in NUMBERS:
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise RejectedError(400, f"{name} is a number of at least 0", param=name)
        return value
    if not isinstance(value, str):
        raise RejectedError(400, f"{name} is a string", param=name)
    try:
        return TEXTS[name](value)
    except UsageError as error:
        raise RejectedError(400, str(error), param=name) from error


def event(value: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: %b\n\n" % orjson.dumps(value)


@dataclass(frozen=True, slots=True)
class Shape:
    """Objects of one answer. `created` is Unix time."""

    ask: Ask
    number: int
    created: int

    def piece(self, text: str) -> dict[str, Any]:
        """A chunk with text."""
        content = {"delta": {"content": text}} if self.ask.chat else {"text": text}
        return self._object("chunk", [{"index": 0, **content, "finish_reason": None}])

    def finish(self, reason: Finish) -> dict[str, Any]:
        """The chunk that ends the text."""
        content: dict[str, Any] = {"delta": {}} if self.ask.chat else {"text": ""}
        return self._object("chunk", [{"index": 0, **content, "finish_reason": reason}])

    def usage(self, generated: int) -> dict[str, Any]:
        """The chunk that follows it, where it was asked for."""
        return self._object("chunk", []) | {"usage": self._usage(generated)}

    def whole(self, text: str, reason: Finish, generated: int) -> dict[str, Any]:
        """All in one piece."""
        content = {"message": {"role": "assistant", "content": text}} if self.ask.chat else {"text": text}
        choices = [{"index": 0, **content, "finish_reason": reason}]
        return self._object("", choices) | {"usage": self._usage(generated)}

    def _object(self, part: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = "text_completion"  # the older protocol calls a chunk what it calls the whole
        if self.ask.chat:
            kind = "chat.completion.chunk" if part else "chat.completion"
        return {
            "id": f"fake-{self.number}",
            "object": kind,
            "created": self.created,
            "model": self.ask.model,
            "choices": choices,
        }

    def _usage(self, generated: int) -> dict[str, int]:
        asked = self.ask.prompt_tokens
        return {"prompt_tokens": asked, "completion_tokens": generated, "total_tokens": asked + generated}
