"""Kind `local`: a GGUF file of the user's, served by llama.cpp in a child process that we start and stop.

Everything about requests and answers is kind `llamacpp`'s; here is only whom to ask. Nothing is started
before the first prompt: a model takes gigabytes, and most sessions of an editor that is merely open never
ask. `prefill` is such a first prompt: it loads the model, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from spark_lsp.backends.base import Backend
from spark_lsp.backends.local_child import Child
from spark_lsp.backends.local_plan import Meeting, Plan
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, BrokenStream, MissingExtra, ServerFault, Unreachable, UsageError
from spark_lsp.values import Delta, Lane, Prompt

log = logging.getLogger(__name__)

STEADY = 60.0  # seconds that a child must live for its end not to count as another one
LONGEST_REST = 60.0
READING = 60_000  # ms for a long prompt: 1,000 tokens take 15 s with 1.5B parameters on two cores


class LocalBackend:
    """Raises UsageError without a `model_file`, MissingExtra without xllamacpp."""

    local = True

    def __init__(self, settings: BackendSettings, folder: Path | None = None) -> None:
        if not settings.model_file:
            raise UsageError("kind `local` needs `model_file`: the path of a GGUF file")
        if find_spec("xllamacpp") is None:  # looked for, not imported: that happens in the child only
            raise MissingExtra("kind `local`", "local")
        self.name = settings.name
        self.lanes: tuple[Lane, ...] = settings.lanes
        self._settings = settings
        self._plan = Plan.of(settings)
        self._folder = folder
        self._ends = Ends()
        self._child: Child | None = None
        self._asked: Backend | None = None
        self._starting: asyncio.Task[Backend] | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<LocalBackend {self.name} {self.model}>"

    @property
    def model(self) -> str:
        return self._plan.model

    @property
    def fim(self) -> str:
        """What the child's server was found to take, once it has been asked."""
        return self._settings.fim if self._asked is None else self._asked.fim

    @property
    def server(self) -> str:
        """The file: whoever names it talks to one child, whose port nobody knows before it runs."""
        return self._plan.model_file

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        asked = await self._ready()
        said = False
        try:
            async with aclosing(asked.stream(prompt)) as deltas:
                async for delta in deltas:
                    said = said or bool(delta.text)
                    yield delta
            return
        except (BrokenStream, Unreachable):
            if said or not await self._gone():
                raise
        # It died before it said anything: the next one may do better.
        async with aclosing((await self._ready()).stream(prompt)) as deltas:
            async for delta in deltas:
                yield delta

    async def connect(self, *, anew: bool = False) -> None:
        """Nothing: see above."""

    async def models(self) -> tuple[str, ...]:
        await asyncio.to_thread(self._plan.check)
        return (self.model,)

    async def prefill(self, prompt: Prompt) -> None:
        try:
            await (await self._ready()).prefill(prompt)
        except BackendError as error:
            log.info("%s: %s", self.name, error)

    async def aclose(self) -> None:
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        await self._leave()

    async def _ready(self) -> Backend:
        """The backend that speaks to a living child. All who wait share one start, which outlives them."""
        if self._closed:
            raise Unreachable("this backend has been closed")
        if self._asked is not None and self._child is not None and self._child.alive:
            return self._asked
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_retrieve)
        try:
            return await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            if self._starting.cancelled():  # by `aclose`, not by whoever cancelled us
                raise Unreachable("this backend has been closed") from None
            raise

    async def _start(self) -> Backend:
        loop = asyncio.get_running_loop()
        if self._child is not None:
            self._ends.happened(loop.time(), self._child.last_words())
            await self._leave()
        self._ends.check(loop.time())
        await asyncio.to_thread(self._plan.check)
        self._ends.began(loop.time())
        try:
            self._child = await Child.find_or_start(self._plan, Meeting(self._plan, self._folder))
        except BackendError as error:
            self._ends.happened(loop.time(), error.message)
            raise
        self._asked = self._speaker(self._child)
        return self._asked

    def _speaker(self, child: Child) -> Backend:
        from spark_lsp.backends.registry import make

        headers = {**self._settings.headers, "Authorization": f"Bearer {child.key}"}
        return make(
            replace(
                self._settings,
                kind="llamacpp",
                base_url=child.url,
                base_url_env="",
                first_byte_ms=max(self._settings.first_byte_ms, READING),
                model=self.model,
                headers=headers,
                api_key_env="",
                api_key_command=(),
                api_key_keyring="",
            )
        )

    async def _gone(self) -> bool:
        """Whether the child ended: its door says so, a moment after its server's socket did."""
        for _ in range(20):
            if self._child is None or not self._child.alive:
                return True
            await asyncio.sleep(0.01)
        return False

    async def _leave(self) -> None:
        child, self._child = self._child, None
        asked, self._asked = self._asked, None
        if asked is not None:
            await asked.aclose()
        if child is not None:
            await child.leave()


class Ends:
    """How often the child has ended of late, and how long it rests after that. Pure; times in seconds."""

    def __init__(self) -> None:
        self._count = 0
        self._began = 0.0
        self._rests_until = 0.0
        self._said = ""

    def began(self, now: float) -> None:
        self._began = now

    def happened(self, now: float, said: str) -> None:
        """The first end costs nothing; each that soon follows doubles the rest."""
        self._count = 1 if now - self._began >= STEADY else self._count + 1
        self._said = said
        if self._count > 1:
            self._rests_until = now + min(LONGEST_REST, 2.0 ** (self._count - 1))

    def check(self, now: float) -> None:
        """Raises ServerFault while it rests."""
        left = self._rests_until - now
        if left > 0:
            message = f"the process for the model ended {self._count} times, the next try is in {left:.0f} s"
            raise ServerFault(f"{message}: {self._said}" if self._said else message)


def _retrieve(task: asyncio.Task[Backend]) -> None:
    if not task.cancelled():
        task.exception()  # whoever waited has got it; nobody may have waited to the end
