"""Where the lines that a model wants replaced stand in a document: certainly, or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from spark_lsp.actions.edits import hunks, runs
from spark_lsp.actions.indentation import Pair, indent_of

SIMILAR = 0.85  # at least this part of the words must be the same, in the same order
CLEAR = 0.05  # and by so much more than at the second best place
SEARCHED = 2_000  # lines that are looked at for a similar place
LONGEST = 200  # lines that are looked for there
ROUGH = 0.75  # of the words, in whatever order, for a place to be looked at
REFINED = 3  # places that are looked at, beside each other or apart
MATCHED = 10_000  # pairs of words that are matched in order

How = Literal["exact", "space", "similar", "empty"]

_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass(frozen=True, slots=True)
class Found:
    """Lines `first` to `last` (exclusive) of the document are the ones meant.

    `skipped` of the searched lines, blank ones at the top, stand for nothing, and so may some at the end.
    Where the others are as many as were found, line for line, it is `aligned`. `indents` are the
    indentations of the lines that both have.
    """

    first: int
    last: int
    how: How
    skipped: int = 0
    aligned: bool = True
    indents: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no place, as a sentence for people and for the model."""

    reason: str


def find(
    search: Sequence[str],
    lines: Sequence[str],
    spans: Sequence[range],
    *,
    near: int,
    used: Sequence[range] = (),
) -> Found | Refusal:
    """Where `search` stands in the `spans` of `lines`: exactly, else but for white space, else similarly.

    A place that is partly outside of them counts when none is inside: what lies outside may be there for
    orientation. Of places that are the same those not `used` count first, then the one nearest to line
    `near`.
    """
    if not any(line.strip() for line in search):
        return _blank(lines, spans)
    place_outside: int | None = None
    ways: tuple[How, ...] = ("exact", "space")
    for how in ways:
        places, size, skipped = _places(search, lines, how)
        inside = [place for place in places if _touches(place, place + size, spans)]
        if inside:
            place = _nearest(inside, size, spans, near, used)
            if isinstance(place, Refusal):
                return place
            indents = _indents(search[skipped:], lines[place : place + size])
            return Found(place, place + size, how, skipped, True, indents)
        if place_outside is None and places:
            place_outside = min(places, key=lambda place: abs(place - near))
    if place_outside is not None:
        return Refusal(outside(lines, place_outside))
    return _similar(search, lines, spans, near)


def outside(lines: Sequence[str], line: int) -> str:
    """The sentence for a place that is not among the lines that may be changed."""
    text = _quoted(lines[line : line + 1])
    return f"Line {line + 1}, {text}, is outside of the lines that may be changed."


def words(line: str) -> list[str]:
    """The words and marks of a line, without the white space between them."""
    return _WORD.findall(line)


def alike(one: Sequence[str], other: Sequence[str]) -> float:
    """How much of two texts is the same, word by word, in the same order: 0 to 1."""
    mine, theirs = [words(line) for line in one], [words(line) for line in other]
    size = sum(map(len, mine)) + sum(map(len, theirs))
    if not size:
        return 1.0
    keys, their_keys = [" ".join(line) for line in mine], [" ".join(line) for line in theirs]
    same = at = 0
    for start, stop, their_start, their_stop in [*hunks(keys, their_keys), (len(mine), 0, len(theirs), 0)]:
        same += sum(map(len, mine[at:start]))
        same += _common(mine[start:stop], theirs[their_start:their_stop])
        at = stop
    return 2 * same / size


def _common(mine: Sequence[list[str]], theirs: Sequence[list[str]]) -> int:
    """How many words some lines have in common: line by line where they are as many."""
    if len(mine) == len(theirs):
        return sum(map(_matched, mine, theirs))
    return _matched([word for line in mine for word in line], [word for line in theirs for word in line])


def _matched(mine: list[str], theirs: list[str]) -> int:
    if len(mine) * len(theirs) > MATCHED:  # in whatever order then
        return (Counter(mine) & Counter(theirs)).total()
    matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def _blank(lines: Sequence[str], spans: Sequence[range]) -> Found | Refusal:
    """Nothing is searched for: what comes goes where nothing stands."""
    if not spans:
        return Refusal("There are no lines that may be changed.")
    if any(lines[index].strip() for span in spans for index in span):
        return Refusal("The block searches for nothing; it must name the lines that it replaces.")
    return Found(spans[0].start, spans[0].start, "empty")


def _places(search: Sequence[str], lines: Sequence[str], how: How) -> tuple[list[int], int, int]:
    """Where it stands, how many lines it has there, and how many blank ones at its top were left out."""
    if how == "exact":
        return list(runs(search, lines)), len(search), 0
    bare = [line.strip() for line in search]
    while bare and not bare[-1]:
        bare.pop()
    skipped = next((index for index, line in enumerate(bare) if line), 0)
    bare = bare[skipped:]
    if not bare:
        return [], 0, 0
    return list(runs(bare, [line.strip() for line in lines])), len(bare), skipped


