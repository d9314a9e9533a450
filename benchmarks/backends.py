"""The wire: what a token costs, how soon the first one is here, and what cancelling leaves behind.

`python -m benchmarks.backends [--cancels 1000] [--json]`. The server is a fake one in a child process, so
the CPU time is the client's alone. The measure of all things is a bare asyncio client, which reads the
same stream in the same run. What a token costs includes trimming it, as a flight does.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson

from spark_lsp.backends.openai_completions import OpenAICompletions
from spark_lsp.completion.context import Context
from spark_lsp.completion.trim import Trimmer
from spark_lsp.config import BackendSettings
from spark_lsp.engine.batch import Batch
from spark_lsp.values import Prompt

RATE = 1_000  # tokens a second, as the fastest vendors have it
TOKENS = 2_000
ROUNDS = 3
FIRST_BYTES = 200
CROWD = 20  # streams at once
POOL = 10  # streams being cancelled at once
LONGEST = 0.03  # seconds until one is cancelled
CANCELS_AT_ONCE = 250  # between two looks at what the server saw

_SERVER = "import asyncio; from spark_lsp.cli.fake_server import serve; asyncio.run(serve(rate={rate}))"
_PROMPT = "def main():\n"


class BareClient:
    """The floor: asyncio's streams, one connection, no checks, no timeouts."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def stream(self, max_tokens: int) -> AsyncGenerator[str, None]:
        address = self._address
        if self._streams is None:
            self._streams = await asyncio.open_connection(address.hostname, address.port)
        reader, writer = self._streams
        body = orjson.dumps({"prompt": _PROMPT, "max_tokens": max_tokens, "stream": True})
        head = f"POST {address.path}/completions HTTP/1.1\r\nhost: {address.netloc}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        async for line in reader:
            if line == b"data: [DONE]\n":
                await reader.readuntil(b"0\r\n\r\n")
                return
            if line.startswith(b"data: "):
                yield orjson.loads(line[6:])["choices"][0]["text"]

    async def aclose(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()


@asynccontextmanager
async def server(rate: float) -> AsyncIterator[str]:
    """A fake server in a child process: its base URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER.format(rate=rate), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        yield line.decode().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        await process.wait()


def backend(url: str) -> OpenAICompletions:
    return OpenAICompletions(
        BackendSettings(name="fake", kind="openai-completions", base_url=url, slots=POOL)
    )


async def read_all(spark: OpenAICompletions, count: int, trimmer: Trimmer | None = None) -> int:
    got, batch = 0, Batch()
    async for delta in spark.stream(Prompt(_PROMPT, max_tokens=count)):
        got += delta.tokens
        if trimmer is not None and batch.add(delta.text, now := time.monotonic()):
            trimmer.feed(batch.take(now))
    return got


def trimming() -> Trimmer:
    """Reads on for as long as the fake server's text goes: at the top of a file nothing ends it."""
    return Trimmer(Context("f.py", "f.py", "python", "", ""))


async def cpu_per_token(url: str) -> dict[str, float]:
    """CPU microseconds per token at RATE: the bare client's, ours on the wire, ours to trimmed text, and the
    share of a core that the last is."""
    spark, bare = backend(url), BareClient(url)
    await spark.connect()

    async def read_bare() -> None:
        async for _ in bare.stream(TOKENS):
            pass

    async def read_ours() -> None:
        await read_all(spark, TOKENS)

    async def read_and_trim() -> None:
        trimmer = trimming()
        await read_all(spark, TOKENS, trimmer)
        assert not trimmer.done, "a trimmer that has stopped costs nothing"

    floor, wire, ours = [], [], []
    for _ in range(ROUNDS):
        floor.append(await _cpu(read_bare) / TOKENS)
        wire.append(await _cpu(read_ours) / TOKENS)
        ours.append(await _cpu(read_and_trim) / TOKENS)
    await spark.aclose()
    await bare.aclose()
    low, middle, mine = statistics.median(floor), statistics.median(wire), statistics.median(ours)
    return {
        "bare_us": low,
        "wire_us": middle,
        "wire_ratio": middle / low,
        "trim_us": mine - middle,
        "spark_us": mine,
        "core_share": mine * RATE / 1e6,
    }


async def _cpu(work: Callable[[], Awaitable[None]]) -> float:
    start = time.process_time()
    await work()
    return (time.process_time() - start) * 1e6


async def crowd(url: str) -> dict[str, float]:
    """CROWD streams at once: tokens a second each, of the RATE that is sent, and the core they take."""
    spark = backend(url)
    await spark.connect()
    cpu, wall = time.process_time(), time.perf_counter()
    got = await asyncio.gather(*(read_all(spark, TOKENS, trimming()) for _ in range(CROWD)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await spark.aclose()
    return {"streams": CROWD, "tokens_per_s_each": sum(got) / wall / CROWD, "core_share": cpu / wall}


async def first_byte(url: str) -> dict[str, float]:
    """Milliseconds from the request to the first text on a warm connection, p50, taken in turn."""
    spark, bare = backend(url), BareClient(url)
    await spark.connect()
    floor: list[float] = []
    ours: list[float] = []
    for turn in range(FIRST_BYTES):
        start = time.perf_counter()
        async for _ in bare.stream(1):
            if len(floor) == turn:
                floor.append(time.perf_counter() - start)
        start = time.perf_counter()
        async for _ in spark.stream(Prompt(_PROMPT, max_tokens=1)):
            if len(ours) == turn:
                ours.append(time.perf_counter() - start)
    await spark.aclose()
    await bare.aclose()
    low, mine = statistics.median(floor) * 1e3, statistics.median(ours) * 1e3
    return {"bare_ms": low, "spark_ms": mine, "above_ms": mine - low}


async def cancels(url: str, count: int) -> dict[str, Any]:
    """Streams left at random moments until `count` of them had reached the server; ten more read to the end.

    A first round, not counted, fills caches and pools: memory is compared between the end of that and now.
    """
    spark = backend(url)
    await leave(spark, CANCELS_AT_ONCE, seed=0)
    seen = await stats(url)
    del seen["log"]
    blocks, peak = _blocks(), _peak()
    first, left = seen["requests"], 0
    delays: list[float] = []
    while len(delays) < count:
        known = seen["requests"]
        moments = await leave(spark, min(count - len(delays), CANCELS_AT_ONCE), seed=left + 1)
        left += len(moments)
        await asyncio.sleep(0.1)
        seen = await stats(url)
        offset = time.monotonic() - seen["now"]
        delays += [
            max(0.0, entry["ended"] + offset - moments[entry["max_tokens"]]) * 1e3
            for entry in seen.pop("log")  # which would count as memory that has grown
            if entry["number"] > known and entry["outcome"] == "cancelled"
        ]
    grown, peak = _blocks() - blocks, _peak() - peak
    tasks = len(asyncio.all_tasks()) - 1
    answered = sum([await read_all(spark, 10) == 10 for _ in range(10)])
    await spark.aclose()
    delays.sort()
    return {
        "cancelled": left,
        "reached_the_server": seen["requests"] - first,
        "closes_seen": len(delays),
        "still_open": seen["open"],
        "close_delay_ms_p50": statistics.median(delays),
        "close_delay_ms_max": delays[-1],
        "within_50_ms": sum(delay <= 50 for delay in delays),
        "tasks_left": tasks,
        "blocks_grown_per_cancel": grown / left,
        "peak_memory_grown_kb": peak,
        "answered_after": answered,
    }


async def leave(spark: OpenAICompletions, count: int, *, seed: int) -> dict[int, float]:
    """Start `count` streams and leave each: when, by its limit of tokens, which tells it from the others."""
    dice = random.Random(seed)
    gate = asyncio.Semaphore(POOL)
    moments: dict[int, float] = {}

    async def one(limit: int) -> None:
        async with gate:
            try:
                async with asyncio.timeout(dice.uniform(0, LONGEST)) as timeout:
                    moments[limit] = timeout.when() or 0.0
                    async with aclosing(spark.stream(Prompt(_PROMPT, max_tokens=limit))) as stream:
                        async for _ in stream:
                            pass
            except TimeoutError:
                pass

    await asyncio.gather(*(one(100 + index) for index in range(count)))
    return moments


def _blocks() -> int:
    """Blocks of memory in use, without the garbage that waits to be collected."""
    gc.collect()
    return sys.getallocatedblocks()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def stats(url: str) -> dict[str, Any]:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET /fake/stats HTTP/1.0\r\nhost: {address.netloc}\r\n\r\n".encode())
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    await writer.wait_closed()
    report: dict[str, Any] = orjson.loads(body)
    return report


async def run(cancel_count: int) -> dict[str, Any]:
    report: dict[str, Any] = {}
    async with server(rate=RATE) as url:
        report["cpu_per_token"] = await cpu_per_token(url)
        report["crowd"] = await crowd(url)
    async with server(rate=0) as url:
        report["first_byte"] = await first_byte(url)
    async with server(rate=RATE) as url:
        report["cancels"] = await cancels(url, cancel_count)
    return report


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.backends")
    parser.add_argument("--cancels", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    report = asyncio.run(run(options.cancels))
    if options.json:
        print(json.dumps(report))
        return 0
    for title, values in report.items():
        print(title)
        for name, value in values.items():
            print(f"  {name:24} {value:10.3f}" if isinstance(value, float) else f"  {name:24} {value:6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
