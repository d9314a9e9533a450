"""What leaves, counted where it leaves: every byte that a backend's socket receives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from lsprotocol import types

from spark_lsp.backends.fake_http import FakeServer
from tests.forms import BODY, PEM, forms
from tests.scenario.conftest import Session, Sessions, served_by
from tests.scenario.test_commands import run

AT_ONCE = 12
"""Forms in a document: so many are all within what is sent."""

SECRET = "hunter2Hunter2"


class Wire:
    """A way to a server on which all that is sent there is seen."""

    def __init__(self, url: str) -> None:
        self.seen = bytearray()
        self.url = ""
        self._to = urlsplit(url)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.hostname, self._to.port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seen: bytearray) -> None:
            try:
                while data := await source.read(65_536):
                    seen.extend(data)
                    sink.write(data)
                    await sink.drain()
            except ConnectionError:
                pass  # either side may hang up: a stream is closed when nobody wants it
            finally:
                sink.close()

        await asyncio.gather(pump(reader, back, self.seen), pump(there, writer, bytearray()))


@asynccontextmanager
async def wire_to(server: FakeServer) -> AsyncIterator[Any]:
    wire = Wire(server.url)
    listening = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    wire.url = f"http://127.0.0.1:{port}{urlsplit(server.url).path}"
    try:
        yield wire
    finally:
        listening.close()


def through(wire: Wire, **settings: Any) -> dict[str, Any]:
    return served_by(SimpleNamespace(url=wire.url), **settings)  # type: ignore[arg-type]  # only the URL counts


async def open_as(session: Session, uri: str, text: str) -> None:
    session.version += 1
    document = types.TextDocumentItem(uri=uri, language_id="python", version=session.version, text=text)
    session.client.text_document_did_open(types.DidOpenTextDocumentParams(document))


async def test_no_form_of_secret_arrives(sessions: Sessions) -> None:
    known = forms()
    async with (
        FakeServer() as server,
        wire_to(server) as wire,
        sessions(through(wire, prefetch={})) as session,
    ):
        for start in range(0, len(known), AT_ONCE):
            lines = [form.line for form in known[start : start + AT_ONCE]]
            uri = session.open(f"part{start}.txt", "\n".join([*lines, "", PEM, ""]), "plaintext")
            await session.complete(uri, len(lines), 0, invoked=True)
        assert server.stats.requests >= len(known) / AT_ONCE
    assert len(wire.seen) > sum(len(form.line) for form in known)
    arrived = [form.rule for form in known if _escaped(form.secret) in wire.seen]
    assert arrived == []
    assert _escaped(BODY[1:40]) not in wire.seen


def _escaped(secret: str) -> bytes:
    return json.dumps(secret, ensure_ascii=False)[1:-1].encode()


class Echo:
    """A model that repeats the value that it was shown."""

    def answer(self, prefix: str, suffix: str) -> str:
        return prefix.split('"')[1] + '")'


async def test_what_a_model_repeats_is_the_secret_again(sessions: Sessions) -> None:
    async with FakeServer(Echo()) as server, wire_to(server) as wire, sessions(through(wire)) as session:
        text = f'password = "{SECRET}"\nconnect("'
        uri = session.open("a.py", text)
        assert await session.ghost(uri, 1, 9, invoked=True) == f'{SECRET}")'
    assert SECRET.encode() not in wire.seen


async def test_secrets_are_sent_where_the_user_says_so(sessions: Sessions) -> None:
    settings = {"privacy": {"redact_secrets": False}}
    async with (
        FakeServer() as server,
        wire_to(server) as wire,
        sessions(through(wire, **settings)) as session,
    ):
        uri = session.open("a.py", f'password = "{SECRET}"\nx = ')
        await session.complete(uri, 1, 4, invoked=True)
    assert SECRET.encode() in wire.seen


@pytest.mark.parametrize(
    ("uri", "untitled", "asked"),
    [
        ("untitled:Untitled-1", "machine", True),  # the fake server is on this machine
        ("untitled:Untitled-1", "process", False),
        ("output:log", "process", False),
        ("vscode-notebook-cell:{root}/book.ipynb#W0", "process", True),
        ("vscode-notebook-cell:{root}/ignored.ipynb#W0", "anywhere", False),
        ("{root_uri}/ignored.py", "anywhere", False),
    ],
)
async def test_what_is_no_file_goes_as_far_as_it_may(
    uri: str, untitled: str, asked: bool, sessions: Sessions
) -> None:
    (sessions.root / ".gitignore").write_text("ignored.*\n")
    uri = uri.format(root=sessions.root, root_uri=sessions.root.as_uri())
    async with FakeServer() as server, sessions(served_by(server, privacy={"untitled": untitled})) as session:
        await open_as(session, uri, "a_word = 1\nx = ")
        await session.complete(uri, 1, 4, invoked=True)
        assert bool(server.stats.requests) == asked


async def test_sent_prints_what_arrives_and_sends_nothing(tmp_path: Path) -> None:
    text = f'password = "{SECRET}"\nx = '
    async with FakeServer() as server:
        (tmp_path / "config.json").write_text(json.dumps(served_by(server)))
        (tmp_path / "a.py").write_text(text)
        place = ("config", "--show", "--sent", "a.py:2:5", "--config", "config.json")
        status, out, err = await run(*place, "--json", cwd=tmp_path)
        assert (status, err) == (0, "")
        [letter] = json.loads(out)["sent"]
        assert letter["url"] == f"{server.url}/completions"
        assert letter["body"]["prompt"].startswith('password = "')
        assert letter["replaced"] == [
            {"rule": letter["replaced"][0]["rule"], "line": 1, "length": len(SECRET)}
        ]
        _, shown, _ = await run(*place, cwd=tmp_path)
        assert SECRET not in out + shown
        assert "replaced: line 1" in shown
        assert not [entry for entry in server.stats.log if "completions" in entry.path]


@pytest.mark.parametrize(
    ("name", "says"), [("ignored.py", "ignore file"), (".env", "looks like a file of secrets")]
)
async def test_sent_says_why_nothing_leaves(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / name).write_text("x = 1\n")
    async with FakeServer() as server:
        (tmp_path / "config.json").write_text(json.dumps(served_by(server)))
        place = f"{name}:1:1"
        status, out, _ = await run("config", "--sent", place, "--config", "config.json", cwd=tmp_path)
    assert status == 0
    assert says in out
    assert "nothing leaves" in out
    assert "x = 1" not in out
