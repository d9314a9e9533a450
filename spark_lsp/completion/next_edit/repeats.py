"""A change made twice, at the other places whose surroundings are the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from spark_lsp.completion.next_edit.code import LONGEST, begins_word, code_of, ends_word, is_word
from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.completion.next_edit.recent import Edit, Recent
from spark_lsp.completion.next_edit.renames import WINDOW
from spark_lsp.text import Lines, line_body


def repeats(recent: Recent, lines: Lines, language: str) -> Iterator[NextEdit]:
    """Where the latest edit within a line can be made once more."""
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
    left = r"(?<!\w)" if begins_word(pattern) else ""
    right = r"(?!\w)" if ends_word(pattern) else ""
    place = re.compile(left + re.escape(pattern) + right)
    low, high = max(last.line - WINDOW, 0), min(last.line + WINDOW, lines.count)
    code = code_of(lines, low, high, language)
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
            yield NextEdit(index, start, index, start + len(last.old), last.old, last.new)


def _common(one: Edit, other: Edit, lines: Lines) -> tuple[str, str]:
    """What stands alike before and behind both edits, in whole words, without indentation."""
    first, second = line_body(lines[one.line]), line_body(lines[other.line])
    left, right = first[: one.column], second[: other.column]
    count = 0
    while count < min(len(left), len(right)) and left[-1 - count] == right[-1 - count]:
        count += 1
    while 0 < count < max(len(left), len(right)) and is_word(left[-count]):
        before = {text[-count - 1] for text in (left, right) if len(text) > count}
        if not any(map(is_word, before)):
            break
        count -= 1
    before_both = left[len(left) - count :].lstrip()
    left, right = first[one.end :], second[other.end :]
    count = 0
    while count < min(len(left), len(right)) and left[count] == right[count]:
        count += 1
    while (
        count and is_word(left[count - 1]) and any(map(is_word, (left + " ")[count] + (right + " ")[count]))
    ):
        count -= 1
    return before_both, left[:count].rstrip()
