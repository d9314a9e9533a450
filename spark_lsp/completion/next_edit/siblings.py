"""A change made at two places whose lines are alike but for some names, at the other places that are.

Both changes are laid on each other, token by token: where they differ is a hole. A third place fits when
it has the same tokens, and something of the same kind in each hole: a name, a number, a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spark_lsp.completion.next_edit.code import KEYWORDS, LONGEST
from spark_lsp.completion.next_edit.edit import NextEdit, smallest
from spark_lsp.completion.next_edit.recent import Hunk, Recent
from spark_lsp.completion.next_edit.renames import WINDOW
from spark_lsp.text import Lines, line_body

LATEST = 8
"""Hunks that the latest one is laid on."""

MOST = 12
"""Lines of a change."""

FEWEST = 3
"""Tokens that the places have in common, a word among them."""

FEWEST_GONE = 5
"""The same of lines that were deleted: imports go for reasons of their own."""

_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[^\W\d]\w*|\d[\w.]*|\s+|[^\w\s]")

Line = tuple[str, ...]
"""Its tokens, without indentation."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines that became others, with a line beside them that tells where, and the indentation of the
    first one."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    indent: str


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Two changes laid on each other, in the words of the latest one: the old lines, the new ones with
    what they are indented more than the first, and which of the tokens are `holes`."""

    old: tuple[Line, ...]
    new: tuple[tuple[str, Line], ...]
    holes: frozenset[str]


def siblings(recent: Recent, lines: Lines) -> Iterator[NextEdit]:
    """Where the latest change can be made once more."""
    if len(recent.hunks) < 2 or recent.hunks[-1].end > lines.count:
        return
    latest = recent.hunks[-1]
    for earlier in recent.hunks[-2 : -LATEST - 1 : -1]:
        for pattern in _patterns(earlier, latest, lines):
            found = list(_places(pattern, latest, recent, lines))
            if found:
                yield from found
                return


def _patterns(earlier: Hunk, latest: Hunk, lines: Lines) -> Iterator[_Pattern]:
    for one, other in zip(_changes(earlier, lines), _changes(latest, lines), strict=True):
        if one is not None and other is not None:
            pattern = _laid(one, other)
            if pattern is not None:
                yield pattern


def _changes(hunk: Hunk, lines: Lines) -> tuple[_Change | None, _Change | None]:
    """A hunk's lines that differ, told by the line above where they are new, and by the one below."""
    old = [line_body(line) for line in hunk.old]
    new = [line_body(line) for line in lines.slice(hunk.first, hunk.end)]
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    first = hunk.first + head
    gone, come = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(gone), len(come)) > MOST or any(len(line) > LONGEST for line in (*gone, *come)):
        return None, None
    if gone:
        return _change(gone, come), None
    above = line_body(lines[first - 1]) if first else None
    at = first + len(come)
    below = line_body(lines[at]) if at < lines.count else None
    return (
        _change([above], [above, *come]) if above is not None and above.strip() else None,
        _change([below], [*come, below]) if below is not None and below.strip() else None,
    )


def _change(old: Sequence[str], new: Sequence[str]) -> _Change | None:
    if not old[0].strip():
        return None
    return _Change(tuple(old), tuple(new), _indent(old[0]))


def _laid(one: _Change, other: _Change) -> _Pattern | None:
    if len(one.old) != len(other.old) or len(one.new) != len(other.new):
        return None
    pairs: set[tuple[str, str]] = set()
    old = tuple(_tokens(line) for line in other.old)
    common = word = 0
    for mine, theirs in zip((_tokens(line) for line in one.old), old, strict=True):
        if len(mine) != len(theirs):
            return None
        for first, second in zip(mine, theirs, strict=True):
            if first == second:
                common += not first.isspace()
                word += len(first) > 1 and _kind(first) == "name"
            elif not _alike(first, second):
                return None
            else:
                pairs.add((first, second))
    if common < (FEWEST if one.new else FEWEST_GONE) or not word or not _is_clear(pairs):
        return None
    if not _follows(one, other, pairs) or _renames_only(other):
        return None
    new = tuple((_beyond(line, other.indent), _tokens(line)) for line in other.new)
    return _Pattern(old, new, frozenset(second for _, second in pairs))


