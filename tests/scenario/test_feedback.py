"""What became of a suggestion is counted once, whoever tells it: the client, its edits, or both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lsprotocol import types

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from tests.scenario.conftest import Session, Sessions, served_by

DONE = """\
def total_price(items, discount):
    subtotal = sum(item.price * item.quantity for item in items)
    return subtotal * (1 - discount)


def describe(items):
    return ", ".join(item.name for item in items)
"""
LINE, COLUMN = 1, 4
GHOST = "subtotal = sum(item.price * item.quantity for item in items)"
START = DONE.replace(GHOST, "")
WORD, REST = GHOST[:8], GHOST[8:]


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer(Oracle({"shop.py": DONE})) as server:
        yield server


class Person:
    """A session in which GHOST is on the screen, and what can be done with it."""

    def __init__(self, session: Session, uri: str, item: types.InlineCompletionItem) -> None:
        self.session = session
        self.uri = uri
        self.item = item

    @classmethod
    async def at(cls, session: Session, name: str = "shop") -> Person:
        uri = session.open(f"{name}.py", START)
        item, *_ = await session.complete(uri, LINE, COLUMN, invoked=True)
        assert item.insert_text == "    " + GHOST
        return cls(session, uri, item)

    def edit(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        self.session.version += 1
        span = types.Range(types.Position(*start), types.Position(*end))
        self.session.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=self.session.version, uri=self.uri),
                [types.TextDocumentContentChangePartial(span, text)],
            )
        )

    def insert(self, text: str, column: int = COLUMN) -> None:
        self.edit((LINE, column), (LINE, column), text)

    def replace_range(self) -> None:
        assert self.item.range is not None
        start, end = self.item.range.start, self.item.range.end
        assert isinstance(self.item.insert_text, str)
        self.edit((start.line, start.character), (end.line, end.character), self.item.insert_text)

    def notify(self, method: str, item: Any = None, **params: Any) -> None:
        if item is None:
            assert self.item.command is not None
            item = {
                "insertText": self.item.insert_text,
                "command": {
                    "title": self.item.command.title,
                    "command": self.item.command.command,
                    "arguments": list(self.item.command.arguments or []),
                },
            }
        self.session.client.protocol.notify(f"textDocument/{method}", {"item": item, **params})

    def tell_part(self, taken: str) -> None:
        self.notify("didPartiallyAcceptCompletion", acceptedLength=COLUMN + len(taken))

    async def command(self) -> None:
        assert self.item.command is not None
        await self.session.client.workspace_execute_command_async(
            types.ExecuteCommandParams(
                self.item.command.command, arguments=list(self.item.command.arguments or [])
            )
        )

    def delete(self, text: str) -> None:
        self.edit((LINE, COLUMN), (LINE, COLUMN + len(text)), "")


async def command_only(person: Person) -> None:
    await person.command()


async def edit_only(person: Person) -> None:
    person.insert(GHOST)


async def edit_then_command(person: Person) -> None:
    """As Neovim does."""
    person.insert(GHOST)
    await person.command()


async def range_then_command(person: Person) -> None:
    """As VS Code does."""
    person.replace_range()
    await person.command()


async def command_then_edit(person: Person) -> None:
    await person.command()
    person.insert(GHOST)


async def shown_then_edit(person: Person) -> None:
    person.notify("didShowCompletion")
    person.notify("didShowCompletion")
    person.insert(GHOST)


async def all_told_as_parts(person: Person) -> None:
    person.insert(GHOST)
    person.tell_part(GHOST)
    await person.command()


async def an_earlier_item(person: Person) -> None:
    """The editor keeps the item of an earlier key, and runs its command."""
    person.insert("s")
    assert await person.session.ghost(person.uri, LINE, COLUMN + 1) == GHOST[1:]
    person.edit((LINE, 0), (LINE, COLUMN + 1), "    " + GHOST)
    await person.command()


WAYS = [
    command_only,
    edit_only,
    edit_then_command,
    range_then_command,
    command_then_edit,
    shown_then_edit,
    all_told_as_parts,
    an_earlier_item,
]


async def taken_by(session: Session, way: Callable[[Person], Any]) -> dict[str, int]:
    """What the counters grow by when GHOST is shown in a document of its own, and taken in this way."""

    async def counted() -> dict[str, int]:
        metrics = await session.metrics()
        return {
            "accepted": metrics["accepted"],
            "shown": metrics["shown"],
            "tokens": metrics["tokens"]["accepted"],
        }

    before = await counted()
    await way(await Person.at(session, way.__name__))
    after = await counted()
    return {name: after[name] - before[name] for name in after}


async def test_what_is_taken_is_counted_once(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server)) as session:
        counted = {way.__name__: await taken_by(session, way) for way in WAYS}
    tokens = counted["command_only"]["tokens"]
    assert tokens > 1
    assert counted == {way.__name__: {"accepted": 1, "shown": 1, "tokens": tokens} for way in WAYS}


async def test_a_part_is_counted_once(sessions: Sessions, server: FakeServer) -> None:
    async def edits(person: Person) -> None:
        person.insert(WORD)

    async def told(person: Person) -> None:
        person.tell_part(WORD)

    async def edits_then_told(person: Person) -> None:
        person.insert(WORD)
        person.tell_part(WORD)
        person.tell_part(WORD)

    async def told_then_edits(person: Person) -> None:
        person.tell_part(WORD)
        person.insert(WORD)

    ways = (edits, told, edits_then_told, told_then_edits)
    async with sessions(served_by(server)) as session:
        whole = await taken_by(session, command_only)
        counted = {way.__name__: await taken_by(session, way) for way in ways}
    tokens = counted["told"]["tokens"]
    assert 0 < tokens < whole["tokens"] / 4
    assert counted == {way.__name__: {"accepted": 1, "shown": 1, "tokens": tokens} for way in ways}


async def test_a_part_and_then_the_rest_come_to_all_of_it(sessions: Sessions, server: FakeServer) -> None:
    async def in_parts(person: Person) -> None:
        person.insert(WORD)
        person.tell_part(WORD)
        person.insert(REST, COLUMN + len(WORD))
        await person.command()

    async with sessions(served_by(server)) as session:
        whole = await taken_by(session, command_only)
        parts = await taken_by(session, in_parts)
    # Each part is rounded to tokens.
    assert abs(parts["tokens"] - whole["tokens"]) <= 1


async def test_typing_it_out_takes_nothing(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server)) as session:
        person = await Person.at(session)
        for column, key in enumerate(GHOST, COLUMN):
            person.insert(key, column)
        metrics = await session.metrics()
    assert metrics["accepted"] == metrics["tokens"]["accepted"] == 0


@pytest.mark.parametrize("change", ["xyz", GHOST])
async def test_what_was_ignored_or_undone_is_not_offered_there_again(
    sessions: Sessions, server: FakeServer, change: str
) -> None:
    async with sessions(served_by(server)) as session:
        person = await Person.at(session)
        person.insert(change)
        person.delete(change)
        assert await session.ghost(person.uri, LINE, COLUMN) == ""


async def test_a_typo_that_is_taken_back_brings_it_back(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server)) as session:
        person = await Person.at(session)
        person.insert("x")
        person.delete("x")
        assert await session.ghost(person.uri, LINE, COLUMN) == GHOST
    assert server.stats.requests == 1


UNKNOWN: list[Any] = [
    None,
    7,
    {},
    {"insertText": "x"},
    {"insertText": "x", "command": {"title": "", "command": "other.accept", "arguments": ["1"]}},
    {"insertText": "x", "command": {"title": "", "command": "spark.accept", "arguments": ["999"]}},
    {"insertText": "x", "command": {"title": "", "command": "spark.accept", "arguments": [{}]}},
]


async def test_items_that_are_not_known_are_harmless(sessions: Sessions, server: FakeServer) -> None:
    async with sessions(served_by(server)) as session:
        person = await Person.at(session)
        notify = session.client.protocol.notify
        for item in UNKNOWN:
            notify("textDocument/didShowCompletion", {"item": item})
            for length in (1, "1", None):
                params = {"item": item, "acceptedLength": length}
                notify("textDocument/didPartiallyAcceptCompletion", params)
        person.insert("s")
        assert await session.ghost(person.uri, LINE, COLUMN + 1) == GHOST[1:]
        metrics = await session.metrics()
    assert metrics["accepted"] == 0
    assert metrics["shown"] == 1
