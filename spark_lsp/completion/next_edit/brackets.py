"""Lists in brackets: where one ends, and what stands between its commas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST_LINES = 40
"""Lines of a list; a longer one is a table, and nobody's call."""

_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Item:
    """What stands between two commas, the blank in front of it, and the comment behind it on its last
    line."""

    lead: str
    text: str
    note: str
    code: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A list: its items, where what is between the brackets begins and ends (line, column), and the text
    there, its line ends \\n. `tail` stands behind the last item and its comment. `dangling`: it ends in a
    comma."""

    items: tuple[Item, ...]
    start: tuple[int, int]
    end: tuple[int, int]
    text: str
    tail: str
    dangling: bool


def listed(
    lines: Sequence[str], code: Sequence[str], line: int, column: int, *, types: bool = False
) -> Listed | None:
    """The list whose opening bracket stands there; None where it is not closed within some lines.

    `lines` and `code` are the text and its code at the same columns, both without line ends. `types`: `<`
    and `>` are brackets, too.
    """
    raw = "\n".join(lines[line : line + MOST_LINES])
    plain = "\n".join(code[line : line + MOST_LINES])
    depth, cuts = 0, [column + 1]
    for at in range(column, min(len(plain), len(raw))):
        character = plain[at]
        if character in _OPEN or (types and character == "<"):
            depth += 1
        elif character in _CLOSE or (types and character == ">" and plain[at - 1] not in "=-"):
            depth -= 1
            if depth == 0:
                return _listed(raw, plain, cuts, at, line)
        elif character == "," and depth == 1:
            cuts.append(at + 1)
    return None


def _listed(raw: str, plain: str, cuts: list[int], end: int, line: int) -> Listed:
    items: list[Item] = []
    stops = [cut - 1 for cut in cuts[1:]] + [end]
    tail = ""
    for first, stop in zip(cuts, stops, strict=True):
        begin, close = _shown(raw[first:stop], plain[first:stop])
        lead = raw[first : first + begin]
        note, rest = _note(lead) if items else ("", lead)
        if note:
            items[-1] = replace(items[-1], note=items[-1].note + note)
        if begin == close:  # nothing but blanks and comments
            tail = rest
            break
        behind = raw[first + close : stop]
        own, tail = _note(behind) if stop == end else (behind, "")
        items.append(
            Item(rest, raw[first + begin : first + close], own, plain[first + begin : first + close])
        )
    start = cuts[0]
    return Listed(
        tuple(items),
        _place(raw, start, line),
        _place(raw, end, line),
        raw[start:end],
        tail,
        len(cuts) > 1 and len(items) < len(cuts),
    )


def _note(blank: str) -> tuple[str, str]:
    """The comment that follows on the same line, and the rest."""
    line, newline, rest = blank.partition("\n")
    return (line, newline + rest) if line.strip() else ("", blank)


def _shown(raw: str, plain: str) -> tuple[int, int]:
    """Where an item begins and ends in its piece. Strings are blank in `plain` and belong to it; comments do
    not."""
    seen = [at for at in range(len(raw)) if not raw[at].isspace() and not _in_comment(raw, plain, at)]
    return (seen[0], seen[-1] + 1) if seen else (len(raw), len(raw))


def _in_comment(raw: str, plain: str, at: int) -> bool:
    """Whether a blanked character is of a comment: one is open on its line before it."""
    if not plain[at].isspace():
        return False
    start = raw.rfind("\n", 0, at) + 1
    head = raw[start : at + 1]
    marks = [head.find(mark) for mark in ("#", "//", "/*") if mark in head]
    return any(
        not plain[start + mark].strip() and (head[:mark].count('"') + head[:mark].count("'")) % 2 == 0
        for mark in marks
    )


def _place(raw: str, at: int, line: int) -> tuple[int, int]:
    before = raw[:at]
    return line + before.count("\n"), at - (before.rfind("\n") + 1)
