"""Source text as far as it can be told without a grammar: what is code in it, and which functions are
around a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from spark_lsp.text import Lines, line_body

LONGEST = 1_000
"""Code points of a line that is looked at; longer ones are nobody's handwriting."""

NAME = re.compile(r"[^\W\d]\w*\Z")
HEADER = re.compile(
    r"\s*(?:(?:async|export|default|pub|public|private|protected|static)\s+)*(?:def|function|fn|func)\b"
)
KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """
    and as assert async await break case catch class const continue def default del do elif else enum except
    export extends false False finally fn for from func function global if import in is lambda let match new
    nil None nonlocal not null or pass pub raise return self static struct super switch this throw true True
    try type var void while with yield int str float bool list dict set tuple
        """,
    )
)
_HASHES = frozenset(
    ("python", "ruby", "shellscript", "yaml", "toml", "perl", "r", "elixir", "makefile", "dockerfile")
)
_STRINGS = (
    r"[A-Za-z]{0,2}\"\"\"[\s\S]*?(?:\"\"\"|\Z)|[A-Za-z]{0,2}'''[\s\S]*?(?:'''|\Z)"
    r'|[A-Za-z]{0,2}"(?:\\.|[^"\\\r\n])*"?|[A-Za-z]{0,2}\'(?:\\.|[^\'\\\r\n])*\'?'
)
_HASHED = re.compile(rf"{_STRINGS}|#[^\r\n]*")
_SLASHED = re.compile(rf"{_STRINGS}|`(?:\\.|[^`\\])*`?|//[^\r\n]*|/\*[\s\S]*?(?:\*/|\Z)")
_VISIBLE = re.compile(r"[^\r\n]")
_OUTSIDE_TEMPLATE = re.compile(r"(?:\A|\})(?:(?!\$\{)[\s\S])*(?:\$\{|\Z)")
_OUTSIDE_BRACES = re.compile(r"(?:\A|\})[^{}]*(?:\{|\Z)")


def is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def begins_word(text: str) -> bool:
    return bool(text) and is_word(text[0])


def ends_word(text: str) -> bool:
    return bool(text) and is_word(text[-1])


def shared_ends(old: str, new: str) -> tuple[int, int]:
    """How much two texts have in common at their beginning and, behind that, at their end: in whole words."""
    head = _common(old, new)
    while head and (_splits(old, head) or _splits(new, head)):
        head -= 1
    tail = _common(old[head:][::-1], new[head:][::-1])
    while tail and (_splits(old, len(old) - tail) or _splits(new, len(new) - tail)):
        tail -= 1
    return head, tail


def _common(one: str, other: str) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def _splits(text: str, at: int) -> bool:
    """Whether a cut would be within a word."""
    return 0 < at < len(text) and is_word(text[at - 1]) and is_word(text[at])


def code_of(lines: Lines, low: int, high: int, language: str) -> list[str]:
    """The lines with strings and comments blanked, at their own columns. What f-strings put in is code."""
    return blanked(lines.slice(low, high), language)


def blanked(lines: Iterable[str], language: str) -> list[str]:
    kept = [line if len(line) <= LONGEST else _VISIBLE.sub(" ", line) for line in lines]
    pattern = _HASHED if language in _HASHES else _SLASHED
    text = pattern.sub(_blank, "".join(kept))
    code, at = [], 0
    for line in kept:
        code.append(line_body(text[at : at + len(line)]))
        at += len(line)
    return code


def _blank(match: re.Match[str]) -> str:
    text = match[0]
    if text.startswith("`"):
        return _OUTSIDE_TEMPLATE.sub(lambda part: _VISIBLE.sub(" ", part[0]), text)
    quote = re.match(r"[A-Za-z]*", text)
    if quote is not None and "f" in quote[0].lower():
        return _OUTSIDE_BRACES.sub(lambda part: _VISIBLE.sub(" ", part[0]), text)
    return _VISIBLE.sub(" ", text)


def functions_around(code: Sequence[str], at: int) -> Iterator[tuple[int, int]]:
    """The functions around a line, by their indentation, the innermost first: (first line, behind the
    last)."""
    width = indent(code[at])
    for index in range(at, -1, -1):
        line = code[index]
        if not line.strip() or (index < at and indent(line) >= width):
            continue
        if index < at and line.lstrip()[0] not in ")]}":
            width = indent(line)
        if HEADER.match(line):
            yield index, end_of(code, index)


def end_of(code: Sequence[str], start: int) -> int:
    """The line behind the block that line `start` opens, by its indentation."""
    width = indent(code[start])
    for index in range(start + 1, len(code)):
        line = code[index]
        if line.strip() and indent(line) <= width and line.lstrip()[0] not in ")]}{":
            return index
    return len(code)


def indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
