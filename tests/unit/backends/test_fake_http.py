"""The fake server as its users see it: plain HTTP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from spark_lsp.backends.fake_edits import Edits
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle, tokens
from spark_lsp.backends.script import Late, Limit, Script, parse_faults
from spark_lsp.errors import UsageError

TEXT = "def area(width, height):\n    return width * height\n\n\ndef side(area):\n    return area**0.5\n"
MIDDLE = "return width * height"
PREFIX, _, SUFFIX = TEXT.partition(MIDDLE)


class Client:
    """Speaks to one server, and reads what it says in full."""

    def __init__(self, session: aiohttp.ClientSession, server: FakeServer) -> None:
        self._session = session
        self._root = server.url.removesuffix("/v1")

    async def get(self, path: str) -> Any:
        async with self._session.get(self._root + path) as response:
            return orjson.loads(await response.read())

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self._session.post(self._root + path, data=data) as response:
            return response.status, orjson.loads(await response.read())

    async def events(self, path: str, body: dict[str, Any]) -> list[Any]:
        """All events of a stream, which ends in [DONE]."""
        async with self._session.post(self._root + path, json=body | {"stream": True}) as response:
            assert response.content_type == "text/event-stream"
            *events, done, rest = (await response.read()).split(b"\n\n")
            assert (done, rest) == (b"data: [DONE]", b"")
            return [orjson.loads(event.removeprefix(b"data: ")) for event in events]


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer(Oracle({"area.py": TEXT})) as server:
        yield server


@pytest.fixture
async def client(server: FakeServer) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, server)


async def test_edits_are_streamed_as_other_answers_are() -> None:
    message = (
        '<file path="area.py" language="python">\ndef side(area):\n    return area**2\n</file>\n'
        "<task>\nMend it.\n</task>\n<change-only>\n    return area**2\n</change-only>\n"
    )
    body = {"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": message}]}
    async with FakeServer(Edits({"area.py": TEXT}), Script(ttft=0.01, rate=500)) as server:
        async with aiohttp.ClientSession() as session:
            *chunks, _ = await Client(session, server).events("/v1/chat/completions", body)
        pieces = [chunk["choices"][0]["delta"]["content"] for chunk in chunks]
        said = "<<<<<<< SEARCH\n    return area**2\n=======\n    return area**0.5\n>>>>>>> REPLACE\n<done>\n"
        assert pieces == tokens(said)
        assert server.stats.tokens == len(pieces)


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": PREFIX, "suffix": SUFFIX},
        {"prompt": [PREFIX], "suffix": SUFFIX},
        {"prompt": f"<|fim_prefix|>{PREFIX}<|fim_suffix|>{SUFFIX}<|fim_middle|>"},
        {"prompt": f"<fim_suffix>{SUFFIX}<fim_prefix>{PREFIX}<fim_middle>"},
        {"prompt": PREFIX, "stop": "\n\n\n"},
        {"prompt": PREFIX, "stop": ["never", "\n\n\n"]},
    ],
)
async def test_completions(client: Client, body: dict[str, Any]) -> None:
    body |= {"max_tokens": 99}
    *chunks, last = await client.events("/v1/completions", body)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == MIDDLE
    assert last["choices"][0]["finish_reason"] == "stop"
    _, answer = await client.post("/v1/completions", body)
    assert answer["choices"][0]["text"] == MIDDLE
    assert answer["usage"]["completion_tokens"] == len(tokens(MIDDLE))


async def test_chat(client: Client) -> None:
    said = [
        {"role": "user", "content": "no"},
        {"role": "user", "content": [{"type": "text", "text": PREFIX}]},
    ]
    body = {"messages": [*said, {"role": "assistant", "content": "?"}], "stop": ["\n\n\n"]}
    *chunks, last = await client.events("/v1/chat/completions", body)
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == MIDDLE
    assert last["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    _, answer = await client.post("/v1/chat/completions", body)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": MIDDLE}


async def test_usage_where_it_was_asked_for(client: Client) -> None:
    body = {"prompt": PREFIX, "stop": "\n", "max_tokens": 2, "stream_options": {"include_usage": True}}
    *_, finish, usage = await client.events("/v1/completions", body)
    assert finish["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/completions", b"{", None),
        ("/v1/completions", b"[]", None),
        ("/v1/completions", {}, "prompt"),
        ("/v1/completions", {"prompt": "a", "suffix": 1}, "suffix"),
        ("/v1/completions", {"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ("/v1/completions", {"prompt": "a", "stop": [1]}, "stop"),
        ("/v1/completions", {"prompt": "a", "stop": list("abcde")}, "stop"),
        ("/v1/completions", {"prompt": "a", "stream_options": {"include_usage": True}}, "stream_options"),
        ("/v1/chat/completions", {"prompt": "a"}, "messages"),
        ("/v1/chat/completions", {"messages": [{"role": "system", "content": "a"}]}, "messages"),
        ("/fake/script", {"speed": 1}, None),
        ("/fake/script", {"rate": -1}, "rate"),
        ("/fake/script", {"faults": "explode"}, "faults"),
        ("/fake/script", {"faults": 1}, "faults"),
        ("/fake/script", {"limit": "many"}, "limit"),
        ("/fake/script", {"late": "2:1"}, "late"),
    ],
)
async def test_what_is_rejected(client: Client, path: str, body: object, param: str | None) -> None:
    status, answer = await client.post(path, body)
    assert status == 400
    assert answer["error"]["message"]
    assert answer["error"]["param"] == param


async def test_one_model_is_served_where_it_is_named() -> None:
    async with FakeServer(model="spark") as server, aiohttp.ClientSession() as session:
        client = Client(session, server)
        assert [model["id"] for model in (await client.get("/v1/models"))["data"]] == ["spark"]
        assert (await client.post("/v1/completions", {"prompt": "a", "model": "spark"}))[0] == 200
        status, answer = await client.post("/v1/completions", {"prompt": "a", "model": "other"})
        assert (status, answer["error"]["code"]) == (404, "model_not_found")


async def test_the_script_is_changed_at_run_time(client: Client, server: FakeServer) -> None:
    assert await client.get("/health") == {"status": "ok"}
    _, script = await client.post("/fake/script", {"rate": 500, "faults": "status418"})
    assert (script["rate"], script["ttft"]) == (500, 0)
    assert (await client.post("/v1/completions", {"prompt": PREFIX}))[0] == 418
    changes = {"faults": "", "limit": "2/60", "late": "0.5:0.1"}
    _, script = await client.post("/fake/script", changes)
    assert script["limit"] == {"requests": 2, "seconds": 60.0}
    assert server.script == Script(rate=500, limit=Limit(2, 60), late=Late(0.5, 0.1))
    await client.post("/fake/script", {"limit": "", "late": ""})
    assert server.script == Script(rate=500)


async def test_stats(client: Client) -> None:
    await client.post("/v1/completions", {"prompt": PREFIX, "max_tokens": 3})
    await client.post("/v1/completions", {})
    await client.post("/fake/script", {"faults": "status500"})
    await client.post("/v1/completions", {"prompt": PREFIX})
    stats = await client.get("/fake/stats")
    counts = {
        name: stats[name]
        for name in ("requests", "completed", "rejected", "failed", "cancelled", "open", "tokens")
    }
    assert counts == {
        "requests": 3,
        "completed": 1,
        "rejected": 1,
        "failed": 1,
        "cancelled": 0,
        "open": 0,
        "tokens": 3,
    }
    first = stats["log"][0]
    assert first["started"] <= first["first"] <= first["ended"]
    assert [entry["outcome"] for entry in stats["log"]] == ["completed", "rejected", "status500"]


async def test_a_limit_is_told_with_every_answer_and_kept() -> None:
    script = Script(limit=Limit(2, 60.0))
    stem = "x-ratelimit-{}-requests"
    async with FakeServer(script=script) as server, aiohttp.ClientSession() as session:
        said = []
        for stream, faults in ((True, ""), (False, "status502"), (True, "")):
            server.script = replace(script, faults=parse_faults(faults))
            body = {"prompt": "a", "stream": stream}
            async with session.post(f"{server.url}/completions", json=body) as response:
                await response.read()
                said.append(
                    (response.status, *(response.headers[stem.format(n)] for n in ("limit", "remaining")))
                )
        assert said == [(200, "2", "1"), (502, "2", "0"), (429, "2", "0")]
        reset = float(response.headers[stem.format("reset")].removesuffix("s"))
        assert 0 < reset <= 60
        assert int(response.headers["retry-after"]) - 1 < reset <= int(response.headers["retry-after"])
        server.script = Script()
        async with session.post(f"{server.url}/completions", json={"prompt": "a"}) as response:
            assert (response.status, stem.format("limit") in response.headers) == (200, False)
        assert (server.stats.limited, server.stats.failed, server.stats.completed) == (1, 1, 2)


async def test_the_tokens_of_a_cancelled_answer_are_counted() -> None:
    script = Script(faults=parse_faults("stall:3"))
    async with FakeServer(script=script) as server, aiohttp.ClientSession() as session:
        body = {"prompt": "a", "max_tokens": 9, "stream": True}
        async with session.post(f"{server.url}/completions", json=body) as response:
            for _ in range(6):  # an event is a line and a blank one
                await response.content.readline()
            response.close()
        async with asyncio.timeout(5):
            while server.stats.open:  # noqa: ASYNC110 - the server is a subject here and signals nothing
                await asyncio.sleep(0.005)
        stats = await Client(session, server).get("/fake/stats")
    assert (stats["cancelled"], stats["tokens"], stats["log"][0]["tokens"]) == (1, 3, 3)


async def test_slots_are_waited_for_in_line() -> None:
    async with FakeServer(script=Script(ttft=0.05), slots=1) as server, aiohttp.ClientSession() as session:
        client = Client(session, server)
        body = {"prompt": "a", "max_tokens": 1}
        await asyncio.gather(*(client.post("/v1/completions", body) for _ in range(3)))
        first = [entry.first or 0.0 for entry in server.stats.log]
    assert all(later - earlier > 0.04 for earlier, later in pairwise(first))


async def test_a_reset_is_a_reset(server: FakeServer) -> None:
    server.script = Script(faults=parse_faults("reset"))
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
    writer.write(b'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n{"prompt":"a"}')
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_port_in_use() -> None:
    async with FakeServer() as server:
        port = urlsplit(server.url).port or 0
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with FakeServer(port=port):
                pass


async def test_the_command_says_where_it_listens() -> None:
    script = "import asyncio; from spark_lsp.cli.fake_server import serve; asyncio.run(serve(ttft=0.01))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on http://127.0.0.1:")
        assert line.endswith("/v1\n")
        models = line.split()[-1] + "/models"
        async with aiohttp.ClientSession() as session, session.get(models) as response:
            assert response.status == 200
    finally:
        process.terminate()
        await process.wait()
