"""Where an answer begins in what a model said: behind its thoughts, its manners and its echoes.

Each step takes what was said so far and returns how much of it to skip, or
None while more has to be heard. When `final` is true it has to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from spark_lsp.completion import prose
from spark_lsp.completion.brackets import PROSE
from spark_lsp.completion.context import Context, opens_block, width_of
from spark_lsp.completion.prompt import ANSWER

ECHO_LINES = 40
ECHO_LETTERS = 4  # `x = ` may be followed by another `x = `, and a ruler by more of it

_WORD = re.compile(r"[^\W\d_]\w* (?:\W?= )?$")
_WORDS = re.compile(r"[^\W\d_]\w*(?: \w+)+$")
_KEYWORD = re.compile(r"(?:if|for|while|switch|match|catch|elif|return)\b.*[^\w\s]")
_BEGUN_STRING = re.compile(r"(?:[\"'`]|\"{3}|'{3})\w[^\"'`]*$")
_LETTER = re.compile(r"\w")
_END_OF_BLOCK = re.compile(r"\s*(?:[)\]}]+[;,]?|\*/)")
_NAME = re.compile(r"\w+")
_QUOTES = frozenset(('"""', "'''"))
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
    """ "Here is the completed function:" and the like, line by line, up to what is no prose.

    Where the user may be writing prose, in a string or a comment, it is theirs unless a fence or the answer's
    tag follows.
    """
    theirs = not prose.in_code(context.before, context.language) if said else False
    judge = prose.introduces if theirs else prose.looks
    skipped = 0
    while body := said[skipped:].lstrip():
        line, ended, rest = body.partition("\n")
        growing = not ended and not final
        kind = judge(line, growing=growing)
        if kind == "code" and prose.announces(line):
            kind = "unsure" if growing else _wrapped(rest, context, final)
        if kind == "unsure" or (kind == "prose" and growing):
            return None
        if kind == "code":
            break
        skipped = len(said) - len(body) + len(line) + len(ended)
    if not skipped:
        return 0
    kind = _wrapped(body, context, final)
    if kind == "unsure":
        return None
    return skipped + _leading(said[skipped:], "\n") if kind == "prose" or not theirs else 0


def _wrapped(body: str, context: Context, final: bool) -> prose.Looks:
    """Whether a fence or a tag begins here: then what stands before it is "prose"."""
    body = body.lstrip()
    wrappers = (ANSWER,) if context.language in PROSE else (ANSWER, "```")
    if body.startswith(wrappers):
        return "prose"
    return "unsure" if not final and any(wrapper.startswith(body) for wrapper in wrappers) else "code"


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
    return _behind(said, len(said) - len(body) + len(line), context, final)


def skip_tag(said: str, context: Context, final: bool) -> int | None:
    """The tag that a chat model is asked to begin with."""
    body = said.lstrip()
    if not body.startswith(ANSWER):
        return None if ANSWER.startswith(body) and not final else 0
    return _behind(said, len(said) - len(body) + len(ANSWER), context, final)


def _behind(said: str, end: int, context: Context, final: bool) -> int | None:
    """Where the text begins that was wrapped by what ends at `end`.

    A line end there is the wrapper's own, unless the cursor's line opens a block and the next one
    is deeper: behind `def f():` it is what is missing.
    """
    blank = said[end : end + _leading(said[end:], " \t\n")]
    if end + len(blank) == len(said) and not final:
        return None
    line_end = blank.find("\n")
    if line_end < 0:
        return end
    return end + line_end + (not _is_missing(blank[blank.rfind("\n") + 1 :], context))


def _is_missing(indent: str, context: Context) -> bool:
    """Whether a line with this indentation belongs below the cursor's: that one opens a block."""
    opened = context.multiline and opens_block(context.line_before)
    return opened and width_of(f"{indent}|") > width_of(context.line_before)


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
    """The text before the cursor from the start of one of its lines, said again, or at the margin."""
    body = said.lstrip()
    for again in (
        _end_of_block_again(said, context, final),
        _indented_again(said, context, final),
    ):
        if again != 0:
            return again
    for tail in _tails(context, body):
        if body.startswith(tail):
            return len(said) - len(body) + len(tail)
        if tail.startswith(body) and not final:
            return None
        if _says_no_more(body, tail):
            return len(said)
    return _word_again(said, body, context, final)


