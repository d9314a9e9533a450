"""What is asked ahead: it is there after the accept, it is paid from a budget, and it makes way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.script import Script, parse_faults
from tests.scenario.conftest import Session, Sessions, served_by, until

DONE = """\
def report(orders):
    total = sum(order.price for order in orders)

    if not orders:
        raise ValueError("there are no orders")

    for order in orders:
        print(order.number, order.price)

    print("in all", total)
    return total


def describe(orders):
    return ", ".join(order.name for order in orders)
"""
HEAD, BODY = DONE.split("    total", 1)
AFTER = "\n\n\ndef describe(orders):" + DONE.split("def describe(orders):")[1]
START = HEAD + "    " + AFTER
LINE, COLUMN = 1, 4


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    # From a server that answers at once nothing is won by asking ahead.
    async with FakeServer(Oracle({"shop.py": DONE}), Script(ttft=0.2)) as server:
        yield server


def typed_out(ghost: str, line: int, column: int) -> tuple[int, int]:
    """Where the cursor is when `ghost` was taken."""
    lines = ghost.split("\n")
    return (line, column + len(ghost)) if len(lines) == 1 else (line + len(lines) - 1, len(lines[-1]))


async def settled(session: Session, server: FakeServer) -> Any:
    """The metrics once no stream is under way."""
    for _ in range(200):
        before = server.stats.requests
        await asyncio.sleep(0.1)
        if not server.stats.open and server.stats.requests == before:
            return await session.metrics()
    raise AssertionError("there is always a stream under way")


async def test_what_follows_an_accept_is_there_before_it(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server, prefetch={})) as session:
        uri = session.open("shop.py", START)
        text, line, column = HEAD + "    ", LINE, COLUMN
        hits = []
        for _ in range(3):
            ghost = await session.ghost(uri, line, column)
            assert ghost
            assert DONE.startswith(text + ghost)
            hits.append((await settled(session, server))["hits"])
            session.type(uri, line, column, ghost)
            line, column = typed_out(ghost, line, column)
            text += ghost
    assert [one["network"] for one in hits] == [1, 1, 1]
    assert [one["speculative"] for one in hits] == [0, 1, 2]


Change = Callable[[dict[str, Any]], Any]


def metered(settings: dict[str, Any]) -> None:
    settings["backend"][0]["metered"] = True


def no_tokens(settings: dict[str, Any]) -> None:
    settings["prefetch"] = {"tokens_per_minute": 0}


def switched_off(settings: dict[str, Any]) -> None:
    settings["prefetch"] = {"enabled": False}


def allowed(settings: dict[str, Any]) -> None:
    metered(settings)
    settings["prefetch"] = {"metered": True}


@pytest.mark.parametrize(
    ("change", "asks"), [(metered, False), (no_tokens, False), (switched_off, False), (allowed, True)]
)
async def test_nothing_is_spent_that_was_not_allowed(
    sessions: Sessions, server: FakeServer, change: Change, asks: bool
) -> None:
    settings = served_by(server, prefetch={})
    settings["backend"][0]["slots"] = 4
    change(settings)
    async with sessions(settings) as session:
        uri = session.open("shop.py", START)
        assert await session.ghost(uri, LINE, COLUMN)
        metrics = await settled(session, server)
    assert (server.stats.requests > 1) == asks
    assert (metrics["tokens"]["prefetched"] > 0) == asks


async def test_one_slot_is_given_back_to_whoever_waits(sessions: Sessions, server: FakeServer) -> None:
    """Bets end when a request starts: with one slot at the server the answer would wait behind them."""
    settings = served_by(server, prefetch={})
    async with sessions(settings) as session:
        uri = session.open("shop.py", START)
        ghost = await session.ghost(uri, LINE, COLUMN)
        server.script = Script(ttft=30)
        session.type(uri, LINE, COLUMN, ghost[0])
        session.type(uri, LINE, COLUMN + 1, ghost[1:])
        line, column = typed_out(ghost, LINE, COLUMN)
        await session.ghost(uri, line, column)
        await asyncio.sleep(0.3)
        server.script = Script(ttft=0.2)
        other = session.open("other.py", START)
        assert await session.ghost(other, LINE, COLUMN) == ghost
        assert server.stats.open <= 1


async def test_a_lost_bet_is_ended(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server, pieces=True, prefetch={})) as session:
        uri = session.open("shop.py", START)
        assert await session.ghost(uri, LINE, COLUMN)
        server.script = Script(rate=5)
        other = session.open("other.py", START)
        assert await session.ghost(other, LINE, COLUMN, invoked=True)
        session.type(other, LINE, COLUMN, "@")
        server.script = Script()
        await session.ghost(other, LINE, COLUMN + 1)
        metrics = await settled(session, server)
    assert server.stats.cancelled >= 1
    assert metrics["tokens"]["prefetched"] <= metrics["tokens"]["generated"]


async def test_what_is_said_behind_a_line_answers_the_next_one(
    sessions: Sessions, server: FakeServer
) -> None:
    """The rest of a line is asked for; the stream goes on, and Enter finds what it said."""
    text = DONE.replace("    total = sum(order.price for order in orders)\n", "    total = sum(order\n")
    text = text[: text.index("sum(order\n") + len("sum(order")] + AFTER
    column = len("    total = sum(order")
    settings = served_by(server, prefetch={})
    async with sessions(settings) as session:
        uri = session.open("shop.py", text)
        asked = asyncio.ensure_future(session.ghost(uri, LINE, column))
        await until(lambda: server.stats.requests == 1)
        server.script = Script(ttft=30)  # nothing else is answered in time
        ghost = await asked
        assert ghost == ".price for order in orders)"
        session.type(uri, LINE, column, ghost)
        session.type(uri, LINE, column + len(ghost), "\n\n    ")
        assert (await session.ghost(uri, LINE + 2, 4)).startswith("if not orders:")
        metrics = await session.metrics()
    assert metrics["hits"]["speculative"] == 1


async def test_a_stream_that_says_something_else_is_asked_again_at_once(
    sessions: Sessions, server: FakeServer
) -> None:
    """Typed while the model was silent: what it says then contradicts that, and somebody still waits."""
    server.script = Script(ttft=0.5)
    async with sessions(served_by(server)) as session:
        uri = session.open("shop.py", START)
        first = asyncio.ensure_future(session.ghost(uri, LINE, COLUMN))
        await until(lambda: server.stats.requests == 1)
        session.type(uri, LINE, COLUMN, "if not ord")
        assert await session.ghost(uri, LINE, COLUMN + 10)
        assert await first == ""
    assert server.stats.requests == 2


async def test_nothing_of_a_private_document_is_asked_ahead(sessions: Sessions, server: FakeServer) -> None:
    """The predictor answers there, and what it shows leads to states like any other."""
    (sessions.root / ".gitignore").write_text("private.py\n")
    for number in range(3):
        (sessions.root / f"shop_{number}.py").write_text(DONE)
    settings = served_by(server, prefetch={})
    settings["backend"][0]["slots"] = 4
    async with sessions(settings) as session:
        await session.learned()
        uri = session.open("private.py", START)
        ghost = await session.ghost(uri, LINE, COLUMN, invoked=True)
        assert ghost
        session.type(uri, LINE, COLUMN, ghost[0])
        assert await session.ghost(uri, LINE, COLUMN + 1) == ghost[1:]
        await settled(session, server)
    assert server.stats.requests == 0


async def test_what_was_asked_ahead_outlives_its_backend(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server, prefetch={})) as session:
        uri = session.open("shop.py", START)
        ghost = await session.ghost(uri, LINE, COLUMN)
        await settled(session, server)
        server.script = Script(faults=parse_faults("reset"))
        session.type(uri, LINE, COLUMN, ghost)
        assert await session.ghost(uri, *typed_out(ghost, LINE, COLUMN))
        assert (await session.metrics())["hits"]["speculative"] == 1


async def test_closing_a_document_ends_what_was_asked_ahead(sessions: Sessions, server: FakeServer) -> None:
    settings = served_by(server, prefetch={})
    settings["inline"]["without"] += ["read_on"]  # so that the state after the accept has to be asked for
    async with sessions(settings) as session:
        uri = session.open("shop.py", START)
        asked = asyncio.ensure_future(session.ghost(uri, LINE, COLUMN))
        await until(lambda: server.stats.requests == 1)
        server.script = Script(ttft=30)
        assert await asked
        await until(lambda: server.stats.open == 1)
        session.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )
        await until(lambda: server.stats.cancelled == 1)


PLAN = """\
def settle_{n}(order, ledger):
    total = order.total + ledger.fees
    ledger.note(order.identifier, total)
    code_name = ledger.canary_of(order)
    return ledger.close(order, code_name)
