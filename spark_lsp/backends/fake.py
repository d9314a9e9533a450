"""Kind `fake`: answers from a folder of files, in process, at scripted times and with scripted faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from random import Random

import orjson

from spark_lsp.backends.fake_edits import Edits, parse_edits
from spark_lsp.backends.fake_wire import LIMITED, limit_headers
from spark_lsp.backends.limits import limits
from spark_lsp.backends.oracle import Filler, Oracle, Source, tokens
from spark_lsp.backends.refusal import refusal
from spark_lsp.backends.script import (
    BEFORE,
    Fault,
    Quota,
    Script,
    parse_faults,
    parse_late,
    parse_limit,
)
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BrokenStream, TimedOut, UsageError
from spark_lsp.values import Delta, Lane, Prompt, Usage

FOLDER_BYTES = 64_000_000
FILE_BYTES = 1_000_000


class FakeBackend:
    """What `spark-lsp fake-server` does, without the server.

    Raises UsageError for faults, a limit or a lateness that are none, and for an oracle that is no folder.
    """

    server = ""
    local = True

    def __init__(self, settings: BackendSettings, *, seed: int = 0) -> None:
        self.name = settings.name
        self.model = settings.model
        self.fim = settings.fim or "suffix"
        self.lanes: tuple[Lane, ...] = settings.lanes
        self._script = Script(
            settings.ttft,
            settings.rate,
            settings.jitter,
            parse_faults(settings.faults),
            parse_limit(settings.limit),
            parse_late(settings.late),
        )
        self._quota = None if self._script.limit is None else Quota(self._script.limit)
        self._folder = folder_of(settings.oracle)
        self._source: Source | None = None
        self._patience = settings.first_byte_ms / 1000, settings.stall_ms / 1000
        self._random = Random(seed)

    def __repr__(self) -> str:
        return f"<FakeBackend {self.name} {self._script}>"

    async def connect(self, *, anew: bool = False) -> None:
        await self._ready()

    async def models(self) -> tuple[str, ...]:
        return (self.model,)

    async def prefill(self, prompt: Prompt) -> None:
        """Its time to the first token is as scripted, read ahead or not."""

    async def aclose(self) -> None:
        return None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        source = await self._ready()
        loop = asyncio.get_running_loop()
        started = loop.time()
        if self._quota is not None:
            yield Delta(usage=_taken(self._quota, started), tokens=0)
        plan = self._script.perform(
            source.answer(prompt.prefix.removesuffix(prompt.typed), prompt.suffix),
            self._random,
            max_tokens=prompt.max_tokens,
            stop=prompt.stop,
        )
        fault = plan.fault
        if fault is not None and fault.after == BEFORE:
            await self._fail(fault)
        for index, (piece, due) in enumerate(zip(plan.pieces, plan.due, strict=True)):
            if fault is not None and fault.after == index:
                await self._fail(fault)
            await asyncio.sleep(started + due - loop.time())
            yield Delta(piece)
        if fault is not None:
            await self._fail(fault)
        usage = Usage(
            prompt_tokens=len(tokens(prompt.prefix + prompt.suffix)), completion_tokens=len(plan.pieces)
        )
        yield Delta(finish=plan.finish, usage=usage, tokens=0)

    async def _ready(self) -> Source:
        if self._source is None:
            self._source = await asyncio.to_thread(source_of, self._folder)
        return self._source

    async def _fail(self, fault: Fault) -> None:
        """Raise what a client of a server with this fault gets to see."""
        match fault.kind:
            case "status":
                raise refusal(fault.status, {"retry-after": "1"}, b'{"error": "scripted"}', now=0.0)
            case "stall":
                await asyncio.sleep(self._patience[fault.after > 0])
                raise TimedOut("the server has gone silent")
            case "reset":
                raise BrokenStream("the connection was reset")
            case "close":
                raise BrokenStream("the stream ended before the text did")
            case "error":
                raise BrokenStream("scripted")
            case "garbage":
                raise BrokenStream("expected JSON, got garbage")


def _taken(quota: Quota, now: float) -> Usage:
    """What is left after one more request. Raises RateLimited when it is too many."""
    headers = limit_headers(quota.limit, quota.take(now))
    if "retry-after" in headers:
        raise refusal(LIMITED.status, headers, orjson.dumps(LIMITED.body), now=0.0)
    return Usage(**limits(headers, 0.0)._asdict())


def folder_of(name: str) -> Path | None:
    """The oracle's folder, None for "". Raises UsageError when it is not one."""
    folder = Path(name).expanduser() if name else None
    if folder is not None and not folder.is_dir():
        raise UsageError(f"the oracle {name!r} is not a folder")
    return folder


def source_of(folder: Path | None, edits: str = "") -> Source:
    """The files below `folder`, or made-up lines without one. Reads them: not for the loop.

    `edits` is the mode in which questions to change one of the files are answered, "" for none. Raises
    UsageError for one that is none or has no files.
    """
    if edits:
        parse_edits(edits)
        if folder is None:
            raise UsageError("edits need an oracle: the folder with the files as they should be")
        return Edits(_read(folder), edits)
    return Filler() if folder is None else Oracle(_read(folder))


def _read(folder: Path) -> dict[str, str]:
    """Texts by path. Hidden files, large ones and what is not UTF-8 are left out."""
    files: dict[str, str] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts):
            continue
        try:
            if not path.is_file() or path.stat().st_size > FILE_BYTES:
                continue
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        size += len(text)
        if size > FOLDER_BYTES:
            break
        if "\0" not in text:
            files["/".join(parts)] = text
    return files
