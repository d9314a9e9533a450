"""A rename carried on.

Only where the new name was nowhere before, within the function that binds the old one: a wrong offer is an
interruption.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from spark_lsp.completion.next_edit.code import HEADER, KEYWORDS, code_of, functions_around, is_word
from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.completion.next_edit.recent import Edit, Recent, whole_words
from spark_lsp.text import Lines

WINDOW = 300
"""Lines on each side of the edit that are looked at."""


def renames(recent: Recent, edit: Edit, lines: Lines, language: str) -> Iterator[NextEdit]:
    """Where else the name stands that this edit of a whole word has changed."""
    old, new = edit.old, edit.new
    if {old, new} & KEYWORDS or recent.deleting:
        return
    text = lines[edit.line]
    if text[: edit.column].rstrip().endswith("."):
        return  # of which object it is an attribute is not known
    if _is_known(new, recent, old, lines):
        return
    low, high = max(edit.line - WINDOW, 0), min(edit.line + WINDOW, lines.count)
    code = code_of(lines, low, high, language)
    if not code[edit.line - low][edit.column : edit.column + len(new)].strip():
        return  # within a string or a comment
    if re.match(r"=(?!=)", code[edit.line - low][edit.column + len(new) :]):
        return  # a keyword argument: the name of somebody else's parameter
    scope = _binding_scope(code, edit.line - low, edit.column, old, new)
    if scope is None:
        return
    word = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)(?!=[^=])")
    header = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
    for index in range(*scope):
        pattern = header if index == scope[0] else word
        opening = code[index].find("(") + 1 if index == scope[0] else 0
        for match in pattern.finditer(code[index], opening):
            yield NextEdit(low + index, match.start(), low + index, match.end(), old, new)


def _is_known(new: str, recent: Recent, old: str, lines: Lines) -> bool:
    """Whether the new name stands anywhere but where this rename has put it."""
    text = lines.text()
    if new not in text:
        return False
    ours = {
        (each.line, each.column)
        for each in (whole_words(edit, lines) for edit in recent.edits if edit.line < lines.count)
        if (each.old, each.new) == (old, new)
    }
    # The name first, so that the search can skip from one to the next.
    word = re.compile(rf"{re.escape(new)}(?!\w)")
    found = [at.start() for at in word.finditer(text) if not (at.start() and is_word(text[at.start() - 1]))]
    return len(found) > len(ours)


def _binding_scope(code: list[str], at: int, column: int, old: str, new: str) -> tuple[int, int] | None:
    """The lines of the innermost function around the place that binds the name; None where that is unsure."""
    binds = re.compile(
        rf"(?<![\w.])(?:{re.escape(old)}|{re.escape(new)})\s*(?::[^=\n]+)?(?:=(?!=)|:=|,[\w\s,]*=(?!=))"
        rf"|\b(?:for|as|let|const|var|mut)\s+[\w\s,(]*?\b(?:{re.escape(old)}|{re.escape(new)})\b"
    )
    word = re.compile(rf"(?<![\w.])(?:{re.escape(old)}|{re.escape(new)})(?!\w)")
    for start, stop in functions_around(code, at):
        opening = code[start].find("(")
        if start == at and column < opening:
            return None  # the function's own name
        parameters = code[start][opening + 1 :] if opening >= 0 else ""
        if word.search(parameters) or any(binds.search(line) for line in code[start + 1 : stop]):
            inner = (index for index in range(start + 1, stop) if HEADER.match(code[index]))
            # A function within may have one of the same name.
            return None if any(word.search(code[index]) for index in inner) else (start, stop)
    return None
