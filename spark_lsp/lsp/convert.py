"""Between plain LSP params and our own values: the only place that knows both shapes.

Everything that reads params raises RequestError(InvalidParams) when they are not
what the LSP says, so that a bad request is answered and not dropped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.engine.documents import Change
from spark_lsp.engine.following import EditQuery
from spark_lsp.engine.query import Query
from spark_lsp.errors import RequestError
from spark_lsp.text import Document, character_of, column_of
from spark_lsp.values import Hit, Offer

INVALID_PARAMS = -32602
INVOKED = 1

ACCEPT = "spark.accept"
"""The command of each item. Its arguments: the offer's name, the kind of hit that it was, and how many UTF-16
units of the item's text stand before the offer's own."""

PARTIAL = "$/spark/inlineCompletion/partial"

LONG_LINE = 1_000
"""Code points: past this an item repeats only the text from the cursor on, not the whole line."""


_Read = TypeVar("_Read", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Candidate:
    """An offer under the name by which a client speaks of it, and what it was the answer to."""

    offer: Offer
    name: str
    hit: Hit
    query: Query
    document: Document


def reads_params(read: _Read) -> _Read:
    """Params of another shape are the sender's fault, however the reading of them fails."""

    @wraps(read)
    def checked(*arguments: Any) -> Any:
        try:
            return read(*arguments)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise RequestError(INVALID_PARAMS, f"the params are not valid: {error}") from error

    return cast(_Read, checked)


@reads_params
def uri_of(params: Any) -> str:
    return _text(params["textDocument"]["uri"])


@reads_params
def opened(params: Any) -> tuple[str, str, int, str]:
    """didOpen -> (uri, language, version, text)."""
    document = params["textDocument"]
    return (
        _text(document["uri"]),
        _text(document["languageId"]),
        _number(document["version"]),
        _text(document["text"]),
    )


@reads_params
def changed(params: Any) -> tuple[str, int, list[Change]]:
    """didChange -> (uri, version, changes in the order to apply)."""
    document = params["textDocument"]
    changes = [Change(_range(each.get("range")), _text(each["text"])) for each in params["contentChanges"]]
    return _text(document["uri"]), _number(document["version"] or 0), changes


@reads_params
def invoked(params: Any) -> bool:
    """Whether the user asked for this, by a key of its own."""
    return bool((params.get("context") or {}).get("triggerKind") == INVOKED)


@reads_params
def inline_query(params: Any, document: Document) -> Query:
    """inlineCompletion -> Query, its snapshot taken from the document as it is now.

    With an item selected in the completion menu, the snapshot is the text with that item
    accepted: what is suggested has to continue it.
    """
    at, context = params["position"], params.get("context") or {}
    snapshot = document.snapshot(_number(at["line"]), _number(at["character"]))
    automatic = not invoked(params)
    selected = context.get("selectedCompletionInfo")
    if selected is None:
        return Query(snapshot, automatic)
    chosen = _range(selected["range"])
    if chosen is None or not chosen[0] == chosen[2] == snapshot.line:
        return Query(snapshot, automatic)
    line = snapshot.lines[snapshot.line]
    start, end = (column_of(line, units, document.encoding) for units in (chosen[1], chosen[3]))
    if not start <= snapshot.column <= end:
        return Query(snapshot, automatic)
    after = snapshot.edited(snapshot.column - start, end - snapshot.column, _text(selected["text"]))
    return Query(after, automatic, origin=snapshot, selected=(start, end))


def inline_item(candidate: Candidate) -> dict[str, Any]:
    """The InlineCompletionItem for an offer.

    The range starts at the line's start and the text repeats the line so far, so that the same
    item comes back unchanged from key to key while one types along: editors then keep it still.
    """
    offer, query = candidate.offer, candidate.query
    seen, shown = query.snapshot, query.origin or query.snapshot
    kept = seen.line_before[: seen.column - offer.dedent]
    if query.selected is not None:
        start, end = query.selected
        kept = kept[start:]
    elif len(kept) > LONG_LINE:
        start, end = len(kept), shown.column
        kept = ""
    else:
        start, end = 0, shown.column
    return {
        "insertText": kept + offer.text,
        "range": _range_of(candidate, start, end + offer.absorbed),
        "command": {
            "title": "Accepted",
            "command": ACCEPT,
            "arguments": [candidate.name, candidate.hit, _units(kept)],
        },
    }


def own_range(candidate: Candidate) -> dict[str, Any]:
    """What the offer's own text replaces, without what an item repeats of the line."""
    offer, column = candidate.offer, candidate.query.snapshot.column
    return _range_of(candidate, column - offer.dedent, column + offer.absorbed)


def position_of(candidate: Candidate) -> dict[str, Any]:
    """Where it was asked for."""
    column = (candidate.query.origin or candidate.query.snapshot).column
    start: dict[str, Any] = _range_of(candidate, column, column)["start"]
    return start


def _range_of(candidate: Candidate, start: int, end: int) -> dict[str, Any]:
    """Columns of the cursor's line as a Range."""
    shown, encoding = candidate.query.origin or candidate.query.snapshot, candidate.document.encoding
    line = shown.lines[shown.line]
    return {
        "start": {"line": shown.line, "character": character_of(line, start, encoding)},
        "end": {"line": shown.line, "character": character_of(line, end, encoding)},
    }


