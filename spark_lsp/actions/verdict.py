"""Whether an edit is right, by what checkers say before and after it: the fault is gone, nothing new came."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from spark_lsp.values import Diagnostic, Edit

COUNTS = ("error", "warning")
"""Severities that an edit may not add: what is only a hint is a matter of taste."""

_PLACE = re.compile(r"\b(lines?|column|at) \d+")
_ADDED = re.compile(r"\s*\((?:fix|fixes) available\)\Z")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`gone`: the fault that was to be fixed is not said any more; True where none was named. `new`: what was
    not said before. `reason`: one sentence, for people and for a model that tries again."""

    gone: bool
    new: tuple[Diagnostic, ...] = ()
    reason: str = ""

    @property
    def good(self) -> bool:
        return self.gone and not self.new


def compare(
    target: Diagnostic | None,
    before: Iterable[Diagnostic],
    after: Iterable[Diagnostic],
    replacements: Sequence[Edit],
) -> Verdict:
    """The verdict on one file. `before` and `after` are of the same checkers; `replacements` lead from one
    text to the other, do not overlap, and count in the text before.

    What was said of a line that stays is looked for where that line is now, what was said of a replaced line
    anywhere in what took its place.
    """
    said = list(before)
    fault = target and find(target, said)
    if target is not None and fault is None:
        return Verdict(False, (), f"no checker that was run says this: {_first_line(target.message)}")
    if fault is not None:
        # Last: where two alike were said of the lines and one is left, it is the other one.
        said.remove(fault)
        said.append(fault)
    left = list(after)
    changes = _changes(replacements)
    gone = True
    for item in sorted(said, key=lambda item: item is fault):
        stays = _counterpart(item, left, changes)
        if stays is not None:
            left.remove(stays)
            gone = gone and item is not fault
    came = tuple(item for item in left if item.severity in COUNTS)
    return Verdict(gone, came, _reason(fault, gone, came))


def find(target: Diagnostic, said: Iterable[Diagnostic]) -> Diagnostic | None:
    """The one that is meant by what an editor shows: servers and commands of one tool differ in a source's
    name, in a code's form and in what is put behind a message."""
    near = [item for item in said if target.line <= item.line <= max(target.end_line, target.line)]
    code, words = _code(target), _words(target)

    def likeness(item: Diagnostic) -> tuple[bool, bool, bool, bool]:
        return (
            item.line == target.line,
            bool(code) and _code(item) == code,
            _words(item) == words,
            item.column == target.column,
        )

    alike = [item for item in near if (code and _code(item) == code) or _words(item) == words]
    return max(alike, key=likeness, default=None)


def carried(
    said: Iterable[Diagnostic], after: Iterable[Diagnostic], edits: Sequence[Edit]
) -> list[Diagnostic | None]:
    """For each of `said` before the edits the same one after them, None where it is not said any more."""
    left, changes, found = list(after), _changes(edits), []
    for item in said:
        same = _counterpart(item, left, changes)
        if same is not None:
            left.remove(same)
        found.append(same)
    return found


def moved(said: Iterable[Diagnostic], edits: Sequence[Edit]) -> list[Diagnostic | None]:
    """For each of `said` before the edits, where it is after them if nothing became of it; None where its
    lines were changed, and nobody can tell."""
    changes, found = _changes(edits), []
    for item in said:
        low, _ = _now(item.line, changes)
        by = low - item.line
        is_touched = any(change.first <= item.line < change.last for change in changes)
        found.append(None if is_touched else replace(item, line=low, end_line=item.end_line + by))
    return found


class _Change(NamedTuple):
    """Lines `first` to `last` of the text before are `start` to `end` of the one after, both exclusive."""

    first: int
    last: int
    start: int
    end: int


def _changes(edits: Sequence[Edit]) -> list[_Change]:
    changes = []
    shift = 0
    for edit in sorted(edits, key=lambda item: (item.line, item.column)):
        # An edit from a line's start to a line's start touches whole lines only.
        whole = 0 if edit.column == edit.end_column == 0 else 1
        added = edit.text.count("\n")
        start = edit.line + shift
        changes.append(_Change(edit.line, edit.end_line + whole, start, start + added + whole))
        shift += added - (edit.end_line - edit.line)
    return changes


def _counterpart(
    item: Diagnostic, after: Sequence[Diagnostic], changes: Sequence[_Change]
) -> Diagnostic | None:
    """The same diagnostic after the changes."""
    low, high = _now(item.line, changes)
    key = _key(item)
    same = (other for other in after if low <= other.line < high and _key(other) == key)
    return min(same, key=lambda other: abs(other.column - item.column), default=None)


def _now(line: int, changes: Sequence[_Change]) -> tuple[int, int]:
    """The lines that a line of the text before may be now."""
    now = line
    places = []
    for change in changes:
        if change.first <= line < change.last:
            places.append((change.start, change.end))
        elif change.last <= line:
            now = line + change.end - change.last
    if places:
        return min(low for low, _ in places), max(high for _, high in places)
    return now, now + 1


def _key(item: Diagnostic) -> tuple[str, str, str]:
    return item.source.casefold(), _code(item), _words(item)


def _words(item: Diagnostic) -> str:
    """A message without what changes when lines move ("already defined on line 3")."""
    text = _ADDED.sub("", item.message)
    return _PLACE.sub(r"\1", " ".join(text.split())).casefold()


def _code(item: Diagnostic) -> str:
    """TypeScript's 2322 is written TS2322, too."""
    return re.sub(r"\ATS(?=\d+\Z)", "", item.code)


def _first_line(message: str) -> str:
    return message.partition("\n")[0]


def _reason(fault: Diagnostic | None, gone: bool, came: Sequence[Diagnostic]) -> str:
    parts = []
    if fault is not None:
        parts.append(f"{'no longer said' if gone else 'still said'}: {_first_line(fault.message)}")
    parts += (f"new in line {item.line + 1}: {_first_line(item.message)}" for item in came[:3])
    if len(came) > 3:
        parts.append(f"and {len(came) - 3} more")
    return "; ".join(parts) or "nothing new is said"
