"""Between plain LSP params and our own values: the only place that knows both shapes.

Everything that reads params raises RequestError(InvalidParams) when they are not
what the LSP says, so that a bad request is answered and not dropped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

from spark_lsp.engine.engine import Change
from spark_lsp.engine.query import Query
from spark_lsp.errors import RequestError
from spark_lsp.text import Document, character_of, column_of
from spark_lsp.values import Hit, Offer

INVALID_PARAMS = -32602
INVOKED = 1

ACCEPT = "spark.accept"
"""The command of each item; its arguments are the offer's name and the kind of hit that it was."""

LONG_LINE = 1_000
"""Code points: past this an item repeats only the text from the cursor on, not the whole line."""


_Read = TypeVar("_Read", bound=Callable[..., Any])


def _reads_params(read: _Read) -> _Read:
    """Params of another shape are the sender's fault, however the reading of them fails."""

    @wraps(read)
    def checked(*arguments: Any) -> Any:
        try:
            return read(*arguments)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise RequestError(INVALID_PARAMS, f"the params are not valid: {error}") from error

    return cast(_Read, checked)


@_reads_params
def uri_of(params: Any) -> str:
    return _text(params["textDocument"]["uri"])


@_reads_params
def opened(params: Any) -> tuple[str, str, int, str]:
    """didOpen -> (uri, language, version, text)."""
    document = params["textDocument"]
    return (
        _text(document["uri"]),
        _text(document["languageId"]),
        _number(document["version"]),
        _text(document["text"]),
    )


@_reads_params
def changed(params: Any) -> tuple[str, int, list[Change]]:
    """didChange -> (uri, version, changes in the order to apply)."""
    document = params["textDocument"]
    changes = [Change(_range(each.get("range")), _text(each["text"])) for each in params["contentChanges"]]
    return _text(document["uri"]), _number(document["version"] or 0), changes


@_reads_params
def inline_query(params: Any, document: Document) -> Query:
    """inlineCompletion -> Query, its snapshot taken from the document as it is now.

    With an item selected in the completion menu, the snapshot is the text with that item
    accepted: what is suggested has to continue it.
    """
    at, context = params["position"], params.get("context") or {}
    snapshot = document.snapshot(_number(at["line"]), _number(at["character"]))
    automatic = context.get("triggerKind") != INVOKED
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


def inline_item(offer: Offer, name: str, hit: Hit, query: Query, document: Document) -> dict[str, Any]:
    """The InlineCompletionItem for an offer.

    The range starts at the line's start and the text repeats the line so far, so that the same
    item comes back unchanged from key to key while one types along: editors then keep it still.
    """
    seen, shown = query.snapshot, query.origin or query.snapshot
    kept = seen.line_before[: seen.column - offer.dedent]
    if query.selected is not None:
        start, end = query.selected
        insert = kept[start:] + offer.text
    elif len(kept) > LONG_LINE:
        start, end = len(kept), shown.column
        insert = offer.text
    else:
        start, end = 0, shown.column
        insert = kept + offer.text
    line = shown.lines[shown.line]
    return {
        "insertText": insert,
        "range": {
            "start": {"line": shown.line, "character": character_of(line, start, document.encoding)},
            "end": {
                "line": shown.line,
                "character": character_of(line, end + offer.absorbed, document.encoding),
            },
        },
        "command": {"title": "Accepted", "command": ACCEPT, "arguments": [name, hit]},
    }


@_reads_params
def command_call(params: Any) -> tuple[str, list[Any]]:
    """executeCommand -> (name, arguments)."""
    return _text(params["command"]), list(params.get("arguments") or [])


@_reads_params
def offer_name(arguments: list[Any]) -> str:
    return _text(arguments[0])


@_reads_params
def item_name(params: Any) -> str | None:
    """didShowCompletion -> the offer's name; None for an item that is not ours, or has lost its command."""
    command = params["item"].get("command")
    if command is None or command["command"] != ACCEPT:
        return None
    return _text(command["arguments"][0])


@_reads_params
def accepted_part(params: Any) -> tuple[str, int] | None:
    """didPartiallyAcceptCompletion -> (the offer's name, code points of insertText that were not taken).

    None as for `item_name`. The client counts what was taken in UTF-16 units, whatever the position encoding;
    here a line end is one.
    """
    text, units = _text(params["item"]["insertText"]), max(_number(params["acceptedLength"]), 0)
    name = item_name(params)
    if name is None:
        return None
    left = text.encode("utf-16-le", "surrogatepass")[2 * units :]
    return name, len(left.decode("utf-16-le", "ignore").replace("\r\n", "\n"))


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


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not {type(value).__name__}")
    return value


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number was expected, not {type(value).__name__}")
    return value
