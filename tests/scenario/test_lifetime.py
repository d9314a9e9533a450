"""The server ends when it should, leaves nothing behind, and serves several clients where asked to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.conftest import SERVER, until
from tests.scenario.raw import INITIALIZE, INITIALIZED, Raw, notification, raw_server, raw_session, request

WITHIN = 2.0  # seconds


async def test_exit_after_shutdown_is_status_0() -> None:
    async with raw_session() as raw:
        raw.send(request(2, "shutdown"), notification("exit"))
        await raw.answer(2)
        assert await raw.ended() == 0


async def test_exit_without_shutdown_is_status_1() -> None:
    async with raw_session() as raw:
        raw.send(notification("exit"))
        assert await raw.ended() == 1


async def test_it_ends_with_stdin() -> None:
    async with raw_session() as raw:
        assert raw.process.stdin is not None
        raw.process.stdin.close()
        assert await raw.ended() == 1


async def test_it_ends_when_nobody_reads_its_stdout() -> None:
    """The client died, but something else holds our stdin open."""
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *SERVER, stdin=asyncio.subprocess.PIPE, stdout=writing, stderr=asyncio.subprocess.DEVNULL
    )
    os.close(writing)
    os.close(reading)
    raw = Raw(process)
    raw.send(INITIALIZE)
    await raw.ended(5.0)


async def test_a_file_as_stdin_is_read_to_its_end(tmp_path: Path) -> None:
    script = tmp_path / "session"
    script.write_bytes(INITIALIZE + INITIALIZED + request(2, "shutdown") + notification("exit"))
    with script.open("rb") as stdin:
        process = await asyncio.create_subprocess_exec(*SERVER, stdin=stdin, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert out.count(b'"result"') == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are POSIX")
async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A parent that is killed closes nothing politely, and here another process holds its pipe open."""
    reading, writing = os.pipe()
    said = tmp_path / "said"
    parent_code = (
        "import subprocess, sys\n"
        f"pipe, said = {reading}, open({str(said)!r}, 'w')\n"
        f"child = subprocess.Popen({SERVER!r}, stdin=pipe, stdout=said, pass_fds=[pipe])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent_code, stdout=asyncio.subprocess.PIPE, pass_fds=[reading]
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    os.write(writing, INITIALIZE)
    await until(lambda: said.stat().st_size > 0, 30)
    assert _runs(child)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    for _ in range(int(WITHIN / 0.05)):
        if not _runs(child):
            break
        await asyncio.sleep(0.05)
    assert not _runs(child)
    os.close(reading)
    os.close(writing)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@asynccontextmanager
async def listening(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "spark_lsp", *options, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        line = (await process.stderr.readline()).decode()
        yield process, line.rpartition(" ")[2].strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Line(Raw):
    """The same over a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def receive(self) -> Any:
        header = await self.reader.readuntil(b"\r\n\r\n")
        return json.loads(await self.reader.readexactly(int(header.split(b":")[1])))


async def test_tcp_serves_several_clients_at_once() -> None:
    async with listening("--tcp", "127.0.0.1:0") as (process, where):
        host, port = where.removeprefix("tcp://").split(":")
        assert host == "127.0.0.1"
        lines = [Line(*await asyncio.open_connection(host, int(port))) for _ in range(3)]
        for line in lines:
            line.send(INITIALIZE, INITIALIZED)
        for line in lines:
            await line.answer(1)
        first, second, third = lines
        first.send(request(2, "shutdown"), notification("exit"))
        await first.answer(2)
        assert await first.reader.read() == b""
        second.writer.close()
        assert await third.alive()
        for line in lines:
            line.writer.close()
        assert process.returncode is None


async def test_websocket_serves_several_clients_at_once() -> None:
    from websockets.asyncio.client import connect

    body = INITIALIZE.split(b"\r\n\r\n")[1].decode()
    async with listening("--ws", "127.0.0.1:0") as (process, where):
        async with connect(where) as one, connect(where) as two:
            await one.send("{not json")
            assert "-32700" in str(await one.recv())
            for socket_ in (one, two):
                await socket_.send(body)
                assert '"capabilities"' in str(await socket_.recv())
        async with connect(where) as three:
            await three.send(body)
            assert '"capabilities"' in str(await three.recv())
        assert process.returncode is None


@pytest.mark.parametrize("option", ["--tcp", "--ws"])
async def test_a_port_in_use_is_said_in_one_sentence(option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        async with listening(option, where) as (process, _):
            assert await process.wait() == 2
        async with raw_server(command=[sys.executable, "-m", "spark_lsp", option, where]) as raw:
            assert await raw.ended(10) == 2


async def test_the_ports_option_is_checked() -> None:
    async with raw_server(command=[sys.executable, "-m", "spark_lsp", "--tcp", "nonsense"]) as raw:
        assert await raw.ended(10) == 2
