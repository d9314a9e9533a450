"""Code actions over stdio, with a real checker: what is offered, what is changed, and what never is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.backends.fake_edits import Edits
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.fake_malice import MALFORMED, MALICIOUS
from spark_lsp.backends.oracle import Source
from spark_lsp.backends.script import Script
from tests.scenario.conftest import Session, Sessions, until
from tests.scenario.editing import able, actions, applied, changed_documents, diagnostic, resolved, texts

FIXED = """\
import json


def load(path):
    with open(path) as file:
        return json.loads(file.read(), strict=True)


def untouched():
    return "é😀"
"""
BROKEN = FIXED.replace("True", "Tru")
UNDEFINED = diagnostic(5, 46, 49, "Undefined name `Tru`", "F821")

CONTENT_MODIFIED, REQUEST_FAILED, CANCELLED = -32801, -32803, -32800


@asynccontextmanager
async def acting(
    sessions: Sessions,
    mode: str = "right",
    *,
    files: dict[str, str] | None = None,
    source: Source | None = None,
    script: Script | None = None,
    capabilities: types.ClientCapabilities | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[Session, FakeServer]]:
    """A session with a chat model that answers as `mode` says, and with ruff."""
    source = source or Edits(files or {"load.py": FIXED}, mode)
    async with FakeServer(source, script or Script()) as server:
        chat = {"name": "chat", "kind": "openai-chat", "base_url": server.url, "model": "fake"}
        made = {
            "backend": [chat],
            "actions": {"verify": ["ruff"]},
            "prefetch": {"enabled": False},
            "workspace": {"enabled": False},
            **settings,
        }
        async with sessions(made, capabilities=capabilities or able()) as session:
            yield session, server


async def fix_of(session: Session, uri: str, *found: types.Diagnostic) -> types.CodeAction:
    offered = await actions(
        session, uri, found[0].range.start.line, diagnostics=list(found), only=["quickfix"]
    )
    action = next(one for one in offered if one.title.startswith("Fix with Spark"))
    assert isinstance(action, types.CodeAction)
    return action


async def ruff(text: str) -> list[str]:
    """The codes of what ruff says of a text."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--output-format", "json", "-"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    out, _ = await process.communicate(text.encode())
    return [one["code"] for one in json.loads(out)]


@pytest.mark.parametrize(
    ("mode", "rounds"), [("right", 1), ("nearly", 2), ("right:diff", 1), ("right:file", 1)]
)
async def test_a_planted_fault_is_mended_and_the_checker_is_silent(
    sessions: Sessions, mode: str, rounds: int
) -> None:
    assert await ruff(BROKEN) == ["F821"]
    async with acting(sessions, mode) as (session, server):
        uri = session.open("load.py", BROKEN)
        action = await fix_of(session, uri, UNDEFINED)
        assert action.edit is None
        assert action.is_preferred is None
        assert server.stats.requests == 0, "the list asks no model"
        edit = await resolved(session, action)
        [change] = edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        assert [one.new_text for one in texts(change)] == ["e"], "minimal"
        assert edit.change_annotations is not None
        assert edit.change_annotations["spark"].description == "accepted by ruff"
        text = applied(edit, uri, BROKEN, session.version)
    assert text == FIXED
    assert await ruff(text) == []
    assert server.stats.requests == rounds


async def test_a_fix_that_was_asked_ahead_is_preferred_and_asked_once(sessions: Sessions) -> None:
    async with acting(sessions, prefetch={"enabled": True}) as (session, server):
        uri = session.open("load.py", BROKEN)
        offered = await actions(session, uri, 5, diagnostics=[UNDEFINED], automatic=True)
        assert [one.is_preferred for one in offered] == [None] * len(offered)
        for _ in range(200):
            await asyncio.sleep(0.05)
            [*_, action] = [await fix_of(session, uri, UNDEFINED)]
            if action.is_preferred:
                break
        assert action.is_preferred
        assert "ruff" in action.title
        assert applied(await resolved(session, action), uri, BROKEN, session.version) == FIXED
        assert server.stats.requests == 1
        # Another text: what is known of this one is not offered there.
        session.type(uri, 9, 0, "    x = 1\n")
        assert (await fix_of(session, uri, UNDEFINED)).is_preferred is None


