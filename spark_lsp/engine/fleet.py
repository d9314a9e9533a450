"""The backends of a session: made from the settings, asked as the router says, watched while down."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from spark_lsp.backends.base import Backend
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings, Config, RoutingSettings
from spark_lsp.engine.course import Course, Record
from spark_lsp.engine.embedded import NAME, WorkspaceBackend
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.ledger import Ledger
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.race import Alone, race
from spark_lsp.engine.redacting import RedactingBackend
from spark_lsp.engine.slots import Slots
from spark_lsp.errors import BackendError, RequestRejected, SparkError
from spark_lsp.privacy.redact import Redactor
from spark_lsp.privacy.rules import rules
from spark_lsp.routing.health import PERMANENT
from spark_lsp.routing.route import Ask, Entrant, Policy, Route
from spark_lsp.routing.router import Router
from spark_lsp.values import Lane, Prompt

log = logging.getLogger(__name__)

WARM_UP = 1.0
"""Seconds that the first request of a session may wait for the HTTP library to be loaded and a connection."""

Make = Callable[[BackendSettings], Backend]
"""Makes what settings describe. Raises SparkError where they describe nothing."""

Warn = Callable[[str], None]
"""Tells the user something that they can do something about."""

REQUESTS_KEPT = 4
TOKENS_KEPT = 4_000
"""What of a rate limit is kept for requests that somebody waits for."""

ONE_TOKEN = Prompt("#", max_tokens=1)

LOOKING, LOOK = 1.0, 2.0
"""Seconds between two looks at a backend that cannot be reached, and that one may take."""

IN_USE = 300.0
"""Seconds without a key after which nobody looks any more: a laptop's lid may be closed."""

SLEPT = 5.0
"""Seconds by which the wall clock runs ahead of ours when the machine has slept."""

IDLE = 30.0
"""Seconds without a change after which connections may be gone: the next key has them opened ahead."""

SHOWN = 5.0
"""Seconds after which new measurements are worth a look."""

OUTAGE = "", BackendError
"""What is told when nobody answers any more."""

TOLD_AGAIN = 600.0
"""Seconds after which a fault that came back is told again; a wrong key is told once."""