def _touches(first: int, last: int, spans: Sequence[range]) -> bool:
    """Inside, partly, or next to one: what is put between two lines may touch only one of them."""
    return any(first <= span.stop and span.start <= last for span in spans)


def _nearest(
    places: Sequence[int], size: int, spans: Sequence[range], near: int, used: Sequence[range]
) -> int | Refusal:
    def within(place: int) -> bool:
        return any(span.start <= place and place + size <= span.stop for span in spans)

    def fresh(place: int) -> bool:
        return not any(place < other.stop and other.start < place + size for other in used)

    kept = _kept(_kept(list(places), within), fresh)
    kept.sort(key=lambda place: (abs(place - near), place))
    if len(kept) > 1 and abs(kept[0] - near) == abs(kept[1] - near):
        numbers = ", ".join(str(place + 1) for place in sorted(kept[:2]))
        return Refusal(
            f"The lines searched for stand in several places, as at lines {numbers}: add more lines."
        )
    return kept[0]


def _kept(places: list[int], wanted: Callable[[int], bool]) -> list[int]:
    """Those wanted, where there are any."""
    return [place for place in places if wanted(place)] or places


def _indents(search: Sequence[str], lines: Sequence[str]) -> tuple[Pair, ...]:
    return tuple(
        (indent_of(mine), indent_of(theirs))
        for mine, theirs in zip(search, lines, strict=False)
        if mine.strip() and theirs.strip()
    )


@dataclass(frozen=True, slots=True)
class _Window:
    likeness: float
    first: int
    last: int

    def meets(self, other: _Window) -> bool:
        return self.first < other.last and other.first < self.last


def _similar(
    search: Sequence[str], lines: Sequence[str], spans: Sequence[range], near: int
) -> Found | Refusal:
    nowhere = Refusal(f"The lines searched for, from {_quoted(search)} on, do not stand in the file.")
    skipped = next((index for index, line in enumerate(search) if line.strip()), 0)
    end = max((index + 1 for index, line in enumerate(search) if line.strip()), default=0)
    bare = search[skipped:end]
    if not bare or len(bare) > LONGEST:
        return nowhere
    rough = sorted(_windows(bare, lines, spans, near), key=lambda window: -window.likeness)
    if not rough:
        return nowhere
    best = _finest(bare, lines, [window for window in rough if window.meets(rough[0])])
    others = [window for window in rough if not window.meets(best)]
    second = _finest(bare, lines, others).likeness if others else 0.0
    if max(best.likeness, second) < SIMILAR:
        return nowhere
    if best.likeness - second < CLEAR:
        return Refusal(
            f"The lines searched for, from {_quoted(search)} on, are like more than one place: copy them."
        )
    aligned = best.last - best.first == len(bare)
    there = lines[best.first : best.last]
    indents = _indents(bare, there) if aligned else _indents(bare[:1], there[:1])
    return Found(best.first, best.last, "similar", skipped, aligned, indents)


def _finest(bare: Sequence[str], lines: Sequence[str], rough: Sequence[_Window]) -> _Window:
    """The best of some windows, or of those a line longer or shorter, by their words in order."""
    extents = {
        (max(window.first + above, 0), min(window.last + below, len(lines)))
        for window in rough[:REFINED]
        for above, below in ((0, 0), (0, 1), (0, -1), (1, 0))
    }
    fine = [_Window(alike(bare, lines[first:last]), first, last) for first, last in extents if first < last]
    return min(fine, key=lambda one: (-one.likeness, abs(one.last - one.first - len(bare)), one.first))


def _windows(
    bare: Sequence[str], lines: Sequence[str], spans: Sequence[range], near: int
) -> Iterator[_Window]:
    """Runs of as many lines in `spans` that have enough of the words, in whatever order."""
    wanted = Counter(word for line in bare for word in words(line))
    left = SEARCHED
    for span in sorted(spans, key=lambda span: abs(span.start - near)):
        start = max(span.start, min(near - left // 2, span.stop - left))
        span = range(start, min(span.stop, start + left))
        left -= len(span)
        yield from _slide([words(lines[index]) for index in span], len(bare), wanted, span.start)


def _slide(bags: Sequence[Sequence[str]], size: int, wanted: Counter[str], start: int) -> Iterator[_Window]:
    total = wanted.total()
    known = [[word for word in bag if word in wanted] for bag in bags]
    missing = dict(wanted)  # how often each word is not yet in the window; below 0 where it has too many
    common = count = 0
    for index, bag in enumerate(bags):
        count += len(bag)
        for word in known[index]:
            left = missing[word]
            missing[word] = left - 1
            if left > 0:
                common += 1
        if index >= size:
            count -= len(bags[index - size])
            for word in known[index - size]:
                left = missing[word]
                missing[word] = left + 1
                if left >= 0:
                    common -= 1
        if index + 1 >= size and 2 * common >= ROUGH * (total + count):
            yield _Window(2 * common / (total + count), start + index + 1 - size, start + index + 1)


def _quoted(search: Sequence[str]) -> str:
    line = next((line.strip() for line in search if line.strip()), "")
    return f"`{line[:60]}{'…' if len(line) > 60 else ''}`"