async def test_who_asks_while_it_is_asked_ahead_waits_for_the_same(sessions: Sessions) -> None:
    async with acting(sessions, prefetch={"enabled": True}, script=Script(ttft=0.5)) as (session, server):
        uri = session.open("load.py", BROKEN)
        await actions(session, uri, 5, diagnostics=[UNDEFINED], automatic=True)
        await until(lambda: server.stats.requests == 1)
        edit = await resolved(session, await fix_of(session, uri, UNDEFINED))
        assert applied(edit, uri, BROKEN, session.version) == FIXED
        assert server.stats.requests == 1


async def test_what_is_asked_ahead_ends_with_the_next_key(sessions: Sessions) -> None:
    async with acting(sessions, prefetch={"enabled": True}, script=Script(ttft=60)) as (session, server):
        uri = session.open("load.py", BROKEN)
        await actions(session, uri, 5, diagnostics=[UNDEFINED], automatic=True)
        await until(lambda: server.stats.requests == 1)
        session.type(uri, 0, 0, "#\n")
        await until(lambda: server.stats.cancelled == 1)


@pytest.mark.parametrize(
    ("settings", "mode", "requests"),
    [
        ({"prefetch": {"enabled": False}}, "right", 0),
        ({"prefetch": {"enabled": True, "tokens_per_minute": 0}}, "right", 0),
        # What came to nothing is not asked again at each move of the cursor.
        ({"prefetch": {"enabled": True}, "actions": {"verify": ["ruff"], "rounds": 1}}, "wrong", 1),
    ],
)
async def test_a_cursor_that_rests_costs_no_more_than_it_may(
    sessions: Sessions, settings: dict[str, Any], mode: str, requests: int
) -> None:
    async with acting(sessions, mode, **settings) as (session, server):
        uri = session.open("load.py", BROKEN)
        for _ in range(4):
            await actions(session, uri, 5, diagnostics=[UNDEFINED], automatic=True)
            await asyncio.sleep(0.6)
        assert server.stats.requests == requests


async def test_a_wrong_answer_is_not_offered_at_all(sessions: Sessions) -> None:
    async with acting(sessions, "wrong") as (session, server):
        uri = session.open("load.py", BROKEN)
        action = await fix_of(session, uri, UNDEFINED)
        with pytest.raises(JsonRpcException, match="F821") as refused:
            await resolved(session, action)
        assert refused.value.code == REQUEST_FAILED
        assert server.stats.requests == 2, "as many rounds as actions.rounds"


async def test_what_no_checker_knows_is_offered_unverified(sessions: Sessions) -> None:
    async with acting(sessions) as (session, _):
        uri = session.open("load.py", BROKEN)
        foreign = diagnostic(5, 46, 49, "cannot find value", "E0425", "rustc")
        edit = await resolved(session, await fix_of(session, uri, foreign))
        assert applied(edit, uri, BROKEN, session.version) == FIXED
        assert edit.change_annotations is not None
        assert "only rustc can tell" in (edit.change_annotations["spark"].description or "")


