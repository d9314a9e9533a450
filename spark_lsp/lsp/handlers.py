"""What each method does: take the params apart, ask the engine, put its answer together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from spark_lsp.engine.engine import Engine
from spark_lsp.engine.growth import Stage
from spark_lsp.engine.query import Answer, Query
from spark_lsp.lsp import convert, next_edit
from spark_lsp.lsp.actions import ACT, FREE, ActionHandlers
from spark_lsp.lsp.convert import Candidate
from spark_lsp.lsp.protocol import Direct
from spark_lsp.text import Document, Encoding

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

log = logging.getLogger(__name__)

Written = Callable[[Sequence[Candidate]], Any]
"""How the result of a request is written down: candidates, the best first, to what goes over the wire."""

Token = int | str
"""What a client calls a request in partial results."""

SECTION = "spark"


class Handlers:
    """Tells pygls and our protocol which function takes which method."""

    def __init__(self, server: SparkServer) -> None:
        self._server = server
        self._encoding: Encoding = "utf-16"
        self.settings_known = asyncio.Event()

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
        actions = ActionHandlers(server)
        self._command(convert.ACCEPT, self.accept)
        self._command(ACT, actions.act)
        self._command(FREE, actions.rewrite)
        next_edit.register(server)

    def _command(self, name: str, run: Direct) -> None:
        # pygls advertises the command, our protocol runs it.
        self._server.command(name)(partial(run))
        self._server.protocol.commands[name] = run

    @property
    def _engine(self) -> Engine:
        return self._server.session

    # --- the session

    def initialize(self, params: types.InitializeParams) -> None:
        settings = self._server.settings
        settings.initialization = params.initialization_options
        self._server.copilot.begin(params.initialization_options)
        settings.workspace = next(iter(self._folders()), None)
        chosen = self._server.workspace.position_encoding
        self._encoding = next(name for name in get_args(Encoding) if name == chosen)
        self._server.engine = Engine(settings.load(self._server.warn), self._server)

    async def initialized(self, params: types.InitializedParams) -> None:
        try:
            await self._engine.start(self._folders())
            await self._register_dynamically()
            await self._pull_settings()
        finally:
            self.settings_known.set()

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

    def inline_completion(self, params: Any) -> Any:
        return self.ask(params, inline_items, listed=convert.invoked(params))

    def ask(self, params: Any, write: Written, *, listed: bool) -> Any:
        """The result for params of inlineCompletion, or a coroutine that comes to it.

        `listed`: the user looks through all that is known.
        """
        document = self._engine.document(convert.uri_of(params))
        if document is None:
            log.info("asked about a document that is not open: %s", convert.uri_of(params))
            return write(())
        query = convert.inline_query(params, document)
        token = convert.partial_token(params) if self._server.settings.streaming else None
        answer = self._engine.complete_now(query)
        if answer is None or listed:
            return self._ask_later(answer, query, document, write, token, listed=listed)
        return write(self._candidates([answer], query, document, token))

    async def _ask_later(
        self,
        answer: Answer | None,
        query: Query,
        document: Document,
        write: Written,
        token: Token | None,
        *,
        listed: bool,
    ) -> Any:
        if answer is None:
            answer = await self._engine.complete_later(query)
        others = await self._engine.alternatives(answer, query) if listed else []
        return write(self._candidates([answer, *others], query, document, token))

    def _candidates(
        self, answers: Sequence[Answer], query: Query, document: Document, token: Token | None
    ) -> list[Candidate]:
        """Those with an offer. The first one is shown, and grows where the client takes that."""
        if token is not None:
            self._engine.grow(answers[0], query, partial(self._tell_stage, token, query, document))
        return [
            self._candidate(each, query, document, shown=each is answers[0])
            for each in answers
            if each.offer is not None
        ]

    def _candidate(self, answer: Answer, query: Query, document: Document, *, shown: bool) -> Candidate:
        assert answer.offer is not None
        name = self._engine.reactions.remember(answer, query, shown=shown)
        return Candidate(answer.offer, name, answer.hit, query, document)

    def _tell_stage(self, token: Token, query: Query, document: Document, stage: Stage) -> None:
        item = None
        if stage.answer.offer is not None:
            item = convert.inline_item(self._candidate(stage.answer, query, document, shown=True))
        params = convert.partial_result(token, stage.number, item, stage.done)
        self._server.protocol.tell(convert.PARTIAL, params)

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
            name, taken = part
            reactions = self._engine.reactions
            reactions.accepted(name, convert.code_points_behind(reactions.text_of(name), taken))

    def accept(self, arguments: list[Any]) -> str:
        self._engine.reactions.accepted(convert.offer_name(arguments))
        # Not null: copilot.vim in Neovim takes a response without a result for an error without words.
        return "OK"

    # --- ours

    def metrics(self, params: Any) -> dict[str, Any]:
        return self._engine.metrics_report()


def inline_items(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """The result of inlineCompletion. Never null: editors leave old ghost text on the screen then."""
    return {"items": [convert.inline_item(candidate) for candidate in candidates]}
