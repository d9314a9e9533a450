"""Code actions over LSP: the list, the edit of the one that is chosen, and the commands.

The list is made from the document alone. An item's `data` says all that is needed to work on it later.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from spark_lsp.actions.catalog import KINDS, REWRITE, Range
from spark_lsp.engine.actions import Actions, Asked, Chosen, Listed, Result
from spark_lsp.errors import ActionFailed, Outdated, RequestError
from spark_lsp.lsp import convert
from spark_lsp.lsp.edits import Created, EditShape, Target, diagnostic_of, plain_diagnostic, workspace_edit
from spark_lsp.lsp.progress import Work
from spark_lsp.text import Document
from spark_lsp.values import Diagnostic

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

log = logging.getLogger(__name__)

ACT = "spark.act"
"""The command of an action that has words for an answer, and of all where the client does not resolve
edits."""

FREE = "spark.rewrite"
"""The command for a free instruction."""

PARTIAL = "$/spark/action/partial"

CONTENT_MODIFIED = -32801
REQUEST_FAILED = -32803
AUTOMATIC = 2


@dataclass(frozen=True, slots=True)
class _Client:
    """What the client says that it can do with code actions."""

    literals: bool
    resolves: bool
    disabled: bool
    preferred: bool
    tagged: bool
    edits: EditShape

    @classmethod
    def of(cls, capabilities: types.ClientCapabilities) -> _Client:
        document, workspace = capabilities.text_document, capabilities.workspace
        action = document.code_action if document is not None else None
        edit = workspace.workspace_edit if workspace is not None else None
        resolved = action.resolve_support.properties if action and action.resolve_support else ()
        tags = action.tag_support.value_set if action and action.tag_support else ()
        return cls(
            literals=bool(action and action.code_action_literal_support),
            resolves="edit" in resolved and bool(action and action.data_support),
            disabled=bool(action and action.disabled_support),
            preferred=bool(action and action.is_preferred_support),
            tagged=types.CodeActionTag.LlmGenerated in tags,
            edits=EditShape(
                versioned=bool(edit and edit.document_changes),
                creates=types.ResourceOperationKind.Create in (edit.resource_operations or ())
                if edit
                else False,
                annotated=bool(edit and edit.change_annotation_support),
            ),
        )


class ActionHandlers:
    """Registers code actions with a server."""

    def __init__(self, server: SparkServer) -> None:
        self._server = server
        self._known: _Client | None = None
        options = types.CodeActionOptions(code_action_kinds=list(KINDS), resolve_provider=True)
        server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)(partial(self.listed))
        server.feature(types.CODE_ACTION_RESOLVE)(partial(self.resolve))
        server.protocol.direct[types.TEXT_DOCUMENT_CODE_ACTION] = self.listed
        server.protocol.direct[types.CODE_ACTION_RESOLVE] = self.resolve

    @property
    def _client(self) -> _Client:
        if self._known is None:
            self._known = _Client.of(self._server.client_capabilities)
        return self._known

    @property
    def _actions(self) -> Actions:
        return self._server.session.actions

    # --- the list

    def listed(self, params: Any) -> list[dict[str, Any]]:
        document = self._server.session.document(convert.uri_of(params))
        if document is None:
            return []
        asked, diagnostics = _asked(params, document)
        found = self._actions.listed(asked)
        return [item for one in found if (item := self._item(one, asked, diagnostics)) is not None]

    def _item(
        self, listed: Listed, asked: Asked, diagnostics: dict[Diagnostic, Any]
    ) -> dict[str, Any] | None:
        offered, client = listed.offered, self._client
        if offered.disabled and not (client.disabled and client.literals):
            return None
        creates = offered.action.form == "file"
        if creates and not (client.edits.creates and client.edits.versioned):
            return None
        if not client.literals:
            return {"title": offered.title, "command": ACT, "arguments": [self._data(listed, asked)]}
        item: dict[str, Any] = {"title": offered.title, "kind": offered.action.kind}
        if offered.diagnostic is not None:
            item["diagnostics"] = [diagnostics[offered.diagnostic]]
        if client.tagged:
            item["tags"] = [types.CodeActionTag.LlmGenerated.value]
        if offered.disabled:
            return {**item, "disabled": {"reason": offered.disabled}}
        if listed.outcome is not None and listed.outcome.verified:
            item["title"] = f"{offered.title} ({', '.join(listed.outcome.checked)} agrees)"
            if client.preferred:
                item["isPreferred"] = True
        data = self._data(listed, asked)
        if client.resolves and offered.action.form != "text":
            return {**item, "data": data}
        return {**item, "command": {"title": offered.title, "command": ACT, "arguments": [data]}}

    def _data(self, listed: Listed, asked: Asked) -> dict[str, Any]:
        return _plain(self._actions.chosen(listed, asked.uri, selected=asked.range.selected))

    # --- the edit

    async def resolve(self, params: Any) -> dict[str, Any]:
        """The item with its edit."""
        chosen = _chosen(params)
        result = await self._work(chosen, params["data"].get("partialToken"))
        edit = self._edit(chosen, result)
        return {**params, "edit": edit}

    async def act(self, arguments: list[Any]) -> Any:
        """`spark.act`: apply the edit, or show the words, and answer with them."""
        return await self._run(_chosen({"data": arguments[0] if arguments else None}))

    async def rewrite(self, arguments: list[Any]) -> Any:
        """`spark.rewrite {uri, range, instruction}`."""
        uri, span, instruction, token = _instruction(arguments)
        document = self._server.session.document(uri)
        if document is None:
            raise RequestError(CONTENT_MODIFIED, f"{uri} is not open")
        asked = _range(span, document)
        chosen = Chosen(
            uri,
            document.version,
            REWRITE.name,
            asked.first,
            asked.last + 1,
            selected=asked.selected,
            instruction=instruction,
        )
        return await self._run(chosen, token)

    async def _run(self, chosen: Chosen, token: str | int | None = None) -> Any:
        result = await self._work(chosen, token)
        if result.outcome.words:
            message = types.ShowMessageParams(type=types.MessageType.Info, message=result.outcome.words)
            self._server.window_show_message(message)
            return result.outcome.words
        edit = self._edit(chosen, result)
        answer = await self._server.protocol.apply_edit(self._actions.title(chosen), edit)
        if not answer.applied:
            reason = answer.failure_reason or "it gave no reason"
            raise RequestError(REQUEST_FAILED, f"the editor did not apply the edit: {reason}")
        return None

    async def _work(self, chosen: Chosen, token: Any = None) -> Result:
        title = self._actions.title(chosen)
        try:
            async with Work(self._server, title) as work:
                return await self._actions.result(chosen, partial(self._written, chosen.uri, token, work))
        except Outdated as error:
            raise RequestError(CONTENT_MODIFIED, str(error)) from error
        except ActionFailed as error:
            raise RequestError(REQUEST_FAILED, f"{title}: {error}") from error

    def _written(
        self, uri: str, token: Any, work: Work, span: range, lines: Sequence[str], done: bool
    ) -> None:
        work.report(f"line {span.start + len(lines)}")
        if token is not None:
            self._server.protocol.tell(PARTIAL, _partial(uri, token, span, lines, done))

    def _edit(self, chosen: Chosen, result: Result) -> dict[str, Any]:
        document = self._server.session.document(chosen.uri)
        assert document is not None
        target = Target(chosen.uri, result.version, result.lines, document.encoding, result.newline)
        outcome = result.outcome
        agreed = f"accepted by {', '.join(outcome.checked)}" if outcome.verified else outcome.remark
        return workspace_edit(
            target,
            result.edits,
            [Created(file.path.as_uri(), file.text, file.at) for file in result.created],
            self._client.edits,
            self._actions.title(chosen),
            agreed,
        )


@convert.reads_params
def _asked(params: Any, document: Document) -> tuple[Asked, dict[Diagnostic, Any]]:
    """codeAction -> what is asked, and the client's diagnostics by ours."""
    context = params.get("context") or {}
    encoding = document.encoding
    diagnostics = {
        diagnostic_of(one, document.lines, encoding): one for one in context.get("diagnostics") or ()
    }
    only = tuple(kind for kind in context.get("only") or () if isinstance(kind, str))
    automatic = context.get("triggerKind") == AUTOMATIC
    asked = Asked(
        convert.uri_of(params), _range(params["range"], document), tuple(diagnostics), only, automatic
    )
    return asked, diagnostics


