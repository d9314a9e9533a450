"""Two real servers: the faster one leads and is paused in the middle of its answer; the other one goes on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import servers
from tests.e2e.servers import Far, Server
from tests.scenario.conftest import Session, Sessions

TABLE = 'NAMES = {\n    1: "one",\n    2: "two",\n    3: "three",\n    '
ROW = re.compile(r'(\d+): "\w+",')
FAR = 0.4  # seconds


@pytest.fixture
def near(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers.llama(model, tmp_path_factory.mktemp("near")) as server:
        yield server


def settings(**urls: str) -> dict[str, Any]:
    backends = [
        {
            "name": name,
            "kind": "llamacpp",
            "base_url": url,
            "headers": {"Authorization": f"Bearer {servers.KEY}"},
        }
        for name, url in urls.items()
    ]
    return {
        "backend": backends,
        # Healing and grammars change what so small a model says; here its words have to be a table.
        "inline": {"max_tokens": 96, "deadline_ms": 10_000, "without": ["pieces", "healing"]},
        "prefetch": {"enabled": False},
        "workspace": {"enabled": False},
    }


async def warm_up(session: Session, leader: str) -> None:
    """Ask for short things until `leader` is known to be the fastest."""
    for number in range(30):
        uri = session.open(f"short_{number}.py", f"def add_{number}(a, b):\n    return a +")
        await session.ghost(uri, 1, 14)
        last = (await session.metrics())["routing"][-1]
        if last["order"][0] == leader and number > 8:
            return
    raise AssertionError(f"{leader} does not lead: {last}")


async def generated(session: Session) -> int:
    tokens = (await session.metrics())["tokens"]["generated"]
    assert isinstance(tokens, int)
    return tokens


async def test_the_other_one_finishes_what_a_paused_one_began(
    sessions: Sessions, llama: Server, near: Server
) -> None:
    """The same model at temperature 0 goes on as it would have gone on itself, but for two things: the text
    so far may be cut into other tokens, and what is read at once is not rounded as what is read one by one.
    So its words may differ. The table tells what must not: each row has the number after that of the row
    before it, so that one that is lost, doubled or broken at the seam is seen.
    """
    async with Far(llama.url, FAR).listen() as far, sessions(settings(far=far, near=near.url)) as session:
        await warm_up(session, "near")
        uri = session.open("table.py", TABLE)
        before = await generated(session)
        answer = asyncio.create_task(session.ghost(uri, 4, 4))
        while await generated(session) < before + 24:
            assert not answer.done(), "it was over before it could be paused"
        with servers.paused(near):
            ghost = await answer
            assert ghost
            report = (await session.metrics())["backends"]
        rows = ghost.splitlines()
        numbers = [int(match[1]) for row in rows if (match := ROW.fullmatch(row.strip()))]
        assert numbers == list(range(4, 4 + len(rows))), ghost
        assert report["far"]["failovers"] == 1, report
        assert report["near"]["errors"] == 1, report
        assert "near" in session.statuses[-1]["message"]

        async def is_back() -> bool:
            return bool((await session.metrics())["backends"]["near"]["state"] != "resting")

        for _ in range(100):
            if await is_back():
                break
            await asyncio.sleep(0.1)
        assert await is_back()
