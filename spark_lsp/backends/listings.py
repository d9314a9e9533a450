"""The models that a vendor listed, kept for a day: at the next start nobody waits for the list.

One small file for all backends, in the user's cache. It holds addresses and models' names, no key.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

DAY = 86_400.0
ENTRIES = 64
FILE_BYTES = 1_000_000


def cache_file() -> Path:
    # Imported here: 15 ms that the server's start need not pay for.
    from platformdirs import user_cache_path

    return user_cache_path("spark-lsp", appauthor=False) / "models.json"


def recall(file: Path, place: str, now: float) -> tuple[str, ...] | None:
    """What was listed at `place` less than a day before `now` (Unix time), None when nothing is known."""
    entry = _read(file).get(place)
    if not isinstance(entry, dict):
        return None
    at, models = entry.get("at"), entry.get("models")
    if not isinstance(at, int | float) or not 0 <= now - at < DAY or not isinstance(models, list):
        return None
    return tuple(model for model in models if isinstance(model, str))


def remember(file: Path, place: str, models: tuple[str, ...] | None, now: float) -> None:
    """Keep what was listed at `place`; None forgets it. Where nothing can be written, nothing is kept."""
    entries = _read(file)
    entries.pop(place, None)
    if models is not None:
        entries[place] = {"at": now, "models": models}
    kept = dict(list(entries.items())[-ENTRIES:])
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(file, orjson.dumps(kept))


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


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > FILE_BYTES:
            return {}
        entries = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return entries if isinstance(entries, dict) else {}
