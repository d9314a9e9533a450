"""Lines of an answer that stand somewhere already: below the cursor, above it, or in the answer itself.

A verdict may have to wait: one line that agrees can be chance, and a line
that is still growing can become the one that is below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Verdict = Literal["keep", "cut", "wait"]

FOLLOWING = 3  # lines below the cursor that an answer is held against
LONGEST_BLOCK = 12  # lines
LONGEST_WORD = 40  # characters
LONG_WORD = 16  # characters: one that long is not said three times by chance
VALUES = 4  # lines: so many arguments may be the same nothing

_VALUE = re.compile(r"\s*(?:undefined|null|nullptr|None|nil|true|false|True|False),")
_LETTER = re.compile(r"[^\W\d_]")
_CLOSER = re.compile(r"\s*(?:[)\]}]+[;,)]*|</[\w.:-]+>|end|fi|done|esac)\s*")
_BEGINS_SOMETHING = re.compile(r"[:{(\[]\s*$|^\s*@|^\s*<[^/>]*>\s*$|^\s*(?:\"\"\"|'''|/\*\*?)\s*$")


def following_lines(after: str, limit: int = FOLLOWING) -> list[str]:
    """The first lines below the cursor's that are not blank."""
    lines = (line.rstrip() for line in after.split("\n")[1:])
    return [line for line in lines if line][:limit]


def meets(following: Sequence[str], lines: Sequence[str], *, growing: bool, final: bool) -> Verdict:
    """Whether `lines` have arrived at what stands below the cursor: then all of them are cut.

    A line that begins something (`{`, `@property`, `try:`) begins many things, so that the one
    after it has to agree too. `growing` says that the last line is not whole yet.
    """
    same, waiting = _run(following, lines, growing=growing)
    if same and (same == len(following) or any(map(_is_telling, following[:same]))):
        return "cut"
    return "wait" if waiting and not final else "keep"


def repeats(earlier: Sequence[str], lines: Sequence[str], *, growing: bool, final: bool) -> Verdict:
    """Whether `lines` say once more what the last of the `earlier` ones have just said, as a block."""
    waits = False
    for period in range(1, min(len(earlier), LONGEST_BLOCK) + 1):
        block = earlier[-period:]
        same, waiting = _run(block, lines, growing=growing)
        if not same and not waiting:
            continue
        if len(_LETTER.findall("".join(block))) < 4:  # rows of a matrix, closing brackets
            continue
        if same == period:
            if period == 1 and _VALUE.fullmatch(block[0]) and set(earlier[-VALUES:]) != set(block):
                continue
            return "cut"
        waits = waits or waiting
    return "wait" if waits and not final else "keep"


def _run(expected: Sequence[str], lines: Sequence[str], *, growing: bool) -> tuple[int, bool]:
    """How many lines are the expected ones, and whether the next could be but is not known yet."""
    for index, want in enumerate(expected):
        if index == len(lines):
            return index, True
        if growing and index == len(lines) - 1:
            return index, want.startswith(lines[index].rstrip())
        if lines[index].rstrip() != want:
            return index, False
    return len(expected), False


def _is_telling(line: str) -> bool:
    return bool(_CLOSER.fullmatch(line)) or not _BEGINS_SOMETHING.search(line)


def stammer(line: str, end: int) -> int | None:
    """Where a line, up to `end`, begins to say one thing over and over: behind its first time."""
    for period in range(1, min(LONGEST_WORD, end - 1) + 1):
        length = _echo(line, end, period)
        if (
            length < (2 if period >= LONG_WORD else 5) * period
        ):  # nothing else is cut before it was said six times
            continue
        word = line[end - period : end]
        is_one_word = (word + word).find(word, 1) == period  # `abab` is `ab` twice
        if is_one_word and length >= _patience(word):
            return end - length
    return None


def held_back(line: str) -> int:
    """How many characters at the end of a growing line only repeat those before: the start of a stammer?"""
    periods = range(1, min(LONGEST_WORD, len(line) - 1) + 1)
    return max((_echo(line, len(line), period) for period in periods), default=0)


def _echo(line: str, end: int, period: int) -> int:
    """How many characters before `end` are each the one `period` characters before it."""
    start = end
    while start > period and line[start - 1] == line[start - 1 - period]:
        start -= 1
    return end - start


def _patience(word: str) -> int:
    """For how many characters a word may be repeated: rulers, tables, rows of zeros are long on purpose."""
    if len(word) == 1:
        return 24 if word.isalpha() else 120
    return 0 if _LETTER.search(word) else max(15 * len(word), 40)
