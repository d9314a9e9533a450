"""Backends that are found by themselves, where the settings name none."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from spark_lsp.config import BackendSettings, Config
from spark_lsp.engine.tasks import Tasks

AGAIN = 60.0
"""Seconds after which coming to a document looks for backends again."""


class Found:
    """What was found for these settings. `use` puts it to use: it differs from what was there before."""

    def __init__(self, config: Config, tasks: Tasks, use: Callable[[], Awaitable[None]]) -> None:
        self.config = config
        self._tasks = tasks
        self._use = use
        self._backends: tuple[BackendSettings, ...] = ()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    @property
    def wanted(self) -> bool:
        return not self.config.backends and self.config.routing.discover

    @property
    def in_force(self) -> Config:
        """The settings, with the backends that were found where they name none."""
        return replace(self.config, backends=self._backends) if self.wanted else self.config

    def look(self) -> None:
        """Look for them: a server may have been started, or have gone."""
        self._looking = self._tasks.start(self._look(), "discover")

    def look_again(self) -> None:
        """The user comes to a document, perhaps from starting a server."""
        if self.wanted and time.monotonic() - self._looked_at > AGAIN:
            self.look()

    async def looked(self) -> None:
        """Wait until they have been looked for and are connected, if they are looked for at all."""
        if self._looking is not None:
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        # Imported when it is needed: what it brings would cost the server's start 15 ms.
        from spark_lsp.backends.discovery import discover

        self._looked_at = time.monotonic()
        found = await discover(os.environ)
        if self.wanted:  # the settings may have changed meanwhile
            self._backends = tuple(one.settings for one in found)
            await self._use()
