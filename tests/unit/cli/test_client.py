"""The headless client against a small server, which does by name what a server may do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from spark_lsp.cli.client import Client
from spark_lsp.errors import RequestError, SparkError

SERVER = """
import json, sys, time

def read():
    size = 0
    while (line := sys.stdin.buffer.readline().strip()):
        size = int(line.partition(b":")[2])
    return json.loads(sys.stdin.buffer.read(size)) if size else sys.exit(1)

def send(**message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
    sys.stdout.buffer.flush()

while True:
    message = read()
    method, params, id = message["method"], message.get("params"), message.get("id")
    match method:
        case "initialize":
            send(id=id, result={"capabilities": {"inlineCompletionProvider": {}}, "seen": params})
        case "echo":
            send(id=id, result=params)
        case "refuse":
            send(id=id, error={"code": -32602, "message": "no such thing"})
        case "ask":
            send(id="s1", **params)
            send(id=id, result=read())
        case "$/cancelRequest":
            send(method="cancelled", params=params)
            send(id=params["id"], error={"code": -32800, "message": "cancelled"})
        case "babble":
            sys.stdout.buffer.write(b"hello\\r\\n\\r\\n")
            sys.stdout.buffer.flush()
        case "die":
            sys.exit(3)
        case "shutdown":
            send(id=id, result=None)
        case "exit" if "--stays" not in sys.argv:
            sys.exit(0)
        case "exit":
            while True:
                time.sleep(1)
"""


async def start(*arguments: str, patience: float = 30, **settings: Any) -> Client:
    return await Client.start(
        [sys.executable, "-c", SERVER, *arguments], settings=settings, patience=patience
    )


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with await start(spark={"inline": {"enabled": True}}) as client:
        yield client


async def test_a_session_from_handshake_to_exit() -> None:
    client = await start()
    result = await client.initialize(None, {"spark": {"streaming": True}})
    assert result["seen"]["initializationOptions"] == {"spark": {"streaming": True}}
    assert "inlineCompletionProvider" in client.capabilities
    assert await client.request("echo", {"text": "é😀"}) == {"text": "é😀"}
    assert await client.stop() == 0


async def test_answers_find_their_requests(client: Client) -> None:
    assert await asyncio.gather(*(client.request("echo", n) for n in range(50))) == [*range(50)]


async def test_an_error_answer_is_raised(client: Client) -> None:
    with pytest.raises(RequestError, match="no such thing") as raised:
        await client.request("refuse")
    assert raised.value.code == -32602


@pytest.mark.parametrize(
    ("method", "params", "answer"),
    [
        (
            "workspace/configuration",
            {"items": [{"section": "spark"}, {"section": "other"}]},
            {"result": [{"inline": {"enabled": True}}, None]},
        ),
        ("window/workDoneProgress/create", {"token": 1}, {"result": None}),
        ("client/registerCapability", {"registrations": []}, {"result": None}),
        ("workspace/configuration", {}, {"error": {"code": -32603, "message": "'items'"}}),
        ("window/unheardOf", {}, {"error": {"code": -32601, "message": "no window/unheardOf here"}}),
    ],
)
async def test_the_server_gets_its_answers(
    client: Client, method: str, params: dict[str, Any], answer: dict[str, Any]
) -> None:
    answered = await client.request("ask", {"method": method, "params": params})
    assert answered == {"jsonrpc": "2.0", "id": "s1", **answer}


async def test_cancelling_the_wait_cancels_the_request(client: Client) -> None:
    waiting = asyncio.create_task(client.request("hang"))
    await asyncio.sleep(0)  # the task sends the request
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await client.notifications.get() == ("cancelled", {"id": 1})


async def test_a_cancelled_call_still_gets_its_answer(client: Client) -> None:
    call = client.call("hang")
    client.cancel(call)
    with pytest.raises(RequestError) as raised:
        await call.answer
    assert raised.value.code == -32800


async def test_notifications_go_to_their_handler(client: Client) -> None:
    seen: list[Any] = []
    client.on("cancelled", seen.append)
    client.cancel(client.call("hang"))
    await client.request("echo")
    assert seen == [{"id": 1}]
    assert client.notifications.empty()


async def test_patience_ends() -> None:
    async with await start(patience=0.01) as client:
        with pytest.raises(SparkError, match=r"did not answer hang in 0\.01 s"):
            await client.request("hang")


@pytest.mark.parametrize("end", ["die", "babble"])
async def test_nobody_waits_for_a_server_that_ended(end: str) -> None:
    async with await start() as client:
        waiting = asyncio.create_task(client.request("hang"))
        with pytest.raises(SparkError, match="ended before it answered"):
            await client.request(end)
        with pytest.raises(SparkError, match="ended"):
            await waiting
        with pytest.raises(SparkError, match="ended"):
            await client.request("echo")


async def test_a_server_that_stays_is_killed() -> None:
    client = await start("--stays", patience=0.5)
    assert await client.stop() == -9


async def test_a_command_that_is_not_there() -> None:
    with pytest.raises(SparkError, match="no-such-server does not start: No such file"):
        await Client.start(["no-such-server"])
