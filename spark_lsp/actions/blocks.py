"""A model's answer taken apart, line by line, into what it wants changed; knows the forms, not the document.

Models are asked for one form and answer in others: search/replace blocks, bare or in a fence; a unified diff;
a fenced function or file; code with nothing around it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

AFTERWORD = 160  # characters of prose behind a block that end the answer
AFTERWORDS = 3  # or so many lines
MARK = (
    400  # characters; a longer line is no mark, and a pattern that tries again and again would take minutes
)

Mode = Literal["prose", "think", "search", "replace", "fence", "diff", "file"]


@dataclass(frozen=True, slots=True)
class Block:
    """`search` is to become `replace`. `path` is the file that the answer names, "" where it names none.

    In a fence of its own, or "bare" with nothing around it, `replace` is all of a function or of a file, and
    nothing is searched for.
    """

    search: tuple[str, ...]
    replace: tuple[str, ...]
    path: str = ""
    form: Literal["block", "fence", "bare"] = "block"


@dataclass(frozen=True, slots=True)
class FileBlock:
    """A new file."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A block that could not be read, and why, as a sentence."""

    reason: str


Part = Block | FileBlock | Broken

_SEARCH = re.compile(r" {0,3}(<{5,})(?: *(?:SEARCH|ORIGINAL|OLD|BEFORE|HEAD)\b.*)?\s*$", re.IGNORECASE)
_DIVIDER = re.compile(r" {0,3}(={5,})\s*$")
_REPLACE = re.compile(r" {0,3}(>{5,})(?: *[\w\"'`./:-]+.*)?\s*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([^`]*)$")
_FILE = re.compile(r"\s*<new-file\s+path\s*=\s*(?:\"([^\"]*)\"|'([^']*)')\s*>\s*$")
_PATH = re.compile(
    r"[*`#\s]*(?:file(?:name)?\s*:\s*)?[*`\"'\s]*([\w.@~+/\\:-]+\.\w{1,12})[*`\"'\s]*:?[*\s]*$", re.IGNORECASE
)
_OLD_FILE = re.compile(r"--- (\"?[\w.@~+/\\:-]+\"?)(?:\t.*| +\d.*)?\s*$")
_NEW_FILE = re.compile(r"\+\+\+ (\"?[\w.@~+/\\:-]+\"?)(?:\t.*| +\d.*)?\s*$")
_HUNK = re.compile(r"@@(?: .*|$)")
_TAG = re.compile(r"\s*</?(?:your-answer|change-only|answer|task)>\s*$")


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    return pattern.match(line) if len(line) <= MARK else None


