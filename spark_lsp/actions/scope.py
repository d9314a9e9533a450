"""Which lines an action may change, and which of the document a model is shown.

Told by indentation and by how definitions begin, in any language, without a parser: a scope that is a few
lines too wide costs tokens, one that had to wait for a grammar would cost the glance.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHOWN = 12_000
"""Characters of a document that a model is shown: all of a usual file, else what is around the scope."""

WIDEST = 200
"""Lines that an action may change: of a longer definition the lines around the place."""

HEADER = 200
"""Lines at a document's top that imports are looked for in."""

_DEFINITION = re.compile(
    r"\s*(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([^)]*\))?|unsafe"
    r"|extern|const|inline|virtual|override|open|sealed|data)\s+)*"
    r"(?:def|class|function\*?|func|fn|fun|interface|trait|impl|struct|enum|type|module|namespace|object|record|sub"
    r"|macro_rules!)\b"
    r"|\s*(?:export\s+)?(?:const|let|var)\s+\w+\s*(?::[^=]+)?=\s*(?:async\s*)?(?:function\b|\([^)]*\)\s*(?::[^=]+)?=>|\w+\s*=>)"
    r"|\s*(?:async\s+|static\s+|get\s+|set\s+)*(?!\s*(?:if|for|while|switch|catch|return|else|do|with)\b)"
    r"[\w<>\[\],\s*&:~]*\b\w+\s*\([^;]*\)\s*(?:const\s*)?(?::\s*[\w<>\[\], |]+)?\{\s*$"
)
"""A line that begins something that has a name and a body."""

_IMPORT = re.compile(
    r"\s*(?:import\b|from\s+\S+\s+import\b|#\s*include\b|using\b|use\s|require\b|const\s.*=\s*require\(|package\b"
    r"|extern\s+crate\b|@import\b|\"[^\"]+\"$)"
)
_PREFACE = re.compile(r"\s*(?:#|//|/\*|\*|--|;|'''|\"\"\"|[)}\]]|[rub]?\"\"\")|\s*$")
_LEADS = re.compile(r"\s*(?:@|#\[|///|//|#|/\*\*?|\*)")
"""Decorators, attributes and comments that belong to the definition below them."""

_CLOSES = re.compile(r"\s*(?:[)}\]]+[;,]?|end\b|esac\b|fi\b|done\b)")


@dataclass(frozen=True, slots=True)
class Scope:
    """Lines of a document, each range with an exclusive end: what may be changed, and what is shown.

    Both are ascending and do not overlap; whatever may be changed is shown.
    """

    change: tuple[range, ...]
    shown: tuple[range, ...]


def block_of(lines: Sequence[str], first: int, last: int) -> range:
    """The innermost definition around lines `first` to `last` (exclusive); outside of all, the paragraph."""
    first = min(max(first, 0), max(len(lines) - 1, 0))
    last = min(max(last, first + 1), len(lines))
    for name in _starts(lines, first):
        start, end = _with_leads(lines, name), _end(lines, name)
        if start <= first and end >= last:
            return _around(range(start, end), first, last)
    return _around(_paragraph(lines, first, last), first, last)


def definition_of(lines: Sequence[str], first: int, last: int) -> range | None:
    """The innermost definition around these lines, None outside of all."""
    block = block_of(lines, first, last)
    return block if is_definition(lines[block.start : block.stop]) else None


def is_definition(block: Sequence[str]) -> bool:
    """Whether a block of lines is one, and not a paragraph outside of all."""
    return _DEFINITION.match(next((line for line in block if not _LEADS.match(line)), "")) is not None


def header_of(lines: Sequence[str]) -> range:
    """The lines at the top up to the last import that stands in front of everything else."""
    last, docstring = 0, False
    for number, line in enumerate(lines[:HEADER]):
        quotes = line.count('"""') + line.count("'''")
        if docstring or quotes:
            docstring ^= quotes % 2 == 1
            continue
        if _IMPORT.match(line) or (number == last > 0 and _goes_on(lines[number - 1], line)):
            last = number + 1
        elif not _PREFACE.match(line):
            break
    return range(0, last)


def may_stand_in_header(line: str) -> bool:
    """Whether a line is an import, a comment, or goes on with one: what stands above the code."""
    return bool(_IMPORT.match(line) or _PREFACE.match(line) or line[:1].isspace())


def _goes_on(above: str, line: str) -> bool:
    """Whether a line belongs to the import above it. Go has groups of them, a blank line between."""
    if not line.strip():
        return above[:1].isspace()
    return line[:1].isspace() or bool(_CLOSES.match(line))