def _says_no_more(body: str, tail: str) -> bool:
    return body.rstrip() == tail.rstrip()


def _indented_again(said: str, context: Context, final: bool) -> int | None:
    """How much is the cursor's line with its indentation: no line goes on with that, however short it is."""
    line_before = context.line_before
    if line_before[:1] not in (" ", "\t") or not line_before.strip():
        return 0
    if said.startswith(line_before):
        return len(line_before)
    return None if line_before.startswith(said) and not final else 0


def _end_of_block_again(said: str, context: Context, final: bool) -> int | None:
    """How much of the end of what stands above is said again: `}` or `*/`, and blanks up to the cursor."""
    if context.line_before.strip() or not context.before.strip():
        return 0
    above = context.before.rstrip()
    start = above.rfind("\n") + 1
    tail = context.before[start:]
    if not _END_OF_BLOCK.fullmatch(above[start:]) or "\n" not in tail:
        return 0
    if said.startswith(tail):
        return len(tail)
    return None if tail.startswith(said) and said and not final else 0


def _word_again(said: str, body: str, context: Context, final: bool) -> int | None:
    """How much is the word that the cursor's line has so far: `re` and then `return`, or three quotes.

    A docstring begins once: three quotes and a word behind three quotes are an echo.
    """
    begun = context.line_before.lstrip()
    if not (begun in _QUOTES or begun.isidentifier()) or context.language not in prose.PROGRAMS:
        return 0
    if not body.startswith(begun):
        return None if begun.startswith(body) and not final else 0
    word = _NAME.match(body, len(begun))
    behind = word[0] if word else ""
    if len(begun) + len(behind) == len(body) and not final:
        return None
    if begun in _QUOTES:
        goes_on = not behind
    else:
        goes_on = _known(begun + begun + behind, context) and not _known(begun + behind, context)
    return 0 if goes_on else len(said) - len(body) + len(begun)


def _known(word: str, context: Context) -> bool:
    return re.search(rf"\b{word}\b", context.before) is not None


def _tails(context: Context, body: str) -> Iterator[str]:
    """The text from its start, and from the start of each of its last lines: the longest first.

    Only those whose first line goes with `body`: most answers echo nothing, and they are in a hurry.
    """
    lines = context.before.split("\n")
    for first in (0, *range(max(len(lines) - ECHO_LINES, 1), len(lines))):
        line = lines[first].strip()
        if line and (body.startswith(line) or line.startswith(body.partition("\n")[0].rstrip())):
            tail = "\n".join(lines[first:]).lstrip()
            if len(list(islice(_LETTER.finditer(tail), ECHO_LETTERS))) == ECHO_LETTERS or _says_twice(
                tail, context
            ):
                yield tail
                yield from _margins(lines[first:])


def _says_twice(tail: str, context: Context) -> bool:
    """Whether so short a beginning of a line can only be an echo: no program says `if if` or `x = x = `.

    Nor does one begin a string, or end a docstring, twice.
    """
    if "\n" in tail and tail.strip() in _QUOTES:
        return True
    if _BEGUN_STRING.match(tail):
        return True
    if _KEYWORD.match(tail):
        return context.language in prose.PROGRAMS
    if context.language not in prose.PROGRAMS:
        return False
    return bool(_WORD.match(tail) if tail.endswith(" ") else _WORDS.match(tail))


def _margins(lines: Sequence[str]) -> Iterator[str]:
    """The lines as far to the left as they go, where that is another text."""
    indent = lines[0][: _leading(lines[0], " \t")]
    if indent and len(lines) > 1:
        yield "\n".join(line.removeprefix(indent) for line in lines)


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


# A tag may stand in a fence and a fence in a tag, and some say the line again and then only tag what is new.
STEPS = (
    *(skip_thoughts, skip_introduction, skip_fence, skip_tag, skip_fence),
    *(skip_path, skip_echo, skip_tag, skip_blank),
)
