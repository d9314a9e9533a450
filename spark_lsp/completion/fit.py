"""Fits a suggestion to the document as it is at lookup.

What stands behind the cursor may have changed since the model was asked: an
editor closes brackets by itself, and lets one type over them. So what follows
is read here, each time, and the text before the cursor is the trimmer's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from spark_lsp.completion import runs
from spark_lsp.completion.brackets import CLOSERS, OPENERS, PROSE, balance, marks
from spark_lsp.completion.context import opens_block
from spark_lsp.completion.scope import outer_indent
from spark_lsp.text import Snapshot, line_body
from spark_lsp.values import Hit, Offer, Suggestion

LEAST_VISIBLE = 2  # characters
LINES_AROUND = 200  # that are searched for the head of a block, and for lines that are not blank

_ENDS = frozenset(";,")
_CLOSING = frozenset(CLOSERS) | frozenset("\"'`")


def fit(suggestion: Suggestion, snapshot: Snapshot, hit: Hit) -> Offer | None:
    """The offer for this snapshot, None when nothing is left that is worth showing.

    Less than two visible characters are not, unless they are the end of something that the user
    is typing along with (`hit` is "typed_through"): that stays to its last character.
    """
    if suggestion.raw:
        return _as_said(suggestion, snapshot, hit)
    text = _before_what_follows(suggestion, snapshot).rstrip()
    if not text:
        return None
    text, absorbed = _meet_rest_of_line(text, snapshot)
    if _opens_before(text, snapshot.line_after[absorbed:].strip()):
        return None
    new = _visible(text) - _visible(snapshot.line_after[:absorbed])
    if new < (1 if hit == "typed_through" else LEAST_VISIBLE):
        return None
    indent = outer_indent(text, snapshot.line_before, _lines_above(snapshot))
    dedent = 0 if indent is None else snapshot.column
    text = f"{indent or ''}{text}".replace("\n", snapshot.newline)
    return Offer(text, absorbed=absorbed, dedent=dedent, suggestion=suggestion, hit=hit)


def _as_said(suggestion: Suggestion, snapshot: Snapshot, hit: Hit) -> Offer | None:
    text = suggestion.text.replace("\n", snapshot.newline)
    return Offer(text, suggestion=suggestion, hit=hit) if text.strip() else None


def _visible(text: str) -> int:
    return sum(map(len, text.split()))


def _before_what_follows(suggestion: Suggestion, snapshot: Snapshot) -> str:
    """The text up to what stands below the cursor already; a last line that only begins it goes too."""
    following = list(islice(_lines_below(snapshot), runs.FOLLOWING))
    lines = suggestion.text.rstrip().split("\n")
    whole = [snapshot.line_before + lines[0], *lines[1:]]
    for index, line in enumerate(whole):
        # Looked at before the rest is, because this runs at every key typed along a long text.
        if following and line.rstrip() == following[0]:
            ahead = [other for other in whole[index:] if other.strip()]
            meets = runs.meets(following, ahead, growing=False, final=True) == "cut"
            if meets and not _closes_own(line, "\n".join(whole[:index]), snapshot):
                return "\n".join(lines[:index])
    in_own_line = len(lines) > 1 or not snapshot.line_before.strip()
    last = whole[-1]
    begins = in_own_line and following and _begins(last, following[0], whole_words=suggestion.complete)
    if begins and not _closes_own(last, "\n".join(whole[:-1]), snapshot):
        lines.pop()
    return "\n".join(lines)


def _closes_own(line: str, above: str, snapshot: Snapshot) -> bool:
    """Whether the line begins by closing what the lines of the text above it opened."""
    mark = line.lstrip()[:1]
    if mark not in CLOSERS or snapshot.language in PROSE:
        return False
    opened = balance(above, snapshot.language).opened
    return bool(opened) and opened[-1][0] >= len(snapshot.line_before) and opened[-1][1] == CLOSERS[mark]


def _lines_above(snapshot: Snapshot) -> Iterator[str]:
    for index in range(snapshot.line - 1, max(snapshot.line - LINES_AROUND, 0) - 1, -1):
        yield snapshot.lines[index]


def _lines_below(snapshot: Snapshot) -> Iterator[str]:
    for line in snapshot.lines.slice(snapshot.line + 1, snapshot.line + 1 + LINES_AROUND):
        if body := line_body(line).rstrip():
            yield body


def _begins(line: str, following: str, *, whole_words: bool) -> bool:
    return following.startswith(line) and not (whole_words and _in_word(following, len(line)))


def _meet_rest_of_line(text: str, snapshot: Snapshot) -> tuple[str, int]:
    """The text, and how much of the rest of the line it replaces.

    Of all that the text says again of the rest, as much is replaced as leaves the fewest brackets
    and quotes without partner: `foo(|)` and `a, b)` share the closing one, `foo(|)` and `bar(x)` do not.
    """
    rest = snapshot.line_after.rstrip()
    if not rest.strip():
        return text, 0
    line_before, language = snapshot.line_before, snapshot.language
    unpaired = _unpaired(line_before + rest, language)
    absorbed, left = _best_overlap(text, rest, line_before, language)
    left -= _closed_further_down(text, line_before, language)
    reaches_out = left > unpaired and not _ends_string(text)
    if reaches_out and (end := _first_reaching_out(text, line_before, language)) is not None:
        text = text[:end].rstrip()
        absorbed, _ = _best_overlap(text, rest, line_before, language)
    return _over_lines(text, rest[absorbed:].lstrip(), line_before), absorbed


def _opens_before(text: str, remaining: str) -> bool:
    """Whether a block is opened in front of real text, which is not what the block was opened for."""
    return text.endswith("{") and remaining[:1].strip("})];,") != ""


def _over_lines(text: str, remaining: str, line_before: str) -> str:
    """The text in a shape that can have what remains of the line behind it."""
    first, several, _ = text.partition("\n")
    if not several or not remaining:
        return text
    if remaining[0] not in CLOSERS:
        return first
    if first.strip() and not opens_block(first):
        return text
    # The cursor stands between two brackets: the closing one gets a line of its own.
    return f"{text}\n{line_before[: len(line_before) - len(line_before.lstrip())]}"


def _best_overlap(text: str, rest: str, line_before: str, language: str) -> tuple[int, int]:
    """(characters of the rest to replace, brackets and quotes without partner then)."""
    whole = line_before + text + _left_open_further_down(text, line_before, language)
    in_word = _stands_in_word(line_before, rest)
    lengths = _overlaps(text, rest, in_word=in_word)
    overlaps = {length: _unpaired(whole + rest[length:], language) for length in lengths}
    length = min(overlaps, key=lambda length: (overlaps[length], -length))
    return length, overlaps[length]


def _left_open_further_down(text: str, line_before: str, language: str) -> str:
    """The closers of what a text of several lines leaves open: those behind the cursor are others."""
    if "\n" not in text or language in PROSE:
        return ""
    opened = [
        mark for index, mark in balance(line_before + text, language).opened if index >= len(line_before)
    ]
    return "".join(OPENERS[mark] for mark in reversed(opened))


def _overlaps(text: str, rest: str, *, in_word: bool) -> Iterator[int]:
    """The lengths of what `text` says again of `rest`: as closers, at its end, or in its first line.

    Part of a word counts when the cursor stands in one (`in_word`) and the whole rest is said.
    """
    yield 0
    position = 0
    for length, character in enumerate(rest, start=1):
        position = (text.rfind if character in _ENDS else text.find)(character, position) + 1
        # What ends the line counts when the text ends with it too: `")?;` has all of `");`.
        ends = character in _ENDS and position == len(text)
        if not position or not (character in _CLOSING or ends):
            break
        yield length
    for length in range(1, min(len(rest), len(text)) + 1):
        if text.endswith(rest[:length]) and not (
            _in_word(rest, length)
            or (_in_word(text, len(text) - length) and not (in_word and length == len(rest)))
        ):
            yield length
    if len(rest) > 2 and rest in text.partition("\n")[0]:
        yield len(rest)


def _stands_in_word(line_before: str, rest: str) -> bool:
    return _in_word(line_before[-1:] + rest, 1)


def _in_word(text: str, index: int) -> bool:
    return re.match(r"\w\w", text[max(index - 1, 0) : index + 1]) is not None


def _unpaired(text: str, language: str) -> int:
    if language in PROSE:
        return 0
    left = balance(text, language)
    return len(left.opened) + len(left.surplus) + left.in_string


def _closed_further_down(text: str, line_before: str, language: str) -> int:
    """How many brackets the text closes below the cursor's line that were opened above it."""
    first, several, _ = text.partition("\n")
    if not several or language in PROSE:
        return 0
    whole, begun = (balance(line_before + part, language).surplus for part in (text, first))
    return max(len(whole) - len(begun), 0)


def _ends_string(text: str) -> bool:
    """Whether the cursor stands in a docstring that this text ends: then no bracket of it can be counted."""
    return any(text.count(quotes) % 2 for quotes in ('"""', "'''"))


def _first_reaching_out(text: str, line_before: str, language: str) -> int | None:
    """The index of the first closer in `text` whose opener stands before the cursor."""
    depth = 0
    for index, mark in marks(line_before + text, language):
        if index >= len(line_before):
            depth += (mark in OPENERS) - (mark in CLOSERS)
            if depth < 0:
                return index - len(line_before)
    return None
