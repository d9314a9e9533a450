"""Answers what the next edit is: at once where that is clear, else when what is typed counts as made.

One answer at a time for each document: a key, or another question, ends the one that is waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spark_lsp.completion.gates import refusal
from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.config import Config
from spark_lsp.engine.documents import Open
from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document

if TYPE_CHECKING:  # most sessions never ask a model for it
    from spark_lsp.engine.next_edit_model import NextEditModel

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
    """The next edits of one session, as they are asked for.

    `model` makes what asks models, when it is needed; `shown` says what others may see of a path.
    """

    def __init__(
        self,
        documents: Mapping[str, Open],
        edits: NextEdits,
        config: Config,
        model: Callable[[Config], NextEditModel],
        shown: Callable[[str], str],
    ) -> None:
        self._documents = documents
        self._edits = edits
        self._config = config
        self._make_model = model
        self._shown = shown
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._said: dict[str, tuple[int, NextEdit | None]] = {}

    def configure(self, config: Config) -> None:
        """Go on with other settings."""
        self._config = config
        self.__dict__.pop("_model", None)
        self._said.clear()

    @cached_property
    def _model(self) -> NextEditModel:
        return self._make_model(self._config)

    def superseded(self, uri: str) -> None:
        """The document changed, or is gone, or something newer is asked about it."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def closed(self, uri: str) -> None:
        self.superseded(uri)
        self._said.pop(uri, None)

    def ask(self, query: EditQuery) -> Offered | Coroutine[Any, Any, Offered | None] | None:
        """The likely next edit, None where there is none or the text is of another version, or a coroutine
        that comes to it."""
        self.superseded(query.uri)
        document = self._current(query)
        if document is None:
            return None
        wait = self._edits.settles_in(document, self._cursor(document, query), time.monotonic())
        found = None if wait else self._structural(document, query)
        if found is not None or (not wait and not self._may_ask_model(query)):
            return found
        return self._later(query, wait)

    async def _later(self, query: EditQuery, wait: float) -> Offered | None:
        overtaken = self._waiting[query.uri] = asyncio.get_running_loop().create_future()
        try:
            if wait:
                await asyncio.wait([overtaken], timeout=wait)
            document = self._current(query)
            if overtaken.done() or document is None:
                return None
            found = self._structural(document, query) if wait else None
            return found or await self._of_model(document, query, overtaken)
        finally:
            if self._waiting.get(query.uri) is overtaken:
                del self._waiting[query.uri]

    def _structural(self, document: Document, query: EditQuery) -> Offered | None:
        documents = {uri: entry.document for uri, entry in self._documents.items()}
        found = self._edits.next(document, self._cursor(document, query), documents=documents, far=query.far)
        return None if found is None else (*found, documents[found[1].uri])

    # --- a model's

    def _may_ask_model(self, query: EditQuery) -> bool:
        """Whether there is something to ask a model about, and one that may be asked."""
        entry, recent = self._documents[query.uri], self._edits.recent(query.uri)
        if recent is None or not recent.hunks:
            return False
        if not entry.reach.done():
            return True
        return self._model.course(query.uri, entry.document.language, entry.reach.result()) is not None

    async def _of_model(
        self, document: Document, query: EditQuery, overtaken: asyncio.Future[None]
    ) -> Offered | None:
        """What a model says of this version, asked once; nothing as soon as somebody asks or types again."""
        known = self._said.get(query.uri)
        if known is None or known[0] != query.version:
            asking = asyncio.get_running_loop().create_task(self._ask_model(document, query))
            try:
                waited: set[asyncio.Future[Any]] = {asking, overtaken}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            finally:
                asking.cancel()
            if overtaken.done() or not asking.done() or asking.cancelled():
                return None
            known = self._said[query.uri] = query.version, asking.result()
        edit = known[1]
        document_now = self._current(query)
        if edit is None or document_now is None:
            return None
        found = self._edits.offer(replace(edit, uri=query.uri), document_now)
        return None if found is None else (*found, document_now)

    async def _ask_model(self, document: Document, query: EditQuery) -> NextEdit | None:
        from spark_lsp.completion.next_edit.window import window

        entry, recent = self._documents[query.uri], self._edits.recent(query.uri)
        snapshot = document.snapshot(*query.position)  # before any await: the document may change meanwhile
        path = self._shown(entry.path)
        cursor = snapshot.line, snapshot.column
        view = None if recent is None else window(recent, document.lines, document.language, path, cursor)
        refused = refusal(snapshot, path=entry.path, languages=self._config.inline.languages)
        if view is None or refused:
            return None
        reach = await asyncio.shield(entry.reach)
        course = self._model.course(query.uri, document.language, reach)
        return None if course is None else await self._model.edit(view, course)

    def _current(self, query: EditQuery) -> Document | None:
        entry = self._documents.get(query.uri)
        return entry.document if entry is not None and entry.document.version == query.version else None

    @staticmethod
    def _cursor(document: Document, query: EditQuery) -> tuple[int, int]:
        at = document.snapshot(*query.position)
        return at.line, at.column
