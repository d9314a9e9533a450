"""Connections are opened ahead of the first request, and again after idling."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from spark_lsp.config import BackendSettings, Config, WorkspaceSettings
from spark_lsp.engine import fleet
from spark_lsp.engine.documents import Change
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.status import StatusKind
from tests.unit.backends.strict import StrictServer


class Nobody:
    """Listens to nothing."""

    def warn(self, message: str) -> None: ...

    def learned(self, done: int, total: int) -> None: ...

    def status(self, kind: StatusKind, message: str) -> None: ...


async def until(count: int, paths: list[str]) -> None:
    for _ in range(200):
        if len(paths) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{paths}, and no more in 2 seconds")


@pytest.mark.parametrize(
    ("idle", "slept", "requests"), [(0.0, 0.0, 2), (3600.0, 0.0, 1), (3600.0, 60.0, 2), (3600.0, -60.0, 1)]
)
async def test_the_first_key_after_idling_or_sleep_connects(
    monkeypatch: pytest.MonkeyPatch, idle: float, slept: float, requests: int
) -> None:
    monkeypatch.setattr(fleet, "IDLE", idle)
    server = StrictServer(b"")  # lists no models, so that each connecting can be seen
    async with server.listen() as url:
        settings: dict[str, Any] = {"name": "a", "kind": "openai-completions", "base_url": f"{url}/v1"}
        config = Config(backends=(BackendSettings(**settings),), workspace=WorkspaceSettings(enabled=False))
        session = Engine(config, Nobody())
        try:
            await session.start([])
            await until(1, server.paths)
            session.open("file:///a.py", "/a.py", "", language="python", version=1, encoding="utf-16")
            # The clock that counts no sleep stands still meanwhile; or somebody set the other one back.
            wall = time.time() + slept
            monkeypatch.setattr(time, "time", lambda: wall)
            session.change("file:///a.py", 2, [Change((0, 0, 0, 0), "x")])
            await until(requests, server.paths)
            await asyncio.sleep(0.05)
            assert server.paths == ["GET /v1/models"] * requests
        finally:
            await session.close()
