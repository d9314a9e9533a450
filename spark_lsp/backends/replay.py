"""Kind `replay`: an answer that was recorded, told again as fast as it can be read. No network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.recording import DECODERS
from spark_lsp.backends.registry import KINDS, make
from spark_lsp.config import BackendSettings
from spark_lsp.errors import Unreachable, UsageError
from spark_lsp.values import Delta, Lane, Prompt

CHUNK = 4_096  # bytes


class Replay:
    """Tells `recording`, KIND/NAME.sse (or .ndjson, .json), by the reader of that kind.

    Raises UsageError for a file that is not there, and for a folder that is named after no kind.
    """

    server = ""
    local = True

    def __init__(self, settings: BackendSettings) -> None:
        self.name = settings.name
        self.model = settings.model
        self.fim = settings.fim or "suffix"
        self.lanes: tuple[Lane, ...] = settings.lanes
        self._file = Path(settings.recording).expanduser()
        if not settings.recording or not self._file.is_file():
            raise UsageError(f"there is no recording {settings.recording!r}: set `recording` to a file")
        if self._file.suffix not in DECODERS:
            ends = ", ".join(DECODERS)
            raise UsageError(f"{self._file.name} is no recording: those end in {ends}")
        self._reading = _reading(settings, self._file.absolute().parent.name)

    def __repr__(self) -> str:
        return f"<Replay {self.name} {self._file.name}>"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        try:
            body = await asyncio.to_thread(self._file.read_bytes)
        except OSError as error:
            raise Unreachable(f"the recording {self._file.name} cannot be read") from error
        reader = self._reading.reader(DECODERS[self._file.suffix](), {})
        for start in range(0, len(body), CHUNK):
            for delta in reader.feed(body[start : start + CHUNK]):
                yield delta
        for delta in reader.end():
            yield delta

    async def connect(self, *, anew: bool = False) -> None:
        """Nothing to connect to."""

    async def models(self) -> tuple[str, ...]:
        return (self.model,) if self.model else ()

    async def prefill(self, prompt: Prompt) -> None:
        """The answer is known."""

    async def aclose(self) -> None:
        await self._reading.aclose()


def _reading(settings: BackendSettings, kind: str) -> HttpBackend:
    """A backend of the recorded kind, for its reader: it is never asked."""
    if kind in KINDS and kind not in ("local", "replay"):
        made = make(replace(settings, kind=kind, base_url="http://127.0.0.1:1", base_url_env=""))
        if isinstance(made, HttpBackend):
            return made
    raise UsageError(f"{kind!r} is no kind that is recorded: put the file in a folder named after its kind")
