"""The model that a session's server asks: a fake server in a process of its own, and what it counted."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import IO, Any

import orjson

from spark_lsp.cli import fake_process
from spark_lsp.cli.typing.record import Event, Plan

SETTLING = 3.0
"""Seconds that the streams of the last keys may go on for, before all is counted."""


def serving(
    plan: Plan, folder: Path, environment: Mapping[str, str], log: IO[bytes] | None
) -> AbstractAsyncContextManager[str]:
    """The URL of a fake server for this session alone, which knows the modules in `folder`."""
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
    return fake_process.serving(options, environment, log)


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
