"""Where the latest edit probably has to be repeated: a rename carried on, a change made twice already.

A wrong offer is an interruption. So a rename is carried on only where the new name was nowhere before, within
the function that binds the old one; another change only where its surroundings are the same as at two places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spark_lsp.completion.recent import Edit, Recent
from spark_lsp.text import Lines, line_body

WINDOW = 300
"""Lines on each side of the edit that are looked at."""

LONGEST = 1_000
"""Code points of a line that is looked at; longer ones are nobody's handwriting."""

_NAME = re.compile(r"[^\W\d]\w*\Z")
_HEADER = re.compile(
    r"\s*(?:(?:async|export|default|pub|public|private|protected|static)\s+)*(?:def|function|fn|func)\b"
)
_KEYWORDS = frozenset(
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


@dataclass(frozen=True, slots=True)
class NextEdit:
    """Replace columns `start` to `end` (code points) of `line`, where `old` stands, by `new`."""

    line: int
    start: int
    end: int
    old: str
    new: str


def candidates(recent: Recent, lines: Lines, language: str) -> list[NextEdit]:
    """Where the latest edit is to be repeated, the nearest first."""
    if not recent.fresh or not recent.edits:
        return []
    edit = recent.edits[-1]
    if edit.line >= lines.count or len(lines[edit.line]) > LONGEST:
        return []
    whole = _words(edit, lines)
    if whole.old == whole.new:
        return []
    if _NAME.match(whole.old) and _NAME.match(whole.new):
        found = _renames(recent, whole, lines, language)
    else:
        found = _repeats(recent, lines, language)
    return sorted(found, key=lambda each: (abs(each.line - edit.line), each.line, each.start))


def _words(edit: Edit, lines: Lines) -> Edit:
    """The edit with the rest of the words that it is in."""
    text = line_body(lines[edit.line])
    start, end = edit.column, edit.end
    while start and _is_word(text[start - 1]) and (_begins(edit.new) or _begins(edit.old)):
        start -= 1
    while end < len(text) and _is_word(text[end]) and (_ends(edit.new) or _ends(edit.old)):
        end += 1
    head, tail = text[start : edit.column], text[edit.end : end]
    return Edit(edit.line, start, head + edit.old + tail, head + edit.new + tail)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _begins(text: str) -> bool:
    return bool(text) and _is_word(text[0])


def _ends(text: str) -> bool:
    return bool(text) and _is_word(text[-1])


# --- renames


def _renames(recent: Recent, edit: Edit, lines: Lines, language: str) -> Iterator[NextEdit]:
    old, new = edit.old, edit.new
    if {old, new} & _KEYWORDS or recent.deleting:
        return
    text = lines[edit.line]
    if text[: edit.column].rstrip().endswith("."):
        return  # of which object it is an attribute is not known
    if _is_known(new, recent, old, lines):
        return
    low, high = max(edit.line - WINDOW, 0), min(edit.line + WINDOW, lines.count)
    code = _code(lines, low, high, language)
    if not code[edit.line - low][edit.column : edit.column + len(new)].strip():
        return  # within a string or a comment
    scope = _binding_scope(code, edit.line - low, edit.column, old, new)
    if scope is None:
        return
    word = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)(?!=[^=])")
    header = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
    for index in range(*scope):
        pattern = header if index == scope[0] else word
        opening = code[index].find("(") + 1 if index == scope[0] else 0
        for match in pattern.finditer(code[index], opening):
            yield NextEdit(low + index, match.start(), match.end(), old, new)


def _is_known(new: str, recent: Recent, old: str, lines: Lines) -> bool:
    """Whether the new name stands anywhere but where this rename has put it."""
    text = lines.text()
    if new not in text:
        return False
    ours = {
        (each.line, each.column)
        for each in (_words(edit, lines) for edit in recent.edits if edit.line < lines.count)
        if (each.old, each.new) == (old, new)
    }
    # The name first, so that the search can skip from one to the next.
    word = re.compile(rf"{re.escape(new)}(?!\w)")
    found = [at.start() for at in word.finditer(text) if not (at.start() and _is_word(text[at.start() - 1]))]
    return len(found) > len(ours)


