"""A model's answer, as it streams, as replacements in the document: checked, and nothing else of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spark_lsp.actions import screen
from spark_lsp.actions.blocks import Block, BlockReader, Broken, FileBlock, Part
from spark_lsp.actions.edits import Replacement, changes
from spark_lsp.actions.indentation import Indentation
from spark_lsp.actions.place import Found, Refusal, find, outside
from spark_lsp.actions.whole import belongs

MAX_BLOCKS = 50
MAX_CHARACTERS = 200_000
STRIDE = 16  # chunks of one line between two looks at whether the answer goes on as prose
LOOKS = 512  # chunks of one line; further on nothing is learnt from its beginning

_MARK = re.compile(r" {0,3}(?:<{5,}|={5,}|>{5,})")
_NOTHING = re.compile(
    r"\bno (?:other |further |code )?(?:changes?|edits?|fix(?:es)?)\b"
    r"|\bnothing (?:needs )?to (?:be )?(?:change|fix)"
    r"|\balready (?:correct|fixed|done)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be made at `path`, relative to the project's folder with / between, not known to be free."""

    path: str
    text: str


class AnswerReader:
    """Reads one answer. Whatever it says, only lines in the spans become others, and new files are apart."""

    def __init__(
        self, path: str, lines: Sequence[str], spans: Sequence[range], *, near: int, newfile: bool = False
    ) -> None:
        """`path` is the document's, `lines` its text, `spans` those that may be changed: a range of none is
        a place to insert at. Of places that are the same the one nearest to line `near` is meant. `newfile`:
        new files are welcome.
        """
        self._path = path
        self._lines = lines
        self._spans = _merged(spans, len(lines))
        self._near = near
        self._newfile = newfile
        self._blocks = BlockReader({line for line in lines if _MARK.match(line)})
        self._tail: list[str] = []  # a line of which the end is to come
        self._left = MAX_CHARACTERS
        self._parts = 0
        self._seen: set[Part] = set()
        self._used: list[range] = []
        self._replacements: list[Replacement] = []
        self._files: list[NewFile] = []
        self._refusals: list[str] = []
        self._idle = 0  # blocks that change nothing
        self._finished = False

    @property
    def done(self) -> bool:
        """The answer is whole, or of no use any more: the rest need not be read."""
        return self._finished or self._blocks.done

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """All so far, in the order of the lines; they do not overlap."""
        return tuple(sorted(self._replacements, key=lambda change: (change.first, change.last)))

    @property
    def files(self) -> tuple[NewFile, ...]:
        """The new files so far."""
        return tuple(self._files)

    @property
    def refusals(self) -> tuple[str, ...]:
        """What was refused and why, in sentences, for the model and for people."""
        return tuple(self._refusals)

    @property
    def nothing(self) -> bool:
        """The answer says that nothing is to be changed."""
        if not self.done or self._replacements or self._files or self._refusals:
            return False
        return bool(self._idle or self._blocks.finished_by_tag or self._says_nothing())

    def feed(self, text: str) -> list[Replacement]:
        """The replacements that are complete with `text`, the next characters of the answer."""
        if self.done:
            return []
        self._left -= len(text)
        if self._left < 0:
            text = text[: self._left]
        found: list[Replacement] = []
        if "\n" in text:
            head, *ended, tail = text.split("\n")
            for line in ("".join((*self._tail, head)), *ended):
                found += self._take(self._blocks.line(line.removesuffix("\r")))
            self._tail = [tail]
        else:
            self._tail.append(text)
        if self._left < 0:
            found += self.finish(complete=False)
        elif len(self._tail) < LOOKS and (">" in text or (self._parts and len(self._tail) % STRIDE == 0)):
            self._blocks.partial("".join(self._tail))
        return found

    def finish(self, *, complete: bool) -> list[Replacement]:
        """The replacements that are complete because no more comes; not `complete`: because it was cut off.

        Without an edit, and where nothing says that none is needed, this is a refusal too.
        """
        if self._finished:
            return []
        self._finished = True
        found: list[Replacement] = []
        if tail := "".join(self._tail).removesuffix("\r"):
            found += self._take(self._blocks.line(tail))
        found += self._take(self._blocks.end(complete=complete and self._left >= 0))
        self._tail = []
        if self._left < 0:
            self._refuse("The answer is too long: the rest is left out.")
        elif not (self._replacements or self._files or self._refusals or self.nothing):
            self._refuse(
                "The answer holds no edit." if complete else "The answer ends before its first edit."
            )
        return found

    def _take(self, parts: Sequence[Part]) -> list[Replacement]:
        found: list[Replacement] = []
        for part in parts:
            self._parts += 1
            if self._parts > MAX_BLOCKS:
                self._refuse(f"The answer has more than {MAX_BLOCKS} blocks: the rest is left out.")
                self._blocks.done = True
                break
            found += self._taken(part)
            self._seen.add(part)
        return found

    def _taken(self, part: Part) -> list[Replacement]:
        match part:
            case Broken(reason):
                self._refuse(reason)
            case FileBlock():
                self._make(part)
            case Block(path=path) if path and not screen.same_file(path, self._path):
                self._refuse(f"{path!r} is not the file that may be changed.")
            case Block(form="block"):
                return self._settle(part)
            case Block():
                return self._settle_whole(part)
        return []

    def _settle(self, block: Block) -> list[Replacement]:
        found = find(block.search, self._lines, self._spans, near=self._near, used=self._used)
        if isinstance(found, Refusal):
            self._refuse(found.reason)
            return []
        extent = range(found.first, found.last)
        if block in self._seen and any(
            max(extent.start, one.start) < min(extent.stop, one.stop) for one in self._used
        ):
            return []  # said twice, meant once
        hunks = list(self._hunks(block, found))
        new = [line for hunk in hunks for line in hunk.lines]
        old = self._lines[found.first : found.last]
        if reason := screen.characters(new, old) or screen.left_out(new, old) or self._amiss(hunks):
            self._refuse(reason)
            return []
        self._used.append(extent)
        return self._accept(hunks)

    def _hunks(self, block: Block, found: Found) -> Iterator[Replacement]:
        """The lines that `block` changes where it was found; the others stay as the document has them."""
        if found.how == "empty":
            if block.replace:
                yield Replacement(found.first, found.last, block.replace)
            return
        there = self._lines[found.first : found.last]
        indentation = Indentation(found.indents, self._around())
        if not found.aligned:
            for change in changes(there, [indentation.of(line) for line in block.replace]):
                yield _moved(change, found.first)
            return
        search = block.search[found.skipped : found.skipped + len(there)]
        after = len(block.search) - found.skipped - len(there)
        for change in changes(search, _without_blanks(block.replace, found.skipped, after)):
            fit = indentation.marked if found.how == "exact" else indentation.of
            lines = tuple(map(fit, change.lines))
            yield Replacement(found.first + change.first, found.first + change.last, lines)

    def _around(self) -> list[str]:
        return [self._lines[index] for span in self._spans for index in span]

    def _settle_whole(self, block: Block) -> list[Replacement]:
        region = belongs(block.replace, self._lines, self._spans, bare=block.form == "bare")
        if isinstance(region, Refusal):
            if not self._says_nothing():
                self._refuse(region.reason)
            return []
        old = self._lines[region.first : region.last]
        hunks = [_moved(change, region.first) for change in changes(old, region.lines)]
        new = [line for hunk in hunks for line in hunk.lines]
        if reason := screen.characters(new, old) or screen.left_out(new, old):
            self._refuse(reason)
            return []
        found: list[Replacement] = []
        for group in [[hunk] for hunk in hunks] if region.is_file else [hunks]:
            if reason := self._amiss(group):
                self._refuse(reason)
            else:
                found += self._accept(group)
        return found

    def _amiss(self, hunks: Sequence[Replacement]) -> str | None:
        """Why `hunks` may not be done, None where they may."""
        for hunk in hunks:
            if not any(span.start <= hunk.first and hunk.last <= span.stop for span in self._spans):
                return outside(self._lines, hunk.first)
            if any(hunk.first < other.last and other.first < hunk.last for other in self._replacements):
                return f"Line {hunk.first + 1} is changed by more than one block."
        return screen.wipes(self._lines, self._spans, [*self._replacements, *hunks])

    def _accept(self, hunks: list[Replacement]) -> list[Replacement]:
        self._idle += not hunks
        self._replacements += hunks
        return hunks

    def _make(self, part: FileBlock) -> None:
        if not self._newfile:
            self._refuse("A new file was not asked for.")
        elif reason := screen.path(part.path) or screen.characters(part.lines, ()):
            self._refuse(reason)
        elif part.path == self._path or any(part.path == file.path for file in self._files):
            self._refuse(f"{part.path!r} is no new file.")
        elif not any(line.strip() for line in part.lines):
            self._refuse(f"{part.path!r} is empty.")
        else:
            self._files.append(NewFile(part.path, "".join(f"{line}\n" for line in part.lines)))

    def _refuse(self, reason: str) -> None:
        if reason not in self._refusals:
            self._refusals.append(reason)

    def _says_nothing(self) -> bool:
        return any(map(_NOTHING.search, self._blocks.prose))


def _merged(spans: Sequence[range], count: int) -> list[range]:
    """In order, within the text, those that touch as one."""
    merged: list[range] = []
    for span in sorted(spans, key=lambda span: (span.start, span.stop)):
        start, stop = min(max(span.start, 0), count), min(max(span.stop, span.start, 0), count)
        if merged and start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(stop, merged[-1].stop))
        else:
            merged.append(range(start, stop))
    return merged


def _without_blanks(lines: Sequence[str], above: int, below: int) -> Sequence[str]:
    """Without so many blank lines at the top and at the end, where there are any."""
    first, last = 0, len(lines)
    while first < min(above, last) and not lines[first].strip():
        first += 1
    while last > max(len(lines) - below, first) and not lines[last - 1].strip():
        last -= 1
    return lines[first:last]


def _moved(change: Replacement, by: int) -> Replacement:
    return Replacement(change.first + by, change.last + by, change.lines)