def scope_of(lines: Sequence[str], change: Sequence[range]) -> Scope:
    """The scope in which these lines may be changed, with as much around them as a model is shown."""
    joined = tuple(_joined(change))
    if sum(map(len, lines)) + len(lines) <= SHOWN:
        return Scope(joined, (range(len(lines)),))
    header = header_of(lines)
    below = [span for span in joined if span.stop > header.stop]
    left = max(SHOWN - sum(_size(lines, span) for span in (header, *below)), 0) // max(2 * len(below), 1)
    around = [range(_reach(lines, span.start, -1, left), _reach(lines, span.stop, 1, left)) for span in below]
    shown = [header, *around, *joined]
    return Scope(joined, tuple(_joined(shown)))


def _starts(lines: Sequence[str], first: int) -> Iterator[int]:
    """Where the definitions around a line begin, the innermost first."""
    line = first
    while line < len(lines) - 1 and _LEADS.match(lines[line]):
        line += 1  # a decorator belongs to what it decorates
    if _DEFINITION.match(lines[line]):
        yield line
    indent = min(_indent(lines[line]), _indent(lines[first]) if lines[first].strip() else 1_000)
    for number in range(min(line, first) - 1, max(first - 5_000, -1), -1):
        text = lines[number]
        if not text.strip() or _indent(text) >= indent:
            continue
        if _CLOSES.match(text) and not _DEFINITION.match(text):
            continue
        indent = _indent(text)
        if _DEFINITION.match(text):
            yield number
        if indent == 0:
            return


def _end(lines: Sequence[str], start: int) -> int:
    """The line after the last one of the definition that begins there."""
    indent, end = _indent(lines[start]), start + 1
    open_brackets = _opened(lines[start])
    for number in range(start + 1, len(lines)):
        text = lines[number]
        if not text.strip():
            continue
        deeper = _indent(text) > indent
        if not deeper and open_brackets <= 0 and not _CLOSES.match(text):
            break
        if not deeper and open_brackets <= 0 and _CLOSES.match(text):
            return end if _opened(lines[start]) == 0 and lines[start].rstrip().endswith(":") else number + 1
        if not deeper and _CLOSES.match(text) and open_brackets + _opened(text) <= 0:
            return number + 1 if not text.rstrip().endswith((":", "{")) else _past(lines, number, indent)
        open_brackets += _opened(text)
        end = number + 1
    return end


def _past(lines: Sequence[str], number: int, indent: int) -> int:
    """A line such as `) -> int:` or `} else {` goes on with the body."""
    end = number + 1
    for later in range(number + 1, len(lines)):
        text = lines[later]
        if text.strip() and _indent(text) <= indent:
            return later + 1 if _CLOSES.match(text) else end
        if text.strip():
            end = later + 1
    return end


def _opened(text: str) -> int:
    return sum(map(text.count, "([{")) - sum(map(text.count, ")]}"))


def _with_leads(lines: Sequence[str], start: int) -> int:
    while start > 0 and _LEADS.match(lines[start - 1]) and _indent(lines[start - 1]) == _indent(lines[start]):
        start -= 1
    return start


def _paragraph(lines: Sequence[str], first: int, last: int) -> range:
    while first > 0 and lines[first - 1].strip():
        first -= 1
    while last < len(lines) and lines[last].strip():
        last += 1
    return range(first, last)


def _around(block: range, first: int, last: int) -> range:
    if len(block) <= WIDEST:
        return block
    margin = max(WIDEST - (last - first), 0) // 2
    return range(max(block.start, first - margin), max(min(block.stop, last + margin), last))


def _reach(lines: Sequence[str], number: int, step: int, size: int) -> int:
    """How far from a line's edge `size` characters go, by whole lines."""
    while 0 < number + (step < 0) <= len(lines) and 0 <= (index := number - (step < 0)) < len(lines):
        size -= len(lines[index]) + 1
        if size < 0:
            break
        number += step
    return number


def _size(lines: Sequence[str], span: range) -> int:
    return sum(len(lines[number]) + 1 for number in span)


def _joined(spans: Sequence[range]) -> Iterator[range]:
    held: range | None = None
    for span in sorted(filter(len, spans), key=lambda span: span.start):
        if held is not None and span.start <= held.stop:
            held = range(held.start, max(held.stop, span.stop))
            continue
        if held is not None:
            yield held
        held = span
    if held is not None:
        yield held


def _indent(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
