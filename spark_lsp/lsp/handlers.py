"""What each method does: take the params apart, ask the engine, put its answer together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.engine.engine import Engine
from spark_lsp.engine.query import Answer, Query
from spark_lsp.errors import RequestError
from spark_lsp.lsp import convert
from spark_lsp.lsp.protocol import NOT_INITIALIZED, Direct
from spark_lsp.text import Document, Encoding

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from spark_lsp.lsp.server import SparkServer

log = logging.getLogger(__name__)

InlineResult = dict[str, list[dict[str, Any]]]

SECTION = "spark"


def register(server: SparkServer) -> None:
    """Tell pygls and our protocol which function takes which method."""
    _Handlers(server)


class _Handlers:
    def __init__(self, server: SparkServer) -> None:
        self._server = server
        self._encoding: Encoding = "utf-16"

        def feature(method: str, run: Callable[[Any], Any], options: Any = None) -> None:
            # pygls writes its notes onto the function, which a bound method does not allow.
            server.feature(method, options)(partial(run))

        feature(types.INITIALIZE, self.initialize)
        feature(types.INITIALIZED, self.initialized)
        # Without options pygls does not advertise it.
        inline = types.InlineCompletionOptions()
        feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, self.inline_completion, inline)
        feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION, self.did_change_configuration)
        feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, self.did_change_folders)
        feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, self.did_change_files)
        server.protocol.direct.update(
            {
                types.TEXT_DOCUMENT_DID_OPEN: self.did_open,
                types.TEXT_DOCUMENT_DID_CHANGE: self.did_change,
                types.TEXT_DOCUMENT_DID_CLOSE: self.did_close,
                types.TEXT_DOCUMENT_INLINE_COMPLETION: self.inline_completion,
                "textDocument/didShowCompletion": self.did_show,
                "textDocument/didPartiallyAcceptCompletion": self.did_accept_part,
                "spark/metrics": self.metrics,
            }
        )
        self._command(convert.ACCEPT, self.accept)

    def _command(self, name: str, run: Direct) -> None:
        # pygls advertises the command, our protocol runs it.
        self._server.command(name)(partial(run))
        self._server.protocol.commands[name] = run

    @property
    def _engine(self) -> Engine:
        engine = self._server.engine
        if engine is None:
            raise RequestError(NOT_INITIALIZED, "the session has not begun")
        return engine

    # --- the session

    def initialize(self, params: types.InitializeParams) -> None:
        settings = self._server.settings
        settings.initialization = params.initialization_options
        settings.workspace = next(iter(self._folders()), None)
        chosen = self._server.workspace.position_encoding
        self._encoding = next(name for name in get_args(Encoding) if name == chosen)
        self._server.engine = Engine(settings.load(self._server.warn), self._server)

    async def initialized(self, params: types.InitializedParams) -> None:
        await self._engine.start(self._folders())
        await self._register_dynamically()
        await self._pull_settings()

    async def _register_dynamically(self) -> None:
        workspace = self._server.client_capabilities.workspace
        if workspace is None:
            return
        registrations = []
        watching, configuration = workspace.did_change_watched_files, workspace.did_change_configuration
        if watching is not None and watching.dynamic_registration:
            everything = types.DidChangeWatchedFilesRegistrationOptions(
                watchers=[types.FileSystemWatcher(glob_pattern="**/*")]
            )
            registrations.append(
                types.Registration(
                    id="spark/watch",
                    method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                    register_options=everything,
                )
            )
        if configuration is not None and configuration.dynamic_registration:
            registrations.append(
                types.Registration(
                    id="spark/configuration",
                    method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                    register_options=types.DidChangeConfigurationRegistrationOptions(section=SECTION),
                )
            )
        if registrations:
            try:
                await self._server.client_register_capability_async(
                    types.RegistrationParams(registrations=registrations)
                )
            except JsonRpcException as error:
                log.warning("the client refused a registration it says it takes: %s", error)

    async def _pull_settings(self) -> None:
        workspace = self._server.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return
        try:
            answer = await self._server.workspace_configuration_async(
                types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
            )
        except JsonRpcException as error:
            log.warning("the client did not answer workspace/configuration: %s", error)
            return
        await self._set_section(answer[0] if answer else None)

    async def did_change_configuration(self, params: types.DidChangeConfigurationParams) -> None:
        workspace = self._server.client_capabilities.workspace
        if workspace is not None and workspace.configuration:
            await self._pull_settings()
        elif isinstance(params.settings, dict) and SECTION in params.settings:
            await self._set_section(params.settings[SECTION])

    async def _set_section(self, section: Any) -> None:
        settings = self._server.settings
        settings.section = section
        await self._engine.configure(settings.load(self._server.warn))

    def did_change_folders(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        self._engine.set_folders(self._folders())

    def did_change_files(self, params: types.DidChangeWatchedFilesParams) -> None:
        paths = [convert.folder_of(change.uri) for change in params.changes]
        self._engine.files_changed([path for path in paths if path is not None])

    def _folders(self) -> list[Path]:
        """The workspace folders on this machine; those of other schemes hold nothing that can be read."""
        workspace = self._server.workspace
        uris = list(workspace.folders) or [workspace.root_uri]
        return [folder for uri in uris if uri and (folder := convert.folder_of(uri)) is not None]

    # --- documents

    def did_open(self, params: Any) -> None:
        uri, language, version, text = convert.opened(params)
        self._engine.open(
            uri, convert.path_of(uri), text, language=language, version=version, encoding=self._encoding
        )

    def did_change(self, params: Any) -> None:
        self._engine.change(*convert.changed(params))

    def did_close(self, params: Any) -> None:
        self._engine.close_document(convert.uri_of(params))

    # --- answers

    def inline_completion(self, params: Any) -> InlineResult | Coroutine[Any, Any, InlineResult]:
        engine = self._engine
        document = engine.document(convert.uri_of(params))
        if document is None:
            log.info("asked about a document that is not open: %s", convert.uri_of(params))
            return {"items": []}
        query = convert.inline_query(params, document)
        answer = engine.complete_now(query)
        if answer is None:
            return self._complete_later(query, document)
        return self._items(answer, query, document)

    async def _complete_later(self, query: Query, document: Document) -> InlineResult:
        return self._items(await self._engine.complete_later(query), query, document)

    def _items(self, answer: Answer, query: Query, document: Document) -> InlineResult:
        if answer.offer is None:
            return {"items": []}
        name = self._engine.reactions.remember(answer, query)
        return {"items": [convert.inline_item(answer.offer, name, answer.hit, query, document)]}

    # --- what became of them

    def did_show(self, params: Any) -> None:
        name = convert.item_name(params)
        if name is None:
            log.info("an item is shown that is not ours, or has lost its command")
        else:
            self._engine.reactions.shown(name)

    def did_accept_part(self, params: Any) -> None:
        part = convert.accepted_part(params)
        if part is None:
            log.info("a part was accepted of an item that is not ours, or has lost its command")
        else:
            self._engine.reactions.accepted(*part)

    def accept(self, arguments: list[Any]) -> None:
        self._engine.reactions.accepted(convert.offer_name(arguments))

    # --- ours

    def metrics(self, params: Any) -> dict[str, Any]:
        return self._engine.metrics_report()
