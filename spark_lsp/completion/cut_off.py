"""What is left of an answer that a limit cut off: lines and words that are whole, and nothing half begun."""

from __future__ import annotations

import re

from spark_lsp.completion.brackets import PROSE, balance, unfinished
from spark_lsp.completion.context import Context, opens_block

_CLOSERS = re.compile(r"\s*[)\]}]+[;,)]*")
_COMMENT = re.compile(r"\s*(?://|--\s|#(?![\[!]))")
"""Of a line: what it is about comes below it."""
_DECORATOR = re.compile(r"\s*(?:@|#\[)")
_HALF_WORD = re.compile(r"\w+$")
_WAITING = re.compile(
    r"(?:from\s+[\w.]+\s+import|[\s.,:=+\-*/%&|^<>!?~@]"
    r"|\b(?:and|or|not|in|is|if|else|for|of|as|new|await|typeof|instanceof|lambda|def|class|import|from|export|const|let|var|mut|pub|fn|func|function|static|readonly))+$"
)
"""What waits for a word behind it."""


def whole_part(text: str, settled: str, context: Context) -> str:
    """The whole lines of a text whose last line may go on, or the whole words of its only one.

    `settled` is its beginning up to the last line end. Brackets alone are a whole line.
    """
    if not settled:
        return _whole_words(text, context)
    if context.language in PROSE:
        return settled
    if _CLOSERS.fullmatch(text[len(settled) :].lstrip("\n")):
        return text
    most = _left_open(text, context)
    lines = settled.split("\n")
    first = 1 if context.line_before.strip() else 0  # the user began that one
    about = not all(map(_COMMENT.match, lines))
    while len(lines) > first and (
        _begins(lines[-1])
        or (about and _COMMENT.match(lines[-1]))
        or _ends_in_text("\n".join(lines), context)
        or _left_open("\n".join(lines), context) > most
    ):
        lines.pop()
    return "\n".join(_without_half_a_try(lines, text))


def _without_half_a_try(lines: list[str], text: str) -> list[str]:
    """The lines above a `try:` whose `except` was said, and is not whole."""
    for index, line in enumerate(lines):
        if line.strip() == "try:":
            handler = re.compile(rf"\n{line[: len(line) - len(line.lstrip())]}(?:except|finally)\b")
            if handler.search(text) and not handler.search("\n".join(lines[index:])):
                return lines[:index]
    return lines


def _whole_words(text: str, context: Context) -> str:
    words = _HALF_WORD.sub("", text)
    return words if context.language in PROSE else _WAITING.sub("", words)


def _begins(line: str) -> bool:
    """The head of something, without it."""
    return not line.strip() or opens_block(line) or bool(_DECORATOR.match(line))


def _ends_in_text(text: str, context: Context) -> bool:
    """Whether the text ends in a string or a comment over lines that it has begun."""
    begun = unfinished(text, context.language)
    return bool(begun) and not unfinished(context.before, context.language)


def _left_open(text: str, context: Context) -> int:
    line_before = context.line_before
    opened = balance(line_before + text, context.language).opened
    return sum(index >= len(line_before) for index, _ in opened)
