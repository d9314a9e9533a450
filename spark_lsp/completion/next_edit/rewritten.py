"""From the rewritten lines of a window to one edit that may be offered, or why none may."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from spark_lsp.completion.next_edit.edit import NextEdit, smallest
from spark_lsp.completion.next_edit.window import Window

MOST_GROWN = 30
"""Lines that an answer may have more than its window."""

MOST_GONE = 0.5
"""Of the lines of a window, how many an edit may take away."""

FEW = 3
"""Lines; so few may all go."""

_WORD = re.compile(r"\w+|[^\w\s]")

Span = tuple[int, int, int, int]
"""Lines of the window that become lines of the answer: (first, last, first, last), the ends exclusive."""


def edit_of(view: Window, new: Sequence[str]) -> NextEdit | str:
    """The nearest change to the cursor, as little as it takes; else a sentence that says why nothing is
    offered."""
    old = list(view.lines)
    spans = [
        (first, last, left, right)
        for tag, first, last, left, right in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag != "equal"
    ]
    if not spans or [line.rstrip() for line in new] == [line.rstrip() for line in old]:
        return "it changes nothing"
    if len(new) > len(old) + MOST_GROWN:
        return "it has far more lines than it was asked for"
    against = _reaches_out(view, new, spans)
    span = min(spans, key=lambda one: _distance(one, view.row))
    against = against or _gone(view, span) or _takes_back(view, old, new, span)
    if against:
        return against
    return _smallest(view, old[span[0] : span[1]], list(new[span[2] : span[3]]), span[0])


def _distance(span: Span, row: int) -> int:
    first, last = span[0], max(span[1], span[0] + 1)
    return 0 if first <= row < last else min(abs(first - row), abs(last - 1 - row))


def _reaches_out(view: Window, new: Sequence[str], spans: Sequence[Span]) -> str:
    """An answer that begins with what stands above its window, or goes on with what stands below."""
    first, last = spans[0], spans[-1]
    above, below = _told(view.above), _told(view.below)
    if first[0] == 0 and first[3] > first[2] and new[first[2]].strip() in above:
        return "it says lines again that stand above the window"
    if last[1] == len(view.lines) and last[3] > last[2] and new[last[3] - 1].strip() in below:
        return "it says lines again that stand below the window"
    return ""


def _told(lines: Iterable[str]) -> set[str]:
    """Lines that say something: a bracket alone stands everywhere."""
    return {line.strip() for line in lines if len(line.strip()) > 3}


def _gone(view: Window, span: Span) -> str:
    gone = (span[1] - span[0]) - (span[3] - span[2])
    if gone > FEW and gone > MOST_GONE * len(view.lines):
        return "it takes most of the window away"
    return ""


def _takes_back(view: Window, old: Sequence[str], new: Sequence[str], span: Span) -> str:
    """What the user has just typed stays, and what they have just taken away does not come back."""
    gone = _words(old[span[0] : span[1]])
    come = _words(new[span[2] : span[3]])
    first, last = view.first + span[0], view.first + max(span[1], span[0] + 1)
    for past in view.edits:
        typed, taken = _words(past.new) - _words(past.old), _words(past.old) - _words(past.new)
        if past.first < last + 1 and first <= past.first + len(past.new):
            lost = (gone - come) & typed
            if any(not any(word.startswith(one) for word in come - gone) for one in lost):
                return "it takes away what was just typed"
            back = (come - gone) & taken
            if back and back == come - gone:
                return "it takes the latest edit back"
        if (
            taken
            and not typed
            and set(map(str.strip, past.old))
            & {line.strip() for line in new[span[2] : span[3]] if line not in old and line.strip()}
        ):
            return "it brings back what was just deleted"
    return ""


def _words(lines: Iterable[str]) -> Counter[str]:
    return Counter(word for line in lines for word in _WORD.findall(line))


def _smallest(view: Window, gone: list[str], come: list[str], at: int) -> NextEdit:
    line = view.first + at
    if not gone:  # lines that are new: behind the line above, where there is one
        text = "\n".join(come)
        if line:
            before = view.lines[at - 1] if at else view.above[-1]
            return NextEdit(line - 1, len(before), line - 1, len(before), "", f"\n{text}")
        return NextEdit(0, 0, 0, 0, "", f"{text}\n")
    if not come:
        return _deleted(view, gone, at)
    return smallest(line, 0, "\n".join(gone), "\n".join(come))


def _deleted(view: Window, gone: list[str], at: int) -> NextEdit:
    line, text = view.first + at, "\n".join(gone)
    last = line + len(gone) - 1
    if line:
        before = view.lines[at - 1] if at else view.above[-1]
        return NextEdit(line - 1, len(before), last, len(gone[-1]), f"\n{text}", "")
    if at + len(gone) < len(view.lines) or view.below:
        return NextEdit(0, 0, last + 1, 0, f"{text}\n", "")
    return NextEdit(0, 0, last, len(gone[-1]), text, "")
