"""Which file defines a name, speaks of the same things, or is meant by an import: what is kept of each file.

Words and names are codes of the predictor's vocabulary: a file costs a few bytes for each that it has.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from os.path import basename, dirname, splitext
from typing import NamedTuple

from spark_lsp.text import split_lines
from spark_lsp.workspace.index import Prepared
from spark_lsp.workspace.outline import Import, outline
from spark_lsp.workspace.tokens import STARTS, Vocabulary

_MODULES = ("__init__", "index", "mod", "lib", "main")
"""Stems of files that an import names by their folder."""

_TESTS = ("test_", "tests_", "spec_"), ("_test", "_tests", ".test", ".spec", "_spec", "Test", "Tests", "Spec")


GONE = 16
"""Files that are forgotten before it is worth taking out what was known of them."""


class Survey(NamedTuple):
    """What is learned of one file: the words it has and the names it defines, each code once, ascending."""

    path: str
    words: array[int]
    names: array[int]


class Surveys:
    """All files, within about `max_bytes`: what comes when it is full is left out, the near ones come first.

    `look` may run in any thread. Everything else belongs to one thread.
    """

    def __init__(self, vocabulary: Vocabulary, max_bytes: int) -> None:
        self._vocabulary = vocabulary
        self._max_bytes = max_bytes
        self._begin()

    def _begin(self) -> None:
        self._numbers: dict[str, int] = {}
        self._paths: list[str] = []
        self._with_word: dict[int, array[int]] = {}
        self._defining: dict[int, array[int]] = {}
        self._stems: dict[str, list[int]] = {}
        self._posted = 0

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def size_bytes(self) -> int:
        """An estimate: postings, their headers, paths."""
        headers = 160 * (len(self._with_word) + len(self._defining)) + 400 * len(self._paths)
        return headers + 5 * self._posted

    def look(self, path: str, text: str, prepared: Prepared) -> Survey:
        """What is to be kept of a file that the predictor has prepared: about 3 ms per 1,000 lines."""
        lines = split_lines(text)
        codes: set[str] = set()
        for part in prepared.parts:
            codes.update(part.codes)
        words = {ord(code) & ~1 for code in codes}
        is_word, find = self._vocabulary.is_word, self._vocabulary.find
        names = {find(one.name) for one in outline(lines, path)}
        return Survey(
            path,
            array("I", sorted(filter(is_word, words))),
            array("I", sorted(filter(is_word, names))),
        )

    def enter(self, survey: Survey) -> None:
        """Keep this instead of what was known of its path."""
        self.drop(survey.path)
        if self.size_bytes > self._max_bytes:
            if len(self._paths) < len(self._numbers) + GONE:
                return
            self._renumber()
        number = self._numbers[survey.path] = len(self._paths)
        self._paths.append(survey.path)
        for kept, codes in ((self._with_word, survey.words), (self._defining, survey.names)):
            for code in codes:
                kept.setdefault(code, array("I")).append(number)
            self._posted += len(codes)
        for stem in _stems(survey.path):
            self._stems.setdefault(stem, []).append(number)

    def drop(self, path: str) -> None:
        """Forget a file. Its postings stay until those like it are half of all."""
        number = self._numbers.pop(path, None)
        if number is None:
            return
        self._paths[number] = ""
        if len(self._paths) > GONE + 2 * len(self._numbers):
            self._renumber()

    def _renumber(self) -> None:
        """Take out what is forgotten."""
        old, with_word, defining = self._paths, self._with_word, self._defining
        self._begin()
        new = {number: index for index, number in enumerate(n for n, path in enumerate(old) if path)}
        self._paths = [path for path in old if path]
        self._numbers = {path: number for number, path in enumerate(self._paths)}
        for kept, was in ((self._with_word, with_word), (self._defining, defining)):
            for code, numbers in was.items():
                left = array("I", [new[number] for number in numbers if number in new])
                if left:
                    kept[code] = left
                    self._posted += len(left)
        for number, path in enumerate(self._paths):
            for stem in _stems(path):
                self._stems.setdefault(stem, []).append(number)

    # --- lookup

    def defining(self, code: int) -> list[str]:
        """The files that define a name."""
        return self._live(self._defining.get(code, ()))

    def rarity(self, code: int) -> float:
        """What a word tells: nothing where every file has it, most where hardly any has."""
        return math.log1p(len(self._numbers) / (1 + len(self._with_word.get(code, ()))))

    def speaking_of(self, codes: Iterable[int], most: int) -> list[str]:
        """The files that share most with these words, the rare ones counting for more."""
        shares: dict[int, float] = {}
        common = max(len(self._numbers) // 4, 8)
        for code in codes:
            numbers = self._with_word.get(code)
            if numbers is None or len(numbers) > common:
                continue
            worth = self.rarity(code)
            for number in numbers:
                shares[number] = shares.get(number, 0.0) + worth
        return self._live(sorted(shares, key=lambda number: (-shares[number], number)))[:most]

    def imported(self, path: str, what: Sequence[Import]) -> dict[str, frozenset[str]]:
        """The files that these imports of `path` lead to, with the names that are taken from each."""
        found: dict[str, frozenset[str]] = {}
        for one in what:
            module = self._nearest(path, one.parts)
            if module is not None:
                found[module] = found.get(module, frozenset()) | one.names
            for name in one.names:  # `from package import module`
                module = self._nearest(path, (*one.parts, name))
                if module is not None:
                    found.setdefault(module, frozenset())
        found.pop(path, None)
        return found

    def _nearest(self, path: str, parts: Sequence[str]) -> str | None:
        """The file that a module's name means: it ends in the same folders, as many as the name has."""
        if not parts:
            return None
        best: tuple[int, int, str] | None = None
        for other in self._live(self._stems.get(parts[-1], ())):
            way = other.replace("\\", "/").split("/")
            folders = way[:-2] if _stem(way[-1]) in _MODULES and parts[-1] != _stem(way[-1]) else way[:-1]
            same = 0
            for mine, theirs in zip(reversed(parts[:-1]), reversed(folders), strict=False):
                if mine != theirs:
                    break
                same += 1
            near = len(_common(dirname(path), dirname(other)))
            if same < len(parts) - 1 and dirname(other) != dirname(path):
                continue
            if best is None or (same, near) > best[:2]:
                best = same, near, other
        return best[2] if best is not None else None

    def counterpart(self, path: str) -> str | None:
        """The file's test, or what it is the test of."""
        stem = _stem(basename(path))
        names = [stem.removeprefix(start) for start in _TESTS[0]] + [
            stem.removesuffix(end) for end in _TESTS[1]
        ]
        names = [name for name in names if name != stem] or [
            *(start + stem for start in _TESTS[0]),
            *(stem + end for end in _TESTS[1]),
        ]
        suffix = splitext(path)[1]
        near = [
            other
            for name in names
            for other in self._live(self._stems.get(name, ()))
            if other.endswith(suffix)
        ]
        return max(near, key=lambda other: len(_common(dirname(path), dirname(other))), default=None)

    def _live(self, numbers: Iterable[int]) -> list[str]:
        return [path for number in numbers if (path := self._paths[number])]


def _stems(path: str) -> Iterable[str]:
    stem = _stem(basename(path))
    yield stem
    if stem in _MODULES:
        yield basename(dirname(path))


def _stem(name: str) -> str:
    return splitext(name)[0]


def _common(one: str, other: str) -> list[str]:
    """The folders that two paths begin with alike."""
    common = []
    for mine, theirs in zip(one.split("/"), other.split("/"), strict=False):
        if mine != theirs:
            break
        common.append(mine)
    return common


def word_of(code: str) -> int:
    """A code's word, whether or not a blank stands before it; line starts are none."""
    return ord(code) & ~1 if ord(code) >= STARTS else 0
