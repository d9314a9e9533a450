"""One question: a text with a hole in it, and what stood there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from random import Random
from typing import TypeVar

LINES = ("line start", "mid-line", "mid-word")
"""Kinds of a package's held-out lines, by where the cursor stands."""

PACKAGE = (*LINES, "call", "block")
INFILLING = ("single-line", "multi-line", "random span")
KINDS = (*PACKAGE, *INFILLING)

ONE_LINE = frozenset({*LINES, "call", "single-line"})
"""Kinds of which one line is wanted: who writes more is judged by the first."""

_One = TypeVar("_One")


@dataclass(frozen=True, slots=True)
class Test:
    """A program's own test: it passes where `code` runs to its end behind the program."""

    code: str


@dataclass(frozen=True, slots=True)
class Case:
    """`before` and `after` the hole, line ends \\n, in the file `path` of a workspace; `truth` filled it.

    `name` says which one it is, for people.
    """

    kind: str
    name: str
    path: PurePosixPath
    before: str
    after: str
    truth: str
    test: Test | None = None

    @property
    def one_line(self) -> bool:
        return self.kind in ONE_LINE

    @property
    def text(self) -> str:
        """What is open: the file without what is held out."""
        return self.before + self.after

    @property
    def line(self) -> int:
        """The cursor's, 0-based."""
        return self.before.count("\n")

    @property
    def line_before(self) -> str:
        return self.before[self.before.rfind("\n") + 1 :]

    @property
    def line_after(self) -> str:
        return self.after.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Group:
    """Cases that are asked over one workspace: each of another file, as no file may tell of another hole.

    `files` are the workspace's texts by their paths, none of which has what is held out.
    """

    name: str
    cases: Sequence[Case]
    files: dict[PurePosixPath, str] = field(default_factory=dict)


def sample(found: Sequence[_One], most: int, seed: str) -> list[_One]:
    """As many of them, each as likely as any other, in a random order; all of them where `most` is 0."""
    drawn = list(found)
    Random(seed).shuffle(drawn)
    return drawn[: most or None]
