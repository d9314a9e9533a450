"""The five servers of a run, in a process of their own whose work is not in what is measured.

`python -m spark_lsp.cli.routing.stage SEED REQUESTS` prints the addresses as a JSON object, reads from stdin
when the script begins, in seconds of the system's monotonic clock, and performs it. When stdin ends it
prints every request that was sent to it, as a JSON list of lists in the order of `Sent`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from random import Random
from typing import NamedTuple

import orjson

from spark_lsp.backends.base import Backend
from spark_lsp.backends.fake_http import Entry, FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.registry import make
from spark_lsp.backends.script import Late, Limit, parse_faults
from spark_lsp.backends.script import Script as Performed
from spark_lsp.cli.routing.questions import Question, documents, questions
from spark_lsp.cli.routing.script import OTHERS, Character, Moment, Script, drawn
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, SparkError
from spark_lsp.values import Prompt

TICK = 0.05
"""Seconds between two looks at the script."""

MARK = 1_000
"""What `max_tokens` is beyond the number of a request: by this the log of a server tells whose it was."""

ENDING = 10.0
"""Seconds that the servers have to say what was sent to them."""


class Sent(NamedTuple):
    """One request to one server: the number of whoever asked, times in seconds of the system's clock."""

    server: str
    number: int
    started: float
    ended: float
    tokens: int
    outcome: str


@asynccontextmanager
async def staged(seed: int, requests: int) -> AsyncIterator[Stage]:
    """The servers of a script. Raises SparkError when they do not start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, str(seed), str(requests)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )
    try:
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line:
            raise SparkError("the fake servers do not start")
        yield Stage(process, orjson.loads(line))
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


class Stage:
    """The process, seen from outside. `urls` by name."""

    def __init__(self, process: asyncio.subprocess.Process, urls: dict[str, str]) -> None:
        self.urls = urls
        self._process = process

    def begin(self, at: float) -> None:
        """The script's time 0, in seconds of the system's monotonic clock."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"%r\n" % at)

    async def end(self) -> list[Sent]:
        """What was sent there. Raises SparkError when the process died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        async with asyncio.timeout(ENDING):
            line = await self._process.stdout.readline()
        if not line:
            raise SparkError("the fake servers ended before their time")
        return [Sent(*entry) for entry in orjson.loads(line)]


# --- inside that process


class _Server:
    """One backend of the script; while it refuses nobody listens at its port."""

    def __init__(self, character: Character, source: Oracle, seed: int) -> None:
        self.name = character.name
        self.port = 0
        self._character = character
        self._source = source
        self._seed = seed
        self._server: FakeServer | None = None
        self._made = 0.0
        self._moment: Moment | None = None
        self._log: dict[tuple[float, int], tuple[float, Entry]] = {}

    async def perform(self, moment: Moment) -> None:
        """Be like this from now on."""
        if moment.refuses:
            await self.close()
        elif self._server is None:
            await self._open()
        if self._server is not None and moment != self._moment:
            self._server.script = performed(moment)
        self._moment = moment

    async def _open(self) -> None:
        self._made = time.monotonic()
        server = FakeServer(self._source, port=self.port, slots=self._character.slots, seed=self._seed)
        await server.__aenter__()
        self._server = server
        self.port = int(server.url.rpartition(":")[2].removesuffix("/v1"))

    async def close(self) -> None:
        self.keep()
        server, self._server = self._server, None
        self._moment = None
        if server is not None:
            await server.__aexit__()

    def keep(self) -> None:
        """The server forgets old entries; those that are open change until they end."""
        if self._server is not None:
            for entry in self._server.stats.log:
                self._log[self._made, entry.number] = self._made, entry

    def sent(self) -> Iterator[Sent]:
        now = time.monotonic()
        for made, entry in self._log.values():
            if entry.max_tokens >= MARK:
                ended = now if entry.ended is None else made + entry.ended
                number = entry.max_tokens - MARK
                yield Sent(self.name, number, made + entry.started, ended, entry.tokens, entry.outcome)


def performed(moment: Moment) -> Performed:
    """A moment as the fake server plays it."""
    character = moment.character
    return Performed(
        character.ttft,
        character.rate,
        character.jitter,
        parse_faults(moment.faults),
        limit=Limit(*moment.limit) if moment.limit else None,
        late=Late(character.late_share, character.late) if character.late_share else None,
    )


async def _perform(seed: int, requests: int) -> None:
    script = drawn(seed, requests)
    source = Oracle(documents(seed))
    servers = [_Server(character, source, seed) for character in script.cast]
    for server in servers:
        await server.perform(script.at(server.name, 0.0))
    urls = {server.name: f"http://127.0.0.1:{server.port}/v1" for server in servers}
    print(orjson.dumps(urls).decode(), flush=True)
    lines = await _lines()
    began = float(await lines.readline() or time.monotonic())
    crowds = [_Crowd(server, urls[server.name], script, seed) for server in servers]
    playing = asyncio.create_task(_play(script, servers, crowds, began))
    await lines.readline()
    playing.cancel()
    for crowd in crowds:
        await crowd.aclose()
    for server in servers:
        server.keep()
        await server.close()
    print(orjson.dumps([list(sent) for server in servers for sent in server.sent()]).decode(), flush=True)


async def _play(script: Script, servers: list[_Server], crowds: list[_Crowd], began: float) -> None:
    while True:
        now = time.monotonic() - began
        for server in servers:
            await server.perform(script.at(server.name, now))
            server.keep()
        for crowd in crowds:
            crowd.send(now)
        await asyncio.sleep(TICK)


class _Crowd:
    """Other people, who use a server that is shared."""

    def __init__(self, server: _Server, url: str, script: Script, seed: int) -> None:
        self._name = server.name
        self._script = script
        self._random = Random(f"crowd {seed}")
        self._asked: list[Question] = questions(seed)
        settings = BackendSettings(name="others", kind="openai-completions", base_url=url, model="fake")
        self._backend: Backend = make(settings)
        self._tasks: set[asyncio.Task[None]] = set()
        self._next: float | None = None

    def send(self, now: float) -> None:
        """What is due within the next tick."""
        rate = self._script.at(self._name, now).others
        if not rate:
            self._next = None
            return
        due = now if self._next is None else self._next
        while due < now + TICK:
            task = asyncio.create_task(self._ask(max(due - now, 0.0)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += self._random.expovariate(rate)
        self._next = due

    async def _ask(self, wait: float) -> None:
        await asyncio.sleep(wait)
        question = self._random.choice(self._asked)
        with suppress(BackendError):
            # To the end of the document: a generation is as long as it may be.
            prompt = Prompt(question.prefix, max_tokens=round(OTHERS))
            async with aclosing(self._backend.stream(prompt)) as deltas:
                async for _ in deltas:
                    pass

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._backend.aclose()


async def _lines() -> asyncio.StreamReader:
    """What comes on stdin."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


if __name__ == "__main__":
    asyncio.run(_perform(int(sys.argv[1]), int(sys.argv[2])))
