"""Work-done progress, where the client shows it: for the background index, and for what a person waits
for."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

log = logging.getLogger(__name__)


class Progress:
    """One bar at a time, moved at whole percents."""

    def __init__(self, server: SparkServer) -> None:
        self._server = server
        self._bars = 0
        self._token = ""
        self._shown = False
        self._percent = 0

    def report(self, done: int, total: int) -> None:
        """`done` 0 begins a new bar, `done` equal to `total` ends it."""
        percent = 100 * done // max(total, 1)
        if done == 0 and total:
            self._percent = 0
            self._server.tasks.start(self._begin(), "progress")
        elif done >= total:
            self._percent = 100
            self._end()
        elif percent > self._percent:
            self._percent = percent
            if self._shown:
                self._server.work_done_progress.report(
                    self._token,
                    types.WorkDoneProgressReport(message=f"{done} of {total} files", percentage=percent),
                )

    async def _begin(self) -> None:
        self._end()
        window = self._server.client_capabilities.window
        if window is None or not window.work_done_progress:
            return
        self._bars += 1
        token = f"spark/learning/{self._bars}"
        try:
            await self._server.work_done_progress.create_async(token)
        except JsonRpcException as error:
            log.info("the client wants no progress: %s", error)
            return
        # While the client was asked, the work may have ended.
        if self._percent < 100:
            begin = types.WorkDoneProgressBegin(title="Learning the workspace", percentage=self._percent)
            self._server.work_done_progress.begin(token, begin)
            self._token, self._shown = token, True

    def _end(self) -> None:
        if self._shown:
            self._shown = False
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd())


SILENT = 0.4
"""Seconds that work goes on before it is shown: a bar that flashes says nothing."""

REPORTED = 0.1
"""Seconds between two reports."""


class Work:
    """Shows that something a person asked for is under way, from `SILENT` on. Cancelling it there cancels the
    task that is inside of the block."""

    _count = 0

    def __init__(self, server: SparkServer, title: str) -> None:
        Work._count += 1
        self._server = server
        self._title = title
        self._token = f"spark/work/{Work._count}"
        self._showing: asyncio.Task[None] | None = None
        self._shown = False
        self._due = 0.0

    async def __aenter__(self) -> Work:
        window, task = self._server.client_capabilities.window, asyncio.current_task()
        if window is not None and window.work_done_progress and task is not None:
            self._showing = self._server.tasks.start(self._show(task), "progress")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._showing is not None:
            self._showing.cancel()
            await asyncio.wait([self._showing])
        if self._shown:
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd())
        self._server.work_done_progress.tokens.pop(self._token, None)

    def report(self, message: str) -> None:
        """One more word on how far it is."""
        now = time.monotonic()
        if self._shown and now >= self._due:
            self._due = now + REPORTED
            self._server.work_done_progress.report(self._token, types.WorkDoneProgressReport(message=message))

    async def _show(self, working: asyncio.Task[Any]) -> None:
        await asyncio.sleep(SILENT)
        progress = self._server.work_done_progress
        try:
            await progress.create_async(self._token)
        except JsonRpcException as error:
            log.info("the client wants no progress: %s", error)
            return
        progress.begin(self._token, types.WorkDoneProgressBegin(title=self._title, cancellable=True))
        self._shown = True
        progress.tokens[self._token].add_done_callback(lambda _: working.cancel())
