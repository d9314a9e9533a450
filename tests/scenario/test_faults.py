"""Every fault at every moment, with another backend to go on and without, over real sockets.

The answer is what the file has there, whole. Where nobody could go on it is empty, or as much as was said
before the stream broke, and the status says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle, tokens
from spark_lsp.backends.script import Script, parse_faults
from spark_lsp.errors import UsageError
from tests.scenario.conftest import Session, Sessions

DONE = """\
def total(orders, discount):
    amount = 0
    for order in orders:
        amount += order.price * order.count
    if discount:
        amount -= amount * discount
    return round(amount, 2)


def describe(orders):
    return ", ".join(order.name for order in orders)
"""
HEAD, REST = DONE.split("    amount = 0", 1)
ANSWER, TAIL = ("    amount = 0" + REST).split("\n\n\n", 1)
LINE = HEAD.count("\n")

KINDS = ["status500", "status503", "status429", "reset", "close", "stall", "error", "garbage", "drip"]
LATE = ":17"  # within the third line; 2 is within the first
MOMENTS = (":before", ":headers", ":first", ":mid", ":2", LATE)


class Cell(NamedTuple):
    """One document, asked of a backend that fails, and of another one after that if there is one."""

    name: str
    fault: str
    other: bool


def cells(kind: str) -> Iterator[Cell]:
    """Those that can be: a status has no moment, garbage stands between two lines."""
    faults = [kind] if kind.startswith("status") else [f"{kind}{moment}" for moment in MOMENTS]
    for fault in faults:
        try:
            parse_faults(fault)
        except UsageError:
            continue
        for other in (True, False):
            yield Cell(fault.replace(":", "_") + ("_other" if other else "_alone"), fault, other)


class Servers(NamedTuple):
    broken: FakeServer
    other: FakeServer | None


@asynccontextmanager
async def serving(cell: Cell) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        source = Oracle({"shop.py": DONE})
        broken = FakeServer(source, Script(rate=2_000, faults=parse_faults(cell.fault)))
        other = FakeServer(source, Script(rate=2_000)) if cell.other else None
        for server in filter(None, (broken, other)):
            await stack.enter_async_context(server)
        yield Servers(broken, other)


def settings(fleet: dict[Cell, Servers]) -> dict[str, Any]:
    """Each document has a language, and backends, of its own: no cell learns from what another one met.

    Alone a backend's own patience ends a silence. Where there is another one, that has to go on long before;
    who has not said a word may be waited for, since a second request beside it may be one too many.
    """
    backends, languages = [], {}
    for cell, servers in fleet.items():
        made = {"kind": "openai-completions", "model": "fake", "fim": "suffix", "slots": 1}
        own = (
            {"first_byte_ms": 1_500, "stall_ms": 60_000}
            if cell.other
            else {"first_byte_ms": 400, "stall_ms": 400}
        )
        backends.append({**made, "name": cell.name, "base_url": servers.broken.url, **own})
        languages[cell.name] = [cell.name]
        if servers.other is not None:
            backends.append({**made, "name": f"after_{cell.name}", "base_url": servers.other.url})
            languages[cell.name].append(f"after_{cell.name}")
    return {
        "backend": backends,
        "routing": {
            "strategy": "ordered",
            "stall_ms": 150,
            "hedge_ceiling_ms": 400,
            "languages": languages,
        },
        "inline": {"deadline_ms": 10_000, "debounce_ms": 0, "without": ["pieces"]},
        "prefetch": {"enabled": False},
        "workspace": {"enabled": False},
    }


async def check(session: Session, cell: Cell, servers: Servers) -> None:
    uri = session.open(f"{cell.name}.txt", f"{HEAD}    \n\n\n{TAIL}", cell.name)
    ghost = await session.ghost(uri, LINE, 4)
    assert servers.broken.stats.requests, cell
    if servers.other is not None:
        assert ghost == ANSWER.lstrip(), cell
        assert servers.other.stats.requests == 1, cell
        if cell.fault.endswith(LATE):
            assert servers.other.stats.tokens < len(tokens(ANSWER)) - 8, f"{cell} is not gone on with"
        return
    lines = ANSWER.lstrip().split("\n")
    assert ghost in {"\n".join(lines[:count]) for count in range(len(lines))}, cell
    assert any(cell.name in status["message"] for status in session.statuses), cell
    record = (await session.metrics())["backends"][cell.name]
    assert record["errors"] == 1, cell


@pytest.mark.parametrize("kind", KINDS)
async def test_the_answer_is_whole_or_empty_with_a_reason(sessions: Sessions, kind: str) -> None:
    async with AsyncExitStack() as stack:
        fleet = {cell: await stack.enter_async_context(serving(cell)) for cell in cells(kind)}
        async with sessions(settings(fleet)) as session:
            checks = [check(session, cell, servers) for cell, servers in fleet.items()]
            failures = await asyncio.gather(*checks, return_exceptions=True)
    assert [failure for failure in failures if failure] == []
