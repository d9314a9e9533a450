"""From a keystroke to the answer, with a model server that knows what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcRequestCancelled

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.script import Script, parse_faults
from tests.scenario.conftest import Sessions, served_by, until

DONE = """\
def total_price(items, discount):
    subtotal = sum(item.price * item.quantity for item in items)
    return subtotal * (1 - discount)


def describe(items):
    return ", ".join(item.name for item in items)
"""
HEAD, REST = DONE.split("    subtotal", 1)
START = HEAD + "    \n\n\ndef describe(items):\n" + DONE.split("def describe(items):\n")[1]
LINE, COLUMN = 1, 4
GHOST = "subtotal = sum(item.price * item.quantity for item in items)\n    return subtotal * (1 - discount)"


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer(Oracle({"shop.py": DONE})) as server:
        yield server


async def test_typing_along_with_the_ghost_text_costs_no_request(
    sessions: Sessions, server: FakeServer
) -> None:
    async with sessions(served_by(server)) as session:
        uri = session.open("shop.py", START)
        assert await session.ghost(uri, LINE, COLUMN) == GHOST
        for typed in range(1, 11):
            session.type(uri, LINE, COLUMN + typed - 1, GHOST[typed - 1])
            assert await session.ghost(uri, LINE, COLUMN + typed) == GHOST[typed:]
        metrics = await session.metrics()
    assert server.stats.requests == 1
    assert metrics["hits"]["network"] == 1
    assert metrics["hits"]["typed_through"] == 10
    assert metrics["backends"]["remote"]["requests"] == 1


async def test_a_flood_is_answered_whole_and_costs_one_request(
    sessions: Sessions, server: FakeServer
) -> None:
    async with sessions(served_by(server)) as session:
        uri = session.open("shop.py", START)
        answers = []
        for typed in range(200):
            session.type(uri, LINE, COLUMN + typed, "x")
            answers.append(asyncio.ensure_future(session.complete(uri, LINE, COLUMN + typed + 1)))
        assert len(await asyncio.gather(*answers)) == 200
    assert server.stats.requests <= 1


async def test_a_superseded_request_is_answered_with_nothing(sessions: Sessions, server: FakeServer) -> None:
    server.script = Script(ttft=0.3)
    async with sessions(served_by(server)) as session:
        uri = session.open("shop.py", START)
        older = asyncio.ensure_future(session.complete(uri, LINE, COLUMN))
        newer = asyncio.ensure_future(session.ghost(uri, LINE, COLUMN, invoked=True))
        assert await older == []
        assert await newer == GHOST
    assert server.stats.requests == 1


async def test_a_cancelled_request_gets_its_error_and_the_stream_ends(
    sessions: Sessions, server: FakeServer
) -> None:
    server.script = Script(ttft=30)
    async with sessions(served_by(server)) as session:
        uri = session.open("shop.py", START)
        protocol = session.client.protocol
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked),
            types.TextDocumentIdentifier(uri),
            types.Position(LINE, COLUMN),
        )
        request = asyncio.ensure_future(
            protocol.send_request_async("textDocument/inlineCompletion", params, msg_id="c1")
        )
        await until(lambda: server.stats.open == 1)
        session.client.cancel_request(types.CancelParams(id="c1"))
        with pytest.raises(JsonRpcRequestCancelled):
            await request
        # Nobody wants it any more; after the grace of a second its socket is closed.
        await until(lambda: server.stats.cancelled == 1)


async def test_what_contradicts_a_stream_ends_it(sessions: Sessions, server: FakeServer) -> None:
    server.script = Script(rate=20)
    async with sessions(served_by(server, pieces=True)) as session:
        uri = session.open("shop.py", START)
        assert GHOST.startswith(await session.ghost(uri, LINE, COLUMN))
        session.type(uri, LINE, COLUMN, "@")
        await session.ghost(uri, LINE, COLUMN + 1)
        await until(lambda: server.stats.cancelled == 1)
        assert server.stats.open <= 1


async def test_the_deadline_answers_with_what_there_is(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server, deadline_ms=1000, pieces=True)) as session:
        # The first request of a process also pays for the HTTP library.
        other = session.open("other.py", START)
        assert GHOST.startswith(await session.ghost(other, LINE, COLUMN, invoked=True) or "nothing")
        server.script = Script(rate=8)
        uri = session.open("shop.py", START)
        ghost = await session.ghost(uri, LINE, COLUMN)
        assert ghost
        assert GHOST.startswith(ghost)
        assert len(ghost) < len(GHOST.splitlines()[0])
        server.script = Script()
        assert (await session.ghost(uri, LINE, COLUMN, invoked=True)).startswith(GHOST.splitlines()[0])
    assert server.stats.requests == 2


async def test_an_item_selected_in_the_menu_is_continued(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server)) as session:
        text = START.replace("    \n", "    su\n", 1)
        uri = session.open("shop.py", text)
        word = types.Range(types.Position(LINE, COLUMN), types.Position(LINE, COLUMN + 2))
        [item] = await session.complete(
            uri, LINE, COLUMN + 2, selected=types.SelectedCompletionInfo(range=word, text="subtotal")
        )
    # One line: the completion menu is open in the middle of one.
    assert item.insert_text == GHOST.splitlines()[0]
    assert item.range == word


@pytest.mark.parametrize("faults", ["status500", "reset"])
async def test_a_backend_that_fails_is_named_once_and_the_workspace_answers(
    sessions: Sessions, server: FakeServer, faults: str
) -> None:
    server.script = Script(faults=parse_faults(faults))
    (sessions.root / "shop.py").write_text(DONE)
    (sessions.root / "shop_two.py").write_text(DONE.replace("total_price", "other_price"))
    async with sessions(served_by(server)) as session:
        await session.learned()
        uri = session.open("new.py", HEAD + "    subtotal = sum(item.price * \n")
        for _ in range(3):
            assert await session.ghost(uri, LINE, 32, invoked=True) == "item.quantity for item in items)"
            session.type(uri, 0, 0, "#")
            session.type(uri, 0, 0, "#")
        named = [message for message in session.client.messages if "remote" in message.message]
    assert len(named) == 1
    assert session.client.messages == named


async def test_a_document_that_is_not_open_gets_nothing(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server)) as session:
        missing = (session.root / "missing.py").as_uri()
        session.type(missing, 0, 0, "x")
        assert await session.complete(missing, 0, 0) == []
    assert server.stats.requests == 0


@pytest.mark.parametrize("name", ["secret.py", "folder/secret.py", ".env"])
@pytest.mark.parametrize("learning", [True, False])
async def test_what_is_ignored_or_secret_is_sent_nowhere(
    sessions: Sessions, server: FakeServer, name: str, learning: bool
) -> None:
    (sessions.root / ".aiignore").write_text("secret.py\n")
    async with sessions(served_by(server, workspace={"enabled": learning})) as session:
        uri = session.open(name, START)
        await session.complete(uri, LINE, COLUMN, invoked=True)
    assert server.stats.requests == 0


async def test_accepting_is_counted(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server)) as session:
        uri = session.open("shop.py", START)
        session.type(uri, 5, 0, "#")
        [item] = await session.complete(uri, LINE, COLUMN)
        assert item.command is not None
        await session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(item.command.command, arguments=list(item.command.arguments or []))
        )
        with pytest.raises(JsonRpcException):
            await session.client.workspace_execute_command_async(types.ExecuteCommandParams("spark.nothing"))
        metrics = await session.metrics()
    assert metrics["accepted"] == metrics["shown"] == 1
    assert metrics["tokens"]["accepted"] > 0
    assert metrics["perceived_tokens_per_s"] > 0


async def test_the_status_is_told_when_it_changes_and_only_then(
    sessions: Sessions, server: FakeServer
) -> None:
    server.script = Script(faults=parse_faults("status500"))
    async with sessions(served_by(server, workspace={"enabled": False})) as session:
        uri = session.open("shop.py", START)
        for column in range(COLUMN, COLUMN + 3):
            assert await session.ghost(uri, LINE, column) == ""
            session.type(uri, LINE, column, "s")
        await until(lambda: len(session.statuses) == 2)
        third = session.open("third.py", START)
        for _ in range(60):  # it rests for a second, and fails again
            await session.ghost(third, LINE, COLUMN)
            if server.stats.requests == 2:
                break
            await asyncio.sleep(0.1)
        server.script = Script()
        other = session.open("other.py", START)
        for _ in range(60):  # it rests for two
            if await session.ghost(other, LINE, COLUMN):
                break
            await asyncio.sleep(0.1)
        await until(lambda: len(session.statuses) == 3)
        kinds = [status["kind"] for status in session.statuses]
    assert kinds == ["Normal", "Warning", "Normal"]


async def test_who_asks_is_told_what_else_there_is(sessions: Sessions, server: FakeServer) -> None:
    """The predictor's word beside the model's: to turn to, and to take by its own name."""
    async with sessions(served_by(server)) as session:
        uri = session.open("shop.py", START)
        assert len(await session.complete(uri, LINE, COLUMN)) == 1
        first, *others = await session.complete(uri, LINE, COLUMN, invoked=True)
        assert first.insert_text == f"    {GHOST}"
        [item] = others
        assert item.insert_text == '    return ", ".join(item.name for item in items)'
        assert item.command is not None
        await session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(command=item.command.command, arguments=item.command.arguments)
        )
        metrics = await session.metrics()
    assert (metrics["shown"], metrics["accepted"]) == (2, 1)
    assert server.stats.requests == 1
