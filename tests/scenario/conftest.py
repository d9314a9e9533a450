"""Whole sessions over stdio: the real server in a child process, driven by pytest-lsp."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pytest_lsp import LanguageClient
from pytest_lsp.client import make_test_lsp_client

from spark_lsp.backends.fake_http import FakeServer

SERVER = [sys.executable, "-m", "spark_lsp", "--stdio"]


@dataclass
class Session:
    """A client in a session, with a document to type in."""

    client: LanguageClient
    root: Path
    result: types.InitializeResult
    statuses: list[Any]
    registrations: list[types.Registration]
    version: int = 0

    def open(self, name: str, text: str, language: str = "python") -> str:
        uri = (self.root / name).as_uri()
        self.version += 1
        document = types.TextDocumentItem(uri=uri, language_id=language, version=self.version, text=text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(document))
        return uri

    def type(self, uri: str, line: int, character: int, text: str) -> None:
        """Insert `text` as an editor does, in one change."""
        self.version += 1
        at = types.Position(line, character)
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=self.version, uri=uri),
                [types.TextDocumentContentChangePartial(types.Range(at, at), text)],
            )
        )

    async def complete(
        self,
        uri: str,
        line: int,
        character: int,
        *,
        invoked: bool = False,
        selected: types.SelectedCompletionInfo | None = None,
    ) -> list[types.InlineCompletionItem]:
        kind = types.InlineCompletionTriggerKind
        result = await self.client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                context=types.InlineCompletionContext(
                    trigger_kind=kind.Invoked if invoked else kind.Automatic,
                    selected_completion_info=selected,
                ),
                text_document=types.TextDocumentIdentifier(uri),
                position=types.Position(line, character),
            )
        )
        assert isinstance(result, types.InlineCompletionList), "null leaves stale ghost text in editors"
        return list(result.items)

    async def ghost(self, uri: str, line: int, character: int, **options: Any) -> str:
        """What would be seen at the cursor: the first item's text less what stands before the cursor."""
        items = await self.complete(uri, line, character, **options)
        if not items:
            return ""
        item = items[0]
        assert isinstance(item.insert_text, str)
        assert item.range is not None
        assert item.range.start.line == item.range.end.line == line
        return item.insert_text[character - item.range.start.character :]

    async def metrics(self) -> Any:
        """As plain data: pygls makes objects of results that it does not know."""
        return plain(await self.client.protocol.send_request_async("spark/metrics", {}))

    async def learned(self) -> None:
        for _ in range(200):
            if (await self.metrics())["workspace"]["ready"]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the workspace was not learned in 10 seconds")


def plain(value: Any) -> Any:
    if hasattr(value, "_fields"):
        return {name: plain(item) for name, item in zip(value._fields, value, strict=True)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


class Sessions:
    """Opens sessions on a folder of the test's own."""

    def __init__(self, root: Path, settings_folder: Path) -> None:
        self.root = root
        self._settings_folder = settings_folder

    @asynccontextmanager
    async def __call__(
        self,
        settings: dict[str, Any] | None = None,
        *,
        options: Any = None,
        section: Any = None,
        capabilities: types.ClientCapabilities | None = None,
    ) -> AsyncIterator[Session]:
        """A session whose server was started with `settings` as its --config file."""
        command = list(SERVER)
        if settings is not None:
            file = self._settings_folder / "config.json"
            file.write_text(json.dumps(settings))
            command += ["--config", str(file)]
        client = make_test_lsp_client()
        client.set_configuration({"spark": section})
        statuses: list[Any] = []
        registrations: list[types.Registration] = []
        client.feature(types.CLIENT_REGISTER_CAPABILITY)(
            lambda params: registrations.extend(params.registrations)
        )
        client.feature("spark/status")(lambda status: statuses.append(plain(status)))
        await client.start_io(*command)
        try:
            result = await client.initialize_session(
                types.InitializeParams(
                    capabilities=capabilities or types.ClientCapabilities(),
                    root_uri=self.root.as_uri(),
                    workspace_folders=[types.WorkspaceFolder(self.root.as_uri(), self.root.name)],
                    initialization_options=options,
                )
            )
            yield Session(client, self.root, result, statuses, registrations)
            await client.shutdown_session()
        except BaseException:
            client.exit(None)
            raise
        finally:
            await client.stop()


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sessions:
    # Neither the settings of whoever runs the tests nor their keys may count.
    for folder in ("workspace", "home"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Sessions(tmp_path / "workspace", tmp_path / "home")


def served_by(
    server: FakeServer, *, deadline_ms: int = 10_000, pieces: bool = False, **settings: Any
) -> dict[str, Any]:
    """Settings with one networked backend, at a fake server, and a deadline that no loaded machine meets.

    Nothing is asked ahead, so that a test can count what it asked for; `prefetch={}` is as users have it.
    Answers are whole, so that a test knows what they are; with `pieces` they begin with what is there first.
    """
    backend = {"name": "remote", "kind": "openai-completions", "base_url": server.url, "model": "fake"}
    return {
        "backend": [{**backend, "fim": "suffix"}],
        "inline": {"deadline_ms": deadline_ms, "without": [] if pieces else ["pieces"]},
        "prefetch": {"enabled": False},
        **settings,
    }


async def until(happened: Callable[[], bool], limit: float = 5.0) -> None:
    """Wait for it, so many seconds at most."""
    for _ in range(int(limit / 0.05)):
        if happened():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")
