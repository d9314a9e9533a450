"""The next edit over stdio, without a model: a name is changed by hand, key by key, and carried on."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types

from tests.scenario.conftest import Session, Sessions, plain

EMBEDDED = {"backend": [{"name": "workspace", "kind": "workspace"}]}

FIVE = """def total(rows):
    number = 0
    for row in rows:
        number = number + row
    print("number of rows", row)  # the number
    print("😀", number)
\treturn number


def other(number):
    return number
"""


class Editor:
    """Holds the text as an editor does, in UTF-16 units."""

    def __init__(self, session: Session, text: str, language: str = "python", name: str = "a.txt") -> None:
        self.session = session
        self.lines = text.split("\n")
        self.uri = session.open(name, text, language)

    def replace(self, line: int, start: int, end: int, text: str) -> None:
        units = self.lines[line].encode("utf-16-le")
        self.lines[line] = (units[: 2 * start] + text.encode("utf-16-le") + units[2 * end :]).decode(
            "utf-16-le"
        )
        self.session.version += 1
        changed = types.Range(types.Position(line, start), types.Position(line, end))
        self.session.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=self.session.version, uri=self.uri),
                [types.TextDocumentContentChangePartial(changed, text)],
            )
        )

    def type_over(self, line: int, start: int, old: str, new: str) -> None:
        """Take the old word away from its end, key by key, and type the new one."""
        for count in range(len(old), 0, -1):
            self.replace(line, start + count - 1, start + count, "")
        for index, key in enumerate(new):
            self.replace(line, start + index, start + index, key)

    async def edits(self, version: int | None = None) -> list[Any]:
        params = {
            "textDocument": {"uri": self.uri, "version": version or self.session.version},
            "position": {"line": 0, "character": 0},
        }
        send = self.session.client.protocol.send_request_async
        result = plain(await send("textDocument/copilotInlineEdit", params))
        edits: list[Any] = result["edits"]
        return edits

    async def tell(self, command: str, edit: Any) -> None:
        await self.session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(command, edit["command"]["arguments"])
        )

    async def accept(self, edit: Any) -> None:
        start, end = edit["range"]["start"], edit["range"]["end"]
        assert edit["textDocument"]["version"] == self.session.version
        self.replace(start["line"], start["character"], end["character"], edit["text"])
        await self.tell(edit["command"]["command"], edit)

    async def accept_all(self) -> list[int]:
        """The lines of what was offered, one after another."""
        order: list[int] = []
        for _ in range(20):
            edits = await self.edits()
            if not edits:
                return order
            order.append(edits[0]["range"]["start"]["line"])
            await self.accept(edits[0])
        raise AssertionError("it offers without end")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_a_rename_is_carried_on_and_ends(sessions: Sessions, newline: str) -> None:
    async with sessions(EMBEDDED) as session:
        editor = Editor(session, FIVE.replace("\t", "    ").replace("\n", newline))
        editor.type_over(1, 4, "number", "count")
        assert await editor.accept_all() == [3, 3, 5, 6]
        text = FIVE.replace("\t", "    ").replace("\n", newline).split("\n")
        for line in (1, 3, 5, 6):
            text[line] = text[line].replace("number", "count")
        assert editor.lines == text, "strings, comments and the other function are as they were"


async def test_undone_it_is_not_offered(sessions: Sessions) -> None:
    async with sessions(EMBEDDED) as session:
        editor = Editor(session, FIVE)
        editor.type_over(1, 4, "number", "count")
        assert await editor.edits()
        assert not await editor.edits(session.version - 1), "of another version"
        editor.type_over(1, 4, "count", "number")
        assert not await editor.edits()


async def test_what_is_turned_down_stays_away(sessions: Sessions) -> None:
    async with sessions(EMBEDDED) as session:
        editor = Editor(session, FIVE)
        editor.type_over(1, 4, "number", "count")
        [first] = await editor.edits()
        await editor.tell("spark.nextEdit.reject", first)
        [second] = await editor.edits()
        assert second["range"] != first["range"]
        await editor.accept(second)
        assert all(edit["range"] != first["range"] for edit in await editor.edits())


async def test_a_change_made_twice_is_offered_at_the_third_place(sessions: Sessions) -> None:
    async with sessions(EMBEDDED) as session:
        text = (
            "def f(client):\n"
            + "".join(f"    {name} = client.get()\n" for name in "abc")
            + "    # client.get()\n"
        )
        editor = Editor(session, text)
        for line in (1, 2):
            assert not await editor.edits()
            for index, key in enumerate("await "):
                editor.replace(line, 8 + index, 8 + index, key)
        assert await editor.accept_all() == [3]
        assert editor.lines[3] == "    c = await client.get()"


async def test_of_a_template_what_it_puts_in_is_code(sessions: Sessions) -> None:
    async with sessions(EMBEDDED) as session:
        rows = ("function f(number) {", "  g(`a number`, `x ${number} number`);", "  return number;", "}", "")
        editor = Editor(session, "\n".join(rows), "javascript")
        editor.type_over(0, 11, "number", "count")
        assert await editor.accept_all() == [1, 2]
        assert editor.lines[1] == "  g(`a number`, `x ${count} number`);"


async def test_switched_off_there_is_none(sessions: Sessions) -> None:
    async with sessions({**EMBEDDED, "inline": {"next_edit": False}}) as session:
        editor = Editor(session, FIVE)
        editor.type_over(1, 4, "number", "count")
        assert not await editor.edits()
