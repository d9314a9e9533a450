"""What changes in a text, by lines and by characters: applied, made least, kept true while the text moves.

A text is the bodies of its lines; one that ends with a line end has an empty last line. A text has at least
one line: without its last it is [""].
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

from spark_lsp.values import Edit

WORK = 10_000  # pairs of equal lines that difflib may weigh; it does so once for every stretch it finds

Hunk = tuple[int, int, int, int]  # lines [0] to [1] of the one text became lines [2] to [3] of the other


@dataclass(frozen=True, slots=True)
class Replacement:
    """Lines `first` to `last` (exclusive) of a text become `lines`, bodies without line ends.

    Where both are the same, `lines` are inserted before that line.
    """

    first: int
    last: int
    lines: tuple[str, ...]


def apply(lines: Sequence[str], replacements: Iterable[Replacement]) -> list[str]:
    """The text with all of `replacements` done; each means the lines as they are now.

    Insertions at one place stand in the order given. Raises ValueError where two overlap or one is outside.
    """
    result: list[str] = []
    at = 0
    for replacement in _in_order(replacements, len(lines)):
        result += lines[at : replacement.first]
        result += replacement.lines
        at = replacement.last
    result += lines[at:]
    return result or [""]


def minimal(lines: Sequence[str], replacements: Iterable[Replacement]) -> tuple[Edit, ...]:
    """The least edits that do the same as `apply`: ascending, not touching, none without an effect.

    Only the lines that differ are in them, and of these only what is between the characters that they begin
    and end with in common. Raises ValueError as `apply` does.
    """
    edits: list[Edit] = []
    for change in _joined(_in_order(replacements, len(lines))):
        old = lines[change.first : change.last]
        for start, stop, new_start, new_stop in hunks(old, change.lines):
            first, last = change.first + start, change.first + stop
            edit = _edit(lines, first, last, change.lines[new_start:new_stop])
            if edit is not None:
                _add(edits, edit)
    return tuple(edits)


def changes(before: Sequence[str], after: Sequence[str]) -> tuple[Replacement, ...]:
    """Which lines of `before` become others so that it is `after`: ascending, not touching."""
    return tuple(
        Replacement(start, stop, tuple(after[new_start:new_stop]))
        for start, stop, new_start, new_stop in hunks(before, after)
    )


def rebase(
    replacements: Iterable[Replacement], before: Sequence[str], now: Sequence[str]
) -> tuple[Replacement, ...] | None:
    """`replacements` of `before` as they belong into `now`; None where the lines next to one have changed."""
    meanwhile = changes(before, now)
    rebased = []
    for replacement in replacements:
        shift = 0
        for change in meanwhile:
            if change.first > replacement.last:
                break
            if change.last >= replacement.first:
                return None
            shift += len(change.lines) - (change.last - change.first)
        rebased.append(Replacement(replacement.first + shift, replacement.last + shift, replacement.lines))
    return tuple(rebased)


def locate(target: Sequence[str], near: int, now: Sequence[str]) -> int | None:
    """The line where `target` stands in `now`: at `near`, else in the only place there is, else None."""
    size = len(target)
    wanted = list(target)
    if 0 <= near <= len(now) - size and list(now[near : near + size]) == wanted:
        return near
    if not wanted:
        return None
    places = list(islice(runs(wanted, now), 2))
    return places[0] if len(places) == 1 else None


def runs(target: Sequence[str], lines: Sequence[str]) -> Iterator[int]:
    """Every line of `lines` at which the lines of `target`, at least one, begin."""
    wanted, size = list(target), len(target)
    for index in range(len(lines) - size + 1):
        if lines[index] == wanted[0] and list(lines[index : index + size]) == wanted:
            yield index


def hunks(before: Sequence[str], after: Sequence[str]) -> list[Hunk]:
    """Where two texts differ, in time that is linear in their sizes but for short stretches."""
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    stop, new_stop = len(before) - tail, len(after) - tail
    old, new = before[head:stop], after[head:new_stop]
    if not old and not new:
        return []
    if not old or not new:
        return [(head, stop, head, new_stop)]
    return _shifted(_inner(old, new), head, head)


def _inner(old: Sequence[str], new: Sequence[str]) -> list[Hunk]:
    counts = Counter(new)
    if sum(counts[line] for line in old) <= WORK:
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        return [opcode[1:] for opcode in matcher.get_opcodes() if opcode[0] != "equal"]
    anchors = _anchors(old, new, counts)
    if not anchors:
        return [(0, len(old), 0, len(new))]
    found: list[Hunk] = []
    start = new_start = 0
    for stop, new_stop in [*anchors, (len(old), len(new))]:
        found += _shifted(hunks(old[start:stop], new[new_start:new_stop]), start, new_start)
        start, new_start = stop + 1, new_stop + 1
    return found


def _shifted(found: Iterable[Hunk], by: int, new_by: int) -> list[Hunk]:
    return [
        (start + by, stop + by, new_start + new_by, new_stop + new_by)
        for start, stop, new_start, new_stop in found
    ]


def _anchors(old: Sequence[str], new: Sequence[str], counts: Counter[str]) -> list[tuple[int, int]]:
    """The longest ascending row of lines that stand once in each."""
    mine = Counter(old)
    places = {line: index for index, line in enumerate(new) if counts[line] == 1}
    pairs = [(index, places[line]) for index, line in enumerate(old) if mine[line] == 1 and line in places]
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, (_, place) in enumerate(pairs):
        length = bisect_left(tails, place)
        previous.append(ends[length - 1] if length else -1)
        tails[length : length + 1] = [place]
        ends[length : length + 1] = [index]
    row = []
    at = ends[-1] if ends else -1
    while at >= 0:
        row.append(pairs[at])
        at = previous[at]
    return row[::-1]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many items both begin with."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _in_order(replacements: Iterable[Replacement], count: int) -> list[Replacement]:
    ordered = sorted(replacements, key=lambda replacement: (replacement.first, replacement.last))
    at = 0
    for replacement in ordered:
        if not at <= replacement.first <= replacement.last <= count:
            raise ValueError(f"lines {replacement.first} to {replacement.last} overlap others or are outside")
        at = replacement.last
    return ordered


def _joined(ordered: Iterable[Replacement]) -> list[Replacement]:
    """Neighbours as one: what the first adds may be what the second takes away."""
    joined: list[Replacement] = []
    for replacement in ordered:
        if joined and joined[-1].last == replacement.first:
            before = joined.pop()
            replacement = Replacement(before.first, replacement.last, before.lines + replacement.lines)
        joined.append(replacement)
    return joined


def _edit(lines: Sequence[str], first: int, last: int, new: Sequence[str]) -> Edit | None:
    """Lines `first` to `last` become `new`, with the line ends that this adds or takes away."""
    if first < last and (new or last - first == len(lines)):
        return _trimmed(lines, first, last, new)
    at_end = last == len(lines)  # no line end follows: the one before goes, or comes, with the lines
    column = len(lines[-1])
    if not new:
        if at_end:
            return Edit(first - 1, len(lines[first - 1]), last - 1, column, "")
        return Edit(first, 0, last, 0, "")
    if at_end:
        return Edit(last - 1, column, last - 1, column, "".join(f"\n{line}" for line in new))
    return Edit(first, 0, first, 0, "".join(f"{line}\n" for line in new))


def _trimmed(lines: Sequence[str], first: int, last: int, new: Sequence[str]) -> Edit | None:
    old_text, new_text = "\n".join(lines[first:last]), "\n".join(new)
    head = _common(old_text, new_text)
    tail = _common(old_text[head:][::-1], new_text[head:][::-1])
    taken = old_text[head : len(old_text) - tail]
    text = new_text[head : len(new_text) - tail]
    if not taken and not text:
        return None
    line, column = _position(first, 0, old_text[:head])
    end_line, end_column = _position(line, column, taken)
    return Edit(line, column, end_line, end_column, text)


def _position(line: int, column: int, passed: str) -> tuple[int, int]:
    ends = passed.count("\n")
    return (line + ends, len(passed) - passed.rfind("\n") - 1) if ends else (line, column + len(passed))


def _add(edits: list[Edit], edit: Edit) -> None:
    """Behind the others; one that begins where the last one ends is one with it."""
    if edits and (edits[-1].end_line, edits[-1].end_column) == (edit.line, edit.column):
        last = edits.pop()
        edit = Edit(last.line, last.column, edit.end_line, edit.end_column, last.text + edit.text)
    edits.append(edit)
