"""The next edit from a model, over stdio: who is asked, what of the answer is offered, and what never is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from spark_lsp.backends.fake_edits import Edits
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.fake_malice import MALFORMED, MALICIOUS
from spark_lsp.backends.oracle import Source
from spark_lsp.backends.script import Script
from tests.scenario.conftest import Sessions, until
from tests.scenario.test_next_edit import Editor

TEXT = """\
import asyncio


def load(client):
    one = client.get("one")
    rows = parse(one)
    return rows


def save(client, rows):
    client.put(rows)
"""
EDITED = TEXT.replace("one = client", "one = await client")
FOLLOWED = EDITED.replace("def load", "async def load")
CHAT = {"kind": "openai-chat", "model": "fake"}


class Says:
    """A source with one answer for whatever it is asked."""

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self.asked: list[str] = []

    def answer(self, prefix: str, suffix: str) -> str:
        self.asked.append(prefix)
        return self._answer


class Turns:
    """Another source for each question: Edits knows a file by its name's end."""

    source: Source

    def answer(self, prefix: str, suffix: str) -> str:
        return self.source.answer(re.sub(r'(<file path=")[^"]*', r"\1a.txt", prefix), suffix)


@asynccontextmanager
async def editing(
    sessions: Sessions,
    source: Source,
    *,
    backend: dict[str, Any] | None = None,
    script: Script | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[Editor, FakeServer]]:
    """A document in which an `await` was put in by hand, and a model that is asked how that goes on."""
    async with FakeServer(source, script or Script()) as server:
        made = {
            "backend": [{"name": "model", "base_url": server.url, **(backend or CHAT)}],
            "workspace": {"enabled": False},
            **settings,
        }
        async with sessions(made) as session:
            editor = Editor(session, TEXT)
            editor.replace(4, 10, 10, "await ")
            yield editor, server


async def test_a_chat_model_rewrites_the_window(sessions: Sessions) -> None:
    async with editing(sessions, Edits({"a.txt": FOLLOWED})) as (editor, server):
        [edit] = await editor.edits()
        assert (edit["text"], edit["range"]["start"]) == ("async ", {"line": 3, "character": 0})
        assert [edit] == [{**again, "command": edit["command"]} for again in await editor.edits()]
        assert server.stats.requests == 1, "of one version a model is asked once"
        await editor.accept(edit)
        assert "\n".join(editor.lines) == FOLLOWED
        assert not await editor.edits()


async def test_a_model_of_its_own_is_asked_in_its_form(sessions: Sessions) -> None:
    source = Says(f"{FOLLOWED}<|file_sep|>")
    backend = {"kind": "openai-completions", "model": "sweep-next-edit", "lanes": ["batch"]}
    async with editing(sessions, source, backend=backend) as (editor, _):
        [edit] = await editor.edits()
        assert edit["text"] == "async "
    [asked] = source.asked
    assert asked.endswith("<|file_sep|>updated/a.txt:1:11\n")
    assert 'updated:\n    one = await client.get("one")\n' in asked


async def test_what_is_turned_down_stays_away(sessions: Sessions) -> None:
    async with editing(sessions, Edits({"a.txt": FOLLOWED})) as (editor, _):
        [edit] = await editor.edits()
        await editor.tell("spark.nextEdit.reject", edit)
        assert not await editor.edits()
        editor.replace(0, 0, 0, "# new\n")
        editor.lines = "\n".join(editor.lines).split("\n")
        assert not await editor.edits(), "the same edit at the same place, a line further down"


async def answered(
    sessions: Sessions, sources: Mapping[str, Source]
) -> AsyncIterator[tuple[str, Editor, Any]]:
    """What is offered for the answer of each of the sources, in a document of its own."""
    by_turn = Turns()
    async with editing(sessions, by_turn) as (first, server):
        for number, (name, source) in enumerate(sources.items()):
            by_turn.source = source
            editor = Editor(first.session, TEXT, name=f"{name.replace('/', '-')}.txt")
            editor.replace(4, 10, 10, "await ")
            yield name, editor, await editor.edits()
            assert server.stats.requests == number + 1, name


