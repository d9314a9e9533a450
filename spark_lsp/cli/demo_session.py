"""A document that is written at its end, with suggestions: what an editor would send, and show."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from spark_lsp.cli.client import Client
from spark_lsp.cli.typist import Tally
from spark_lsp.text import Document, character_of

AUTOMATIC = 2  # InlineCompletionTriggerKind

Show = Callable[[str, str, str], Awaitable[None]]
"""Called with the text, the ghost text and the status after each key; what it takes is not measured."""


class Session:
    """Opens an empty document and writes into it. `ghost` is the suggestion at its end, "" for none."""

    def __init__(self, client: Client, uri: str, language: str, show: Show) -> None:
        self._client = client
        self._document = Document(uri, "", language=language)
        self._show = show
        self._item: dict[str, Any] = {}
        self.ghost = ""
        self.tally = Tally()
        client.open(uri, "", language=language)

    @property
    def text(self) -> str:
        return self._document.text()

    def insert(self, new: str) -> None:
        """Insert at the end, where the cursor is, and ask nothing."""
        at = self._cursor()
        document = self._document
        document.version += 1
        document.edit(at["line"], at["character"], at["line"], at["character"], new)
        change = {"range": {"start": at, "end": at}, "text": new}
        self._client.change(document.uri, document.version, [change])

    async def press(self, key: str) -> None:
        """Enter what one key enters, and see what is suggested then."""
        pressed = time.perf_counter()
        self.insert(key)
        self.tally.key(key)
        await self._answer(pressed)

    async def take(self, part: str) -> None:
        """Take this much of the ghost text, tell the server as editors do, and see what is suggested then."""
        pressed = time.perf_counter()
        self.insert(part)
        self.tally.take(part, self.ghost)
        if part == self.ghost:
            command = self._item["command"]
            params = {"command": command["command"], "arguments": command["arguments"]}
            self._client.call("workspace/executeCommand", params)
        else:
            inserted = self._item["insertText"]
            left = inserted[: len(inserted) - len(self.ghost) + len(part)]
            params = {"item": self._item, "acceptedLength": character_of(left, len(left), "utf-16")}
            self._client.notify("textDocument/didPartiallyAcceptCompletion", params)
        await self._answer(pressed)

    async def _answer(self, pressed: float) -> None:
        await self._ask()
        waited = (time.perf_counter() - pressed) * 1000
        self.tally.answer(self.ghost, waited)
        if self.ghost:
            self._client.notify("textDocument/didShowCompletion", {"item": self._item})
        status = f"{waited:6.1f} ms   {self.tally.saved} of {self.tally.characters} characters saved"
        await self._show(self.text, self.ghost, status)

    async def _ask(self) -> None:
        at = self._cursor()
        document = {"uri": self._document.uri}
        params = {"textDocument": document, "position": at, "context": {"triggerKind": AUTOMATIC}}
        answer = await self._client.request("textDocument/inlineCompletion", params)
        self.ghost, self._item = "", {}
        for item in answer["items"]:
            start = item["range"]["start"]
            column = self._document.snapshot(start["line"], start["character"]).column
            typed = self._document.lines[at["line"]][column:]
            # One that takes back some of the indent is no ghost text: an editor shows it as an edit.
            if item["insertText"].startswith(typed):
                self.ghost, self._item = item["insertText"][len(typed) :], item
                return

    def _cursor(self) -> dict[str, int]:
        line = self._document.lines.count - 1
        last = self._document.lines[line]
        return {"line": line, "character": character_of(last, len(last), "utf-16")}