class Fleet:
    """Every backend by name, and what is known of each. `changed` is called when one fails or is back."""

    def __init__(
        self,
        metrics: Metrics,
        warn: Warn,
        changed: Callable[[], None] = lambda: None,
        make: Make | None = None,
    ) -> None:
        self.metrics = metrics
        self._made_by = make
        self.router = Router()
        self._ledger = Ledger(self.router.measurements, warn)
        self._warn = warn
        self._changed = changed
        self._warm = asyncio.Event()
        self._configuring = asyncio.Lock()
        self._backends: dict[str, Backend] = {}
        self._settings: dict[str, BackendSettings] = {}
        self._slots: dict[str, Slots] = {}
        self._models: tuple[str, ...] = ()
        self._policy = Policy()
        self._redactor = Redactor(os.urandom(32))
        self._redacts = True
        self._leader = ""
        self._changed_at = 0.0
        self._told: dict[tuple[str, type], float] = {}
        self._watching: asyncio.Task[None] | None = None
        self._stirred_at = time.monotonic()
        self._wall_ahead = time.time() - self._stirred_at

    # --- life

    async def configure(self, config: Config, learner: Learner) -> None:
        """Make what the settings name; keep a backend, and its connections, whose settings did not change."""
        async with self._configuring:  # closing a backend takes a moment, in which other settings may come
            await self._configure(config, learner)

    async def _configure(self, config: Config, learner: Learner) -> None:
        self._redacts = config.privacy.redact_secrets
        wanted = {settings.name: settings for settings in config.backends if settings.kind != NAME}
        gone: list[Backend] = []
        for name in [name for name, settings in self._settings.items() if wanted.get(name) != settings]:
            del self._settings[name]
            self.router.health.forget(name)
            self._forget_told(name)
            gone.append(self._backends.pop(name))
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
        self._policy = policy_of(config.routing)
        self._size_slots()
        self._enter()
        # Only now: while one closes, questions come, and are for those that are left.
        for backend in gone:
            await backend.aclose()
        await self._ledger.configure(config)

    def _make(self, settings: BackendSettings) -> Backend | None:
        try:
            return RedactingBackend((self._made_by or make)(settings), self._redactor, lambda: self._redacts)
        except SparkError as error:
            self._warn(f"backend {settings.name!r} is left out: {error}")
            return None

    def _size_slots(self) -> None:
        """By server: it may go by two names, and the greater number is the true one."""
        totals: dict[str, int] = {}
        for name, backend in self._backends.items():
            slots, place = self.slots(name), self._place(backend)
            totals[place] = max(totals.get(place, 0), slots) if slots or place not in totals else 0
        for place, total in totals.items():
            self._slots.setdefault(place, Slots()).resize(total)
        for place in self._slots.keys() - totals.keys():
            del self._slots[place]

    def _enter(self) -> None:
        """Tell the router who there is."""
        self._models = tuple(backend.model for backend in self._backends.values())
        self.router.configure(
            [self._entrant(name, backend) for name, backend in self._backends.items()], self._policy
        )

    def _entrant(self, name: str, backend: Backend) -> Entrant:
        settings = self._settings.get(name)
        if settings is None:
            return Entrant(name, backend.lanes, model=backend.model, local=True, embedded=True)
        return entrant_of(settings, backend)

    async def connect(self, *, anew: bool = False) -> None:
        """Connect ahead of the first request."""
        try:
            if self._redacts and self.names:
                await asyncio.to_thread(rules)  # reading them takes longer than a key may
            connecting = [backend.connect(anew=anew) for backend in self._backends.values()]
            await asyncio.gather(self._ledger.read(), *connecting)
        finally:
            self._warm.set()

    @property
    def is_warm(self) -> bool:
        """Whether `connect` has ended: before that nobody knows who is there."""
        return self._warm.is_set()

    async def warmed_up(self) -> bool:
        """Wait until `connect` has ended, a second at most. False when there was nothing to wait for."""
        if self._warm.is_set():
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._warm.wait(), WARM_UP)
        return True

    def stirred(self) -> bool | None:
        """The user does something. None, or that one should connect: anew when the machine has slept."""
        now = time.monotonic()
        idle, self._stirred_at = now - self._stirred_at, now
        ahead = time.time() - now
        # What does not count sleep falls behind by it. Small steps are the wall clock's own corrections.
        slept, self._wall_ahead = ahead - self._wall_ahead > SLEPT, ahead
        return True if slept else False if idle > IDLE else None

    async def aclose(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._ledger.aclose()
        for backend in self._backends.values():
            await backend.aclose()
        self._backends = {}
        self._settings = {}

    # --- whom to ask

    def course(self, ask: Ask) -> Course:
        """Whom to ask about this, in order."""
        if self._models != tuple(backend.model for backend in self._backends.values()):
            self._enter()  # a server has listed its models, or refused one
        route = self.router.route(ask, time.monotonic(), self._ledger.barred())
        return Course(self, ask, route, [self._backends[name] for name in route.names], ask.lane)

    def route(self, ask: Ask) -> Route:
        """Whom one would ask about this now."""
        return self.router.route(ask, time.monotonic(), self._ledger.barred(), learn=False)

    def ahead(
        self, ask: Ask, *, metered: bool, suits: Callable[[Backend], bool] = lambda backend: True
    ) -> Course | None:
        """Whom to ask what nobody waits for: whoever would be asked anyway, of those that it suits, if
        that is cheap there."""
        route = self.route(ask)
        name = next((name for name in route.names if suits(self._backends[name])), NAME)
        if not self.cheap(name, metered=metered):
            return None
        return Course(self, ask, route.only(name), [self._backends[name]], "ahead")

    @property
    def embedded(self) -> Backend | None:
        """The predictor of this process."""
        return self._backends.get(NAME)

    def cheap(self, name: str, *, metered: bool) -> bool:
        """Whether asking this one costs neither money (unless `metered`) nor what the rate limit leaves."""
        settings = self._settings.get(name)
        if settings is None or (settings.metered and not metered):
            return False
        return self.router.health.spares(name, time.monotonic(), REQUESTS_KEPT, TOKENS_KEPT)

    def metered(self, backend: Backend) -> bool:
        """Whether it costs money for each token."""
        settings = self._settings.get(backend.name)
        return settings is not None and settings.metered

    def reads(self, backend: Backend) -> float | None:
        """How many tokens of a prompt it reads a second, None where that is not known."""
        return self.router.measurements.reading_rate(backend.name, time.monotonic())

    def slots(self, name: str) -> int:
        """How many requests it serves at a time, 0 where that is not known."""
        settings = self._settings.get(name)
        return 0 if settings is None else settings.slots

    def slots_of(self, backend: Backend) -> Slots:
        """Its server's."""
        return self._slots.setdefault(self._place(backend), Slots())

    def _place(self, backend: Backend) -> str:
        """Where its slots are: its server's, which two names may share."""
        settings = self._settings.get(backend.name)
        served_by = "" if settings is None else _served_by(settings, backend)
        return served_by or f"{backend.name} in this process"

    # --- what is known

    def standing(self, lane: Lane) -> tuple[Route, dict[str, str]]:
        """Whom one would ask now with good hope, and why not the others."""
        route = self.route(Ask(lane))
        failing = [one for one in route.contenders if self.router.health.failing(one.name)]
        hopeful = tuple(one for one in route.contenders if one not in failing)
        out = {**route.out, **{one.name: "did not answer last time" for one in failing}}
        return replace(route, contenders=hopeful), out

    @property
    def names(self) -> list[str]:
        """Of the backends outside this process."""
        return [name for name in self._backends if name != NAME]

    def report(self) -> dict[str, Any]:
        now, health = time.monotonic(), self.router.health
        return {
            name: {
                **self.metrics.backend(name).report(health.state(name, now)),
                "measured": self.router.measurements.explain(name, now),
            }
            for name in self._backends
        }

    # --- what happened

    def decided(self, ask: Ask, route: Route) -> None:
        """The first of this route is asked."""
        self.metrics.routing.append(
            {
                "lane": ask.lane,
                "order": list(route.names),
                "beside": route.beside,
                "reason": route.reason,
                "expected_ms": {
                    one.name: round(one.seconds * 1000, 1) for one in route.contenders if not one.embedded
                },
            }
        )
        log.info("%s: %s", ask.lane, route.reason)
        if route.names[0] != self._leader:
            self._leader = route.names[0]
            self._changed()

    def failed(self, name: str, error: BackendError) -> None:
        """A request to this one failed."""
        now, what = time.monotonic(), (name, type(error))
        if isinstance(error, PERMANENT):
            if what not in self._told:
                self._tell(name, error, what, now)
        elif isinstance(error, RequestRejected):
            self._tell(name, error, what, now)
        elif not self._others(name, now):
            self._tell(name, error, OUTAGE, now)  # once, however many are down
        self._changed()
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch(), name="look at what is down")

    def _others(self, name: str, now: float) -> bool:
        """Whether there is another one that the user has noticed nothing with."""
        health = self.router.health
        return any(
            other not in (name, NAME) and not health.failing(other) and health.usable(other, now)
            for other in self._backends
        )

    def _tell(self, name: str, error: BackendError, what: tuple[str, type], now: float) -> None:
        told = self._told.get(what)
        if told is None or now - told > TOLD_AGAIN:
            self._told[what] = now
            self._warn(f"{name}: {error.message}" + (f". {error.advice}" if error.advice else ""))

    def _forget_told(self, name: str) -> None:
        """What comes from now on is news."""
        self._told = {what: told for what, told in self._told.items() if what[0] != name}

    def recovered(self, name: str) -> None:
        """It is there again."""
        log.info("%s is there again", name)
        self._forget_told(name)
        self._changed()

    def spent(self, name: str, prompt_tokens: int, completion_tokens: int) -> None:
        """A request to this one is over, and took so much."""
        self._ledger.spent(name, prompt_tokens, completion_tokens)
        now = time.monotonic()
        if now - self._changed_at > SHOWN:
            self._changed_at = now
            self._changed()

    async def _watch(self) -> None:
        """Look now and then at those that are down, until all are back."""
        while True:
            await asyncio.sleep(LOOKING)
            health, now = self.router.health, time.monotonic()
            down = [name for name in health.down if name in self._backends]
            if not down:
                return
            if now - self._stirred_at > IN_USE:
                continue
            away = [name for name in down if health.out_of_reach(name)]
            await asyncio.gather(*(self._look_at(name) for name in away))
            rested = [name for name in down if health.failing(name) and health.usable(name, now)]
            await asyncio.gather(*(self._try(name) for name in rested if name not in away))

    async def _try(self, name: str) -> None:
        """Ask for one token, where that costs no money: one that lists its models may answer nothing else."""
        backend, settings = self._backends.get(name), self._settings.get(name)
        if backend is None or settings is None or settings.metered:
            return
        asked = Alone(backend, lambda: Record(self, backend, Ask(), "ahead"))
        with suppress(BackendError, TimeoutError):
            async with asyncio.timeout(LOOK), aclosing(race(asked, lambda _: ONE_TOKEN)) as steps:
                async for _ in steps:
                    break

    async def _look_at(self, name: str) -> None:
        """Ask for the models that it serves: that costs no tokens."""
        backend = self._backends.get(name)
        if backend is None:
            return
        try:
            async with asyncio.timeout(LOOK):
                await backend.connect(anew=True)
                await backend.models()
        except (BackendError, TimeoutError):
            return
        if self.router.health.reached(name):
            self.recovered(name)


def policy_of(settings: RoutingSettings) -> Policy:
    """What the settings say about routing."""
    return Policy(
        strategy=settings.strategy,
        hedge=settings.hedge,
        hedge_floor=settings.hedge_floor_ms / 1000,
        hedge_ceiling=settings.hedge_ceiling_ms / 1000,
        stall=settings.stall_ms / 1000,
        explore_metered=settings.explore_metered,
        lanes=settings.lanes,
        languages=settings.languages,
    )


def entrant_of(settings: BackendSettings, backend: Backend) -> Entrant:
    """A backend as the router sees it."""
    return Entrant(
        settings.name,
        backend.lanes,
        server=_served_by(settings, backend),
        model=backend.model,
        local=backend.local,
        metered=settings.metered,
        slots=settings.slots,
        price_prompt=settings.price_prompt,
        price_completion=settings.price_completion,
    )


def _served_by(settings: BackendSettings, backend: Backend) -> str:
    """The same for two names of one server. A vendor's models do not get in each other's way; those on a
    machine of one's own do."""
    if backend.local or not backend.server:
        return backend.server
    return f"{backend.server} {settings.model or ', '.join(settings.models)}"
