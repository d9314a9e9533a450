"""A recorded session, as `spark-lsp --record` writes it (`lsp/recording.py`)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from spark_lsp.errors import UsageError
from spark_lsp.lsp.recording import FORMAT

Message = dict[str, Any]

SETTINGS_LEFT_OUT = ("backend", "actions")
"""Settings that name URLs, keys and commands to run: the session may be somebody else's."""


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the session, who sent it, and how many seconds after the beginning."""

    from_client: bool
    message: Message
    at: float = 0.0

    @property
    def method(self) -> str | None:
        """None for a response."""
        method: str | None = self.message.get("method")
        return method

    @property
    def is_request(self) -> bool:
        return self.method is not None and "id" in self.message


def read(file: Path) -> list[Step]:
    """The steps of the session in this file. Raises UsageError when it is none."""
    try:
        head, *lines = file.read_bytes().splitlines()
        form = orjson.loads(head)["format"]
        steps = [_step(line) for line in lines if line.strip()]
    except OSError as error:
        raise UsageError(f"the session {file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{file} is no session that `spark-lsp --record` wrote: {error}") from error
    if form != FORMAT:
        raise UsageError(f"{file} is a session of format {form}; this spark-lsp reads format {FORMAT}")
    if not any(step.from_client and step.method == "initialize" for step in steps):
        raise UsageError(f"{file} is no whole session: no `initialize` is in it")
    return steps


def _step(line: bytes) -> Step:
    entry = orjson.loads(line)
    sender, message = entry["from"], entry["message"]
    if sender not in ("client", "server") or not isinstance(message, dict):
        raise ValueError(f"a line is from {sender!r}")
    return Step(sender == "client", message, float(entry.get("at", 0)))


def answers_of(steps: Sequence[Step]) -> dict[str, deque[Any]]:
    """What the client answered to each method that the server asked, in order."""
    asked = {
        step.message["id"]: str(step.method) for step in steps if not step.from_client and step.is_request
    }
    answers: dict[str, deque[Any]] = defaultdict(deque)
    for step in steps:
        if step.from_client and step.method is None and (method := asked.get(step.message.get("id"))):
            answers[method].append(_harmless(method, step.message.get("result")))
    return answers


def params_of(step: Step) -> Any:
    """What the client sent, without those settings that a stranger must not make for us."""
    return _harmless(str(step.method), step.message.get("params"))


def _harmless(method: str, value: Any) -> Any:
    match method:
        case "initialize" if isinstance(value, dict) and "initializationOptions" in value:
            return {**value, "initializationOptions": _without_settings(value["initializationOptions"])}
        case "workspace/didChangeConfiguration" | "workspace/configuration":
            return _without_settings(value)
        case _:
            return value


def _without_settings(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_settings(each) for key, each in value.items() if key not in SETTINGS_LEFT_OUT}
    return [_without_settings(each) for each in value] if isinstance(value, list) else value
