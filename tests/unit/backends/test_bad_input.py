"""Whatever a server does, the stream ends once, in an error that has its words and our advice."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from contextlib import aclosing
from typing import Any

import pytest

from spark_lsp.errors import (
    BackendError,
    BrokenStream,
    NoSuchModel,
    RateLimited,
    RequestRejected,
    ServerFault,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from spark_lsp.values import Prompt
from tests.unit.backends.broken_servers import (
    TEXT,
    AlwaysResets,
    CutShort,
    Garbage,
    LineWithoutEnd,
    NotHttp,
    RawServer,
    Redirects,
    ResetsInside,
    Says,
    Silent,
    SpeaksFirst,
    Streams,
)
from tests.unit.backends.test_http import CANARY, backend, closed_port

JSON = "content-type: application/json"
HTML = "content-type: text/html"
END = b'data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def error(message: str, code: str = "", kind: str = "") -> bytes:
    return b'{"error":{"message":"%b","code":"%b","type":"%b"}}' % (
        message.encode(),
        code.encode(),
        kind.encode(),
    )


async def check(
    server: RawServer, kind: type[BackendError] | None, words: str, advice: str, text: str
) -> BackendError | None:
    async with server.listen() as url:
        return await ask(url, kind, words, advice, text)


async def ask(
    url: str, kind: type[BackendError] | None, words: str, advice: str, text: str, **settings: Any
) -> BackendError | None:
    """The error, whose type, words and advice are as expected, and what came before it is `text`."""
    limits = {"first_byte_ms": 200, "stall_ms": 200, "total_ms": 20_000} | settings
    failure: BackendError | None = None
    async with backend(url, **limits) as client, aclosing(client.stream(Prompt("def f():\n"))) as stream:
        received = ""
        try:
            async for delta in stream:
                received += delta.text
        except BackendError as raised:
            failure = raised
        assert [delta async for delta in stream] == [], "it ends once"
    assert received == text
    assert type(failure) is (type(None) if kind is None else kind)
    if failure is not None:
        assert words in failure.message
        assert (advice in failure.advice) if advice else not failure.advice
    return failure


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "words", "advice"),
    [
        ("401 No", error("Incorrect API key"), [JSON], Unauthorized, "Incorrect API key", "api_key_env"),
        ("402 No", error("Insufficient Balance"), [JSON], Unauthorized, "Insufficient", "credit"),
        ("403 No", b'{"detail":"not in your region"}', [JSON], Unauthorized, "your region", "api_key_env"),
        ("404 No", error("no m", "model_not_found"), [JSON], NoSuchModel, "no m", "set `model`"),
        ("404 No", b'{"detail":"Not Found"}', [JSON], RequestRejected, "Not Found", "`base_url`"),
        ("408 No", error("too slow"), [JSON], TimedOut, "too slow", ""),
        ("413 No", b"<title>413 Too Large</title>", [HTML], RequestRejected, "Too Large", "too long"),
        ("422 No", b'{"detail":[{"loc":["body","n"],"msg":"bad"}]}', [JSON], RequestRejected, "n: bad", ""),
        ("429 No", error("Slow down"), [JSON], RateLimited, "Slow down", "wait"),
        ("429 No", error("Slow down"), [JSON, "Retry-After: 7"], RateLimited, "Slow down", "wait"),
        (
            "429 No",
            error("Requests rate limit exceeded"),
            [JSON, "X-RateLimit-Limit-Req-Minute: 0"],
            NoSuchModel,
            "Requests rate limit exceeded",
            "plan",
        ),
        ("429 No", error("no quota", "insufficient_quota"), [JSON], Unauthorized, "no quota", "credit"),
        ("498 No", error("capacity_exceeded"), [JSON], RateLimited, "capacity", "wait"),
        ("500 No", error("we broke"), [JSON], ServerFault, "we broke", ""),
        ("502 No", b"<html><title>502 Bad Gateway</title>", [HTML], ServerFault, "502 Bad Gateway", ""),
        ("503 No", error("Loading model"), [JSON, "retry-after: 7"], ServerFault, "Loading", "loading"),
        ("529 No", error("Overloaded", "", "overloaded_error"), [JSON], ServerFault, "Overloaded", ""),
        ("500 No", b"\xff\xfe\x00\x1b[31m", [], ServerFault, "HTTP 500", ""),
        ("500 No", b'{"error":{"message":"cut', [JSON], ServerFault, "cut", ""),
        ("500 No", b"", [], ServerFault, "HTTP 500", ""),
    ],
)
async def test_refusals(
    status: str, body: bytes, headers: list[str], kind: type[BackendError], words: str, advice: str
) -> None:
    failure = await check(Says(status, body, *headers), kind, words, advice, "")
    assert failure is not None
    assert failure.status == int(status[:3])
    waits = 7.0 if any("retry-after: 7" in header.lower() for header in headers) else None
    assert getattr(failure, "retry_after", None) == waits


@pytest.mark.parametrize(
    ("server", "kind", "words", "advice", "text"),
    [
        (AlwaysResets(), BrokenStream, "closed the connection", "", ""),
        (ResetsInside(), BrokenStream, "ended before", "", "pas"),
        (CutShort(), BrokenStream, "closed the connection", "", "pas"),
        (Silent(), TimedOut, "in time", "", ""),
        (Silent(after=TEXT), TimedOut, "silent", "", "pas"),
        (LineWithoutEnd(), BrokenStream, "over 1,000,000 bytes", "", ""),
        (NotHttp(), BrokenStream, "does not answer in HTTP", "", ""),
        (SpeaksFirst(), BrokenStream, "does not answer in HTTP", "", ""),
        (Streams(TEXT + b"data: \xff\xfe\n\n"), BrokenStream, "expected JSON", "", "pas"),
        (Streams(TEXT + b'data: {"choices":[{"te\n\n'), BrokenStream, "expected JSON", "", "pas"),
        (Streams(TEXT + b"data: [1]\n\n"), BrokenStream, "expected a JSON object", "", "pas"),
        (Streams(TEXT), BrokenStream, "ended before the text did", "", "pas"),
        (
            Streams(TEXT + b"data: " + error("we broke", "", "server_error") + b"\n\n"),
            ServerFault,
            "we broke",
            "",
            "pas",
        ),
        (Streams(b""), BrokenStream, "ended before", "", ""),
        (Streams(b"<html>Log in</html>", "text/html"), BrokenStream, "got text/html: Log in", "base_url", ""),
        (Streams(b"\x00\x01", "image/png"), BrokenStream, "got image/png", "base_url", ""),
        (Streams(b"Log in, please", "application/json"), BrokenStream, "Log in, please", "", ""),
        (Streams(TEXT + b": \xff\xfe comment\n\n" + END), None, "", "", "pas"),
        (Streams(END), None, "", "", ""),
        (Streams(b'data: {"choices":[{"delta":{"reasoning_content":"Hm"}}]}\n\n' + END), None, "", "", ""),
        (Streams(b'data: {"choices":[{"text":"def f():\\n"}]}\n\n' + END), None, "", "", "def f():\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, RawServer) else None,
)
async def test_connections_and_streams(
    server: RawServer, kind: type[BackendError] | None, words: str, advice: str, text: str
) -> None:
    await check(server, kind, words, advice, text)


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    await ask("http://no-such-host.invalid/v1", Unreachable, "no such host", "`base_url`", "")
    await ask(f"http://127.0.0.1:{closed_port()}/v1", Unreachable, "nothing answers", "start the server", "")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    await ask("http://no-such-host.invalid/v1", Unreachable, "proxy", "PROXY", "")


async def test_no_tls() -> None:
    async with SpeaksFirst().listen() as url:
        await ask(url.replace("http:", "https:"), Unreachable, "no TLS", "http://", "")


async def test_a_redirect_to_another_host_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", CANARY)
    elsewhere = RawServer()
    async with elsewhere.listen() as target, Redirects(target).listen() as url:
        await ask(url, RequestRejected, "a redirect to 127.0.0.1", "`base_url`", "", api_key_env="TEST_KEY")
    assert elsewhere.requests == []


async def test_a_flood_takes_little_memory() -> None:
    server = Garbage()
    async with server.listen() as url:
        await ask(url, BrokenStream, "ended before", "", "")  # what is loaded once is not counted
        gc.collect()
        tracemalloc.start()
        await ask(url, BrokenStream, "ended before", "", "")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000


async def test_text_that_arrived_before_the_fault_is_not_lost_on_a_busy_reader() -> None:
    body = b"".join(b'data: {"choices":[{"index":0,"text":"%d "}]}\n\n' % n for n in range(5))
    first, rest = body.split(b"\n\n", 1)

    class BreaksOff(RawServer):
        """The rest of the text and the fault come while the reader is busy with the first of it."""

        async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
            self.head(writer, "content-type: text/event-stream", "content-length: 100000")
            writer.write(first + b"\n\n")
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(rest)
            writer.close()

    async with BreaksOff().listen() as url, backend(url) as client:
        received = ""
        try:
            async for delta in client.stream(Prompt("a")):
                received += delta.text
                if received == "0 ":
                    await asyncio.sleep(0.2)
        except BrokenStream as broken:
            received += f"and {broken}"
    assert received.startswith("0 1 2 3 4 and ")
