"""Brackets as the bracket matcher of an editor sees them: outside strings and comments."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple

OPENERS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = {closer: opener for opener, closer in OPENERS.items()}

Inside = Literal["code", "string", "comment"]

OPEN_STRING = '"'
"""The mark of a string that does not end."""

PROSE = frozenset({"markdown", "plaintext", "latex", "restructuredtext", "html", "xml", "git-commit"})
"""Languages in which a bracket or an apostrophe need not have a partner."""

_HASH_COMMENTS = frozenset(
    {"python", "ruby", "shellscript", "yaml", "makefile", "toml", "perl", "r", "dockerfile", "elixir"}
)
_BACKTICK_STRINGS = frozenset({"go", "javascript", "javascriptreact", "typescript", "typescriptreact"})

_TRIPLE = r'"""[\s\S]*?(?:"""|\Z)|' + r"'''[\s\S]*?(?:'''|\Z)"
_DOUBLE = r'"(?:\\.|[^"\\\n])*(?:"|(?=\n)|\\?\Z)'
_SINGLE = r"'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\\?\Z)"
_CHARACTER = r"'(?:\\[^\n]{1,8}?|[^\\'\n])'"  # Rust: a lone ' begins a lifetime
REGULAR = (
    r"(?:(?<=[(,=:\[!&|?])|(?<=[(,=:\[!&|?] ))/(?![*/])"
    r"(?:\\.|\[(?:\\.|[^\]\\\n])*(?:\]|\Z)|[^/\\\n\[])+(?:/|\\?\Z)"
)
"""A regular expression as a literal: its quotes and brackets are its own."""
_REGULAR = _BACKTICK_STRINGS - {"go"}

_BACKTICK = r"`(?:\\.|[^`\\])*(?:`|\\?\Z)"


@cache
def _pattern(language: str) -> re.Pattern[str]:
    strings = [_DOUBLE, _CHARACTER if language == "rust" else _SINGLE]
    if language == "python":
        strings.insert(0, _TRIPLE)
    if language in _BACKTICK_STRINGS:
        strings.append(_BACKTICK)
    regular = rf"|{REGULAR}" if language in _REGULAR else ""
    comment = r"#[^\n]*" if language in _HASH_COMMENTS else r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)"
    return re.compile(
        rf"(?P<comment>{comment}{regular})|(?P<string>{'|'.join(strings)})|(?P<mark>[()\[\]{{}};])"
    )


def marks(text: str, language: str) -> Iterator[tuple[int, str]]:
    """Every bracket and semicolon of code with its index, and OPEN_STRING where a string does not end."""
    for match in _pattern(language).finditer(text):
        if match["mark"]:
            yield match.start(), match["mark"]
        elif (string := match["string"]) and not _ended(string):
            yield match.start(), OPEN_STRING


def unfinished(text: str, language: str) -> str:
    """How the string or comment begins that goes on in the next line, empty when there is none."""
    for match in _pattern(language).finditer(text):
        token = match["string"] or match["comment"] or ""
        if match.end() < len(text) or not token:
            continue
        if token.startswith("/*"):
            return "" if len(token) >= 4 and token.endswith("*/") else "/*"
        if token.startswith(('"""', "'''", "`")) and not _ended(token):
            return token[:1] if token[0] == "`" else token[:3]
    return ""


def inside(text: str, language: str) -> Inside:
    """Where a cursor at the end of `text` stands, which begins outside of strings and comments."""
    if language in PROSE:
        return "code"
    found = deque(_pattern(language).finditer(text), maxlen=1)
    if not found or found[0].end() < len(text):
        return "code"
    [last] = found
    if string := last["string"]:
        return "code" if _ended(string) else "string"
    comment = last["comment"] or ""
    ended = not comment or (comment.startswith("/*") and len(comment) >= 4 and comment.endswith("*/"))
    return "code" if ended else "comment"


def _ended(string: str) -> bool:
    quote = string[:3] if string[:3] in ('"""', "'''") else string[0]
    return len(string) >= 2 * len(quote) and string.endswith(quote)


class Balance(NamedTuple):
    """What a text leaves over: openers (outermost first) and closers without partner, an open string."""

    opened: tuple[tuple[int, str], ...]
    surplus: tuple[tuple[int, str], ...]
    in_string: bool


def balance(text: str, language: str) -> Balance:
    """Match the brackets of `text`. Each one left over comes with its index."""
    opened: list[tuple[int, str]] = []
    surplus: list[tuple[int, str]] = []
    in_string = False
    for index, mark in marks(text, language):
        if mark in OPENERS:
            opened.append((index, mark))
        elif mark in CLOSERS:
            if opened and opened[-1][1] == CLOSERS[mark]:
                opened.pop()
            else:
                surplus.append((index, mark))
        elif mark == OPEN_STRING:
            in_string = True
    return Balance(tuple(opened), tuple(surplus), in_string)
