"""What a model says about code, told from code: the sentences that chat models put around their answers.

Said of one line. In a program, outside strings and comments, four words in a row that begin with a
capital and end with a full stop are no code.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from spark_lsp.completion.brackets import marks

Looks = Literal["prose", "code", "unsure"]

PROGRAMS = frozenset(
    (
        *("python", "go", "rust", "c", "cpp", "csharp", "java", "kotlin", "swift", "scala", "dart", "zig"),
        *("javascript", "typescript"),
    )
)
"""Languages whose sentences stand in strings and comments only: not so in JSX, YAML, a here-document."""

_MANNERS = (
    *("Here's", "Here’s", "Here is", "Here are", "Below is", "Below are", "I'll", "I’ll", "I've", "I’ve"),
    *(f"{word}{mark}" for word in ("Sure", "Certainly", "Of course", "Absolutely", "Okay") for mark in ",.!"),
)
_WORD = r"(?:[A-Za-z][\w'’/-]*|`[^`\n]*`)"
_SENTENCE = re.compile(rf"[A-Z][a-z]*(?:['’][a-z]+)?,?(?: {_WORD}[,;]?){{3,}}[.!](?=\s|$)")
_ANNOUNCEMENT = re.compile(rf"[A-Z][a-z]*(?:['’][a-z]+)?,?(?: {_WORD}[,;]?)+:")
_NOTHING = re.compile(r"(?:No|Nothing)(?: (?!(?:if|else|is|in|and|or|not)\b)[a-z]+){1,7}[.!]?$")
_OMISSION = re.compile(r"(?:#|//|/\*|--)\s*(?:\.\.\.|…)")  # `# ... the rest of your code ...`
_MAY_BECOME = re.compile(
    r"(?:[A-Z][a-z]*['’]?[a-z]*,?(?: (?:[\w'’/-]+|`[^`\n]*`?)[,;]?)*[.!]? ?|(?:#|//?|/\*|--?)\s*\.{0,2})"
)


def looks(line: str, *, growing: bool) -> Looks:
    """Whether a line of an answer is the model speaking; "unsure" only while it grows."""
    body = line.lstrip()
    if body and not (body[0].isupper() or body[0] in "#/-"):
        return "code"
    kind = introduces(body, growing=growing)
    if kind != "code":
        return kind
    if growing:
        if _MAY_BECOME.fullmatch(body):
            return "unsure"
    elif _NOTHING.match(body.rstrip()):
        return "prose"
    return "prose" if _SENTENCE.match(body) or _OMISSION.match(body) else "code"


def introduces(line: str, *, growing: bool) -> Looks:
    """The same, of no more than the manners of a model: "Here is the completed function:"."""
    body = line.lstrip()
    for manner in _MANNERS:
        if body.startswith(f"{manner} ") or (not growing and body.rstrip() == manner):
            return "prose"
        if growing and manner.startswith(body):
            return "unsure"
    return "code"


def announces(line: str) -> bool:
    """Whether the line may lead to what follows it: "The answer is:". Before an indented line it is code."""
    return bool(_ANNOUNCEMENT.fullmatch(line.strip()))


@lru_cache(maxsize=4)
def in_code(before: str, language: str) -> bool:
    """Whether a cursor behind `before` stands in a program, and there neither in a string nor a comment."""
    if language not in PROGRAMS:
        return False
    return any(index == len(before) for index, _ in marks(f"{before}(", language))
