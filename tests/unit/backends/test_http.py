"""The seam to HTTP: whatever goes wrong on the wire is one of our errors, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from spark_lsp.backends.answer import translate
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.http import Client
from spark_lsp.backends.openai_completions import OpenAICompletions
from spark_lsp.backends.oracle import Filler, tokens
from spark_lsp.backends.script import Script, parse_faults
from spark_lsp.config import BackendSettings
from spark_lsp.errors import (
    BackendError,
    BrokenStream,
    RateLimited,
    RequestRejected,
    ServerFault,
    TimedOut,
    Unauthorized,
    Unreachable,
    UsageError,
)
from spark_lsp.values import Prompt
from tests.unit.backends.broken_servers import (
    AlwaysResets,
    CutShort,
    EchoesTheKey,
    EchoesTheKeyInside,
    EndsLate,
    FinishesAndHangs,
    LineWithoutEnd,
    NotHttp,
    Page,
    RawServer,
    Redirects,
    ResetsKeptAlive,
    SpeaksFirst,
    ThinksFirst,
    Trickles,
)
from tests.unit.backends.strict import first_text

CANARY = "sk-canary-7f3a9c5e1b"


@asynccontextmanager
async def backend(url: str, **settings: Any) -> AsyncIterator[OpenAICompletions]:
    backend = OpenAICompletions(
        BackendSettings(name="test", kind="openai-completions", base_url=url, model="m", **settings)
    )
    try:
        yield backend
    finally:
        await backend.aclose()


async def receive(
    backend: OpenAICompletions, prompt: Prompt | None = None
) -> tuple[str, BackendError | None]:
    """The text that came, and the error that ended it."""
    text = ""
    try:
        async for delta in backend.stream(prompt or Prompt("a")):
            text += delta.text
    except BackendError as error:
        return text, error
    return text, None


FIRST = tokens(Filler.text, 1)[0]


@pytest.mark.parametrize(
    ("faults", "text", "kind"),
    [
        ("reset", "", BrokenStream),
        ("reset:headers", "", BrokenStream),
        ("reset:first", FIRST, BrokenStream),
        ("reset:mid", FIRST, BrokenStream),
        ("close:before", "", BrokenStream),
        ("close:headers", "", BrokenStream),
        ("close:first", FIRST, BrokenStream),
        ("close:mid", FIRST, BrokenStream),
        ("close:5", "".join(tokens(Filler.text, 5)), BrokenStream),
        ("stall:before", "", TimedOut),
        ("stall:headers", "", TimedOut),
        ("stall:first", FIRST, TimedOut),
        ("stall:mid", FIRST, TimedOut),
        ("error:headers", "", ServerFault),
        ("error:first", FIRST, ServerFault),
        ("garbage:headers", "", BrokenStream),
        ("garbage:first", FIRST, BrokenStream),
        ("status400", "", RequestRejected),
        ("status401", "", Unauthorized),
        ("status402", "", Unauthorized),
        ("status408", "", TimedOut),
        ("status413", "", RequestRejected),
        ("status422", "", RequestRejected),
        ("status429", "", RateLimited),
        ("status498", "", RateLimited),
        ("status500", "", ServerFault),
        ("status502", "", ServerFault),
        ("status529", "", ServerFault),
    ],
)
async def test_faults(faults: str, text: str, kind: type[BackendError]) -> None:
    # Where silence is not the fault, a loaded machine may be silent for a while.
    patience = {"first_byte_ms": 500, "stall_ms": 500} if faults.startswith("stall") else {}
    async with FakeServer() as server, backend(server.url, **patience) as client:
        await client.connect()
        server.script = Script(faults=parse_faults(faults))
        received, error = await receive(client)
        assert (received, type(error)) == (text, kind)
        server.script = Script()
        assert await receive(client, Prompt("a", max_tokens=1)) == (FIRST, None)


@pytest.mark.parametrize(
    ("server", "text", "kind", "says"),
    [
        (AlwaysResets, "", BrokenStream, "closed the connection"),
        (LineWithoutEnd, "", BrokenStream, "over 1,000,000 bytes"),
        (Page, "", BrokenStream, "got text/html: Log in"),
        (NotHttp, "", BrokenStream, "does not answer in HTTP"),
        (CutShort, "pas", BrokenStream, "closed the connection"),
        (Trickles, "", TimedOut, "in the time that one answer may take"),
    ],
)
async def test_servers_that_break_the_protocol(
    server: Callable[[], RawServer], text: str, kind: type[BackendError], says: str
) -> None:
    patience = {"total_ms": 300} if server is Trickles else {}
    async with server().listen() as url, backend(url, **patience) as client:
        received, error = await receive(client)
        assert (received, type(error)) == (text, kind)
        assert says in str(error)


async def test_a_whole_text_needs_no_end() -> None:
    async with FinishesAndHangs().listen() as url, backend(url) as client:
        assert await receive(client) == ("pass", None)


async def test_a_kept_alive_socket_that_was_reset_is_tried_again_afresh() -> None:
    server = ResetsKeptAlive()
    async with server.listen() as url, backend(url) as client:
        assert [await receive(client) for _ in range(3)] == [("pass", None)] * 3
    assert (server.connections, len(server.requests)) == (3, 5)


async def test_a_fresh_connection_that_was_reset_is_not_tried_again() -> None:
    server = AlwaysResets()
    async with server.listen() as url, backend(url) as client:
        await receive(client)
    assert server.connections == 1


async def test_the_server_may_think_for_longer_than_it_may_take_to_connect() -> None:
    async with ThinksFirst().listen() as url, backend(url, connect_ms=100) as client:
        assert await receive(client) == ("pass", None)


async def test_a_reader_that_was_busy_is_not_the_servers_fault() -> None:
    async with (
        FakeServer(script=Script(rate=2.5)) as server,
        backend(server.url, stall_ms=250) as client,
        aclosing(client.stream(Prompt("a", max_tokens=2))) as stream,
    ):
        await first_text(stream)
        await asyncio.sleep(0.3)
        assert len([delta async for delta in stream]) == 2


@pytest.mark.parametrize("make", [RawServer, EndsLate])
async def test_the_connection_is_kept_for_the_next_request(make: Callable[[], RawServer]) -> None:
    server = make()
    async with server.listen() as url, backend(url) as client:
        await client.connect()
        for _ in range(3):
            assert await receive(client) == ("pass", None)
    assert server.connections == 1


async def test_connecting_again_costs_nothing_until_the_connection_is_gone() -> None:
    server = RawServer()
    async with server.listen() as url:
        client = Client(url)
        seen = [client.warm]
        for _ in range(3):
            await client.connect("/models")
        seen.append(client.warm)
        assert (len(server.requests), server.connections) == (1, 1)
        server.hang_up()
        await cold(client)
        await client.connect("/models")
        seen.append(client.warm)
        assert (len(server.requests), server.connections) == (2, 2)
        await client.aclose()
        await cold(client)
    assert seen == [False, True, True]


async def test_a_connection_that_idles_for_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_lsp.backends.pool.KEEP_ALIVE", 0.05)
    async with RawServer().listen() as url:
        client = Client(url)
        await client.connect("/models")
        await cold(client)
        await client.aclose()


async def cold(client: Client) -> None:
    """Wait until no connection is left."""
    async with asyncio.timeout(5):
        while client.warm:  # noqa: ASYNC110 - sockets signal nothing
            await asyncio.sleep(0.005)


async def test_no_redirect_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", CANARY)
    elsewhere = RawServer()
    async with (
        elsewhere.listen() as target,
        Redirects(target).listen() as url,
        backend(url, api_key_env="TEST_KEY") as client,
    ):
        await client.connect()
        _, error = await receive(client)
        assert isinstance(error, RequestRejected)
        assert "redirect" in str(error)
    assert elsewhere.requests == []


@pytest.mark.parametrize("make", [EchoesTheKey, EchoesTheKeyInside])
async def test_nothing_shows_the_key(make: Callable[[], RawServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", CANARY)
    settings = {"api_key_env": "TEST_KEY", "headers": {"X-Team": "a-secret-team"}}
    server = make()
    async with server.listen() as url, backend(url, **settings) as client:
        _, error = await receive(client)
        assert error is not None
        assert "bad key" in error.message
        shown = f"{error} {error!r} {error.advice} {client!r} {vars(client)!r}"
    assert any(CANARY in request for request in server.requests)
    assert "$TEST_KEY" in shown
    for secret in (CANARY, CANARY[:5], "a-secret-team"):
        assert secret not in shown


async def test_a_key_that_was_refused_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = EchoesTheKey()
    async with server.listen() as url, backend(url, api_key_env="TEST_KEY") as client:
        for key in ("old-key", "new-key"):
            monkeypatch.setenv("TEST_KEY", key)
            await receive(client)
            assert f"Bearer {key}" in server.requests[-1]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:PORT/v1", "nothing answers at 127.0.0.1"),
        ("https://127.0.0.1:PORT/v1", "nothing answers at 127.0.0.1"),
        ("http://no-such-host.invalid/v1", "no such host"),
    ],
)
async def test_no_connection(url: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    async with backend(url.replace("PORT", str(closed_port()))) as client:
        await client.connect()
        text, error = await receive(client)
        assert (text, type(error)) == ("", Unreachable)
        assert says in str(error)
        assert error is not None
        assert error.advice


@pytest.mark.parametrize(
    "url", ["", "http:///v1", "http://[/v1", "http://host:port/v1", "ftp://host/v1", "host:80"]
)
def test_what_is_not_a_url(url: str) -> None:
    with pytest.raises(UsageError, match="base_url"):
        Client(url)


async def test_no_tls_where_it_was_expected() -> None:
    async with SpeaksFirst().listen() as url, backend(url.replace("http:", "https:")) as client:
        _, error = await receive(client)
        assert isinstance(error, Unreachable)
        assert "TLS" in str(error)


async def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    async with backend("http://no-such-host.invalid/v1") as client:
        _, error = await receive(client)
        assert isinstance(error, Unreachable)
        assert "proxy" in str(error)


async def test_a_proxy_is_not_asked_for_a_local_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    async with RawServer().listen() as url, backend(url) as client:
        assert await receive(client) == ("pass", None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ssl.SSLCertVerificationError("self-signed certificate"), Unreachable),
        (ConnectionResetError(), BrokenStream),
        (TimeoutError(), TimedOut),
        (RuntimeError("Session is closed"), BrokenStream),
        (RateLimited("as it was"), RateLimited),
    ],
)
def test_what_is_hard_to_provoke(error: Exception, kind: type[BackendError]) -> None:
    assert type(translate(error, "host")) is kind


async def test_a_closed_backend_says_so() -> None:
    async with FakeServer() as server, backend(server.url) as client:
        await client.aclose()
        _, error = await receive(client)
        assert isinstance(error, Unreachable)


async def test_closing_the_stream_stops_the_server() -> None:
    async with FakeServer(script=Script(rate=1000)) as server, backend(server.url) as client:
        async with aclosing(client.stream(Prompt("a", max_tokens=1_000))) as stream:
            assert await first_text(stream) == FIRST
        await quiet(server)
        assert server.stats.cancelled == 1
        assert server.stats.tokens < 100


@pytest.mark.parametrize("script", [Script(ttft=60), Script(faults=parse_faults("stall:mid"))])
async def test_leaving_a_silent_server_stops_it_too(script: Script) -> None:
    async with FakeServer(script=script) as server, backend(server.url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await receive(client)
        await quiet(server)
        assert server.stats.cancelled == 1


async def test_cancelled_streams_leave_nothing_behind() -> None:
    """In some clients a crowd of these takes every slot of the pool for ever."""
    dice = random.Random(7)
    gate = asyncio.Semaphore(10)

    async def leave(client: OpenAICompletions) -> None:
        async with gate:
            try:
                async with asyncio.timeout(dice.uniform(0, 0.02)):
                    await receive(client, Prompt("a", max_tokens=1_000))
            except TimeoutError:
                pass

    async with FakeServer(script=Script(ttft=0.005, rate=1000)) as server, backend(server.url) as client:
        await client.connect()
        await asyncio.gather(*(leave(client) for _ in range(200)))
        await quiet(server)
        assert server.stats.cancelled == server.stats.requests > 0
        server.script = Script()
        results = [await receive(client, Prompt("a", max_tokens=1)) for _ in range(10)]
        assert results == [(FIRST, None)] * 10


def test_importing_the_backends_imports_no_http_library() -> None:
    script = (
        "import sys, spark_lsp.backends.openai_completions, spark_lsp.cli.fake_server\n"
        "print(sorted({'aiohttp', 'certifi'} & sys.modules.keys()))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


async def quiet(server: FakeServer) -> None:
    """Wait until the server has seen every stream end."""
    async with asyncio.timeout(5):
        while server.stats.open:  # noqa: ASYNC110 - the server is a subject here and signals nothing
            await asyncio.sleep(0.005)


def closed_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
