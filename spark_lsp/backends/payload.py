"""JSON as backends send it: objects out of bytes, characters out of halves."""

from __future__ import annotations

import json
from typing import Any

import orjson

from spark_lsp.errors import BrokenStream

QUOTE = 120  # characters of somebody else's text that a message of ours repeats


def parse(data: bytes) -> dict[str, Any]:
    """The object in `data`. Raises BrokenStream when there is none."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _lenient(data)
    if not isinstance(value, dict):
        raise BrokenStream(f"expected a JSON object, got {quote(data)}")
    return value


def _lenient(data: bytes) -> Any:
    # A server that cuts its text into tokens may escape half a surrogate pair: strict parsers refuse
    # "\ud83d", the standard library's keeps it until `Halves` sees the other half.
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenStream(f"expected JSON, got {quote(data)}") from error


def quote(data: bytes | str, most: int = QUOTE) -> str:
    """Somebody else's words on one line, `most` characters of them, fit for a message."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Halves:
    """Joins surrogate halves that arrive in two deltas, so that no text ever holds a half."""

    def __init__(self) -> None:
        self._high = ""

    def join(self, text: str) -> str:
        """`text` with the half kept before it, less a high half at its end."""
        if not self._high and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)):
            return text
        text = self._high + text
        self._high = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        whole = text[: len(text) - len(self._high)]
        return whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def whole_number(value: Any) -> int | None:
    """`value` where it is a count, None for anything else a server may put there."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
