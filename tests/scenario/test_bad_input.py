"""Nothing that a client sends ends the server, and every request gets its one answer."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.scenario.raw import INITIALIZE, framed, notification, raw_server, raw_session, request

PARSE_ERROR, INVALID_REQUEST, NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
NOT_INITIALIZED = -32002

INLINE = "textDocument/inlineCompletion"
URI = "file:///tmp/spark-lsp-test.py"
AT = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}, "context": {"triggerKind": 2}}


@pytest.mark.parametrize(
    ("bad", "number", "code"),
    [
        pytest.param(framed([1, 2]), None, INVALID_REQUEST, id="a batch"),
        pytest.param(framed({"id": 5, "method": "x"}), None, INVALID_REQUEST, id="not JSON-RPC 2.0"),
        pytest.param(
            framed({"jsonrpc": "2.0", "id": 5, "method": 7}), None, INVALID_REQUEST, id="a numeric method"
        ),
        pytest.param(
            framed({"jsonrpc": "2.0", "id": [], "method": "x"}), None, INVALID_REQUEST, id="an odd id"
        ),
        pytest.param(b"Content-Length: 9\r\n\r\n{not json", None, PARSE_ERROR, id="not JSON"),
        pytest.param(b"Content-Length: 3\r\n\r\n\xff\xfe\xfd", None, PARSE_ERROR, id="not UTF-8"),
        pytest.param(b"Content-Size: 2\r\n\r\n", None, PARSE_ERROR, id="no length"),
        pytest.param(b"Content-Length: many\r\n\r\n", None, PARSE_ERROR, id="a length that is no number"),
        pytest.param(b"x" * 10_000, None, PARSE_ERROR, id="no header at all"),
        pytest.param(b"Content-Length: 20\r\n\r\n{}", None, PARSE_ERROR, id="a truncated frame"),
        pytest.param(
            b"Content-Length: 70000000\r\n\r\n" + b" " * 70_000_000,
            None,
            PARSE_ERROR,
            id="an oversized frame",
        ),
        pytest.param(request(5, "no/such/method", {}), 5, NOT_FOUND, id="an unknown method"),
        pytest.param(request(5, "$/noSuchMethod", {}), 5, NOT_FOUND, id="an unknown optional method"),
        pytest.param(
            request(5, "initialize", {"capabilities": {}}), 5, INVALID_REQUEST, id="a second initialize"
        ),
        pytest.param(request(5, INLINE, {}), 5, INVALID_PARAMS, id="no params"),
        pytest.param(request(5, INLINE, [1]), 5, INVALID_PARAMS, id="positional params"),
        pytest.param(request(5, INLINE), 5, INVALID_PARAMS, id="null params"),
        pytest.param(
            request(5, "workspace/executeCommand", {"command": 3}), 5, INVALID_PARAMS, id="a numeric command"
        ),
        pytest.param(
            request(5, "workspace/executeCommand", {"command": "no.such"}),
            5,
            INVALID_PARAMS,
            id="no such command",
        ),
        pytest.param(
            request(5, "workspace/executeCommand", {"command": "spark.accept"}),
            5,
            INVALID_PARAMS,
            id="a command without its argument",
        ),
    ],
)
async def test_it_is_answered_with_an_error_and_the_server_lives(
    bad: bytes, number: int | None, code: int
) -> None:
    async with raw_session() as raw:
        raw.send(bad)
        # Sent at once: what follows a broken frame is read as usual.
        raw.send(request(6, "spark/metrics", {}))
        error = (await raw.answer(number))["error"]
        assert error["code"] == code
        assert error["message"]
        assert "data" not in error, "a traceback is for the log"
        assert "result" in await raw.answer(6)


def _opened(text: str = "x = 1\n", uri: str = URI) -> bytes:
    document = {"uri": uri, "languageId": "python", "version": 3, "text": text}
    return notification("textDocument/didOpen", {"textDocument": document})


def _changed(changes: Any, *, uri: str = URI, version: Any = 4) -> bytes:
    return notification(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes},
    )


def _range(*numbers: int) -> dict[str, Any]:
    return {
        "start": {"line": numbers[0], "character": numbers[1]},
        "end": {"line": numbers[2], "character": numbers[3]},
    }


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(
            _changed([{"text": "y"}], uri="file:///tmp/not-open.py"), id="a change of a closed document"
        ),
        pytest.param(_opened() + _changed([{"text": "y"}], version=1), id="an older version"),
        pytest.param(_opened() + _changed([{"text": "y"}], version=None), id="no version"),
        pytest.param(
            _opened() + _changed([{"range": _range(50, 50, 60, 60), "text": "y"}]), id="past the end"
        ),
        pytest.param(
            _opened() + _changed([{"range": _range(0, 3, 0, 1), "text": "y"}]), id="a reversed range"
        ),
        pytest.param(_opened() + _changed([{"range": {"start": 1}, "text": "y"}]), id="half a range"),
        pytest.param(_opened() + _changed("no list"), id="changes that are no list"),
        pytest.param(_opened() + _changed([{"text": 7}]), id="a text that is a number"),
        pytest.param(_opened(uri="untitled:Untitled-1"), id="an untitled document"),
        pytest.param(_opened(uri="vscode-notebook-cell:/a/b.ipynb#W0s"), id="a notebook cell"),
        pytest.param(_opened(uri="no uri at all"), id="no URI at all"),
        pytest.param(_opened(uri="file://host/share/x.py"), id="a URI with a host"),
        pytest.param(_opened("\ud83d x\n"), id="half a surrogate pair"),
        pytest.param(_opened() + _opened("again\n"), id="opened twice"),
        pytest.param(
            notification("textDocument/didClose", {"textDocument": {"uri": URI}}), id="closed, never open"
        ),
        pytest.param(notification("textDocument/didOpen", {"textDocument": {}}), id="opened without a text"),
        pytest.param(notification("$/cancelRequest", {"id": 77}), id="a cancel of nothing"),
        pytest.param(notification("$/cancelRequest", "x"), id="a cancel without an id"),
        pytest.param(notification("no/such/notification", {}), id="an unknown notification"),
        pytest.param(framed({"jsonrpc": "2.0", "id": 123, "result": {}}), id="a response to nothing"),
        pytest.param(framed({"jsonrpc": "2.0", "id": [1], "result": {}}), id="a response with an odd id"),
        pytest.param(
            notification("workspace/didChangeConfiguration", {"settings": 5}), id="settings of no shape"
        ),
    ],
)
async def test_it_is_harmless(odd: bytes) -> None:
    async with raw_session() as raw:
        raw.send(odd, request(5, INLINE, AT))
        answer = await raw.answer(5)
        assert isinstance(answer["result"]["items"], list)
        assert await raw.alive()


@pytest.mark.parametrize("character", [0, 5, 500, 2**31 - 1])
@pytest.mark.parametrize("line", [0, 1, 7, 2**31 - 1])
async def test_a_position_past_the_end_is_clamped(line: int, character: int) -> None:
    at = {**AT, "position": {"line": line, "character": character}}
    async with raw_session() as raw:
        raw.send(_opened("one line, no end"), request(5, INLINE, at))
        assert "result" in await raw.answer(5)


async def test_requests_outside_of_a_session_are_refused() -> None:
    async with raw_server() as raw:
        raw.send(request(5, INLINE, AT), _opened(), INITIALIZE)
        assert (await raw.answer(5))["error"]["code"] == NOT_INITIALIZED
        assert "result" in await raw.answer(1)
        raw.send(request(6, "shutdown"), request(7, INLINE, AT), notification("exit"))
        assert (await raw.answer(6))["result"] is None
        assert (await raw.answer(7))["error"]["code"] == INVALID_REQUEST
        assert await raw.ended() == 0


async def test_invalid_initialize_params_are_answered() -> None:
    async with raw_server() as raw:
        raw.send(request(1, "initialize", {"processId": "x", "capabilities": 7}))
        assert (await raw.answer(1))["error"]["code"] == INVALID_PARAMS


async def test_a_frame_in_many_pieces_and_many_in_one() -> None:
    async with raw_session() as raw:
        whole = _opened() + b"".join(request(number, INLINE, AT) for number in range(10, 30))
        for start in range(0, len(whole), 37):
            raw.send(whole[start : start + 37])
        answers = [await raw.answer(number) for number in range(10, 30)]
    assert all("result" in answer for answer in answers)


async def test_in_a_storm_each_request_is_answered_once(tmp_path: Path) -> None:
    """Requests, edits and cancels in a random order, from a backend that is slow, stalls and breaks."""
    (tmp_path / "shop.py").write_text("total = price * amount\n" * 50)
    config = tmp_path / "config.json"
    moody = {"name": "moody", "kind": "fake", "oracle": str(tmp_path), "ttft": 0.02, "rate": 300}
    moody |= {"jitter": 0.05, "faults": "reset@0.2:mid,status503@0.2,stall@0.1:mid"}
    config.write_text(json.dumps({"backend": [moody], "inline": {"deadline_ms": 200}}))
    random = Random(7)
    asked = list(range(100, 400))
    answered = []
    async with raw_session("--config", str(config)) as raw:
        raw.send(_opened("total = \n" * 20))
        for version, number in enumerate(asked, 10):
            line = random.randrange(20)
            at = {**AT, "position": {"line": line, "character": 8}}
            raw.send(request(number, INLINE, at))
            if random.random() < 0.3:
                raw.send(_changed([{"range": _range(line, 8, line, 8), "text": "p"}], version=version))
            if random.random() < 0.3:
                raw.send(notification("$/cancelRequest", {"id": random.choice(asked)}))
            if random.random() < 0.1:
                await asyncio.sleep(0.05)
        raw.send(request(2, "shutdown"), notification("exit"))
        with suppress(asyncio.IncompleteReadError):
            while message := await raw.receive():
                if "method" not in message:
                    answered.append(message["id"])
                    assert message.get("error", {"code": -32800})["code"] == -32800
        assert await raw.ended() == 0
    assert sorted(answered) == [2, *asked]
