"""The backends of a session: made from the settings, asked in the router's order, their record kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from spark_lsp.backends.base import Backend
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings, Config
from spark_lsp.engine.embedded import NAME, WorkspaceBackend
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.metrics import Metrics, percentiles
from spark_lsp.errors import BackendError, SparkError
from spark_lsp.routing.choose import Candidate, Choice, choose
from spark_lsp.routing.health import Health
from spark_lsp.values import Delta, Lane, Usage

log = logging.getLogger(__name__)

WARM_UP = 1.0
"""Seconds that the first request of a session may wait for the HTTP library to be loaded and a connection."""

Warn = Callable[[str], None]
"""Tells the user something that they can do something about."""

REQUESTS_KEPT = 4
TOKENS_KEPT = 4_000
"""What of a rate limit is kept for requests that somebody waits for."""


RATED = 8
"""Tokens from which on an answer says something about a backend's speed."""


class Speed(NamedTuple):
    """How fast a backend is, as it was measured: seconds to the first token, tokens a second."""

    ttft: float = 0.3
    rate: float = 100.0

    def until(self, tokens: float) -> float:
        """Seconds until so many tokens are here."""
        return self.ttft + tokens / self.rate


class Fleet:
    """Every backend by name, and what is known of each. `changed` is called when one fails or is back."""

    def __init__(self, metrics: Metrics, warn: Warn, changed: Callable[[], None] = lambda: None) -> None:
        self._metrics = metrics
        self._warn = warn
        self._changed = changed
        self._health = Health()
        self._warm = asyncio.Event()
        self._configuring = asyncio.Lock()
        self._backends: dict[str, Backend] = {}
        self._settings: dict[str, BackendSettings] = {}
        self._reported: set[tuple[str, type[BackendError]]] = set()
        self._limits: dict[str, tuple[Usage, float]] = {}

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
        choice = self._choice(lane, local_only=local_only)
        self._metrics.routing.append({"lane": lane, "order": list(choice.names), "reason": choice.reason})
        return [self._backends[name] for name in choice.names]

    def _choice(self, lane: Lane, *, local_only: bool = False) -> Choice:
        candidates = [
            Candidate(name, backend.lanes, embedded=name == NAME)
            for name, backend in self._backends.items()
            if name == NAME or not local_only
        ]
        return choose(candidates, lane, self._health, time.monotonic())

    def ahead(self, *, metered: bool) -> Backend | None:
        """Whom to ask for what nobody waits for: whoever would be asked anyway, if that is cheap there."""
        name = next(iter(self._choice("instant").names), NAME)
        return self._backends[name] if self.cheap(name, metered=metered) else None

    @property
    def embedded(self) -> Backend | None:
        """The predictor of this process."""
        return self._backends.get(NAME)

    def cheap(self, name: str, *, metered: bool) -> bool:
        """Whether asking this one costs neither money (unless `metered`) nor what the rate limit leaves."""
        settings = self._settings.get(name)
        if settings is None or (settings.metered and not metered):
            return False
        usage, until = self._limits.get(name, (Usage(), 0.0))
        if time.monotonic() >= until:
            return True
        few_requests = usage.requests_left is not None and usage.requests_left <= REQUESTS_KEPT
        few_tokens = usage.tokens_left is not None and usage.tokens_left <= TOKENS_KEPT
        return not few_requests and not few_tokens

    def slots(self, name: str) -> int:
        """How many requests it serves at a time, 0 where that is not known."""
        settings = self._settings.get(name)
        return 0 if settings is None else settings.slots

    def speed(self, name: str) -> Speed:
        """The medians of late, or what is usual for what was not measured yet."""
        ttft, rates, usual = self.measured_ttft(name), self._metrics.backend(name).tokens_per_s, Speed()
        rate = percentiles(rates)["p50"] if rates else usual.rate
        return Speed(usual.ttft if ttft is None else ttft, rate)

    def measured_ttft(self, name: str) -> float | None:
        """Seconds, None while nothing was heard of it."""
        measured = self._metrics.backend(name).ttft_ms
        return percentiles(measured)["p50"] / 1000 if measured else None

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
    def networked(self) -> tuple[list[str], list[str]]:
        """The names of the backends outside this process: those that answer, those that failed last time."""
        names = [name for name in self._backends if name != NAME]
        failed = [name for name in names if self._health.failing(name)]
        return [name for name in names if name not in failed], failed

    def report(self) -> dict[str, Any]:
        now = time.monotonic()
        return {
            name: self._metrics.backend(name).report(self._health.state(name, now)) for name in self._backends
        }

    def _failed(self, name: str, error: BackendError) -> None:
        self._health.failed(name, error, time.monotonic())
        self._changed()
        if (name, type(error)) not in self._reported:
            self._reported.add((name, type(error)))
            self._warn(f"{name}: {error.message}" + (f". {error.advice}" if error.advice else ""))

    def _limited(self, name: str, usage: Usage) -> None:
        if usage.requests_left is not None or usage.tokens_left is not None:
            resets = 60.0 if usage.resets_ms is None else usage.resets_ms / 1000
            self._limits[name] = usage, time.monotonic() + resets

    def _answered(self, name: str) -> None:
        if self._health.succeeded(name):
            self._changed()
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
        self._last = self._started
        self._tokens = 0

    def heard(self, delta: Delta) -> None:
        now = time.monotonic()
        if delta.text:
            self._tokens += delta.tokens
            self._last = now
            self._fleet._metrics.tokens["generated"] += delta.tokens
            if self._first is None:
                self._first = now
                self._score.ttft_ms.append((now - self._started) * 1000)
                self._fleet._answered(self._name)
        if delta.usage is not None:
            self._fleet._limited(self._name, delta.usage)

    def ended(self) -> None:
        """No more will be heard, by whoever's wish."""
        if self._first is not None and self._tokens >= RATED and self._last > self._first:
            self._score.tokens_per_s.append((self._tokens - 1) / (self._last - self._first))

    def failed(self, error: BackendError) -> None:
        self._score.errors += 1
        self._fleet._failed(self._name, error)