def _renames_only(change: _Change) -> bool:
    """Whether all that differs are names: whose they are is for `renames` to tell."""
    if len(change.old) != len(change.new):
        return False
    pairs = [(_tokens(a), _tokens(b)) for a, b in zip(change.old, change.new, strict=True)]
    return all(
        len(old) == len(new)
        and all(a == b or _kind(a) == _kind(b) == "name" for a, b in zip(old, new, strict=True))
        for old, new in pairs
    )


def _is_clear(pairs: set[tuple[str, str]]) -> bool:
    """Whether each name of either place stands for one of the other's."""
    return len({first for first, _ in pairs}) == len({second for _, second in pairs}) == len(pairs)


def _follows(one: _Change, other: _Change, pairs: set[tuple[str, str]]) -> bool:
    """Whether the new lines of both are the same, but for what stands in the holes."""
    for mine, theirs in zip(one.new, other.new, strict=True):
        first, second = _tokens(mine), _tokens(theirs)
        if _beyond(mine, one.indent) != _beyond(theirs, other.indent) or len(first) != len(second):
            return False
        if any(a != b and (a, b) not in pairs for a, b in zip(first, second, strict=True)):
            return False
    return any(line.strip() for line in other.new) or not other.new


def _places(pattern: _Pattern, latest: Hunk, recent: Recent, lines: Lines) -> Iterator[NextEdit]:
    count = len(pattern.old)
    low, high = max(latest.first - WINDOW, 0), min(latest.end + WINDOW, lines.count)
    texts = [line_body(line) for line in lines.slice(low, high)]
    key = max((token for line in pattern.old for token in line if token not in pattern.holes), key=len)
    for index in range(len(texts) - count + 1):
        here = texts[index : index + count]
        if not any(key in line for line in here) or any(len(line) > LONGEST for line in here):
            continue
        first = low + index
        if any(hunk.first < first + count and first < hunk.end for hunk in recent.hunks):
            continue
        bound = _bound(pattern, here)
        if bound is None:
            continue
        indent = _indent(here[0])
        new = [
            indent + beyond + "".join(bound.get(token, token) for token in line) if line else ""
            for beyond, line in pattern.new
        ]
        if new != here and not _is_there(texts, index, count, here, new):
            yield _edit(first, here, new, lines)


def _bound(pattern: _Pattern, here: Sequence[str]) -> dict[str, str] | None:
    """What stands in the holes, None where the lines are others."""
    bound: dict[str, str] = {}
    for wanted, line in zip(pattern.old, here, strict=True):
        tokens = _tokens(line)
        if len(tokens) != len(wanted):
            return None
        for token, found in zip(wanted, tokens, strict=True):
            if token in pattern.holes:
                if not _alike(token, found) or bound.setdefault(token, found) != found:
                    return None
            elif token != found:
                return None
    return bound


def _is_there(texts: Sequence[str], index: int, count: int, here: Sequence[str], new: Sequence[str]) -> bool:
    """Whether the lines that would come stand there already."""
    if not new:
        return False
    if new[:count] == list(here):
        return list(texts[index : index + len(new)]) == list(new)
    return new[-count:] == list(here) and list(
        texts[max(index - len(new) + count, 0) : index + count]
    ) == list(new)


def _edit(first: int, here: Sequence[str], new: Sequence[str], lines: Lines) -> NextEdit:
    if new:
        return smallest(first, 0, "\n".join(here), "\n".join(new))
    text, last = "\n".join(here), first + len(here) - 1
    if last + 1 < lines.count:
        return NextEdit(first, 0, last + 1, 0, f"{text}\n", "")
    before = line_body(lines[first - 1]) if first else ""
    return NextEdit(max(first - 1, 0), len(before), last, len(here[-1]), f"\n{text}" if first else text, "")


def _tokens(line: str) -> Line:
    return tuple(_TOKEN.findall(line.strip()))


def _kind(token: str) -> str:
    if token[0] in "\"'":
        return "string"
    return "number" if token[0].isdigit() else "name" if token[0].isalpha() or token[0] == "_" else token


def _alike(one: str, other: str) -> bool:
    """Whether two tokens can stand in the same hole."""
    kind = _kind(one)
    return kind == _kind(other) and kind in ("name", "number", "string") and not {one, other} & KEYWORDS


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _beyond(line: str, indent: str) -> str:
    """What a line is indented more than the first one."""
    own = _indent(line)
    return own[len(indent) :] if own.startswith(indent) else ""
