"""One answer of a real server, kept as a test: its bytes, with what names somebody taken out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.sse import Decoder, JsonLines, ServerSentEvents, WholeBody
from spark_lsp.errors import BackendError
from spark_lsp.values import Delta

_PERSONAL = (
    "id|request_id|system_fingerprint|user|organization|project|item_id|response_id|trace_id|session_id"
    "|safety_identifier|prompt_cache_key|encrypted_content|signature|obfuscation|generation_id"
)
_FIELD = re.compile(rf'("(?:{_PERSONAL})"\s*:\s*)"(?:[^"\\]|\\.)*"'.encode())
_FILE = re.compile(rb'"[^"]*[\\/]([^"\\/]+\.gguf)"')  # llama.cpp names its model by the path, from / on

DECODERS: Mapping[str, type[Decoder]] = {
    ".sse": ServerSentEvents,
    ".ndjson": JsonLines,
    ".json": WholeBody,
}
"""How a recorded answer is read, by the end of its file's name."""


def redacted(body: bytes, hide: Callable[[str], str]) -> bytes:
    """The answer without identifiers: of the request, the account, the session; without folders; and
    without what `hide` takes out of a text, the key."""
    body = _FIELD.sub(rb'\1"redacted"', _FILE.sub(rb'"\1"', body))
    return hide(body.decode("latin-1")).encode("latin-1")  # byte by byte: not all of it need be UTF-8


def suffix_of(body: bytes) -> str:
    """The end of the file's name for an answer, by what it looks like."""
    if body.lstrip()[:1] != b"{":
        return ".sse"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return ".ndjson"
    return ".json"


def keep(folder: Path, backend: HttpBackend, kind: str, body: bytes) -> Path:
    """Write `body` as FOLDER/KIND/NAME.sse and what is read of it into `expected.toml` there.

    Raises OSError when the folder cannot be written.
    """
    body = redacted(body, backend.hide)
    name = re.sub(r"[^\w.-]+", "-", f"{backend.name}-{backend.model}").strip("-").lower()
    file = folder / kind / (name + suffix_of(body))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    table = file.parent / "expected.toml"
    others = table.read_text("utf-8") if table.exists() else ""
    mine = f'["{file.name}"]\n'
    kept = [part for part in re.split(r"\n(?=\[)", others) if part.strip() and not part.startswith(mine)]
    kept.append(mine + "\n".join(f"{key} = {value}" for key, value in _expected(backend, file).items()))
    table.write_text("\n\n".join(part.strip() for part in kept) + "\n", "utf-8")
    return file


def _expected(backend: HttpBackend, file: Path) -> dict[str, str]:
    """What the reader of this kind makes of the file, as TOML."""
    reader = backend.reader(DECODERS[file.suffix](), {})
    deltas: list[Delta] = []
    error: BackendError | None = None
    try:
        deltas.extend(reader.feed(file.read_bytes()))
        deltas.extend(reader.end())
    except BackendError as failure:
        error = failure
    expected: dict[str, Any] = {"text": "".join(delta.text for delta in deltas)}
    if error is not None:
        expected |= {"error": type(error).__name__, "says": error.message}
    else:
        expected["finish"] = deltas[-1].finish
        usage = deltas[-1].usage
        fields = {} if usage is None else {name: getattr(usage, name) for name in type(usage).__slots__}
        if said := {name: value for name, value in fields.items() if value is not None}:
            expected["usage"] = said
    return {key: _toml(value) for key, value in expected.items()}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    # A JSON text or number is one in TOML, too, but for this one character.
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