async def test_malformed_answers_are_not_offered(sessions: Sessions) -> None:
    sources = {f"malformed/{kind}": Edits({"a.txt": FOLLOWED}, f"malformed/{kind}") for kind in MALFORMED}
    async for name, _, edits in answered(sessions, sources):
        assert all(edit["text"] == "async " for edit in edits), name  # one may be read nevertheless


async def test_malicious_answers_change_their_window_and_bring_nothing_hidden(sessions: Sessions) -> None:
    sources = {f"malicious/{kind}": Edits({"a.txt": FOLLOWED}, f"malicious/{kind}") for kind in MALICIOUS}
    async for name, editor, edits in answered(sessions, sources):
        for edit in edits:
            assert edit["textDocument"]["uri"] == editor.uri
            assert "sk-4f9Qm2Zt7" not in edit["text"], name
            assert re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", edit["text"]) is None, name
            await editor.accept(edit)
        assert 'one = await client.get("one")' in "\n".join(editor.lines), "what was typed stays"


async def test_answers_that_are_not_offered(sessions: Sessions) -> None:
    answers = {
        "takes the edit back": TEXT,
        "changes nothing": EDITED,
        "says nothing": "",
        "takes most of it away": "x = 1\n",
        "leaves out": EDITED.replace("    rows = parse(one)\n", "    # ... existing code ...\n"),
        "goes on and on": EDITED + "x = 1\n" * 60,
    }
    sources = {name: Says(f"<new-lines>\n{answer}</new-lines>\n") for name, answer in answers.items()}
    async for name, _, edits in answered(sessions, sources):
        assert not edits, name


@pytest.mark.parametrize(
    ("backend", "settings", "requests"),
    [
        pytest.param({**CHAT, "metered": True}, {}, 0, id="it costs money"),
        pytest.param({**CHAT, "metered": True}, {"inline": {"next_edit_model": "any"}}, 1, id="it may"),
        pytest.param(CHAT, {"inline": {"next_edit_model": "never"}}, 0, id="never"),
        pytest.param(CHAT, {"prefetch": {"enabled": False}}, 0, id="nothing is asked ahead"),
        pytest.param(
            {"kind": "openai-completions", "model": "qwen2.5-coder"}, {}, 0, id="not told what to do"
        ),
        pytest.param(CHAT, {"privacy": {"ignore_files": ["hidden"]}}, 0, id="it stays here"),
    ],
)
async def test_who_is_asked(
    sessions: Sessions, backend: dict[str, Any], settings: dict[str, Any], requests: int
) -> None:
    (sessions.root / "hidden").write_text("a.txt\n")
    async with editing(sessions, Edits({"a.txt": FOLLOWED}), backend=backend, **settings) as (editor, server):
        assert len(await editor.edits()) == requests
        assert server.stats.requests == requests


async def test_a_key_ends_it_and_one_is_asked_at_a_time(sessions: Sessions) -> None:
    script = Script(ttft=30.0)
    async with editing(sessions, Edits({"a.txt": FOLLOWED}), script=script) as (editor, server):
        first = asyncio.create_task(editor.edits())
        await until(lambda: server.stats.open == 1)
        second = asyncio.create_task(editor.edits())
        assert not await first, "the newer question is answered"
        await until(lambda: server.stats.requests == 2 and server.stats.open == 1)
        server.script = Script()
        editor.replace(5, 0, 0, "")
        assert not await second, "it is for a text that is not there any more"
        await until(lambda: server.stats.open == 0)


async def test_what_the_text_alone_tells_needs_no_model(sessions: Sessions) -> None:
    async with editing(sessions, Edits({"a.txt": FOLLOWED})) as (editor, server):
        editor.type_over(4, 4, "one", "first")
        [edit] = await editor.edits()
        assert edit["text"] == "first"
        assert server.stats.requests == 0