@convert.reads_params
def _range(value: Any, document: Document) -> Range:
    start, end = value["start"], value["end"]
    first = document.snapshot(int(start["line"]), int(start["character"]))
    last = document.snapshot(int(end["line"]), int(end["character"]))
    selected = (first.line, first.column) != (last.line, last.column)
    # A selection of whole lines ends at the start of the next one.
    ends_before = selected and last.column == 0 and last.line > first.line
    return Range(first.line, last.line - ends_before, selected)


def _plain(chosen: Chosen) -> dict[str, Any]:
    """`data`: what `_chosen` makes the same of."""
    return {
        "uri": chosen.uri,
        "version": chosen.version,
        "action": chosen.action,
        "lines": [chosen.first, chosen.last],
        "target": list(chosen.target),
        "diagnostic": None if chosen.diagnostic is None else plain_diagnostic(chosen.diagnostic),
        "selected": chosen.selected,
    }


@convert.reads_params
def _chosen(params: Any) -> Chosen:
    data = params["data"]
    first, last = map(int, data["lines"])
    diagnostic = data.get("diagnostic")
    return Chosen(
        str(data["uri"]),
        int(data["version"]),
        str(data["action"]),
        max(first, 0),
        max(last, first),
        tuple(map(str, data.get("target") or ())),
        None if diagnostic is None else Diagnostic(*diagnostic),
        bool(data.get("selected")),
    )


@convert.reads_params
def _instruction(arguments: list[Any]) -> tuple[str, Any, str, Any]:
    """(uri, range, instruction, token of partial results or None)."""
    [asked] = arguments
    instruction = str(asked["instruction"]).strip()
    if not instruction:
        raise ValueError("the instruction is empty")
    return str(asked["uri"]), asked["range"], instruction, asked.get("partialToken")


def _partial(uri: str, token: Any, span: range, lines: Sequence[str], done: bool) -> dict[str, Any]:
    """What is there so far of what takes the place of some whole lines."""
    place = {"start": {"line": span.start, "character": 0}, "end": {"line": span.stop, "character": 0}}
    return {
        "token": token,
        "uri": uri,
        "range": place,
        "newText": "".join(f"{line}\n" for line in lines),
        "done": done,
    }
