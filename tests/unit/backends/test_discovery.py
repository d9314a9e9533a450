"""Who is found: by a key in the environment, and by the sign that a server on this machine shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from spark_lsp.backends.discovery import discover
from spark_lsp.config.presets import Preset

PATIENCE = 2.0  # more than any loaded machine needs; those who are silent make a test wait for so long

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]
"""What a server does with a request whose first line it has read."""


def answers(body: bytes, status: str = "200 OK") -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: str) -> None:
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status.encode(), len(body)) + body)

    return answer


async def says_nothing(reader: asyncio.StreamReader, *_: object) -> None:
    await reader.read()  # until the client goes


async def hangs_up(*_: object) -> None:
    pass


async def speaks_no_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: str) -> None:
    writer.write(b"220 smtp ready\r\n")


async def streams_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    while not writer.is_closing():
        writer.write(b": still here\n\n")
        await asyncio.sleep(0.01)


class Nearby:
    """Servers on this machine, each on a port of its own. `asked` has the first lines of all requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._stack = AsyncExitStack()

    async def serve(self, answer: Answer) -> int:
        """The port."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                assert "authorization" not in head.lower(), "a key was sent to whoever listens there"
                self.asked.append(head.partition("\r\n")[0].removesuffix(" HTTP/1.1"))
                await answer(reader, writer, head)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        await self._stack.enter_async_context(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def aclose(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def nearby() -> AsyncIterator[Nearby]:
    made = Nearby()
    yield made
    await made.aclose()


def local(*ports: int, sign: tuple[str, str] = ("/sign", "me"), **settings: Any) -> Preset:
    """A preset of servers on this machine."""
    base = {"kind": "openai-completions", "base_url": "http://127.0.0.1:1/v1"}
    return Preset("Local", {**base, **settings}, ports=ports, sign=sign)


def vendor(variable: str) -> Preset:
    settings = {"kind": "openai-chat", "base_url": "https://api.example.com/v1", "api_key_env": variable}
    return Preset("Vendor", settings)


async def check(
    presets: Mapping[str, Preset],
    expected: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> None:
    """`expected` are the base URLs of those that are found, by name, in order."""
    found = await discover(environ or {}, presets, patience)
    assert [(each.settings.name, each.settings.base_url) for each in found] == list(expected.items())
    assert all(each.how for each in found)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"A_KEY": "canary"}, ["a"]),
        ({"B_KEY": "canary", "A_KEY": "canary"}, ["a", "b"]),
        ({"A_KEY": "  "}, []),
        ({"a_key": "canary", "LOCAL_KEY": "canary"}, []),
    ],
)
async def test_keys(environ: Mapping[str, str], expected: list[str]) -> None:
    # A server on this machine is found by its answer alone.
    presets = {"a": vendor("A_KEY"), "b": vendor("B_KEY"), "local": local(1, api_key_env="LOCAL_KEY")}
    await check(presets, dict.fromkeys(expected, "https://api.example.com/v1"), environ)
    assert "canary" not in repr(await discover(environ, presets, PATIENCE))


async def test_those_who_show_their_sign(nearby: Nearby) -> None:
    first, second = await nearby.serve(answers(b"it is me")), await nearby.serve(answers(b"not me, her"))
    other = await nearby.serve(answers(b"nobody"))
    presets = {
        "key": vendor("A_KEY"),
        "her": local(second, sign=("/her", "her")),
        "me": local(first, sign=("/me", "it is me")),
        "him": local(other),
    }
    expected = {
        "key": "https://api.example.com/v1",
        "her": f"http://127.0.0.1:{second}/v1",
        "me": f"http://127.0.0.1:{first}/v1",
    }
    await check(presets, expected, {"A_KEY": "canary"})
    assert sorted(nearby.asked) == ["GET /her", "GET /me", "GET /sign"]


async def test_presets_on_the_same_port_are_told_apart(nearby: Nearby) -> None:
    port = await nearby.serve(answers(b"it is her"))
    presets = {"me": local(port, sign=("/", "it is me")), "her": local(port, sign=("/", "it is her"))}
    await check(presets, {"her": f"http://127.0.0.1:{port}/v1"})


async def test_the_first_of_several_ports(nearby: Nearby) -> None:
    ports = [await nearby.serve(answers(b"me")) for _ in range(2)]
    await check({"me": local(*ports)}, {"me": f"http://127.0.0.1:{ports[0]}/v1"})


@pytest.mark.parametrize(
    "fault",
    [hangs_up, speaks_no_http, answers(b"", "404 Not Found"), answers(b"\xff\x00")],
    ids=["hangs up", "no HTTP", "not found", "bytes"],
)
async def test_what_is_no_sign_is_passed_over(nearby: Nearby, fault: Answer) -> None:
    odd, good = await nearby.serve(fault), await nearby.serve(answers(b"me"))
    await check({"odd": local(odd), "me": local(good)}, {"me": f"http://127.0.0.1:{good}/v1"})


async def test_a_port_where_nobody_listens(nearby: Nearby, unused_tcp_port: int) -> None:
    await check({"dead": local(unused_tcp_port)}, {})


@pytest.mark.parametrize("fault", [says_nothing, streams_without_end])
async def test_nobody_waits_for_the_silent_or_the_endless(nearby: Nearby, fault: Answer) -> None:
    silent, good = await nearby.serve(fault), await nearby.serve(answers(b"me"))
    await check({"silent": local(silent), "me": local(good)}, {"me": f"http://127.0.0.1:{good}/v1"})
    await asyncio.to_thread(_threads_end)


def _threads_end() -> None:
    """The end of the program waits for every thread."""
    import threading

    for thread in threading.enumerate():
        if thread.name.startswith("discovery"):
            thread.join(3 * PATIENCE)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("named", "answers_there"),
    [("127.0.0.1:{port}", True), ("http://localhost:{port}/v1", True), ("0.0.0.0:{port}", True)]
    + [(named, False) for named in ("http://[::1", "http://example.com:{port}", "localhost:nowhere", "\x00")],
)
async def test_an_address_in_the_environment_counts_instead(
    nearby: Nearby, named: str, answers_there: bool
) -> None:
    usual, port = await nearby.serve(answers(b"me")), await nearby.serve(answers(b"me"))
    environ = {"ME_HOST": named.format(port=port)}
    found = await discover(environ, {"me": local(usual, base_url_env="ME_HOST")}, PATIENCE)
    assert [f":{port}/" in each.settings.base_url for each in found] == [True] * answers_there
    assert len(nearby.asked) == answers_there


async def test_a_server_that_is_found_keeps_its_address(nearby: Nearby) -> None:
    """It is asked where it was found, whatever the environment says by then."""
    port = await nearby.serve(answers(b"me"))
    environ = {"ME_HOST": f"127.0.0.1:{port}"}
    [found] = await discover(environ, {"me": local(1, base_url_env="ME_HOST")}, PATIENCE)
    assert found.settings.base_url_env == ""
