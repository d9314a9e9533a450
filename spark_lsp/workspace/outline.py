"""What a file defines and imports, told line by line: no parser, so that thousands of files take seconds.

A definition ends where the indentation falls back to its own. What a line pattern misses is not told of; what
it takes wrongly for a definition costs a few tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from os.path import splitext
from textwrap import dedent
from typing import NamedTuple

from spark_lsp.workspace.line_patterns import IMPORT, IMPORTS_BEGIN, definition_pattern

WHOLE = 8
"""Lines: a definition that is no longer is told as it is, a longer one by its head and its members'."""

HEAD = 6
"""Lines that a head may have: parameters often stand one a line."""

MEMBERS = 14
"""Lines of members that are told of a class."""

LINES = 20_000
"""Of a longer file the rest is not read."""

_IMPORTS_WITHIN = 300  # lines from the top
_NO_NAMES = {"as", "import", "type", "export", "const", "default", "from"}
_CLOSES = re.compile(r"[ \t]*(?:[)\]}]|end\b|esac\b|fi\b|done\b|\{[ \t]*$)")
_FIELD = re.compile(r"[ \t]*(?:[\w$]+[ \t]*[:?!]|[\w<>\[\]]+[ \t]+\w+[ \t]*[;=,])")
_DOCUMENTED = re.compile(r"[ \t]*[rR]?(?:\"\"\"|''')(.*)")


class Definition(NamedTuple):
    """A name, and the lines it is defined in: 0-based, the end exclusive."""

    name: str
    line: int
    end: int


def outline(lines: Sequence[str], path: str) -> list[Definition]:
    """What these lines of a file define, in their order."""
    match = definition_pattern(path).match
    found: list[Definition] = []
    open_: list[tuple[int, str, int]] = []  # (indentation, name, line)
    last = 0
    for number, line in enumerate(lines[:LINES]):
        if line.isspace() or not line:
            continue
        indent = _indent(line)
        if open_ and indent <= open_[-1][0]:
            closes = _CLOSES.match(line) is not None
            while open_ and (indent < open_[-1][0] or (indent == open_[-1][0] and not closes)):
                _, name, start = open_.pop()
                found.append(Definition(name, start, last + 1))
        last = number
        if (hit := match(line)) and hit.lastindex:
            open_.append((indent, hit[hit.lastindex], number))
    found += [Definition(name, start, last + 1) for _, name, start in open_]
    return sorted(found, key=lambda one: one.line)


class Import(NamedTuple):
    """A module by the parts of its name, and the names that are taken from it."""

    parts: tuple[str, ...]
    names: frozenset[str]


def imports(lines: Sequence[str]) -> list[Import]:
    """What a file imports, as far as it says so in its first few hundred lines."""
    found: list[Import] = []
    open_ = False  # within the brackets of Python's `from x import (`
    for line in lines[:_IMPORTS_WITHIN]:
        if open_:
            found[-1] = found[-1]._replace(names=found[-1].names | _names(line))
            open_ = ")" not in line
            continue
        hit = IMPORT.match(line) if line.startswith(IMPORTS_BEGIN) else None
        if hit is None:
            continue
        named = hit.groupdict()
        taken = next((text for text in named.values() if text is not None), "")
        module = next(text for text in hit.groups() if text and text not in named.values())
        module = splitext(module)[0] if "/" in module else module
        parts = tuple(part for part in re.split(r"[./:\\]+", module) if part)
        if parts or taken:
            found.append(Import(parts, _names(taken)))
            open_ = named["names"] is not None and "(" in taken and ")" not in taken
    return found


def told(lines: Sequence[str], one: Definition, inner: Sequence[Definition]) -> str:
    """What is told of a definition: all of a short one; of a longer one its head, the first line of its
    documentation and its members' heads, `inner` being the definitions within it."""
    body = lines[one.line : one.end]
    start = one.line
    while start and one.line - start < 2 and re.match(r"[ \t]*(?:@\w|#\[)", lines[start - 1]):
        start -= 1
    if one.end - start <= WHOLE:
        return _text(lines[start : one.end])
    head = head_of(body)
    shown = [*lines[start : one.line], *body[:head]]
    if head < len(body) and (documented := _DOCUMENTED.match(body[head])) and documented[1].strip():
        quotes = '"""' if '"""' in body[head] else "'''"
        shown.append(body[head].rstrip() + ("" if body[head].count(quotes) > 1 else quotes))
    members = list(_members(lines, one, head, inner))
    return _text([*shown, *members[:MEMBERS]])


def _members(lines: Sequence[str], one: Definition, head: int, inner: Sequence[Definition]) -> Iterator[str]:
    """The fields of a class and the heads of its methods. Of a function nothing: what is in it is its own."""
    if not re.match(
        r".*\b(?:class|interface|struct|enum|trait|record|type|impl|object|union)\b", lines[one.line]
    ):
        return
    first = one.line + head
    depth = next((_indent(line) for line in lines[first : one.end] if line.strip()), 0)
    starts = {definition.line for definition in inner}
    for number in range(first, one.end):
        line = lines[number]
        if _indent(line) != depth or not line.strip():
            continue
        if number in starts:
            yield from lines[number : number + head_of(lines[number : one.end])]
        elif _FIELD.match(line):
            yield line


def head_of(body: Sequence[str]) -> int:
    """How many lines of a definition are its head: to where its brackets are closed."""
    opened = 0
    for count, line in enumerate(body[:HEAD], 1):
        opened += line.count("(") + line.count("[") - line.count(")") - line.count("]")
        if opened <= 0:
            return count
    return 1


def _text(lines: Sequence[str]) -> str:
    return dedent("\n".join(line.rstrip() for line in lines)).strip("\n")


def _names(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d]\w*", text)) - _NO_NAMES


def _indent(line: str) -> int:
    width = len(line) - len(line.lstrip(" \t"))
    return len(line[:width].expandtabs(4)) if "\t" in line else width
