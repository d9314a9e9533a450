"""Backends that are found by themselves, in a session of the real server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.script import Script
from tests.scenario.conftest import Session, Sessions
from tests.unit.backends.strict import StrictServer

TEXT = "def add(first, second):\n    total = first + second\n    return total\n"
SETTINGS: dict[str, Any] = {"workspace": {"enabled": False}, "inline": {"deadline_ms": 10_000}}


async def found(session: Session, name: str) -> dict[str, Any]:
    """The record of the backend, once it is found."""
    for _ in range(200):
        backends = (await session.metrics())["backends"]
        if name in backends:
            record: dict[str, Any] = backends[name]
            return record
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} was not found in 10 seconds")


async def test_a_key_in_the_environment_is_all_it_takes(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeServer(Oracle({"add.py": TEXT}), Script(), model="gpt-oss-120b") as server:
        monkeypatch.setenv("SPARK_LSP_ROUTING__DISCOVER", "true")
        monkeypatch.setenv("CEREBRAS_API_KEY", "canary")
        monkeypatch.setenv("CEREBRAS_BASE_URL", server.url)
        async with sessions(SETTINGS) as session:
            await found(session, "cerebras")
            uri = session.open("add.py", "def add(first, second):\n    total = \n    return total\n")
            assert await session.ghost(uri, 1, 12) == "first + second"
            assert (await found(session, "cerebras"))["requests"] == 1


async def test_nothing_is_looked_for_when_it_is_switched_off(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeServer(Oracle({"add.py": TEXT}), Script(), model="gpt-oss-120b") as server:
        monkeypatch.setenv("CEREBRAS_API_KEY", "canary")
        monkeypatch.setenv("CEREBRAS_BASE_URL", server.url)
        async with sessions(SETTINGS) as session:
            uri = session.open("add.py", "def add(first, second):\n    total = \n")
            assert await session.ghost(uri, 1, 12) == ""
            assert (await session.metrics())["backends"] == {}
        assert server.stats.requests == 0


@pytest.mark.parametrize(
    ("kind", "fim"), [("openai-chat", ""), ("tabby", ""), ("openai-completions", "mellum")]
)
async def test_where_the_workspace_lies_stays_here(sessions: Sessions, kind: str, fim: str) -> None:
    """A path from the root tells the user's name, and often the customer's."""
    stream = b'data: {"choices":[{"index":0,"text":"x","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    server = StrictServer(stream)
    async with server.listen() as url:
        backend = {"name": "remote", "kind": kind, "base_url": url, "model": "m", "fim": fim}
        async with sessions(SETTINGS | {"backend": [backend]}) as session:
            uri = session.open("deep/add.py", "def add(first, second):\n    total = \n")
            await session.ghost(uri, 1, 12)
        [body] = [json.dumps(body) for body in server.bodies]
        assert "deep/add.py" in body
        assert str(session.root) not in body
