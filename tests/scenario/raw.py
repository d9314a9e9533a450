"""The server as a process and bytes: for what no well-behaved client would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.scenario.conftest import SERVER


def framed(message: Any) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def request(number: int, method: str, params: Any = None) -> bytes:
    return framed({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def notification(method: str, params: Any = None) -> bytes:
    return framed({"jsonrpc": "2.0", "method": method, "params": params})


INITIALIZE = request(1, "initialize", {"processId": None, "rootUri": None, "capabilities": {}})
INITIALIZED = notification("initialized", {})


class Raw:
    """Sends bytes and reads messages."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def send(self, *parts: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(parts))

    async def receive(self) -> Any:
        assert self.process.stdout is not None
        header = await self.process.stdout.readuntil(b"\r\n\r\n")
        length = int(header.split(b":")[1])
        return json.loads(await self.process.stdout.readexactly(length))

    async def answer(self, number: int | None) -> Any:
        """The next response with this id; what the server says in between is passed over."""
        while True:
            message = await self.receive()
            if "method" not in message and message["id"] == number:
                return message

    async def alive(self) -> bool:
        """Whether it still answers: a request that everybody understands."""
        self.send(request(9_999, "spark/metrics", {}))
        return "result" in await self.answer(9_999)

    async def ended(self, limit: float = 2.0) -> int:
        return await asyncio.wait_for(self.process.wait(), limit)


@asynccontextmanager
async def raw_server(*options: str, command: Sequence[str] = SERVER) -> AsyncIterator[Raw]:
    process = await asyncio.create_subprocess_exec(
        *command,
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Raw(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def raw_session(*options: str) -> AsyncIterator[Raw]:
    """As `raw_server`, past the handshake."""
    async with raw_server(*options) as raw:
        raw.send(INITIALIZE)
        await raw.answer(1)
        raw.send(INITIALIZED)
        yield raw
