"""Work-done progress for the background index, where the client shows it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

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