"""


class Listener:
    """A source that remembers what it was shown, and says the same to all."""

    def __init__(self) -> None:
        self.prefixes: list[str] = []

    def answer(self, prefix: str, suffix: str) -> str:
        self.prefixes.append(prefix)
        return "pass\n"


@pytest.mark.parametrize("forwards", [True, False])
async def test_what_the_predictor_read_in_a_denied_file_is_no_bet_outside(
    sessions: Sessions, forwards: bool
) -> None:
    """The document is open to all; what is predicted in it comes from files that may not leave here."""
    (sessions.root / "plans").mkdir()
    text = "\n\n".join(PLAN.format(n=n) for n in range(4))
    for n in range(4):
        (sessions.root / "plans" / f"plan_{n}.py").write_text(text)
    listener = Listener()
    async with FakeServer(listener, Script(ttft=0.2)) as server:
        settings = served_by(
            server,
            prefetch={},
            privacy={"deny": ["plans/"]},
            workspace={"stand_in": 0.3, "threshold": 0.1},
        )
        settings["backend"][0] |= {"forwards": forwards, "slots": 4}
        async with sessions(settings) as session:
            await session.learned()
            head = text.split("    code_name")[0]
            uri = session.open("open.py", head + "    \n")
            assert "canary" in await session.ghost(uri, head.count("\n"), 4)
            if forwards:
                await asyncio.sleep(0.5)  # for what must not come
            else:
                await until(lambda: any("canary" in prefix for prefix in listener.prefixes), 20)
            await settled(session, server)
    assert not forwards or not any("canary" in prefix for prefix in listener.prefixes)
