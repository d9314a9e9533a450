"""Answers what the next edit is: at once where that is clear, else when what is typed counts as made.

One answer at a time for each document: a key, or another question, ends the one that is waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.engine.documents import Open
from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document

Offered = tuple[str, NextEdit, Document]
"""The name of an offer, the edit, and the document that it is for."""


@dataclass(frozen=True, slots=True)
class EditQuery:
    """What an editor asks: the next edit of a document's version, with the cursor at a position in its
    units. `far`: it may be in another document."""

    uri: str
    version: int
    position: tuple[int, int]
    far: bool = False


class Following:
    """The next edits of one session, as they are asked for."""

    def __init__(self, documents: Mapping[str, Open], edits: NextEdits) -> None:
        self._documents = documents
        self._edits = edits
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def superseded(self, uri: str) -> None:
        """The document changed, or is gone, or something newer is asked about it."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def ask(self, query: EditQuery) -> Offered | Coroutine[Any, Any, Offered | None] | None:
        """The likely next edit, None where there is none or the text is of another version, or a
        coroutine that comes to it."""
        self.superseded(query.uri)
        document = self._current(query)
        if document is None:
            return None
        wait = self._edits.settles_in(document, self._cursor(document, query), time.monotonic())
        return self._later(query, wait) if wait else self._structural(document, query)

    async def _later(self, query: EditQuery, wait: float) -> Offered | None:
        overtaken = self._waiting[query.uri] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait([overtaken], timeout=wait)
            document = self._current(query)
            if overtaken.done() or document is None:
                return None
            return self._structural(document, query)
        finally:
            if self._waiting.get(query.uri) is overtaken:
                del self._waiting[query.uri]

    def _structural(self, document: Document, query: EditQuery) -> Offered | None:
        documents = {uri: entry.document for uri, entry in self._documents.items()}
        found = self._edits.next(document, self._cursor(document, query), documents=documents, far=query.far)
        return None if found is None else (*found, documents[found[1].uri])

    def _current(self, query: EditQuery) -> Document | None:
        entry = self._documents.get(query.uri)
        return entry.document if entry is not None and entry.document.version == query.version else None

    @staticmethod
    def _cursor(document: Document, query: EditQuery) -> tuple[int, int]:
        at = document.snapshot(*query.position)
        return at.line, at.column
