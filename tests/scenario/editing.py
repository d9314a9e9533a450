"""A client's side of code actions: ask for them, resolve one, apply its edit as an editor does."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from spark_lsp.text import Document
from tests.scenario.conftest import Session

Text = types.TextEdit | types.AnnotatedTextEdit

KINDS = types.ClientCodeActionKindOptions(value_set=["", "quickfix", "refactor", "source"])


def able(**changes: Any) -> types.ClientCapabilities:
    """What a good editor says that it can; `changes` are of its code action capabilities."""
    action = types.CodeActionClientCapabilities(
        **{
            "code_action_literal_support": types.ClientCodeActionLiteralOptions(code_action_kind=KINDS),
            "is_preferred_support": True,
            "disabled_support": True,
            "data_support": True,
            "resolve_support": types.ClientCodeActionResolveOptions(properties=["edit"]),
            **changes,
        }
    )
    edit = types.WorkspaceEditClientCapabilities(
        document_changes=True,
        resource_operations=[types.ResourceOperationKind.Create],
        change_annotation_support=types.ChangeAnnotationsSupportOptions(),
    )
    return types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(code_action=action),
        workspace=types.WorkspaceClientCapabilities(workspace_edit=edit, apply_edit=True),
    )


def diagnostic(
    line: int, column: int, end: int, message: str, code: str | None = None, source: str = "ruff"
) -> types.Diagnostic:
    return types.Diagnostic(
        types.Range(types.Position(line, column), types.Position(line, end)),
        message,
        severity=types.DiagnosticSeverity.Error,
        code=code,
        source=source,
    )


async def actions(
    session: Session,
    uri: str,
    line: int = 0,
    *,
    last: int | None = None,
    diagnostics: list[types.Diagnostic] | None = None,
    only: list[str] | None = None,
    automatic: bool = False,
) -> list[Any]:
    """What is offered at a line, or for the lines up to `last` selected, each a CodeAction or a Command."""
    kind = types.CodeActionTriggerKind
    converter = session.client.protocol._converter
    # lsprotocol takes whatever has a command for a Command.
    converter.register_structure_hook(
        types.Command | types.CodeAction,
        lambda item, _: converter.structure(item, types.CodeAction if "kind" in item else types.Command),
    )
    end = types.Position(line, 0) if last is None else types.Position(last + 1, 0)
    answer = await session.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri),
            types.Range(types.Position(line, 0), end),
            types.CodeActionContext(
                diagnostics=diagnostics or [],
                only=only,
                trigger_kind=kind.Automatic if automatic else kind.Invoked,
            ),
        )
    )
    return list(answer or [])


async def resolved(session: Session, action: types.CodeAction) -> types.WorkspaceEdit:
    answer = await session.client.code_action_resolve_async(action)
    assert answer.edit is not None
    return answer.edit


def changed_documents(edit: types.WorkspaceEdit) -> set[str]:
    """The URIs of all that an edit touches."""
    uris = set(edit.changes or ())
    for change in edit.document_changes or ():
        uris.add(change.text_document.uri if isinstance(change, types.TextDocumentEdit) else _uri(change))
    return uris


def applied(edit: types.WorkspaceEdit, uri: str, text: str, version: int | None = None) -> str:
    """The text of a document after an edit, its positions in UTF-16 units."""
    document = Document(uri, text)
    found: list[Text] = list((edit.changes or {}).get(uri, ()))
    for change in edit.document_changes or ():
        if isinstance(change, types.TextDocumentEdit) and change.text_document.uri == uri:
            assert change.text_document.version == version
            found += texts(change)
    places = [(one.range.start.line, one.range.start.character) for one in found]
    assert places == sorted(places)
    for one in reversed(found):
        start, end = one.range.start, one.range.end
        document.edit(start.line, start.character, end.line, end.character, one.new_text)
    return document.text()


def texts(change: types.TextDocumentEdit) -> list[Text]:
    return [one for one in change.edits if not isinstance(one, types.SnippetTextEdit)]


def _uri(change: Any) -> str:
    uri = change.uri
    assert isinstance(uri, str)
    return uri