def applying(session: Session) -> list[types.ApplyWorkspaceEditParams]:
    """The edits that the client is asked to apply from now on."""
    edits: list[types.ApplyWorkspaceEditParams] = []

    def take(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        edits.append(params)
        return types.ApplyWorkspaceEditResult(applied=True)

    session.client.feature(types.WORKSPACE_APPLY_EDIT)(take)
    return edits


class OfManyMinds:
    """Answers as its `edits` of the moment do."""

    edits = Edits({}, "right")

    def answer(self, prefix: str, suffix: str) -> str:
        return self.edits.answer(prefix, suffix)


async def test_whatever_is_answered_nothing_else_changes(sessions: Sessions, tmp_path: Path) -> None:
    kinds = [f"malformed/{kind}" for kind in MALFORMED] + [f"malicious/{kind}" for kind in MALICIOUS]
    model = OfManyMinds()
    async with acting(sessions, source=model) as (session, _):
        before = files_in(tmp_path)
        for number, kind in enumerate(kinds):
            model.edits = Edits({"load.py": FIXED}, kind)
            uri = session.open(f"{number}/load.py", BROKEN)
            action = await fix_of(session, uri, UNDEFINED)
            match await asyncio.gather(resolved(session, action), return_exceptions=True):
                case [types.WorkspaceEdit() as edit]:
                    assert changed_documents(edit) == {uri}, kind
                    text = applied(edit, uri, BROKEN, session.version)
                    assert text.endswith(BROKEN[BROKEN.index("\n\n\ndef untouched") :]), kind
                    assert await ruff(text) == [], kind
                case [JsonRpcException() as error]:
                    assert error.code == REQUEST_FAILED, kind
                case answer:
                    raise AssertionError((kind, answer))
        assert files_in(tmp_path) == before


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def test_a_text_that_moves_meanwhile_is_followed(sessions: Sessions) -> None:
    async with acting(sessions, script=Script(ttft=0.3)) as (session, server):
        uri = session.open("load.py", BROKEN)
        action = await fix_of(session, uri, UNDEFINED)
        session.type(uri, 2, 0, "\n")
        resolving = asyncio.create_task(resolved(session, action))
        await until(lambda: server.stats.requests == 1)
        session.type(uri, 2, 0, "\n")
        edit = await resolving
        moved, expected = (text.replace("\n\n\n", "\n\n\n\n\n", 1) for text in (BROKEN, FIXED))
        assert applied(edit, uri, moved, session.version) == expected


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_text_that_changes_there_is_refused(sessions: Sessions, when: str) -> None:
    async with acting(sessions, script=Script(ttft=0.3)) as (session, server):
        uri = session.open("load.py", BROKEN)
        action = await fix_of(session, uri, UNDEFINED)
        if when == "before":
            session.type(uri, 5, 8, "return 1 or ")
        resolving = asyncio.create_task(resolved(session, action))
        if when == "meanwhile":
            await until(lambda: server.stats.requests == 1)
            session.type(uri, 5, 8, "return 1 or ")
        with pytest.raises(JsonRpcException) as refused:
            await resolving
        assert refused.value.code == CONTENT_MODIFIED


async def test_the_edit_keeps_line_ends_tabs_and_emoji(sessions: Sessions) -> None:
    fixed = FIXED.replace("    ", "\t").replace("json.loads(", '"😀é", json.loads(')
    broken = fixed.replace("True", "Tru").replace("\n", "\r\n")
    async with acting(sessions, files={"load.py": fixed}) as (session, _):
        uri = session.open("load.py", broken)
        column = len(broken.split("\r\n")[5].partition("Tru")[0].encode("utf-16-le")) // 2
        action = await fix_of(session, uri, diagnostic(5, column, column + 3, "Undefined name `Tru`", "F821"))
        edit = await resolved(session, action)
        assert applied(edit, uri, broken, session.version) == fixed.replace("\n", "\r\n")


async def test_cancelling_closes_the_backends_socket(sessions: Sessions) -> None:
    async with acting(sessions, script=Script(ttft=60)) as (session, server):
        uri = session.open("load.py", BROKEN)
        action = await fix_of(session, uri, UNDEFINED)
        resolving = asyncio.ensure_future(
            session.client.protocol.send_request_async("codeAction/resolve", action, msg_id="r1")
        )
        await until(lambda: server.stats.requests == 1)
        session.client.cancel_request(types.CancelParams(id="r1"))
        with pytest.raises((JsonRpcException, asyncio.CancelledError)):
            await resolving
        await until(lambda: server.stats.cancelled == 1)


async def test_a_client_that_resolves_nothing_gets_a_command(sessions: Sessions) -> None:
    plain = able(resolve_support=None, data_support=None)
    async with acting(sessions, capabilities=plain) as (session, _):
        edits = applying(session)
        uri = session.open("load.py", BROKEN)
        action = await fix_of(session, uri, UNDEFINED)
        assert action.command is not None
        await session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(action.command.command, action.command.arguments)
        )
        [asked] = edits
        assert applied(asked.edit, uri, BROKEN, session.version) == FIXED


async def test_a_free_instruction_is_written_as_it_comes(sessions: Sessions) -> None:
    async with acting(sessions, script=Script(rate=400)) as (session, _):
        partials: list[Any] = []
        edits = applying(session)
        session.client.feature("$/spark/action/partial")(lambda partial: partials.append(partial))

        uri = session.open("load.py", BROKEN)
        span = {"start": {"line": 3, "character": 0}, "end": {"line": 6, "character": 0}}
        asked = {"uri": uri, "range": span, "instruction": "mend it", "partialToken": "p1"}
        await session.client.workspace_execute_command_async(
            types.ExecuteCommandParams("spark.rewrite", [asked])
        )
        [edit] = edits
        assert edit.label == "mend it"
        assert applied(edit.edit, uri, BROKEN, session.version) == FIXED
        texts = [partial.newText for partial in partials]
        assert len(texts) >= 2
        assert all(later.startswith(text) for text, later in pairwise(texts))
        assert texts[-1] == "".join(FIXED.splitlines(keepends=True)[3:6])


