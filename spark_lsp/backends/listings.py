"""The models that a vendor listed, kept for a day: at the next start nobody waits for the list.

One small file for all backends, in the user's cache. It holds addresses and models' names, no key.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

DAY = 86_400.0
ENTRIES = 64
FILE_BYTES = 1_000_000


class _Entry(NamedTuple):
    """What was listed, and when (Unix time)."""

    at: float
    models: tuple[str, ...]


def cache_file() -> Path:
    # Imported here: 15 ms that the server's start need not pay for.
    from platformdirs import user_cache_path

    return user_cache_path("spark-lsp", appauthor=False) / "models.json"


def recall(file: Path, place: str, now: float) -> tuple[str, ...] | None:
    """What was listed at `place` less than a day before `now` (Unix time), None when nothing is known."""
    entry = _read(file).get(place)
    return entry.models if entry is not None and 0 <= now - entry.at < DAY else None


def remember(file: Path, place: str, models: tuple[str, ...] | None, now: float) -> None:
    """Keep what was listed at `place`; None forgets it. Where nothing can be written, nothing is kept."""
    entries = _read(file)
    entries.pop(place, None)
    if models is not None:
        entries[place] = _Entry(now, models)
    content = orjson.dumps({place: entry._asdict() for place, entry in list(entries.items())[-ENTRIES:]})
    if len(content) > FILE_BYTES:
        return  # a list that is too long for the file must not cost the others theirs
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(file, content)


def _replace(file: Path, content: bytes) -> None:
    """Several servers share the file: each sees a whole one, the last writer wins."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
        os.replace(name, file)
    except OSError:
        os.unlink(name)
        raise


def _read(file: Path) -> dict[str, _Entry]:
    try:
        if file.stat().st_size > FILE_BYTES:
            return {}
        entries = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {place: entry for place, value in entries.items() if (entry := _entry(value)) is not None}


def _entry(value: Any) -> _Entry | None:
    """None for what none of us has written."""
    if not isinstance(value, dict):
        return None
    at, models = value.get("at"), value.get("models")
    if not isinstance(at, int | float) or not isinstance(models, list):
        return None
    return _Entry(float(at), tuple(model for model in models if isinstance(model, str)))
