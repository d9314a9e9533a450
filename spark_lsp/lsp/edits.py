"""Edits and diagnostics between our own values and plain LSP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spark_lsp.lsp.convert import reads_params
from spark_lsp.text import Encoding, Lines, character_of, column_of
from spark_lsp.values import Diagnostic, Edit, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "information", "hint")

ANNOTATION = "spark"
"""The one change annotation of an edit of ours."""


@reads_params
def diagnostic_of(value: Any, lines: Lines, encoding: Encoding) -> Diagnostic:
    """A diagnostic of a client, whoever made it. One out of range is moved to where the text ends."""
    start, end = value["range"]["start"], value["range"]["end"]
    severity, code = value.get("severity"), value.get("code")
    if isinstance(code, dict):  # rust-analyzer and others have sent {value, target}
        code = code.get("value")
    return Diagnostic(
        *_place(start, lines, encoding),
        *_place(end, lines, encoding),
        message=str(value.get("message") or ""),
        code="" if code is None else str(code),
        source=str(value.get("source") or ""),
        severity=SEVERITIES[severity - 1] if severity in (1, 2, 3, 4) else "error",
    )


def plain_diagnostic(diagnostic: Diagnostic) -> list[Any]:
    """What `data` keeps of a diagnostic."""
    return [
        diagnostic.line,
        diagnostic.column,
        diagnostic.end_line,
        diagnostic.end_column,
        diagnostic.message,
        diagnostic.code,
        diagnostic.source,
        diagnostic.severity,
    ]


@dataclass(frozen=True, slots=True)
class EditShape:
    """What a client takes: versioned document changes, new files, and annotations with a word on each
    change."""

    versioned: bool = False
    creates: bool = False
    annotated: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The document that edits are for, as the client has it now."""

    uri: str
    version: int
    lines: Lines
    encoding: Encoding
    newline: str


@dataclass(frozen=True, slots=True)
class Created:
    """A file that is not open: `end` is where it ends (line, character), None when it is not there yet."""

    uri: str
    text: str
    end: tuple[int, int] | None = None


def workspace_edit(
    target: Target, edits: Iterable[Edit], created: Iterable[Created], shape: EditShape, label: str, said: str
) -> dict[str, Any]:
    """The WorkspaceEdit; `label` and what is `said` of it go where the client shows them."""
    texts = [_text_edit(edit, target) for edit in edits]
    if not shape.versioned:
        return {"changes": {target.uri: texts}}
    if shape.annotated:
        texts = [{**text, "annotationId": ANNOTATION} for text in texts]
    changes: list[dict[str, Any]] = []
    if texts:
        document = {"uri": target.uri, "version": target.version}
        changes.append({"textDocument": document, "edits": texts})
    for file in created:
        changes += _creation(file, annotated=shape.annotated)
    edit: dict[str, Any] = {"documentChanges": changes}
    if shape.annotated:
        edit["changeAnnotations"] = {
            ANNOTATION: {"label": label, "description": said, "needsConfirmation": False}
        }
    return edit


def _creation(file: Created, *, annotated: bool) -> list[dict[str, Any]]:
    line, character = file.end or (0, 0)
    place = {"line": line, "character": character}
    insert: dict[str, Any] = {"range": {"start": place, "end": place}, "newText": file.text}
    changes: list[dict[str, Any]] = [{"textDocument": {"uri": file.uri, "version": None}, "edits": [insert]}]
    if file.end is None:
        create = {"kind": "create", "uri": file.uri, "options": {"ignoreIfExists": True}}
        changes.insert(0, create)
    if annotated:
        insert["annotationId"] = ANNOTATION
    return changes


def _text_edit(edit: Edit, target: Target) -> dict[str, Any]:
    return {
        "range": {
            "start": _position(edit.line, edit.column, target),
            "end": _position(edit.end_line, edit.end_column, target),
        },
        "newText": edit.text.replace("\n", target.newline) if target.newline != "\n" else edit.text,
    }


def _position(line: int, column: int, target: Target) -> dict[str, int]:
    return {"line": line, "character": character_of(target.lines[line], column, target.encoding)}


def _place(value: Any, lines: Lines, encoding: Encoding) -> tuple[int, int]:
    line, character = int(value["line"]), int(value["character"])
    if line >= lines.count:
        return lines.count - 1, len(lines[lines.count - 1])
    return max(line, 0), column_of(lines[max(line, 0)], character, encoding)
