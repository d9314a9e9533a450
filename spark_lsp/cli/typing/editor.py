"""A document with a cursor and what is shown at it, as editors have them. Pure.

Ghost text survives keys that match it and is gone at the first that does not. An answer to the current state
replaces what is shown; one that says the same, or more, is not seen to do so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spark_lsp.text import Document, character_of, column_of

Change = dict[str, Any]
"""One content change of didChange."""


@dataclass(frozen=True, slots=True)
class Place:
    """0-based line, and column in code points."""

    line: int
    column: int


CLOSER = {"(": ")", "[": "]", "{": "}"}


def unmatched(text: str) -> str:
    """The closing brackets in `text` whose opening ones are not."""
    depth, left = 0, ""
    for character in text:
        if character in CLOSER:
            depth += 1
        elif character in CLOSER.values():
            depth -= 1
            if depth < 0:
                left, depth = left + character, 0
    return left


class Buffer:
    """A document, \\n at line ends, and its cursor; what changes it returns what the server is told.

    With `closes` an opening bracket brings its closing one along. `closers` are those that stand behind the
    cursor for that reason: they are typed over, and taken away by Enter.
    """

    def __init__(self, uri: str, text: str, at: Place, *, closes: bool = False) -> None:
        self.document = Document(uri, text, language="python", version=1)
        self.at = at
        self.closers = ""
        self._closes = closes

    @property
    def line_before(self) -> str:
        return self.document.lines[self.at.line][: self.at.column]

    @property
    def line_after(self) -> str:
        return self.document.lines[self.at.line][self.at.column :].rstrip("\n")

    def position(self, place: Place) -> dict[str, int]:
        """The place in UTF-16 units."""
        line = self.document.lines[place.line]
        return {"line": place.line, "character": character_of(line, place.column, "utf-16")}

    def replace(self, start: Place, end: Place, text: str) -> Change:
        """`text` in the place of what is between the two; the cursor stands behind it."""
        first, last = self.position(start), self.position(end)
        self.document.version += 1
        self.document.edit(first["line"], first["character"], last["line"], last["character"], text)
        lines = text.split("\n")
        column = len(lines[-1]) + (start.column if len(lines) == 1 else 0)
        self.at = Place(start.line + len(lines) - 1, column)
        return {"range": {"start": first, "end": last}, "text": text}

    def insert(self, text: str, erased: int = 0) -> Change:
        """`text` at the cursor, in place of so many characters before it on its line."""
        return self.replace(Place(self.at.line, self.at.column - erased), self.at, text)

    def type(self, text: str, erased: int = 0) -> Change:
        """What one key enters, and what the editor does with it."""
        behind = Place(self.at.line, self.at.column + len(self.closers))
        if text in CLOSER and self._closes and self.line_after == self.closers:
            self.closers = CLOSER[text] + self.closers
            change = self.insert(text + CLOSER[text])
            self.at = Place(self.at.line, self.at.column - 1)
            return change
        if self.closers and text == self.closers[0]:
            self.closers = self.closers[1:]
            return self.replace(self.at, Place(self.at.line, self.at.column + 1), text)
        if self.closers and text.startswith("\n"):
            self.closers = ""
            return self.replace(Place(self.at.line, self.at.column - erased), behind, text)
        return self.insert(text, erased)

    def take(self, text: str, absorbed: str) -> Change:
        """`text` at the cursor, in place of the closing brackets `absorbed` behind it."""
        self.closers = self.closers[len(absorbed) :]
        return self.replace(self.at, Place(self.at.line, self.at.column + len(absorbed)), text)

    def undo(self, before: Place, closers: str) -> Change:
        """Takes what was taken at `before`, where `closers` stood behind the cursor, away again."""
        absorbed = closers[: len(closers) - len(self.closers)]
        change = self.replace(before, self.at, absorbed)
        self.at, self.closers = before, closers
        return change

    def drop_closers(self) -> Change:
        """What was closed by itself and is not meant goes."""
        behind = Place(self.at.line, self.at.column + len(self.closers))
        self.closers = ""
        return self.replace(self.at, behind, "")

    def line_end(self, line: int) -> Place:
        return Place(line, len(self.document.lines[line].rstrip("\n")))


@dataclass(frozen=True, slots=True)
class Item:
    """An answer's item, laid over the line it is for.

    `replaced` stands in its range before the cursor, `absorbed` behind it, `text` is what it says in all.
    """

    name: str
    hit: str
    text: str
    replaced: str
    absorbed: str
    raw: dict[str, Any] = field(repr=False)

    @property
    def ghost(self) -> str:
        """What is shown at the cursor; "" for one that replaces what stands there otherwise."""
        return self.text[len(self.replaced) :] if self.text.startswith(self.replaced) else ""


def item_of(raw: dict[str, Any], buffer: Buffer) -> Item | None:
    """None for an item whose range does not hold the cursor, or goes over the end of its line."""
    start, end = raw["range"]["start"], raw["range"]["end"]
    line = buffer.document.lines[buffer.at.line]
    columns = [column_of(line, place["character"], "utf-16") for place in (start, end)]
    exact = [character_of(line, column, "utf-16") for column in columns] == [
        start["character"],
        end["character"],
    ]
    if not start["line"] == end["line"] == buffer.at.line or not exact:
        return None
    if not columns[0] <= buffer.at.column <= columns[1]:
        return None
    arguments = raw.get("command", {}).get("arguments", [])
    return Item(
        name=arguments[0] if arguments else "",
        hit=arguments[1] if len(arguments) > 1 else "unknown",
        text=raw["insertText"],
        replaced=line[columns[0] : buffer.at.column],
        absorbed=line[buffer.at.column : columns[1]],
        raw=raw,
    )


class Screen:
    """The ghost text at the cursor, and since when each part of it could be seen.

    `identity` changes with each text that has nothing to do with the one before. `seen` tells how far the
    text went (characters from where it was first shown) at which state: (length, state), growing.
    """

    def __init__(self) -> None:
        self.item: Item | None = None
        self.ghost = ""
        self.identity = 0
        self.typed = 0
        self.seen: list[tuple[int, int]] = []

    def hide(self) -> None:
        self.item, self.ghost = None, ""

    def enter(self, text: str) -> bool:
        """`text` was entered at the cursor. Whether it was the next of what is shown, which shrinks by it."""
        if not self.ghost or not self.ghost.startswith(text):
            self.hide()
            return False
        self.ghost = self.ghost[len(text) :]
        self.typed += len(text)
        if "\n" in text:
            # The last line had been for the closing brackets behind the cursor, which Enter takes away.
            head, _, last = self.ghost.rpartition("\n")
            self.ghost = self.ghost if last.strip() else head
        if not self.ghost:
            self.hide()
        return True

    def show(self, item: Item | None, state: int) -> None:
        """The answer to the current state: None, or an item that is no ghost text, leaves nothing there."""
        ghost = item.ghost if item is not None else ""
        if not ghost:
            self.hide()
            return
        if not self.ghost or not (ghost.startswith(self.ghost) or self.ghost.startswith(ghost)):
            self.identity += 1
            self.typed, self.seen = 0, []
        self.item, self.ghost = item, ghost
        length = self.typed + len(ghost)
        if not self.seen or length > self.seen[-1][0]:
            self.seen.append((length, state))

    def states_of(self, text: str) -> tuple[int, int]:
        """The states at which what is shown was first seen, and was first seen up to the end of `text`."""
        end = self.typed + len(text)
        whole = next(state for length, state in self.seen if length >= end)
        return self.seen[0][1], whole
