"""Code actions: what is offered, worked on when it is asked for, or ahead of that, and kept for as long as
it is true.

An order is worked on once, whoever asks: who comes while it is under way waits for the same answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spark_lsp.config import Config
from spark_lsp.engine.course import Course
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.order import Order, Outcome
from spark_lsp.engine.prefetch import Prefetcher
from spark_lsp.errors import ActionFailed
from spark_lsp.routing.route import Ask
from spark_lsp.values import Reach

if TYPE_CHECKING:  # a session that only completes never needs them, and its start does not pay for them
    from spark_lsp.actions.suite import Suite
    from spark_lsp.engine.check import Checks
    from spark_lsp.engine.propose import Means, Written

log = logging.getLogger(__name__)

KEPT = 64
"""Outcomes that are kept: those of the diagnostics of a few files."""

RESTING = 0.3
"""Seconds that a cursor rests on a diagnostic before its fix is asked for ahead."""

AHEAD = 1_024
"""Tokens that a fix may have that nobody asked for yet, all its rounds together."""

MANIFESTS = ("pyproject.toml", "package.json", "setup.cfg", "requirements.txt")
MANIFEST_BYTES = 65_536


@dataclass(slots=True, eq=False)
class _Work:
    """An order under way, and who waits for it and watches it."""

    uri: str
    task: asyncio.Task[Outcome]
    ahead: bool
    waiting: int = 0
    watching: list[Written] = field(default_factory=list)


class Actor:
    """The code actions of one session. What is asked ahead is spent from the prefetcher's budget."""

    def __init__(self, config: Config, fleet: Fleet, prefetcher: Prefetcher) -> None:
        self._config = config
        self._fleet = fleet
        self._prefetcher = prefetcher
        self._checking: Checks | None = None
        self._under_way: dict[bytes, _Work] = {}
        self._kept: OrderedDict[bytes, Outcome | ActionFailed] = OrderedDict()
        self._resting: asyncio.Task[None] | None = None

    async def configure(self, config: Config) -> None:
        """Go on with other settings. What was made under the old ones is not offered any more."""
        before, self._config = self._config, config
        self._kept.clear()
        for work in list(self._under_way.values()):
            work.task.cancel()
        if before.actions != config.actions:
            await self._end_checks()

    async def aclose(self) -> None:
        tasks: list[asyncio.Task[Any]] = [work.task for work in self._under_way.values()]
        if self._resting is not None:
            tasks.append(self._resting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._end_checks()

    @property
    def _checks(self) -> Checks:
        """The checkers of the settings, from the first order on."""
        from spark_lsp.engine.check import Checks

        if self._checking is None:
            self._checking = Checks(self._config.actions)
        return self._checking

    async def _end_checks(self) -> None:
        checks, self._checking = self._checking, None
        if checks is not None:
            await checks.aclose()

    # --- what is known

    def against(self, uri: str, language: str, reach: Reach) -> str:
        """Why nothing can be asked about such a document, "" when something can."""
        if reach == "process":
            return "this file stays in this process: an ignore file lists it, or it looks like a secret"
        if not self._fleet.is_warm:
            return ""
        route = self._fleet.route(Ask("interactive", 0, uri, language, reach))
        return "" if route.names else f"{route.reason}. `spark-lsp doctor` says what to do"

    async def ready(self) -> None:
        """Wait until the backends are there, at the start of a session."""
        await self._fleet.warmed_up()

    @property
    def keeps_any(self) -> bool:
        """Whether any outcome is kept: else nobody has to look for one."""
        return bool(self._kept)

    def known(self, order: Order) -> Outcome | None:
        """The outcome, if it is here already."""
        if not self._kept:
            return None  # the key of an order is not for nothing
        outcome = self._kept.get(order.key)
        return outcome if isinstance(outcome, Outcome) else None

    # --- work

    async def work(self, order: Order, root: Path, written: Written | None = None) -> Outcome:
        """What comes of an order. Raises ActionFailed, with a sentence for the user.

        `written` is told what is there as it is written. Whoever is cancelled takes the work along unless
        somebody else waits for it.
        """
        outcome = self.known(order)
        if outcome is not None:
            return outcome
        work = self._under_way.get(order.key) or self._begin(order, root, ahead=False)
        work.waiting += 1
        if written is not None:
            work.watching.append(written)
        try:
            return await asyncio.shield(work.task)
        except asyncio.CancelledError:
            if work.task.cancelled():
                raise ActionFailed("the settings, or the text, changed meanwhile") from None
            raise
        finally:
            work.waiting -= 1
            if written is not None:
                work.watching.remove(written)
            if not work.waiting and not work.ahead:
                work.task.cancel()

    def rest_on(self, order_now: Callable[[], Awaitable[Order | None]], root: Path) -> None:
        """The cursor stands on a diagnostic: if it rests there its fix is asked for ahead.

        `order_now` makes the order, None when something else stands there by then.
        """
        self._rest_no_more()
        rest = self._rest(order_now, root)
        self._resting = asyncio.get_running_loop().create_task(rest, name="rest on a diagnostic")

    async def _rest(self, order_now: Callable[[], Awaitable[Order | None]], root: Path) -> None:
        await asyncio.sleep(RESTING)
        # An editor that opens where something is wrong asks once, before the backends are there.
        await self.ready()
        order = await order_now()
        if order is None or order.reach == "process" or not self._prefetcher.may_spend:
            return
        known = order.key in self._kept or order.key in self._under_way
        if not known and self._ahead(0, order) is not None:
            self._begin(order, root, ahead=True)

    def changed(self, uri: str) -> None:
        """The document changed, or is gone: what was asked ahead about it is of no use any more."""
        if self._resting is not None:
            self._rest_no_more()
        for work in list(self._under_way.values()):
            if work.uri == uri and work.ahead and not work.waiting:
                work.task.cancel()

    def _rest_no_more(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    def _begin(self, order: Order, root: Path, *, ahead: bool) -> _Work:
        allowance = self._prefetcher.allowance(AHEAD) if ahead else None
        watching: list[Written] = []

        def written(span: range, lines: Sequence[str], done: bool) -> None:
            for watcher in watching:
                watcher(span, lines, done)

        def course(size: int) -> Course:
            if allowance is None:
                return self._fleet.course(_ask(order, size))
            found = self._ahead(size, order)
            if found is None:
                raise ActionFailed("asking ahead would cost what is kept for requests")
            return found

        from spark_lsp.engine.propose import Means

        means = Means(
            course=course,
            checks=self._checks,
            root=root,
            rounds=self._config.actions.rounds,
            spend=(lambda tokens: True) if allowance is None else allowance.spend,
            written=written,
        )
        task = asyncio.get_running_loop().create_task(_run(order, means), name=order.action.name)
        work = self._under_way[order.key] = _Work(order.uri, task, ahead, watching=watching)
        task.add_done_callback(lambda done: self._ended(order, done))
        return work

    def _ended(self, order: Order, task: asyncio.Task[Outcome]) -> None:
        self._under_way.pop(order.key, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._kept[order.key] = task.result()
        elif isinstance(error, ActionFailed):
            log.info("%s: %s", order.action.name, error)
            self._kept[order.key] = error  # so that a cursor that rests there again does not ask again
        else:
            log.error("%s failed", order.action.name, exc_info=error)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _ahead(self, size: int, order: Order) -> Course | None:
        return self._fleet.ahead(_ask(order, size), metered=self._config.prefetch.metered)


def _ask(order: Order, size: int) -> Ask:
    return Ask(order.lane, size, order.uri, order.language, order.reach)


async def _run(order: Order, means: Means) -> Outcome:
    from spark_lsp.engine.propose import propose

    suite = await asyncio.to_thread(_suite_of, order, means.root) if order.action.form == "file" else None
    return await propose(order, means, suite)


def _suite_of(order: Order, root: Path) -> Suite:
    from spark_lsp.actions.suite import suite_of

    manifest = ""
    for name in MANIFESTS:
        file = root / name
        if file.is_file():
            with file.open("rb") as opened:
                manifest += opened.read(MANIFEST_BYTES).decode("utf-8", "replace")
    return suite_of(order.shown, order.language, lambda path: (root / path).exists(), manifest)
