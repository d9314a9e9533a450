"""The session around the typing: capabilities, settings, folders, progress, status."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp import __version__
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from tests.scenario.conftest import Sessions, served_by
from tests.scenario.test_typing import DONE, GHOST, LINE, START

ALL_WORKSPACE = types.ClientCapabilities(
    workspace=types.WorkspaceClientCapabilities(
        configuration=True,
        did_change_configuration=types.DidChangeConfigurationClientCapabilities(dynamic_registration=True),
        did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
    ),
    window=types.WindowClientCapabilities(work_done_progress=True),
)


async def test_what_it_says_it_can(sessions: Sessions) -> None:
    async with sessions() as session:
        capabilities = session.result.capabilities
        assert capabilities.inline_completion_provider is True, "lsp-mode may take {} for nil"
        sync = capabilities.text_document_sync
        assert isinstance(sync, types.TextDocumentSyncOptions)
        assert (sync.open_close, sync.change) == (True, types.TextDocumentSyncKind.Incremental)
        assert capabilities.execute_command_provider is not None
        assert "spark.accept" in capabilities.execute_command_provider.commands
        info = session.result.server_info
        assert info is not None
        assert (info.name, info.version) == ("spark-lsp", __version__)


@pytest.mark.parametrize(
    ("offered", "chosen", "character"),
    [
        (None, "utf-16", 6),
        (["utf-8", "utf-16"], "utf-8", 8),
        (["utf-32"], "utf-32", 5),
    ],
)
async def test_columns_are_counted_as_the_client_counts(
    sessions: Sessions, offered: Any, chosen: str, character: int
) -> None:
    """An astral character before the cursor: 1 code point, 2 UTF-16 units, 4 bytes."""
    done = DONE.replace("    subtotal", "    😀subtotal")
    general = types.GeneralClientCapabilities(position_encodings=offered)
    async with (
        FakeServer(Oracle({"shop.py": done})) as server,
        sessions(served_by(server), capabilities=types.ClientCapabilities(general=general)) as session,
    ):
        assert session.result.capabilities.position_encoding == chosen
        uri = session.open("shop.py", START.replace("    \n", "    😀\n", 1))
        [item] = await session.complete(uri, LINE, character)
    assert item.range is not None
    assert item.range.end.character == character
    assert str(item.insert_text).startswith("    😀subtotal")


async def test_settings_come_from_the_editor_and_change_while_it_runs(sessions: Sessions) -> None:
    async with (
        FakeServer(Oracle({"shop.py": DONE})) as server,
        sessions(
            served_by(server), section={"inline": {"enabled": False}}, capabilities=ALL_WORKSPACE
        ) as session,
    ):
        uri = session.open("shop.py", START)
        await _status(session.statuses, "Inactive")
        assert await session.ghost(uri, LINE, 4) == ""
        session.client.set_configuration({"inline": {"enabled": True}}, section="spark")
        session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await _status(session.statuses, "Normal")
        assert await session.ghost(uri, LINE, 4) == GHOST


async def test_who_waits_while_settings_change_is_answered_under_the_new_ones(sessions: Sessions) -> None:
    """An editor may send its settings after its first requests, and asks once for each state."""
    options = {"spark": {"inline": {"debounce_ms": 5_000, "deadline_ms": 10_000}}}
    async with (
        FakeServer(Oracle({"shop.py": DONE})) as server,
        sessions(served_by(server), options=options, capabilities=ALL_WORKSPACE) as session,
    ):
        uri = session.open("shop.py", START)
        waiting = asyncio.create_task(session.ghost(uri, LINE, 4))
        await session.metrics()
        session.client.set_configuration({"inline": {"debounce_ms": 0}}, section="spark")
        session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        assert await waiting == GHOST
        assert server.stats.requests == 1


def leaves(settings: dict[str, Any]) -> dict[str, Any]:
    """The same, with a server nearby that passes on what it is sent."""
    [backend] = settings["backend"]
    return settings | {"backend": [backend | {"forwards": True}]}


async def test_a_path_denied_while_a_request_waits_is_not_sent(sessions: Sessions) -> None:
    """The debounce is the longest there is: the change comes while it lasts."""
    options = {"spark": {"inline": {"debounce_ms": 5_000, "deadline_ms": 10_000}}}
    async with (
        FakeServer(Oracle({"shop.py": DONE})) as server,
        sessions(leaves(served_by(server)), options=options, capabilities=ALL_WORKSPACE) as session,
    ):
        uri = session.open("shop.py", START)
        waiting = asyncio.create_task(session.ghost(uri, LINE, 4))
        await session.metrics()
        session.client.set_configuration({"privacy": {"deny": ["shop.py"]}}, section="spark")
        session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        assert await waiting == ""
        assert server.stats.requests == 0


async def test_pushed_settings_of_older_clients_count_too(sessions: Sessions) -> None:
    async with sessions() as session:
        settings = {"spark": {"inline": {"enabled": False}}}
        session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
        await _status(session.statuses, "Inactive")


async def test_a_wrong_setting_is_reported_once_by_name_and_the_rest_counts(sessions: Sessions) -> None:
    options = {"spark": {"inline": {"max_tokens": "many", "multiline": "never"}}}
    async with FakeServer(Oracle({"shop.py": DONE})) as server:
        async with sessions(served_by(server), options=options, capabilities=ALL_WORKSPACE) as session:
            uri = session.open("shop.py", START)
            assert await session.ghost(uri, LINE, 4) == GHOST.splitlines()[0]
            session.client.set_configuration({"cache": {"persist": True}}, section="spark")
            session.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
            await session.metrics()
        told = [message.message for message in session.client.messages]
    assert len(told) == 1
    assert "inline.max_tokens" in told[0]


async def test_a_workspace_file_may_not_name_a_backend(sessions: Sessions) -> None:
    """It comes with somebody's repository: the key is refused and named, its tastes count."""
    async with FakeServer(Oracle({"shop.py": DONE})) as good, FakeServer(Oracle({"shop.py": DONE})) as evil:
        (sessions.root / ".spark-lsp.toml").write_text(
            '[inline]\nmultiline = "never"\n'
            f'[[backend]]\nname = "remote"\nkind = "openai-completions"\nbase_url = "{evil.url}"\n'
        )
        async with sessions(served_by(good)) as session:
            uri = session.open("shop.py", START)
            assert await session.ghost(uri, LINE, 4) == GHOST.splitlines()[0]
            told = [message.message for message in session.client.messages]
        assert evil.stats.requests == 0
        assert any("base_url" in message or "backend" in message for message in told)


