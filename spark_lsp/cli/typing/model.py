"""The model that a session's server asks: a fake server in a process of its own, and what it counted."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from spark_lsp.cli.typing.record import Event, Plan
from spark_lsp.errors import SparkError

FAKE = (sys.executable, "-P", "-m", "spark_lsp", "fake-server")

SETTLING = 3.0
"""Seconds that the streams of the last keys may go on for, before all is counted."""


@asynccontextmanager
async def serving(
    plan: Plan, folder: Path, environment: Mapping[str, str], log: IO[bytes] | None
) -> AsyncIterator[str]:
    """The URL of a fake server for this session alone. Raises SparkError when it does not start.

    It is a process of its own, whose work is not in our measurements, and knows the modules in `folder`.
    """
    profile = plan.profile
    options = {
        "--oracle": folder,
        "--ttft": profile.ttft,
        "--rate": profile.rate,
        "--jitter": profile.jitter,
        "--slots": profile.slots,
        "--faults": plan.faults or profile.faults,
        "--wrong": plan.wrong,
        "--seed": plan.seed,
    }
    words = [str(word) for option in options.items() for word in option]
    process = await asyncio.create_subprocess_exec(
        *FAKE, *words, env=dict(environment), stdout=asyncio.subprocess.PIPE, stderr=log
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        if not line.startswith("listening on "):
            raise SparkError("the fake server does not start")
        yield line.split()[-1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def settled(url: str) -> dict[str, Any]:
    """/fake/stats when nothing is generated any more, or after a while."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address = url.removesuffix("/v1") + "/fake/stats"

    def read() -> Any:
        with opener.open(address, timeout=10) as answer:
            return orjson.loads(answer.read())

    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLING
    while True:
        asked = loop.time()
        stats: dict[str, Any] = await asyncio.to_thread(read)
        if not stats["open"] or loop.time() > deadline:
            return stats | {"asked": asked}
        await asyncio.sleep(0.2)


def requests(stats: dict[str, Any], began: float) -> Iterator[Event]:
    """The requests and first tokens in these stats, in milliseconds since `began`."""
    shift = stats["asked"] - stats["now"] - began
    for entry in stats["log"]:
        for kind, at in (("request", entry["started"]), ("first_token", entry["first"])):
            if at is not None and at + shift > 0:
                yield Event(round((at + shift) * 1000, 1), kind)
