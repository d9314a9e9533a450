"""The backends of a session: made from the settings, asked in the router's order, their record kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from spark_lsp.backends.base import Backend
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings, Config
from spark_lsp.engine.embedded import NAME, WorkspaceBackend
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.metrics import Metrics
from spark_lsp.errors import BackendError, SparkError
from spark_lsp.routing.choose import Candidate, choose
from spark_lsp.routing.health import Health
from spark_lsp.values import Delta, Lane

log = logging.getLogger(__name__)

WARM_UP = 1.0
"""Seconds that the first request of a session may wait for the HTTP library to be loaded and a connection."""

Warn = Callable[[str], None]
"""Tells the user something that they can do something about."""


class Fleet:
    """Every backend by name, and what is known of each."""

    def __init__(self, metrics: Metrics, warn: Warn) -> None:
        self._metrics = metrics
        self._warn = warn
        self._health = Health()
        self._warm = asyncio.Event()
        self._configuring = asyncio.Lock()
        self._backends: dict[str, Backend] = {}
        self._settings: dict[str, BackendSettings] = {}
        self._reported: set[tuple[str, type[BackendError]]] = set()

    async def configure(self, config: Config, learner: Learner) -> None:
        """Make what the settings name; keep a backend, and its connections, whose settings did not change."""
        async with self._configuring:  # closing a backend takes a moment, in which other settings may come
            await self._configure(config, learner)

    async def _configure(self, config: Config, learner: Learner) -> None:
        wanted = {settings.name: settings for settings in config.backends if settings.kind != NAME}
        for name in [name for name, settings in self._settings.items() if wanted.get(name) != settings]:
            del self._settings[name]
            await self._backends.pop(name).aclose()
        backends: dict[str, Backend] = {}
        for name, settings in wanted.items():
            known = self._backends.get(name)
            made = known if known is not None and name in self._settings else self._make(settings)
            if made is not None:
                backends[name] = made
                self._settings[name] = settings
        if config.workspace.enabled:
            backends[NAME] = WorkspaceBackend(learner, config.workspace.threshold)
        self._backends = backends

    def _make(self, settings: BackendSettings) -> Backend | None:
        try:
            return make(settings)
        except SparkError as error:
            self._warn(f"backend {settings.name!r} is left out: {error}")
            return None

    def choose(self, lane: Lane, *, local_only: bool = False) -> list[Backend]:
        """Whom to ask, in order. `local_only`: nothing may leave this process."""
        candidates = [
            Candidate(name, backend.lanes, embedded=name == NAME)
            for name, backend in self._backends.items()
            if name == NAME or not local_only
        ]
        choice = choose(candidates, lane, self._health, time.monotonic())
        self._metrics.routing.append({"lane": lane, "order": list(choice.names), "reason": choice.reason})
        return [self._backends[name] for name in choice.names]

    def record(self, backend: Backend) -> Record:
        return Record(backend.name, self)

    async def connect(self) -> None:
        """Connect ahead of the first request."""
        try:
            await asyncio.gather(*(backend.connect() for backend in self._backends.values()))
        finally:
            self._warm.set()

    async def warmed_up(self) -> bool:
        """Wait until `connect` has ended, a second at most. False when there was nothing to wait for."""
        if self._warm.is_set():
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._warm.wait(), WARM_UP)
        return True

    async def aclose(self) -> None:
        for backend in self._backends.values():
            await backend.aclose()
        self._backends = {}
        self._settings = {}

    @property
    def networked(self) -> list[str]:
        """The names of the backends outside this process that are not resting."""
        now = time.monotonic()
        return [name for name in self._backends if name != NAME and self._health.usable(name, now)]

    def report(self) -> dict[str, Any]:
        now = time.monotonic()
        return {
            name: self._metrics.backend(name).report(self._health.state(name, now)) for name in self._backends
        }

    def _failed(self, name: str, error: BackendError) -> None:
        self._health.failed(name, error, time.monotonic())
        if (name, type(error)) not in self._reported:
            self._reported.add((name, type(error)))
            self._warn(f"{name}: {error.message}" + (f". {error.advice}" if error.advice else ""))

    def _answered(self, name: str) -> None:
        self._health.succeeded(name)
        self._reported = {known for known in self._reported if known[0] != name}


class Record:
    """One request to one backend, as it goes: first-token time, rate and tokens from what arrives."""

    def __init__(self, name: str, fleet: Fleet) -> None:
        self._name = name
        self._fleet = fleet
        self._score = fleet._metrics.backend(name)
        self._score.requests += 1
        self._started = time.monotonic()
        self._first: float | None = None
        self._tokens = 0

    def heard(self, delta: Delta) -> None:
        now = time.monotonic()
        if delta.text:
            self._tokens += delta.tokens
            self._fleet._metrics.tokens["generated"] += delta.tokens
            if self._first is None:
                self._first = now
                self._score.ttft_ms.append((now - self._started) * 1000)
                self._fleet._answered(self._name)
        if delta.finish is not None and self._first is not None and now > self._first and self._tokens > 1:
            self._score.tokens_per_s.append((self._tokens - 1) / (now - self._first))

    def failed(self, error: BackendError) -> None:
        self._score.errors += 1
        self._fleet._failed(self._name, error)
