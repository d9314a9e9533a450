"""Where an answer begins in what a model said: behind its thoughts, its manners and its echoes.

Each step takes what was said so far and returns how much of it to skip, or
None while more has to be heard. When `final` is true it has to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from spark_lsp.completion.brackets import PROSE
from spark_lsp.completion.context import Context

ECHO_LINES = 40
ECHO_LETTERS = 4  # `x = ` may be followed by another `x = `, and a ruler by more of it

_LETTER = re.compile(r"\w")
_MANNERS = ("Here", "Sure", "Certainly", "Of course", "Below")
_INTRODUCTION = re.compile(rf"(?:{'|'.join(_MANNERS)})\b[^\n]*[:.!]\s*")
_COMMENTS = (("#", ""), ("//", ""), ("--", ""), ("/*", " */"), ("<!--", " -->"))
_LABELS = ("", "path: ", "Path: ", "file: ", "File: ", "filename: ")


def opening(said: str, context: Context, *, final: bool) -> int | None:
    """The index at which the text for the document begins, None while that is not sure."""
    start = 0
    for step in STEPS:
        skipped = step(said[start:], context, final)
        if skipped is None:
            return None
        start += skipped
    return start


def skip_thoughts(said: str, context: Context, final: bool) -> int | None:
    body = said.lstrip()
    if len(body) < len("<think>") and "<think>".startswith(body):
        return 0 if final else None
    if not body.startswith("<think>"):
        return 0
    thoughts, end, answer = said.partition("</think>")
    if not end:
        return len(said) if final else None
    return len(thoughts) + len(end) + _leading(answer, "\n")


def skip_introduction(said: str, context: Context, final: bool) -> int | None:
    """ "Here is the completed function:" and a fence. Without the fence it may be the user's own prose."""
    if context.language in PROSE:
        return 0
    body = said.lstrip()
    if not any(body.startswith(word) or word.startswith(body) for word in _MANNERS):
        return 0
    match = _INTRODUCTION.match(body)
    if match and body.startswith("```", match.end()):
        return len(said) - len(body) + match.end()
    _, ended, rest = body.partition("\n")
    pending = not ended or (match is not None and "```".startswith(rest.strip()))
    return None if pending and not final else 0


def skip_fence(said: str, context: Context, final: bool) -> int | None:
    if context.language in PROSE:
        return 0
    body = said.lstrip()
    if len(body) < 3 and "```".startswith(body):
        return 0 if final else None
    if not body.startswith("```"):
        return 0
    line, ended, _ = body.partition("\n")
    if not ended:
        return len(said) if final else None
    return len(said) - len(body) + len(line) + 1


def skip_path(said: str, context: Context, final: bool) -> int | None:
    """A first line that is a comment with the document's path: a habit of models, no part of the document."""
    body = said.lstrip()
    line, ended, _ = body.partition("\n")
    if ended or final:
        known = line.strip() in _path_lines(context.path)
        return len(said) - len(body) + len(line) + len(ended) if known else 0
    return None if any(header.startswith(line) for header in _path_lines(context.path)) else 0


def _path_lines(path: str) -> Iterator[str]:
    if path:
        for name in {path, re.split(r"[/\\]", path)[-1]}:
            for begin, end in _COMMENTS:
                for label in _LABELS:
                    yield f"{begin} {label}{name}{end}"


def skip_echo(said: str, context: Context, final: bool) -> int | None:
    """The text before the cursor from the start of one of its lines, said again."""
    body = said.lstrip()
    for tail in _tails(context.before, body):
        if body.startswith(tail):
            return len(said) - len(body) + len(tail)
        if tail.startswith(body) and not final:
            return None
    return 0


def _tails(before: str, body: str) -> Iterator[str]:
    """The text from its start, and from the start of each of its last lines: the longest first.

    Only those whose first line goes with `body`: most answers echo nothing, and they are in a hurry.
    """
    lines = before.split("\n")
    for first in (0, *range(max(len(lines) - ECHO_LINES, 1), len(lines))):
        line = lines[first].strip()
        if line and (body.startswith(line) or line.startswith(body.partition("\n")[0].rstrip())):
            tail = "\n".join(lines[first:]).lstrip()
            if len(list(islice(_LETTER.finditer(tail), ECHO_LETTERS))) == ECHO_LETTERS:
                yield tail


def skip_blank(said: str, context: Context, final: bool) -> int | None:
    """The blank or the indentation that stands before the cursor already."""
    line_before = context.line_before
    if line_before.strip():
        if not line_before.endswith((" ", "\t")):
            return 0
        blank = _leading(said, " \t")
        return None if blank == len(said) and not final else blank
    lead = said[: _leading(said, " \t\n")]
    if lead == said and not final:
        return None
    lines, newline, indent = lead.rpartition("\n")
    if newline and not line_before and context.multiline:
        return 0
    repeated = len(line_before) if indent.startswith(line_before) else len(indent)
    return len(lines) + len(newline) + repeated


def _leading(text: str, characters: str) -> int:
    return len(text) - len(text.lstrip(characters))


STEPS = (skip_thoughts, skip_introduction, skip_fence, skip_path, skip_echo, skip_blank)
