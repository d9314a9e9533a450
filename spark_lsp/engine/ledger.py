"""What outlives a session of the backends: how fast they were, and what they cost today."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from spark_lsp.config import BackendSettings, Config
from spark_lsp.routing.measure import Measurements
from spark_lsp.routing.spend import Limits, Spend

if TYPE_CHECKING:
    from spark_lsp.engine.notebook import Notebook

WRITTEN = 60.0
"""Seconds between two times that measurements are written, and that others' spending is read."""


class Ledger:
    """Keeps `measurements` and what is spent in the notebook, as the settings say.

    `complain` is told why nothing can be kept.
    """

    def __init__(self, measurements: Measurements, complain: Callable[[str], None]) -> None:
        self._measurements = measurements
        self._complain = complain
        self._spend = Spend()
        self._limited: tuple[str, ...] = ()
        self._remembers = False
        self._notebook: Notebook | None = None
        self._reading: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._barred: tuple[str, Mapping[str, str]] | None = None

    async def configure(self, config: Config) -> None:
        """These limits from now on. Opens the notebook when there is something to keep, and reads it once."""
        limits = {one.name: limits_of(one) for one in config.backends}
        self._spend.configure(limits, config.routing.spend_per_day)
        total = config.routing.spend_per_day > 0
        self._limited = tuple(
            name for name, limit in limits.items() if total or limit.tokens_per_day or limit.spend_per_day
        )
        self._remembers = config.routing.remember
        self._barred = None
        # A limit for a day that a restart forgets is none: so that is kept, whatever else is not.
        if self._notebook is None and limits and (self._remembers or self._limited):
            # Imported when it is wanted: SQLite would cost every server's start a few milliseconds.
            from spark_lsp.engine.notebook import Notebook, notebook_path

            self._notebook = Notebook(notebook_path(), self._complain)
            self._reading = asyncio.create_task(self._read(self._notebook), name="read what is remembered")
            self._writing = asyncio.create_task(self._keep_up(), name="keep what is measured")
            if self._limited:
                await self.read()

    async def read(self) -> None:
        """Wait until what is remembered is known."""
        if self._reading is not None:
            await asyncio.wait([self._reading])

    def barred(self) -> Mapping[str, str]:
        """Who may not be asked any more today, and why."""
        if not self._limited:
            return {}
        today = _today()
        if self._barred is None or self._barred[0] != today:
            reasons = {name: self._spend.why(name, today) for name in self._limited}
            # The reason begins with the name, which is told anyway.
            barred = {name: f"has {why.removeprefix(f'{name}: ')}" for name, why in reasons.items() if why}
            self._barred = today, barred
        return self._barred[1]

    def spent(self, name: str, prompt_tokens: int, completion_tokens: int) -> None:
        """A request to this one took so much."""
        if name in self._limited:
            today = _today()
            self._spend.note(name, prompt_tokens, completion_tokens, today)
            self._barred = None
            if self._notebook is not None:
                self._notebook.note_spend(name, today, prompt_tokens, completion_tokens)

    async def aclose(self) -> None:
        """Write what was measured last."""
        working = [task for task in (self._reading, self._writing) if task is not None]
        for task in working:
            task.cancel()
        if working:
            await asyncio.wait(working)
        notebook, self._notebook = self._notebook, None
        if notebook is not None:
            self._write(notebook)
            await notebook.aclose()

    async def _read(self, notebook: Notebook) -> None:
        notes = await notebook.load()
        if self._remembers:
            self._measurements.restore(notes.measurements, notes.age_s, time.monotonic())
        self._spend.learn(notes.spent)
        self._barred = None

    async def _keep_up(self) -> None:
        await self.read()
        while (notebook := self._notebook) is not None:
            await asyncio.sleep(WRITTEN)
            self._write(notebook)
            if self._limited:
                self._spend.learn(await notebook.spent(_today()))
                self._barred = None

    def _write(self, notebook: Notebook) -> None:
        if self._remembers:
            notebook.keep(self._measurements.report(time.monotonic()))


def limits_of(settings: BackendSettings) -> Limits:
    """What a backend may spend, and at which prices."""
    return Limits(
        settings.price_prompt, settings.price_completion, settings.tokens_per_day, settings.spend_per_day
    )


def _today() -> str:
    return date.today().isoformat()
