"""What would leave this process for one place in a document, and to whom. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_lsp.backends.base import Backend
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.config.secrets import looks_secret
from spark_lsp.engine.redacting import RedactingBackend
from spark_lsp.privacy.redact import Replacement
from spark_lsp.values import Prompt, Reach


@dataclass(frozen=True, slots=True)
class Letter:
    """What one backend is sent. `url` and `body` are the request's; where that is none over HTTP, `url` is ""
    and `body` has the prompt's parts. The lines of `replaced` are the document's, 0-based."""

    backend: str
    model: str
    local: bool
    url: str
    body: Mapping[str, Any]
    replaced: tuple[Replacement, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """The letters, in the order in which they are sent. `reason` says why there are none, or fewer."""

    letters: tuple[Letter, ...] = ()
    reason: str = ""


def letters(asked: Iterable[tuple[Backend, Prompt]]) -> tuple[Letter, ...]:
    """What those outside of this process are sent."""
    return tuple(
        _letter(backend, prompt) for backend, prompt in asked if isinstance(backend, RedactingBackend)
    )


def _letter(backend: RedactingBackend, prompt: Prompt) -> Letter:
    redacted = backend.redact(prompt)
    sent = redacted.prompt
    first = (prompt.line or 0) - prompt.prefix.count("\n")
    replaced = tuple(each._replace(line=each.line + first) for each in redacted.replaced)
    if isinstance(backend.asked, HttpBackend):
        url, body = backend.asked.outgoing(sent)
    else:
        url = ""
        body = {"instructions": sent.instructions, "prompt": sent.text, "suffix": sent.suffix}
        body = {name: text for name, text in body.items() if text}
    return Letter(backend.name, backend.model, backend.local, url, body, replaced)


def why(reach: Reach, path: str, *, file: bool) -> str:
    """What keeps the text of this document here, "" where nothing does."""
    if reach == "anywhere":
        return ""
    name = Path(path).name
    if reach == "process" and looks_secret(name):
        return f"{name} looks like a file of secrets: it is never sent"
    if not file:
        return f"{name} is no file: `privacy.untitled` lets its text go no further than this {reach}"
    if reach == "process":
        return f"{name} is listed in an ignore file (`privacy.ignore_files`): it is never sent"
    return f"`privacy.deny` lists {name}: only backends on this machine are asked"
