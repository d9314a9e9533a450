"""A key that servers repeat in every way they can is in nothing that the server writes."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.raw import INITIALIZE, INITIALIZED, Raw, notification, request
from tests.unit.backends.broken_servers import EchoesTheKey, EchoesTheKeyInside, RawServer

FROM_ENVIRONMENT = "sk-canary-7f3a9c5e1b"
FROM_COMMAND = "sk-canary-d04b8f62aa"
CANARIES = (FROM_ENVIRONMENT, FROM_COMMAND)

# The real server, but for a bug in one kind of backend: it shows all that it knows as it falls.
WITH_A_BUG = """
import sys
from spark_lsp.backends.openai_chat import OpenAIChat

def request(self, prompt):
    everything = {**vars(self), **vars(self._client)}
    raise RuntimeError(f"a bug: {everything!r} {self!r}")

OpenAIChat.request = request
from spark_lsp.cli.main import main
sys.argv[0] = "spark-lsp"
main()
"""


class EchoesInHeaders(EchoesTheKey):
    """Refuses, and repeats the request's headers among its own."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        key = _key(self.requests[-1])
        status = f"403 bad key {key}"
        told = [
            f"www-authenticate: Bearer {key}",
            f"retry-after: {key}",
            f"x-ratelimit-limit-requests: {key}",
        ]
        self.head(writer, *told, f"content-type: text/{key}", "content-length: 0", status=status)


class EchoesInItsType(EchoesTheKey):
    """Agrees, in a type of content that has the key for its name."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        key = _key(self.requests[-1])
        self.head(writer, f"content-type: application/{key}", "content-length: 7", "set-cookie: k=" + key)
        writer.write(b"bad key")


class EchoesInARedirect(EchoesTheKey):
    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        key = _key(self.requests[-1])
        where = f"location: http://{key}.invalid/{key}?key={key}"
        self.head(writer, where, "content-length: 0", status="307 Temporary Redirect")


class EchoesWhatIsNoEvent(EchoesTheKey):
    """An event that is not JSON, and so is quoted."""

    async def answer(self, writer: asyncio.StreamWriter, served: int) -> None:
        self.head(writer, "content-type: text/event-stream")
        writer.write(f"data: bad key {_key(self.requests[-1])}\n\n".encode())
        writer.close()


SERVERS: tuple[Callable[[], RawServer], ...] = (
    EchoesTheKey,
    EchoesTheKeyInside,
    EchoesInHeaders,
    EchoesInItsType,
    EchoesInARedirect,
    EchoesWhatIsNoEvent,
)


def _key(head: str) -> str:
    return head.partition("Bearer ")[2].partition("\r\n")[0]


def backends(urls: list[str], command: list[str]) -> list[dict[str, Any]]:
    """Each server twice, by a key of each source, and at last the one that has a bug."""
    sources: list[dict[str, Any]] = [{"api_key_env": "CANARY_KEY"}, {"api_key_command": command}]
    usual = {"kind": "openai-completions", "model": "m"}
    made: list[dict[str, Any]] = [
        {"name": f"server-{number}-{index}", "base_url": url, **usual, **source}
        for number, url in enumerate(urls)
        for index, source in enumerate(sources)
    ]
    return [*made, {**made[0], "name": "buggy", "kind": "openai-chat"}]


@asynccontextmanager
async def recorded(options: list[str], said: bytearray, complained: Path) -> AsyncIterator[Raw]:
    """The server, whose every byte on stdout goes to `said` as well, and stderr to a file."""

    class Recording(Raw):
        async def receive(self) -> Any:
            message = await super().receive()
            said.extend(json.dumps(message, ensure_ascii=False).encode())
            return message

    with complained.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WITH_A_BUG, "--stdio", *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
        try:
            yield Recording(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def talk(raw: Raw, folder: Path) -> None:
    """A session that asks every backend, and then everything that tells about them."""
    uri = (folder / "a.py").as_uri()
    document = {"uri": uri, "languageId": "python", "version": 1, "text": "def f():\n    \n"}
    raw.send(INITIALIZE)
    await raw.answer(1)
    raw.send(INITIALIZED, notification("textDocument/didOpen", {"textDocument": document}))
    for number, kind in ((2, 1), (3, 0)):
        position = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 4}}
        context = {"context": {"triggerKind": kind}}
        raw.send(request(number, "textDocument/inlineCompletion", position | context))
        await raw.answer(number)
    raw.send(request(4, "spark/metrics", {}))
    await raw.answer(4)
    raw.send(request(5, "shutdown"))
    await raw.answer(5)
    raw.send(notification("exit"))
    await raw.ended(10)


async def test_no_key_is_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, secret, work = (tmp_path / name for name in ("home", "secret", "work"))
    for folder in (home, secret, work):
        folder.mkdir()
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("CANARY_KEY", FROM_ENVIRONMENT)
    (secret / "key").write_text(FROM_COMMAND)
    command = [sys.executable, "-c", f"print(open({str(secret / 'key')!r}).read())"]
    servers = [server() for server in SERVERS]
    said = bytearray()
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(server.listen()) for server in servers]
        settings = {
            "backend": backends(urls, command),
            "workspace": {"enabled": False},
            "inline": {"deadline_ms": 10_000},
        }
        config = home / "config.json"
        config.write_text(json.dumps(settings))
        options = ["--config", str(config), "--log-file", str(home / "log"), "--log-level", "debug"]
        async with recorded(options, said, home / "stderr") as raw:
            await talk(raw, work)
        shown = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "spark_lsp", "config", "--show", "--config", str(config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said += (await shown.communicate())[0]

    for server in servers:
        keys = {_key(head) for head in server.requests if head.startswith("POST")}
        assert keys >= set(CANARIES), f"{type(server).__name__} was not told both keys: nothing is proved"
    written = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    written |= {str(path): path.read_bytes() for path in work.rglob("*") if path.is_file()}
    log = written[str(home / "log")]
    assert b"bad key" in log
    assert b"a bug: " in log + written[str(home / "stderr")] + said
    for place, data in {**written, "stdout": bytes(said)}.items():
        for canary in CANARIES:
            encoded = base64.b64encode(canary.encode())
            for form in (canary.encode(), canary[10:].encode(), encoded, canary.encode().hex().encode()):
                assert form not in data, f"{place} holds {form!r}"