class BlockReader:
    """Takes an answer's lines one by one and gives each part as soon as its last line is there."""

    def __init__(self, marks: Collection[str] = ()) -> None:
        """`marks`: lines of the document that look like marks of a block, so they may be meant as text."""
        self.done = False
        self.finished_by_tag = False
        self.prose: list[str] = []
        self._marks = frozenset(marks)
        self._mode: Mode = "prose"
        self._parts = 0
        self._path = ""  # named on the line above, in the fence's opening, or in a diff's head
        self._fence = ""  # the marks of the fence that is open
        self._nested = 0
        self._inside = False  # a document's own conflict, in a block
        self._doubtful: int | None = None  # a line of the search that may have been the divider
        self._size = 0  # marks of the block's first line
        self._old: list[str] = []
        self._new: list[str] = []
        self._held: list[str] = []
        self._hunk = False
        self._after = 0
        self._after_lines = 0

    def line(self, line: str) -> list[Part]:
        """What is complete with this line, without its line end."""
        if self.done:
            return []
        parts = list(self._part(line))
        self._parts += len(parts)
        return parts

    def _part(self, line: str) -> Iterator[Part]:
        match self._mode:
            case "prose":
                return self._in_prose(line)
            case "think":
                return self._in_thought(line)
            case "search":
                return self._in_search(line)
            case "replace":
                return self._in_replace(line)
            case "fence":
                return self._in_fence(line)
            case "diff":
                return self._in_diff(line)
            case "file":
                return self._in_file(line)

    def partial(self, line: str) -> None:
        """The beginning of a line of which the rest is to come: it may be all that is needed."""
        if self._mode == "prose" and not self.done:
            if line.lstrip().startswith("<done>"):
                self._stop()
            elif self._parts and line[:1].isalnum() and self._after + len(line) > AFTERWORD:
                self.done = True

    def end(self, *, complete: bool) -> list[Part]:
        """No line comes any more; `complete` is false where the answer was cut."""
        parts: list[Part] = []
        if self._mode == "diff":
            if complete or not self._hunk:
                parts += self._end_hunk()
            else:
                parts.append(self._cut())
        elif self._mode == "fence" and complete and any(line.strip() for line in self._held):
            parts.append(Block((), tuple(self._held), self._path, "fence"))
        elif self._mode in ("search", "replace", "fence", "file"):
            parts.append(self._cut())
        elif self._mode == "prose" and not self._parts and (complete or self.finished_by_tag):
            parts += self._bare()
        self._mode = "prose"
        self._parts += len(parts)
        self.done = True
        return parts

    def _cut(self) -> Broken:
        return Broken("The answer ends in the middle of a block: that block is left out.")

    def _bare(self) -> Iterator[Part]:
        """No block at all: the answer may be code with nothing around it."""
        if any(line.strip() for line in self.prose):
            yield Block((), tuple(self.prose), form="bare")

    def _stop(self) -> None:
        self.done = self.finished_by_tag = True
        self._mode = "prose"

    def _in_prose(self, line: str) -> Iterator[Part]:
        bare = line.strip()
        if bare.startswith("<done>"):
            self._stop()
        elif "</think>" in bare:  # some servers leave out where the thought begins
            self.prose.clear()
            return self._in_thought(line)
        elif bare.startswith("<think>"):
            self._mode = "think"
        elif match := _match(_SEARCH, line):
            self._open(len(match.group(1)))
        elif match := _match(_FENCE, line):
            self._open_fence(match.group(1), match.group(2))
        elif match := _match(_FILE, line):
            self._open_file(match.group(1) or match.group(2) or "")
        elif self._opens_diff(line):
            pass
        elif bare and not _match(_TAG, line):
            self._say(line)
        elif not bare and self.prose:
            self.prose.append(line)
        return iter(())

    def _say(self, line: str) -> None:
        match = _match(_PATH, line)
        self._path = match.group(1) if match else ""
        self.prose.append(line)
        if self._parts:
            self._after += len(line)
            self._after_lines += 1
            self.done = self._after > AFTERWORD or self._after_lines >= AFTERWORDS

    def _in_thought(self, line: str) -> Iterator[Part]:
        _, end, rest = line.partition("</think>")
        if end:
            self._mode = "prose"
            if rest.strip():
                return self._in_prose(rest)
        return iter(())

    def _open(self, size: int) -> None:
        self._mode = "search"
        self._size = size
        self._old, self._new = [], []
        self._inside = False
        self._doubtful = None
        self._after = self._after_lines = 0

    def _close(self) -> None:
        """Behind a block; one in a fence leaves the fence open, and its last line is passed over."""
        self._mode = "prose"
        if not self._fence:
            self._path = ""

    def _is_text(self, line: str) -> bool:
        """Whether a mark is the document's own: of a conflict that was left in it."""
        if line in self._marks and line.startswith("<"):
            self._inside = True
            return True
        if self._inside:
            self._inside = not (line in self._marks and line.startswith(">"))
            return True
        return False

    def _in_search(self, line: str) -> Iterator[Part]:
        if line.strip() == "<done>":
            yield self._cut()
            self._stop()
        elif self._is_text(line):
            self._old.append(line)
        elif _match(_SEARCH, line) and not _match(_DIVIDER, line):
            yield Broken("A block begins in the middle of another: that one is left out.")
            self._open(len(line.strip()) - len(line.strip().lstrip("<")))
        elif match := _match(_DIVIDER, line):
            if line in self._marks:
                if self._doubtful is None:
                    self._doubtful = len(self._old)
                    self._old.append(line)
                    return
            elif len(match.group(1)) != self._size and self._doubtful is not None:
                self._old.append(line)
                return
            self._mode = "replace"
        elif _match(_REPLACE, line):
            if self._doubtful is None:
                yield Broken("A block has no ======= between what is searched for and what replaces it.")
            else:
                yield self._block(self._old[: self._doubtful], self._old[self._doubtful + 1 :])
            self._close()
        else:
            self._old.append(line)

    def _in_replace(self, line: str) -> Iterator[Part]:
        if line.strip() == "<done>":
            yield self._cut()
            self._stop()
        elif self._is_text(line):
            self._new.append(line)
        elif _match(_REPLACE, line):
            yield self._block(self._old, self._new)
            self._close()
        elif (match := _match(_SEARCH, line)) and len(match.group(1)) == self._size:
            yield Broken("A block begins in the middle of another: that one is left out.")
            self._open(self._size)
        else:
            self._new.append(line)

    def _block(self, search: list[str], replace: list[str]) -> Block:
        return Block(tuple(search), tuple(replace), self._path)

    def _open_fence(self, marks: str, info: str) -> None:
        if self._fence and marks.startswith(self._fence) and not info.strip():
            self._fence = self._path = ""  # the end of the one around blocks
            return
        self._mode = "fence"
        self._fence = marks
        self._nested = 0
        self._held = []
        for word in re.split(r"[\s:]+(?!\\)", info.strip()):
            if "/" in word or "." in word.strip("."):
                self._path = word

    def _in_fence(self, line: str) -> Iterator[Part]:
        started = any(map(str.strip, self._held))
        if line.strip() == "<done>":
            yield from self._end_fence()
            self._stop()
        elif (match := _match(_SEARCH, line)) and line not in self._marks and self._only_path():
            self._open(len(match.group(1)))
        elif not started and self._opens_diff(line):
            pass
        elif match := _match(_FENCE, line):
            if match.group(2).strip():
                self._nested += 1
            elif self._nested and len(match.group(1)) >= 3:
                self._nested -= 1
            elif match.group(1).startswith(self._fence):
                yield from self._end_fence()
                return
            self._held.append(line)
        else:
            self._held.append(line)

    def _only_path(self) -> bool:
        """Whether the fence holds no more yet than the file's name."""
        said = [line for line in self._held if line.strip()]
        if len(said) == 1 and (match := _match(_PATH, said[0])):
            self._path = match.group(1)
            return True
        return not said

    def _end_fence(self) -> Iterator[Part]:
        if any(line.strip() for line in self._held):
            yield Block((), tuple(self._held), self._path, "fence")
        self._fence = self._path = ""
        self._held = []
        self._mode = "prose"
        self._after = self._after_lines = 0

    def _opens_diff(self, line: str) -> bool:
        if line.startswith("diff --git ") or _match(_HUNK, line) or _match(_OLD_FILE, line):
            self._mode = "diff"
            self._old, self._new = [], []
            self._hunk = False
            self._after = self._after_lines = 0
            list(self._in_diff(line))
            return True
        return False

    def _in_diff(self, line: str) -> Iterator[Part]:
        mark = line[:1]
        if self._fence and (match := _match(_FENCE, line)) and match.group(1).startswith(self._fence):
            yield from self._end_diff()
            self._fence = ""
        elif _match(_HUNK, line):
            yield from self._end_hunk()
            self._hunk = True
        elif (match := _match(_NEW_FILE, line)) and not self._hunk:
            self._head(match.group(1))
        elif (match := _match(_OLD_FILE, line)) and (
            not self._hunk or "/" in line
        ):  # else "-- x" is taken out
            yield from self._end_hunk()
            self._path = ""
            self._head(match.group(1))
        elif line.startswith("diff --git "):
            yield from self._end_hunk()
            self._path = ""
        elif not self._hunk:
            if not self._fence and not re.match(r"(?:index|new|deleted|old|similarity|rename|\s*$)", line):
                yield from self._end_diff()
                yield from self._in_prose(line)
        elif line.strip() == "<done>":
            yield from self._end_hunk()
            self._stop()
        elif mark == "-":
            self._old.append(line[1:])
        elif mark == "+":
            self._new.append(line[1:])
        elif mark == "\\":
            pass
        elif mark in (" ", "") or self._fence:
            text = line[1:] if mark == " " else line
            self._old.append(text)
            self._new.append(text)
        else:
            yield from self._end_diff()
            yield from self._in_prose(line)

    def _head(self, path: str) -> None:
        """One of the two lines that name the file; where one names another file, that one counts."""
        path = path.strip('"')
        path = path[2:] if path.startswith(("a/", "b/")) else path
        if not self._path or self._path == path:
            self._path = path
        else:
            self._path = f"{self._path} -> {path}"

    def _end_hunk(self) -> Iterator[Part]:
        search, replace = self._old, self._new
        self._old, self._new = [], []
        if self._hunk and (search or replace):
            while search and replace and not search[-1] and not replace[-1]:
                search.pop()
                replace.pop()
            yield Block(tuple(search), tuple(replace), self._path)
        self._hunk = False

    def _end_diff(self) -> Iterator[Part]:
        yield from self._end_hunk()
        self._path = ""
        self._mode = "prose"

    def _open_file(self, path: str) -> None:
        self._mode = "file"
        self._path = path
        self._held = []
        self._after = self._after_lines = 0

    def _in_file(self, line: str) -> Iterator[Part]:
        if line.strip() != "</new-file>":
            self._held.append(line)
            return
        lines = self._held
        while lines and not lines[0].strip():
            lines = lines[1:]
        while lines and not lines[-1].strip():
            lines = lines[:-1]
        if len(lines) > 1 and _match(_FENCE, lines[0]) and lines[-1].strip() == lines[0].strip()[:3]:
            lines = lines[1:-1]
        yield FileBlock(self._path, tuple(lines))
        self._path = ""
        self._mode = "prose"