def _binding_scope(code: list[str], at: int, column: int, old: str, new: str) -> tuple[int, int] | None:
    """The lines of the innermost function around the place that binds the name; None where that is unsure."""
    binds = re.compile(
        rf"(?<![\w.])(?:{re.escape(old)}|{re.escape(new)})\s*(?::[^=\n]+)?(?:=(?!=)|:=|,[\w\s,]*=(?!=))"
        rf"|\b(?:for|as|let|const|var|mut)\s+[\w\s,(]*?\b(?:{re.escape(old)}|{re.escape(new)})\b"
    )
    word = re.compile(rf"(?<![\w.])(?:{re.escape(old)}|{re.escape(new)})(?!\w)")
    for start, stop in _functions(code, at):
        opening = code[start].find("(")
        if start == at and column < opening:
            return None  # the function's own name
        parameters = code[start][opening + 1 :] if opening >= 0 else ""
        if word.search(parameters) or any(binds.search(line) for line in code[start + 1 : stop]):
            inner = (index for index in range(start + 1, stop) if _HEADER.match(code[index]))
            # A function within may have one of the same name.
            return None if any(word.search(code[index]) for index in inner) else (start, stop)
    return None


def _functions(code: list[str], at: int) -> Iterator[tuple[int, int]]:
    """The functions around a line, by their indentation, the innermost first."""
    width = _width(code[at])
    for index in range(at, -1, -1):
        line = code[index]
        if not line.strip() or (index < at and _width(line) >= width):
            continue
        if index < at and line.lstrip()[0] not in ")]}":
            width = _width(line)
        if _HEADER.match(line):
            yield index, _end(code, index)


def _end(code: list[str], start: int) -> int:
    width = _width(code[start])
    for index in range(start + 1, len(code)):
        line = code[index]
        if line.strip() and _width(line) <= width and line.lstrip()[0] not in ")]}{":
            return index
    return len(code)


def _width(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


# --- the same change elsewhere


def _repeats(recent: Recent, lines: Lines, language: str) -> Iterator[NextEdit]:
    last = recent.edits[-1]
    if not (last.old.strip() or last.new.strip()) or recent.deleting:
        return
    other = next(
        (
            edit
            for edit in recent.edits[-2::-1]
            if (edit.old, edit.new) == (last.old, last.new)
            and edit.line != last.line
            and edit.line < lines.count
        ),
        None,
    )
    if other is None:
        return
    before, behind = _common(last, other, lines)
    pattern = before + last.old + behind
    if not re.search(r"[^\W\d]\w", before + behind) or len(pattern) < 4:
        return
    left = r"(?<!\w)" if _begins(pattern) else ""
    right = r"(?!\w)" if _ends(pattern) else ""
    place = re.compile(left + re.escape(pattern) + right)
    low, high = max(last.line - WINDOW, 0), min(last.line + WINDOW, lines.count)
    code = _code(lines, low, high, language)
    for index, line in enumerate(lines.slice(low, high), low):
        for match in place.finditer(line) if len(line) <= LONGEST else ():
            start = match.start() + len(before)
            if index in (last.line, other.line) or line[:start].endswith(last.new):
                continue
            if (
                line[start:].startswith(last.new)
                or not code[index - low][match.start() : match.end()].strip()
            ):
                continue
            yield NextEdit(index, start, start + len(last.old), last.old, last.new)


def _common(one: Edit, other: Edit, lines: Lines) -> tuple[str, str]:
    """What stands alike before and behind both edits, in whole words, without indentation."""
    first, second = line_body(lines[one.line]), line_body(lines[other.line])
    left, right = first[: one.column], second[: other.column]
    count = 0
    while count < min(len(left), len(right)) and left[-1 - count] == right[-1 - count]:
        count += 1
    while 0 < count < max(len(left), len(right)) and _is_word(left[-count]):
        before = {text[-count - 1] for text in (left, right) if len(text) > count}
        if not any(map(_is_word, before)):
            break
        count -= 1
    before_both = left[len(left) - count :].lstrip()
    left, right = first[one.end :], second[other.end :]
    count = 0
    while count < min(len(left), len(right)) and left[count] == right[count]:
        count += 1
    while (
        count and _is_word(left[count - 1]) and any(map(_is_word, (left + " ")[count] + (right + " ")[count]))
    ):
        count -= 1
    return before_both, left[:count].rstrip()


# --- code


def _code(lines: Lines, low: int, high: int, language: str) -> list[str]:
    """The lines with strings and comments blanked, at their own columns. What f-strings put in is code."""
    kept = [line if len(line) <= LONGEST else _VISIBLE.sub(" ", line) for line in lines.slice(low, high)]
    pattern = _HASHED if language in _HASHES else _SLASHED
    blanked = pattern.sub(_blank, "".join(kept))
    code, at = [], 0
    for line in kept:
        code.append(line_body(blanked[at : at + len(line)]))
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
