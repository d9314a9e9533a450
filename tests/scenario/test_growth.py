"""An answer that was given grows on the screen of a client that asked for it."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.script import Script, parse_faults
from tests.scenario.conftest import served_by, until
from tests.scenario.raw import INITIALIZED, Raw, notification, raw_server, request
from tests.scenario.test_typing import COLUMN, DONE, GHOST, LINE, START

STREAMING = {"spark": {"streaming": True}}
URI = "file:///shop.py"
PARTIAL = "$/spark/inlineCompletion/partial"


class Editor:
    """Asks with a token, and notes what comes for it."""

    def __init__(self, raw: Raw) -> None:
        self.stages: list[Any] = []
        self._raw = raw
        self._number = 1

    async def call(self, method: str, params: Any) -> Any:
        self._number += 1
        self._raw.send(request(self._number, method, params))
        while (message := await self._raw.receive()).get("id") != self._number:
            self._note(message)
        return message["result"]

    def tell(self, method: str, params: Any) -> None:
        self._raw.send(notification(method, params))

    async def ask(self, token: Any, column: int = COLUMN) -> list[Any]:
        position = {"line": LINE, "character": column}
        document = {"textDocument": {"uri": URI}, "position": position}
        params = {**document, "context": {"triggerKind": 2}, "partialToken": token}
        items: list[Any] = (await self.call("textDocument/inlineCompletion", params))["items"]
        return items

    def type(self, text: str) -> None:
        at = {"line": LINE, "character": COLUMN}
        change = {"range": {"start": at, "end": at}, "text": text}
        document = {"uri": URI, "version": 2}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    async def grown(self) -> Any:
        """The last stage."""
        while not (self.stages and self.stages[-1]["done"]):
            self._note(await self._raw.receive())
        return self.stages[-1]

    def _note(self, message: Any) -> None:
        if message.get("method") == PARTIAL:
            self.stages.append(message["params"])


@asynccontextmanager
async def editing(
    folder: Path, server: FakeServer, options: Any = STREAMING, **settings: Any
) -> AsyncIterator[Editor]:
    file = folder / "config.json"
    file.write_text(json.dumps(served_by(server, pieces=True, **settings)))
    async with raw_server("--config", str(file)) as raw:
        session = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": options}
        raw.send(request(1, "initialize", session))
        await raw.answer(1)
        document = {"uri": URI, "languageId": "python", "version": 1, "text": START}
        raw.send(INITIALIZED, notification("textDocument/didOpen", {"textDocument": document}))
        yield Editor(raw)


def served(script: Script) -> FakeServer:
    return FakeServer(Oracle({"shop.py": DONE}), script)


async def test_it_grows_from_its_first_line_to_its_last_and_costs_one_request(tmp_path: Path) -> None:
    async with served(Script(rate=40)) as server, editing(tmp_path, server) as editor:
        [answer] = await editor.ask("t1")
        answered = time.monotonic()
        await editor.grown()
        took = time.monotonic() - answered
        metrics = await editor.call("spark/metrics", {})
    stages = editor.stages
    items = [answer, *(stage["item"] for stage in stages)]
    assert items[0]["insertText"] == f"    {GHOST.splitlines()[0]}"
    assert items[-1]["insertText"] == f"    {GHOST}"
    assert len(stages) > 2
    for before, after in itertools.pairwise(items):
        assert after["insertText"].startswith(before["insertText"])
        assert after["range"] == before["range"]
    assert [(stage["token"], stage["seq"]) for stage in stages] == [("t1", n) for n in range(len(stages))]
    assert [stage["done"] for stage in stages] == [False] * (len(stages) - 1) + [True]
    assert len(stages) <= 30 * took + 1
    assert server.stats.requests == 1
    assert (metrics["requests"], metrics["shown"]) == (1, 1)


async def test_what_comes_after_the_deadline_is_shown_then(tmp_path: Path) -> None:
    async with (
        served(Script(ttft=0.7, rate=200)) as server,
        editing(tmp_path, server, deadline_ms=10) as editor,
    ):
        assert await editor.ask(7) == []
        last = await editor.grown()
        assert (last["token"], last["item"]["insertText"]) == (7, f"    {GHOST}")
        # What is typed along with it is answered from it.
        editor.type(GHOST[0])
        [item] = await editor.ask(8, COLUMN + 1)
        assert item["insertText"] == f"    {GHOST}"
        metrics = await editor.call("spark/metrics", {})
    assert server.stats.requests == 1
    assert (metrics["shown"], metrics["hits"]["typed_through"]) == (1, 1)


@pytest.mark.parametrize("typed", ["@", GHOST[0]], ids=["contradicts", "goes along"])
async def test_a_change_ends_it_without_another_word(tmp_path: Path, typed: str) -> None:
    async with served(Script(rate=15)) as server, editing(tmp_path, server) as editor:
        await editor.ask("old")
        editor.type(typed)
        await editor.ask("new", COLUMN + 1)
        seen = len(editor.stages)
        if typed == GHOST[0]:
            last = await editor.grown()
            assert last["item"]["insertText"] == f"    {GHOST}"
        else:
            await until(lambda: server.stats.cancelled == 1)
            await editor.call("spark/metrics", {})
        assert {stage["token"] for stage in editor.stages[seen:]} <= {"new"}


async def test_a_newer_request_takes_over_at_the_same_place(tmp_path: Path) -> None:
    async with served(Script(rate=15)) as server, editing(tmp_path, server) as editor:
        await editor.ask("old")
        await editor.ask("new")
        seen = len(editor.stages)
        last = await editor.grown()
    assert last["item"]["insertText"] == f"    {GHOST}"
    assert {stage["token"] for stage in editor.stages[seen:]} == {"new"}


async def test_where_a_stream_breaks_off_is_the_last_word(tmp_path: Path) -> None:
    async with (
        served(Script(rate=40, faults=parse_faults("close:24"))) as server,
        editing(tmp_path, server, workspace={"enabled": False}) as editor,
    ):
        [answer] = await editor.ask("t1")
        last = await editor.grown()
    assert last["item"]["insertText"].startswith(answer["insertText"])
    assert f"    {GHOST}".startswith(last["item"]["insertText"])


@pytest.mark.parametrize(
    ("options", "token"), [(None, "t1"), ({"spark": {"streaming": False}}, "t1"), (STREAMING, None)]
)
async def test_who_did_not_ask_is_not_told(tmp_path: Path, options: Any, token: Any) -> None:
    async with served(Script(rate=60)) as server, editing(tmp_path, server, options) as editor:
        [answer] = await editor.ask(token)
        assert answer["insertText"] == f"    {GHOST.splitlines()[0]}"
        await until(lambda: server.stats.open == 0)
        await asyncio.sleep(0.1)
        await editor.call("spark/metrics", {})
    assert editor.stages == []


async def test_a_token_that_is_none_is_refused(tmp_path: Path) -> None:
    async with served(Script()) as server, editing(tmp_path, server) as editor:
        with pytest.raises(KeyError):
            await editor.ask({"not": "a token"})