async def test_words_are_shown_and_answered(sessions: Sessions) -> None:
    async with acting(sessions) as (session, server):
        uri = session.open("load.py", BROKEN)
        [action] = await actions(session, uri, 4, only=["source.explain"])
        words = await session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(action.command.command, action.command.arguments)
        )
        assert isinstance(words, str)
        assert words.strip()
        assert any(words in message.message for message in session.client.messages)
        assert server.stats.requests == 1


async def test_tests_are_a_new_file_in_the_projects_folder(sessions: Sessions) -> None:
    tests = "from load import untouched\n\n\ndef test_untouched():\n    assert untouched()\n"
    files = {"load.py": FIXED, "tests/test_load.py": tests}
    async with acting(sessions, files=files) as (session, _):
        (session.root / "tests").mkdir()
        uri = session.open("load.py", FIXED)
        [action] = await actions(session, uri, 9, only=["source.tests"])
        edit = await resolved(session, action)
        create, write = edit.document_changes or ()
        assert isinstance(create, types.CreateFile)
        assert create.uri == (session.root / "tests" / "test_load.py").as_uri()
        assert isinstance(write, types.TextDocumentEdit)
        assert applied(edit, create.uri, "") == tests
        assert not (session.root / "tests" / "test_load.py").exists(), "the editor writes, not we"


async def test_all_of_a_kind_are_mended_at_once(sessions: Sessions) -> None:
    fixed = FIXED.replace('return "é😀"', "return str")
    broken = fixed.replace("True", "Tru").replace("return str", "return st")
    async with acting(sessions, files={"load.py": fixed}) as (session, server):
        uri = session.open("load.py", broken)
        offered = await actions(session, uri, 5, diagnostics=[UNDEFINED], only=["quickfix"])
        action = next(one for one in offered if one.title.startswith("Fix all F821"))
        assert applied(await resolved(session, action), uri, broken, session.version) == fixed
        assert server.stats.requests == 1


@pytest.mark.parametrize("trigger", ["automatic", "invoked"])
async def test_an_ignored_document_is_not_sent_and_says_why(sessions: Sessions, trigger: str) -> None:
    (sessions.root / ".aiignore").write_text("load.py\n")
    async with acting(sessions) as (session, server):
        uri = session.open("load.py", BROKEN)
        await session.complete(uri, 0, 0)  # by then it is known that it is ignored
        offered = await actions(session, uri, 5, diagnostics=[UNDEFINED], automatic=trigger == "automatic")
        if trigger == "automatic":
            assert offered == []
        else:
            assert offered
            assert all("ignore file" in one.disabled.reason for one in offered)
        assert server.stats.requests == 0


async def test_with_no_backend_for_it_the_reason_is_in_the_menu(sessions: Sessions) -> None:
    settings = {"routing": {"discover": False}, "workspace": {"enabled": True}}
    async with sessions(settings, capabilities=able()) as session:
        uri = session.open("load.py", BROKEN)
        await session.complete(uri, 0, 0)  # by then it is known who is there
        assert await actions(session, uri, 5, diagnostics=[UNDEFINED], automatic=True) == []
        offered = await actions(session, uri, 5, diagnostics=[UNDEFINED])
        assert offered
        assert all("doctor" in one.disabled.reason for one in offered)


async def test_five_hundred_diagnostics_some_of_them_odd(sessions: Sessions) -> None:
    async with acting(sessions) as (session, server):
        uri = session.open("load.py", BROKEN)
        odd = [
            types.Diagnostic(
                types.Range(types.Position(line, line), types.Position(0, 99_999)), f"odd {line}"
            )
            for line in range(500)
        ]
        offered = await actions(session, uri, 5, diagnostics=odd, only=["quickfix"])
        assert sum(one.title.startswith("Fix with Spark: odd") for one in offered) == 500
        assert server.stats.requests == 0