async def test_learning_shows_progress_and_follows_the_folders(sessions: Sessions) -> None:
    for number in range(30):
        (sessions.root / f"module_{number}.py").write_text(DONE)
    other = sessions.root.parent / "other"
    other.mkdir()
    (other / "more.py").write_text(DONE)
    async with sessions(capabilities=ALL_WORKSPACE) as session:
        await session.learned()
        assert (await session.metrics())["workspace"]["files"] == 30
        folder = types.WorkspaceFolder(other.as_uri(), "other")
        change = types.WorkspaceFoldersChangeEvent(added=[folder], removed=[])
        session.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        await _eventually(session, files=31)
        (other / "more.py").unlink()
        event = types.FileEvent((other / "more.py").as_uri(), types.FileChangeType.Deleted)
        session.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
        await _eventually(session, files=30)
        root = types.WorkspaceFolder(sessions.root.as_uri(), sessions.root.name)
        change = types.WorkspaceFoldersChangeEvent(added=[], removed=[root])
        session.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(change))
        await _eventually(session, files=0)
        assert {registration.method for registration in session.registrations} == {
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            types.WORKSPACE_DID_CHANGE_CONFIGURATION,
        }
    # A bar that the work overtook is not begun; one that was begun is ended.
    for reports in session.client.progress_reports.values():
        kinds = [getattr(report, "kind", None) for report in reports]
        assert kinds[:1] in ([], ["begin"])
        assert kinds[-1:] in ([], ["end"])


async def test_a_trace_says_what_came_and_nothing_of_the_code(sessions: Sessions) -> None:
    traced: list[str] = []
    async with sessions() as session:
        session.client.feature(types.LOG_TRACE)(lambda params: traced.append(params.message))
        uri = session.open("shop.py", START)
        await session.complete(uri, LINE, 4)
        session.client.set_trace(types.SetTraceParams(types.TraceValue.Messages))
        await session.complete(uri, LINE, 4)
        session.client.set_trace(types.SetTraceParams(types.TraceValue.Off))
        await session.complete(uri, LINE, 4)
    assert len(traced) == 1
    assert traced[0].startswith("textDocument/inlineCompletion")
    assert "shop" not in traced[0]


async def test_a_workspace_that_vanishes_is_no_reason_to_stop(sessions: Sessions) -> None:
    (sessions.root / "module.py").write_text(DONE)
    async with sessions() as session:
        uri = session.open("shop.py", START)
        (sessions.root / "module.py").unlink()
        sessions.root.rmdir()
        await session.complete(uri, LINE, 4)
        session.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )
        assert (await session.metrics())["requests"] == 1


async def test_the_status_says_what_answers(sessions: Sessions) -> None:
    async with sessions() as session:
        await _status(session.statuses, "Normal")
        assert "workspace only" in session.statuses[-1]["message"]


async def _status(statuses: list[Any], kind: str) -> None:
    for _ in range(100):
        if statuses and statuses[-1]["kind"] == kind:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"no {kind} status came: {statuses}")


async def _eventually(session: Any, *, files: int) -> None:
    found = None
    for _ in range(100):
        found = (await session.metrics())["workspace"]["files"]
        if found == files:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{found} files instead of {files}")
