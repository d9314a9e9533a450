"""What is known of an answer before its text, whose connection it came over, and who answered."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Filler, tokens
from spark_lsp.backends.registry import make
from spark_lsp.backends.script import Limit, Script, parse_faults
from spark_lsp.config import BackendSettings
from spark_lsp.values import Delta, Prompt, Usage
from tests.unit.backends.broken_servers import EVENT, RawServer
from tests.unit.backends.strict import first_text
from tests.unit.backends.test_http import backend, receive

LIMITS = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "7"}


def news(deltas: list[Delta]) -> list[Usage]:
    """What was said before any text. It is of no tokens, and there once at most."""
    early = [delta for delta in deltas if not delta.text and delta.finish is None]
    assert early == deltas[: len(early)]
    assert all(delta.tokens == 0 and delta.usage is not None for delta in early)
    return [delta.usage for delta in early if delta.usage is not None]


class SaysLimits(RawServer):
    """Its headers say what a limit leaves, one fewer at each request."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        limits = ("x-ratelimit-limit-requests: 9", f"x-ratelimit-remaining-requests: {9 - served}")
        self.head(writer, "content-type: text/event-stream", f"content-length: {len(EVENT)}", *limits)
        writer.write(EVENT)


async def test_limits_and_a_new_connection_are_news_a_kept_one_is_none() -> None:
    async with SaysLimits().listen() as url, backend(url) as client:
        streams = [[delta async for delta in client.stream(Prompt("a"))] for _ in range(2)]
    (first,), (second,) = [news(deltas) for deltas in streams]
    assert (first.requests_left, second.requests_left) == (8, 7)
    assert first.connect_ms is not None
    assert second.connect_ms is None
    last = streams[1][-1]
    assert last.usage is not None
    assert last.usage.requests_left == 7


async def test_where_there_is_nothing_to_tell_the_text_comes_first() -> None:
    async with RawServer().listen() as url, backend(url) as client:
        await client.connect()
        deltas = [delta async for delta in client.stream(Prompt("a"))]
    assert [delta.text for delta in deltas] == ["pass", ""]


async def test_news_do_not_wait_for_the_text() -> None:
    script = Script(limit=Limit(5, 60.0), faults=parse_faults("stall:headers"))
    async with (
        FakeServer(script=script) as server,
        backend(server.url) as client,
        aclosing(client.stream(Prompt("a"))) as stream,
    ):
        usage = (await anext(stream)).usage
    assert usage is not None
    assert usage.requests_left == 4
    assert usage.resets_ms == pytest.approx(60_000, abs=5_000)


@pytest.mark.parametrize(
    ("kind", "settings", "server", "local"),
    [
        ("openai-chat", {"base_url": "https://API.Example.com/v1"}, "api.example.com:443", False),
        ("openai-completions", {"base_url": "http://localhost:8000/v1"}, "127.0.0.1:8000", True),
        ("openai-completions", {"base_url": "http://127.0.0.1:8000"}, "127.0.0.1:8000", True),
        ("llamacpp", {"base_url": "http://[::1]:8000"}, "127.0.0.1:8000", True),
        ("llamacpp", {"base_url": "http://127.0.0.2"}, "127.0.0.2:80", True),
        ("tgi", {"base_url": "http://[FE80::2]:80"}, "[fe80::2]:80", False),
        ("tabby", {"base_url": "http://127.0.0.1.evil.example"}, "127.0.0.1.evil.example:80", False),
        (
            "ollama",
            {"base_url": "http://localhost:11434", "base_url_env": "THERE"},
            "there.example:1234",
            False,
        ),
        ("ollama", {"base_url": "http://there.example", "base_url_env": "HERE"}, "127.0.0.1:1234", True),
        (
            "ollama",
            {"base_url": "http://localhost:1", "model": "qwen3-coder:480b-cloud"},
            "127.0.0.1:1",
            False,
        ),
        ("ollama", {"base_url": "http://localhost:1", "model": "qwen3-coder:30b"}, "127.0.0.1:1", True),
        ("openai-chat", {"base_url": "http://localhost:4000", "forwards": True}, "127.0.0.1:4000", False),
        ("fake", {}, "", True),
    ],
)
async def test_who_answers(
    kind: str, settings: dict[str, Any], server: str, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERE", "http://There.example:1234")
    monkeypatch.setenv("HERE", "http://localhost:1234")
    made = make(BackendSettings(name="x", kind=kind, **settings))
    assert (made.server, made.local) == (server, local)
    await made.aclose()


async def test_what_idles_is_closed_and_not_asked_again_when_it_is_not_trusted() -> None:
    server = RawServer()
    async with server.listen() as url, backend(url) as client:
        for anew in (False, False, True):
            await client.connect(anew=anew)
            assert await receive(client) == ("pass", None)
        assert server.connections == 2
        async with asyncio.timeout(5):
            while server.open > 1:  # noqa: ASYNC110 - sockets signal nothing
                await asyncio.sleep(0.005)


async def test_an_answer_goes_on_while_the_next_connection_is_made_anew() -> None:
    async with FakeServer(script=Script(rate=200)) as server, backend(server.url) as client:
        async with aclosing(client.stream(Prompt("a", max_tokens=20))) as stream:
            text = await first_text(stream)
            await client.connect(anew=True)
            server.script = Script()
            assert await receive(client, Prompt("a", max_tokens=1)) == (tokens(Filler.text, 1)[0], None)
            text += "".join([delta.text async for delta in stream])
        assert text == "".join(tokens(Filler.text, 20))
        assert (server.stats.completed, server.stats.cancelled) == (2, 0)


async def test_more_streams_than_any_slots_wait_for_no_connection_of_ours() -> None:
    async with (
        FakeServer(script=Script(faults=parse_faults("stall:first"))) as server,
        backend(server.url) as client,
    ):
        streams = [client.stream(Prompt("a")) for _ in range(64)]
        assert len(await asyncio.gather(*(first_text(stream) for stream in streams))) == 64
        assert server.stats.open == 64
        for stream in streams:
            await stream.aclose()


async def test_it_can_be_closed_while_an_old_answer_still_comes() -> None:
    async with (
        FakeServer(script=Script(faults=parse_faults("stall:first"))) as server,
        backend(server.url) as client,
    ):
        stream = client.stream(Prompt("a"))
        await first_text(stream)
        await client.connect(anew=True)
        await client.aclose()
        async with asyncio.timeout(5):
            while server.stats.open:  # noqa: ASYNC110 - the server is a subject here and signals nothing
                await asyncio.sleep(0.005)
        await stream.aclose()