@reads_params
def partial_token(params: Any) -> int | str | None:
    """inlineCompletion -> what the client calls this request in partial results, None when it wants none."""
    token = params.get("partialToken")
    return token if token is None or isinstance(token, str) else _number(token)


def partial_result(token: int | str, number: int, item: Any, done: bool) -> dict[str, Any]:
    """The params of a partial result: the whole item so far."""
    return {"token": token, "seq": number, "item": item, "done": done}


@reads_params
def command_call(params: Any) -> tuple[str, list[Any]]:
    """executeCommand -> (name, arguments)."""
    return _text(params["command"]), list(params.get("arguments") or [])


@reads_params
def offer_name(arguments: list[Any]) -> str:
    return _text(arguments[0])


@reads_params
def item_name(params: Any) -> str | None:
    """didShowCompletion -> the offer's name; None for an item that is not ours, or has lost its command."""
    command = params["item"].get("command")
    if command is None or command["command"] != ACCEPT:
        return None
    return _text(command["arguments"][0])


@reads_params
def accepted_part(params: Any) -> tuple[str, int] | None:
    """didPartiallyAcceptCompletion -> (the offer's name, UTF-16 units of its own text that were taken).

    None as for `item_name`. The client counts from the start of the item's text, in these units whatever the
    position encoding; some send back nothing of the item but its command.
    """
    units = _number(params["acceptedLength"])
    name = item_name(params)
    if name is None:
        return None
    return name, max(units - _number(params["item"]["command"]["arguments"][2]), 0)


def code_points_behind(text: str, units: int) -> int:
    """How many code points of the text come after so many UTF-16 units, a line end counted as one."""
    behind = text.encode("utf-16-le", "surrogatepass")[2 * units :]
    return len(behind.decode("utf-16-le", "ignore").replace("\r\n", "\n"))


def of_copilot_family(options: Any) -> bool:
    """Whether initializationOptions are those of a client of the Copilot family."""
    return isinstance(options, dict) and isinstance(options.get("editorPluginInfo"), dict)


@reads_params
def inside_doc(params: Any) -> dict[str, Any]:
    """getCompletions and getPanelCompletions -> params of inlineCompletion."""
    doc = params["doc"]
    return {"textDocument": {"uri": _text(doc["uri"])}, "position": doc["position"]}


@reads_params
def invoked_at(params: Any) -> dict[str, Any]:
    """The params with the word that a user asked for it."""
    return {**params, "context": {"triggerKind": INVOKED}}


@reads_params
def partial_result_token(params: Any) -> str | int | None:
    token = params.get("partialResultToken")
    return token if token is None or isinstance(token, str) else _number(token)


@reads_params
def panel_id(params: Any) -> str:
    return _text(params["panelId"])


@reads_params
def uuid_of(params: Any) -> str:
    return _text(params["uuid"])


@reads_params
def uuids_of(params: Any) -> list[str]:
    return [_text(uuid) for uuid in params["uuids"]]


@reads_params
def accepted_uuid(params: Any) -> tuple[str, int | None]:
    """notifyAccepted -> (the offer's name, UTF-16 units of its text that were taken, None for all)."""
    units = params.get("acceptedLength")
    return uuid_of(params), None if units is None else max(_number(units), 0)


@reads_params
def next_edit_query(params: Any) -> EditQuery:
    """copilotInlineEdit. `otherDocuments` is ours: the client takes an edit of another document than it
    asked about."""
    document, at = params["textDocument"], params["position"]
    return EditQuery(
        _text(document["uri"]),
        _number(document["version"]),
        (_number(at["line"]), _number(at["character"])),
        far=params.get("otherDocuments") is True,
    )


def next_edit_item(name: str, edit: NextEdit, document: Document, accept: str) -> dict[str, Any]:
    start, end = (
        {"line": line, "character": character_of(document.lines[line], column, document.encoding)}
        for line, column in ((edit.line, edit.start), (edit.end_line, edit.end))
    )
    newline = document.snapshot(edit.line, 0).newline
    return {
        "text": edit.new.replace("\n", newline),
        "range": {"start": start, "end": end},
        "textDocument": {"uri": document.uri, "version": document.version},
        "command": {"title": "Accepted", "command": accept, "arguments": [name]},
    }


def folder_of(uri: str) -> Path | None:
    """The folder a `file:` URI names; None for any other scheme."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return None
    path = unquote(parts.path)
    if parts.netloc:
        path = f"//{parts.netloc}{path}"
    elif os.name == "nt":
        # file:///c:/folder names c:/folder.
        path = path.removeprefix("/")
    return Path(path)


def path_of(uri: str) -> str:
    """What a document is called in the index and in prompts: its path, or what its URI has instead."""
    folder = folder_of(uri)
    return str(folder) if folder is not None else unquote(urlsplit(uri).path or uri)


def _range(value: Any) -> tuple[int, int, int, int] | None:
    if value is None:
        return None
    start, end = value["start"], value["end"]
    return (
        _number(start["line"]),
        _number(start["character"]),
        _number(end["line"]),
        _number(end["character"]),
    )


def _units(text: str) -> int:
    """UTF-16 units."""
    return character_of(text, len(text), "utf-16")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number was expected, not {type(value).__name__}")
    return value
