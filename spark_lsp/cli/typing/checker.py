"""Is what is shown right for the text that stands there, and does it stay still? Pure.

Three things must never happen. A contradiction: an item that does not belong to the text as it is when the
answer arrives. Doubled text: taking it would say again what stands behind the cursor. Flicker: what is shown
is replaced, while one types along with it, by something that does not extend it, or goes and comes back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from spark_lsp.cli.typing.editor import CLOSER, Buffer, Item, item_of, unmatched

Kind = Literal["contradictions", "doubled", "flicker"]

KEPT = 20
"""Findings that are described; all are counted."""

AROUND = 80
"""Characters of the text that a finding shows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`key` is its number in the session; the other texts are what was there, and what was said."""

    kind: Kind
    session: str
    key: int
    line_before: str
    line_after: str
    shown: str
    said: str
    truth: str

    def report(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Checker:
    """Replays the answers of one session. `session` is what it takes to have the same one again."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._vanished = ""
        self.counts: Counter[str] = Counter()
        self.findings: list[Finding] = []

    def entered(self, text: str) -> None:
        """`text` was entered at the cursor: what has gone from the screen would be shorter by it."""
        kept = self._vanished.startswith(text)
        self._vanished = self._vanished[len(text) :] if kept else ""

    def moved(self) -> None:
        """Something else happened than typing: nothing has to come back."""
        self._vanished = ""

    def answered(
        self, raw: dict[str, Any] | None, buffer: Buffer, shown: str, truth: str, key: int
    ) -> Item | None:
        """The answer to the current state arrived: its item, None for none.

        `shown` is what is on the screen, `truth` what the person is going to write, "" if not known.
        Returns the item that an editor would show, None when it would show nothing.
        """
        item = item_of(raw, buffer) if raw is not None else None

        def found(kind: Kind) -> None:
            self._found(kind, raw, buffer, shown, truth, key)

        if raw is not None and (item is None or not _belongs(item)):
            found("contradictions")
            return None
        if item is not None and _doubles(item, buffer, truth):
            found("doubled")
        ghost = item.ghost if item is not None else ""
        replaced = shown and ghost and not _extends(ghost, shown, buffer)
        came_back = not shown and ghost and self._vanished and _same(ghost, self._vanished)
        if replaced or came_back:
            found("flicker")
        if ghost:
            self._vanished = ""
        elif shown:
            self._vanished = shown
        return item

    def _found(self, kind: Kind, raw: Any, buffer: Buffer, shown: str, truth: str, key: int) -> None:
        self.counts[kind] += 1
        if len(self.findings) < KEPT:
            finding = Finding(
                kind,
                self._session,
                key,
                line_before=buffer.line_before[-AROUND:],
                line_after=buffer.line_after[:AROUND],
                shown=shown,
                said=str(raw),
                truth=truth[:AROUND],
            )
            self.findings.append(finding)


def _belongs(item: Item) -> bool:
    """Its text begins with what it replaces before the cursor, or is a line less deep in place of blanks."""
    if item.text.startswith(item.replaced):
        return True
    indent = item.text[: len(item.text) - len(item.text.lstrip())]
    return not item.replaced.strip() and item.replaced.startswith(indent)


def _doubles(item: Item, buffer: Buffer, truth: str) -> bool:
    rest = buffer.line_after[len(item.absorbed) :].strip()
    last = item.text.rpartition("\n")[2].rstrip()
    if rest and set(rest) <= set(CLOSER.values()):
        before, after = buffer.line_before, buffer.line_after
        return len(unmatched(before + item.ghost + rest)) > len(unmatched(before + after))
    if rest and last.endswith(rest) and not truth.startswith(item.ghost):
        return True
    # The line below is the last one that would be inserted: twice the same, unless that is what is meant.
    below = _line_below(buffer)
    if not below or rest or truth.startswith(item.ghost):
        return False
    return (
        buffer.line_before[: -len(item.replaced) or None] if "\n" not in item.text else ""
    ) + last == below


def _line_below(buffer: Buffer) -> str:
    lines = buffer.document.lines
    for line in lines.slice(buffer.at.line + 1, buffer.at.line + 4):
        if line.strip():
            return line.rstrip()
    return ""


def _extends(ghost: str, shown: str, buffer: Buffer) -> bool:
    """Closing brackets that stand behind the cursor may be said again or left standing: it looks the same."""
    if buffer.closers:
        closing = "".join(CLOSER.values())
        return ghost.rstrip(closing).startswith(shown.rstrip(closing))
    return ghost.startswith(shown)


def _same(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
