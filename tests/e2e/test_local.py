"""Kind `local` with a real model: one child for all, back after its death, gone with its users."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends import local
from spark_lsp.backends.base import Backend
from spark_lsp.backends.local_plan import Plan
from spark_lsp.config import BackendSettings
from spark_lsp.errors import ServerFault
from spark_lsp.values import Prompt
from tests.e2e.asking import CONTINUED, answer

OTHER_EDITOR = """
import asyncio, sys
from pathlib import Path
from spark_lsp.backends.local import LocalBackend
from spark_lsp.config import BackendSettings
from spark_lsp.values import Prompt
async def main():
    settings = BackendSettings("other", kind="local", model_file=sys.argv[1], context_tokens=1024)
    backend = LocalBackend(settings, Path(sys.argv[2]))
    async for delta in backend.stream(Prompt("a", rendered="def f():", max_tokens=2)):
        pass
    print("answered", flush=True)
    await asyncio.sleep(120)
asyncio.run(main())
"""


@asynccontextmanager
async def editor(model: Path, folder: Path, **settings: Any) -> AsyncIterator[Backend]:
    named: dict[str, Any] = {"name": "mine", "kind": "local", "model_file": str(model)}
    made = local.LocalBackend(BackendSettings(**named, context_tokens=1024, **settings), folder)
    try:
        yield made
    finally:
        await made.aclose()


def children(folder: Path) -> set[int]:
    pids = set()
    for place in folder.glob("*.json"):
        with suppress(FileNotFoundError):  # a child that ends takes its file along, at any moment
            pids.add(int(json.loads(place.read_bytes())["pid"]))
    return pids


async def gone(pid: int) -> bool:
    """Whether it ends within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if not running(pid):
            return True
        await asyncio.sleep(0.02)
    return False


def running(pid: int) -> bool:
    """One that nobody has reaped yet has ended, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_two_editors_share_one_child(model: Path, tmp_path: Path) -> None:
    async with editor(model, tmp_path) as first:
        assert first.model == model.stem
        assert await first.models() == (model.stem,)
        await first.connect()
        assert not children(tmp_path), "nothing runs before the first prompt"
        async with editor(model, tmp_path) as second:
            answers = await asyncio.gather(answer(first, CONTINUED), answer(second, CONTINUED))
            assert [given.text.startswith(" a - b") for given in answers] == [True, True]
            (pid,) = children(tmp_path)
        assert (await answer(first, CONTINUED)).text.startswith(" a - b"), "one has left, not the last"
        assert children(tmp_path) == {pid}
    assert await gone(pid)


async def test_reading_ahead_starts_it_and_is_worth_it(model: Path, tmp_path: Path) -> None:
    async with editor(model, tmp_path) as asked:
        await asked.prefill(CONTINUED)
        assert children(tmp_path)
        usage = (await answer(asked, CONTINUED)).usage
    assert usage is not None
    assert (usage.cached_tokens or 0) > 10


async def test_a_killed_child_is_replaced(model: Path, tmp_path: Path) -> None:
    async with editor(model, tmp_path) as asked:
        await answer(asked, CONTINUED)
        (pid,) = children(tmp_path)
        os.kill(pid, signal.SIGKILL)
        assert (await answer(asked, CONTINUED)).text.startswith(" a - b")
        (successor,) = children(tmp_path)
    assert successor != pid
    assert await gone(successor)


async def test_a_killed_editor_leaves_nothing_behind(model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER_EDITOR, str(model), str(tmp_path)]
    other = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert other.stdout is not None
    try:
        assert await other.stdout.readline() == b"answered\n"
        (pid,) = children(tmp_path)
        other.kill()
        assert await gone(pid)
    finally:
        if other.returncode is None:
            other.kill()
        await other.wait()


async def test_an_idle_model_is_unloaded_and_comes_back(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(str(model), threads=1, context_tokens=1024, slots=1, idle_seconds=1)
    monkeypatch.setattr(Plan, "of", lambda settings: plan)
    async with editor(model, tmp_path) as asked:
        await answer(asked, CONTINUED)
        (pid,) = children(tmp_path)
        loaded = resident(pid)
        for _ in range(100):
            if resident(pid) < loaded / 2:
                break
            await asyncio.sleep(0.1)
        assert resident(pid) < loaded / 2
        assert (await answer(asked, CONTINUED)).text.startswith(" a - b")
        assert children(tmp_path) == {pid}


async def test_a_damaged_model_is_said(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + bytes(1000))
    async with editor(damaged, tmp_path) as asked:
        with pytest.raises(ServerFault, match="bad GGUF version"):
            await answer(asked, Prompt("a"))
    for pid in children(tmp_path):
        assert await gone(pid)


def resident(pid: int) -> int:
    """kB of memory, the model's mapped file among them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
