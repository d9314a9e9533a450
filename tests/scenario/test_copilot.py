"""The Copilot family's methods, over stdio: what its clients ask for, and that it is the same engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp import __version__
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from tests.scenario.conftest import Session, Sessions, plain, served_by, until
from tests.scenario.raw import INITIALIZE, framed, notification, raw_server, raw_session, request
from tests.scenario.test_feedback import COLUMN, DONE, GHOST, LINE, START

OF_THE_FAMILY = {
    "editorInfo": {"name": "e", "version": "1"},
    "editorPluginInfo": {"name": "p", "version": "1"},
}
OLDER = {**OF_THE_FAMILY, "spark": {"compat": {"copilot_legacy": True}}}


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer(Oracle({"shop.py": DONE})) as server:
        yield server


async def ask(session: Session, method: str, params: Any = None) -> Any:
    return plain(await session.client.protocol.send_request_async(method, params or {}))


def heard(session: Session, *methods: str) -> dict[str, list[Any]]:
    """What the server says by these notifications from now on."""
    said: dict[str, list[Any]] = {}
    for method in methods:
        # pytest-lsp has one of its own for progress, which knows no partial results.
        session.client.protocol.fm.features.pop(method, None)
        said[method] = []
        session.client.feature(method)(partial(_keep, said[method]))
    return said


def _keep(kept: list[Any], params: Any) -> None:
    kept.append(plain(params))


def doc(uri: str, line: int = LINE, character: int = COLUMN) -> dict[str, Any]:
    return {"doc": {"uri": uri, "version": 1, "position": {"line": line, "character": character}}}


async def test_nobody_has_to_sign_in(sessions: Sessions) -> None:
    async with sessions(options=OF_THE_FAMILY) as session:
        assert await ask(session, "setEditorInfo", OF_THE_FAMILY) == "OK"
        assert (await ask(session, "getVersion"))["version"] == __version__
        status = await ask(session, "checkStatus", {"options": {"localChecksOnly": True}})
        assert status["status"] == "OK"
        for method in ("signIn", "signInInitiate"):
            assert await ask(session, method) == {"status": "AlreadySignedIn", "user": status["user"]}
        assert await ask(session, "signInConfirm", {"userCode": "A-B"}) == status
        assert await ask(session, "signOut") == {"status": "NotSignedIn"}
        assert await ask(session, "checkStatus") == status
        with pytest.raises(JsonRpcException, match=r"backend\.model"):
            await ask(session, "copilot/models")
        session.client.protocol.notify("textDocument/didFocus", {})
        uri = session.open("shop.py", START)
        position = {"textDocument": {"uri": uri, "version": 1}, "position": {"line": 1, "character": 0}}
        assert await ask(session, "textDocument/copilotInlineEdit", position) == {"edits": []}
        assert session.client.messages == []


@pytest.mark.parametrize("told_at_start", [True, False])
async def test_the_status_comes_in_the_familys_words(sessions: Sessions, told_at_start: bool) -> None:
    async with sessions(options=OF_THE_FAMILY if told_at_start else None) as session:
        await until(lambda: bool(session.statuses))
        said = heard(session, "didChangeStatus", "statusNotification")
        if not told_at_start:
            await ask(session, "setEditorInfo", OF_THE_FAMILY)
            assert said["didChangeStatus"] == session.statuses
        settings = {"spark": {"inline": {"enabled": False}}}
        session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
        await until(lambda: len(session.statuses) > 1 and bool(said["statusNotification"]))
        status = session.statuses[-1]
        assert status["kind"] == "Inactive"
        assert said["didChangeStatus"][-1] == status
        assert said["statusNotification"][-1] == {**status, "status": "Inactive"}


async def test_others_are_told_in_ours_alone(sessions: Sessions) -> None:
    async with sessions() as session:
        said = heard(session, "didChangeStatus", "statusNotification")
        await until(lambda: bool(session.statuses))
        await session.metrics()
        assert said == {"didChangeStatus": [], "statusNotification": []}


async def test_columns_are_utf_16_whatever_the_editor_offers(sessions: Sessions) -> None:
    """Neovim offers UTF-8 for copilot.vim and copilot.lua, which count in UTF-16."""
    general = types.GeneralClientCapabilities(position_encodings=["utf-8", "utf-16"])
    capabilities = types.ClientCapabilities(general=general)
    async with sessions(options=OF_THE_FAMILY, capabilities=capabilities) as session:
        assert session.result.capabilities.position_encoding == "utf-16"


async def test_the_panel_lists_what_is_known(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server), options=OF_THE_FAMILY) as session:
        said = heard(session, "$/progress")["$/progress"]
        uri = session.open("shop.py", START)
        params = {"textDocument": {"uri": uri}, "position": {"line": LINE, "character": COLUMN}}
        item, *others = (await ask(session, "textDocument/copilotPanelCompletion", params))["items"]
        assert item["insertText"] == "    " + GHOST
        assert item["range"]["start"] == {"line": LINE, "character": 0}
        params["partialResultToken"] = "p1"
        assert await ask(session, "textDocument/copilotPanelCompletion", params) == {"items": []}
        [part] = said
        assert part.token == "p1"
        listed = [each["insertText"] for each in plain(part.value)["items"]]
        assert listed == ["    " + GHOST, *(other["insertText"] for other in others)]
        await session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(item["command"]["command"], arguments=item["command"]["arguments"])
        )
        assert (await session.metrics())["accepted"] == 1


async def test_a_part_is_counted_by_the_command_alone(sessions: Sessions, server: FakeServer) -> None:
    """copilot.el sends back nothing else of an item."""
    async with sessions(served_by(server), options=OF_THE_FAMILY) as session:
        uri = session.open("shop.py", START)
        [item] = await session.complete(uri, LINE, COLUMN)
        assert item.command is not None
        command = {"command": item.command.command, "arguments": list(item.command.arguments or [])}
        notify = session.client.protocol.notify
        notify("textDocument/didShowCompletion", {"item": {"command": command}})
        part = {"item": {"command": command}, "acceptedLength": COLUMN}
        notify("textDocument/didPartiallyAcceptCompletion", part)
        assert (await session.metrics())["accepted"] == 0, "that was the line so far"
        notify("textDocument/didPartiallyAcceptCompletion", {**part, "acceptedLength": COLUMN + 8})
        told = (await session.metrics())["tokens"]["accepted"]
        await session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(item.command.command, arguments=command["arguments"])
        )
        assert 0 < told < (await session.metrics())["tokens"]["accepted"] / 3


async def test_without_the_setting_the_older_shape_is_refused_and_the_user_told_once(
    sessions: Sessions,
) -> None:
    async with sessions(options=OF_THE_FAMILY) as session:
        uri = session.open("shop.py", START)
        for _ in range(2):
            with pytest.raises(JsonRpcException, match=r"compat\.copilot_legacy = true"):
                await ask(session, "getCompletions", doc(uri))
        [message] = session.client.messages
        assert "compat.copilot_legacy = true" in message.message


async def test_the_older_shape_waits_for_the_editors_settings() -> None:
    """An editor that is asked for them may have sent a request before it answers."""
    capabilities = {"workspace": {"configuration": True}}
    initialize = {"processId": None, "rootUri": None, "capabilities": capabilities}
    document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "x\n"}
    async with raw_server() as raw:
        raw.send(request(1, "initialize", initialize))
        await raw.answer(1)
        raw.send(notification("initialized", {}))
        raw.send(notification("textDocument/didOpen", {"textDocument": document}))
        raw.send(request(2, "getCompletions", doc("file:///a.py", 0, 1)))
        while (asked := await raw.receive()).get("method") != "workspace/configuration":
            assert asked.get("method") != "window/showMessage"
        settings = [{"compat": {"copilot_legacy": True}}]
        raw.send(framed({"jsonrpc": "2.0", "id": asked["id"], "result": settings}))
        assert (await raw.answer(2))["result"] == {"completions": []}


async def test_an_answer_after_the_end_of_the_session_is_passed_over() -> None:
    initialize = {"processId": None, "rootUri": None, "capabilities": {"workspace": {"configuration": True}}}
    async with raw_server() as raw:
        raw.send(request(1, "initialize", initialize))
        await raw.answer(1)
        raw.send(notification("initialized", {}))
        while (asked := await raw.receive()).get("method") != "workspace/configuration":
            pass
        raw.send(request(2, "shutdown"))
        await raw.answer(2)
        raw.send(framed({"jsonrpc": "2.0", "id": asked["id"], "result": [None]}), notification("exit"))
        assert await raw.ended(10) == 0


async def test_the_older_completions(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server), options=OLDER) as session:
        uri = session.open("shop.py", START)
        for method in ("getCompletions", "getCompletionsCycling"):
            [completion] = (await ask(session, method, doc(uri)))["completions"]
            assert completion["text"] == "    " + GHOST
            assert completion["displayText"] == GHOST
            assert completion["position"] == {"line": LINE, "character": COLUMN}
            assert completion["range"]["start"] == {"line": LINE, "character": 0}
            assert completion["range"]["end"] == completion["position"]
            assert completion["docVersion"] == 1
        assert await ask(session, "notifyShown", {"uuid": completion["uuid"]}) == "OK"
        part = {"uuid": completion["uuid"], "acceptedLength": 8}
        assert await ask(session, "notifyAccepted", part) == "OK"
        told = (await session.metrics())["tokens"]["accepted"]
        assert await ask(session, "notifyAccepted", {"uuid": completion["uuid"]}) == "OK"
        assert 0 < told < (await session.metrics())["tokens"]["accepted"] / 3
    assert server.stats.requests == 1


async def test_what_is_rejected_is_not_offered_there_again(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server), options=OLDER) as session:
        uri = session.open("shop.py", START)
        [completion] = (await ask(session, "getCompletions", doc(uri)))["completions"]
        assert await ask(session, "notifyRejected", {"uuids": [completion["uuid"], "999"]}) == "OK"
        assert await ask(session, "getCompletions", doc(uri)) == {"completions": []}


async def test_the_whole_text_again_is_nothing_to_warn_of(tmp_path: Path) -> None:
    """copilot.vim in Vim sends it before each request, under the same version."""
    log = tmp_path / "log"
    async with raw_session("--log-file", str(log)) as raw:
        document = {"uri": "file:///a.py", "languageId": "python", "version": 3, "text": START}
        raw.send(notification("textDocument/didOpen", {"textDocument": document}))
        change = {"textDocument": {"uri": "file:///a.py", "version": 3}, "contentChanges": [{"text": START}]}
        raw.send(notification("textDocument/didChange", change))
        assert await raw.alive()
    assert log.read_text() == ""


@pytest.mark.parametrize("params", [{}, {"params": None}])
async def test_initialized_without_params_begins_the_session(params: Any) -> None:
    """As copilot.el sends it."""
    async with raw_server() as raw:
        raw.send(INITIALIZE)
        await raw.answer(1)
        raw.send(framed({"jsonrpc": "2.0", "method": "initialized", **params}))
        while (await raw.receive()).get("method") != "spark/status":
            pass


async def test_the_older_panel(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server), options=OLDER) as session:
        said = heard(session, "PanelSolution", "PanelSolutionsDone")
        uri = session.open("shop.py", START)
        params = doc(uri) | {"panelId": "copilot:///panel/1"}
        assert await ask(session, "getPanelCompletions", params) == {"solutionCountTarget": 1}
        await until(lambda: bool(said["PanelSolutionsDone"]))
        assert said["PanelSolutionsDone"] == [{"panelId": "copilot:///panel/1", "status": "OK"}]
        solution, *_ = said["PanelSolution"]
        here = {"line": LINE, "character": COLUMN}
        assert solution["panelId"] == "copilot:///panel/1"
        assert solution["completionText"] == GHOST
        assert solution["displayText"] == "    " + GHOST
        assert solution["range"] == {"start": here, "end": here}
        await ask(session, "notifyAccepted", {"uuid": solution["solutionId"]})
        assert (await session.metrics())["accepted"] == 1


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getCompletions", {}),
        ("getCompletions", {"doc": {"uri": 1, "position": {}}}),
        ("getPanelCompletions", doc("file:///a.py")),
        ("notifyShown", {"uuid": 7}),
        ("notifyAccepted", {"uuid": "1", "acceptedLength": "3"}),
        ("notifyRejected", {"uuids": None}),
        (
            "textDocument/copilotPanelCompletion",
            {"textDocument": {"uri": "file:///a.py"}, "partialResultToken": []},
        ),
    ],
)
async def test_params_of_another_shape_are_answered_so(sessions: Sessions, method: str, params: Any) -> None:
    async with sessions(options=OLDER) as session:
        with pytest.raises(JsonRpcException, match="params are not valid"):
            await ask(session, method, params)
        assert (await ask(session, "checkStatus"))["status"] == "OK"
