"""What of the workspace belongs to a cursor: definitions of the names around it, and lines like its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from os.path import dirname
from textwrap import dedent
from typing import NamedTuple

from spark_lsp.text import Lines
from spark_lsp.workspace.index import Index
from spark_lsp.workspace.outline import Definition, Import, outline, told
from spark_lsp.workspace.survey import Surveys, word_of

ABOVE, BELOW = 40, 6
"""Lines around the cursor whose names are looked up."""

ALIKE_ABOVE = 12
"""Lines above the cursor that others are compared with."""

WINDOW, BEHIND = 4, 8
"""Lines that are compared, and how many more below are told: what came next there may come next here."""

DEFINERS = 6
"""Files that define a name: where there are more, the name says nothing."""

FILES = 12
"""Files whose lines are compared."""

FOUND = 32, 6
"""The most definitions and similar places that are told of."""

_LINE_START = re.compile(r"[\x00-\xff]")


class Wanted(NamedTuple):
    """A name whose definition in a file is worth telling. `worth` is between 0 and 1."""

    path: str
    name: str
    worth: float


class Alike(NamedTuple):
    """Lines of another file that look like those around the cursor."""

    path: str
    text: str
    worth: float


@dataclass(slots=True)
class Neighbours:
    """What was found for one cursor. `files` are what the imports lead to, and the test or its subject."""

    wanted: list[Wanted] = field(default_factory=list)
    alike: list[Alike] = field(default_factory=list)
    files: dict[str, frozenset[str]] = field(default_factory=dict)


def neighbours(
    index: Index, surveys: Surveys, path: str, line: int, imported: Sequence[Import]
) -> Generator[None, None, Neighbours]:
    """Look around for the cursor in `line` of the open document `path`, whose imports these are; yields about
    once a millisecond."""
    found = Neighbours()
    live = index.live(path)
    if live is None:
        return found
    found.files = surveys.imported(path, imported)
    counterpart = surveys.counterpart(path)
    if counterpart is not None:
        found.files.setdefault(counterpart, frozenset())
    yield
    distances = _distances(index, live.codes, line)
    found.wanted = _wanted(index, surveys, path, found.files, distances)
    yield
    start = max(line - ALIKE_ABOVE, 0)
    query = {word_of(code) for codes in live.codes.slice(start, line + 1) for code in codes}
    query = {code for code in query if index.vocabulary.is_word(code)}
    found.alike = yield from _alike(index, surveys, path, query, found.files)
    return found


def _distances(index: Index, codes: Lines, line: int) -> dict[int, int]:
    """The names around the cursor, with how many lines away each is."""
    distances: dict[int, int] = {}
    for number, text in enumerate(codes.slice(max(line - ABOVE, 0), line + BELOW + 1), max(line - ABOVE, 0)):
        for code in text:
            word = word_of(code)
            if word and index.vocabulary.is_word(word):
                distance = abs(line - number)
                distances[word] = min(distance, distances.get(word, distance))
    return distances


def _wanted(
    index: Index, surveys: Surveys, path: str, files: dict[str, frozenset[str]], distances: dict[int, int]
) -> list[Wanted]:
    wanted: list[Wanted] = []
    for code, distance in distances.items():
        definers = surveys.defining(code)
        name = index.vocabulary.text(code)
        near = 1 / (1 + distance / 12)
        told_of = min(surveys.rarity(code) / 3.0, 1.0)
        for other in definers:
            if other == path:
                worth = 0.8
            elif other in files:
                worth = 1.0 if name in files[other] else 0.8
            elif len(definers) <= DEFINERS:
                worth = (0.5 if dirname(other) == dirname(path) else 0.35) / len(definers)
            else:
                continue
            wanted.append(Wanted(other, name, worth * near * told_of))
    for other, names in files.items():
        known = {one.name for one in wanted if one.path == other}
        wanted += [Wanted(other, name, 0.15) for name in sorted(names - known)]
    return sorted(wanted, key=lambda one: (-one.worth, one.path, one.name))[: FOUND[0]]


def _alike(
    index: Index, surveys: Surveys, path: str, query: set[int], files: dict[str, frozenset[str]]
) -> Generator[None, None, list[Alike]]:
    weights = {code: surveys.rarity(code) for code in query}
    whole = sum(weights.values())
    if not whole:
        return []
    best: list[tuple[float, str, list[str], int]] = []
    others = [other for other in surveys.speaking_of(query, FILES) if other != path]
    yield
    wanted = {char: weights[code] for code in query for char in (chr(code), chr(code | 1))}
    keys = wanted.keys()
    for other in others:
        for codes in index.codes_of(other):
            cuts = [hit.start() for hit in _LINE_START.finditer(codes)]
            lines = [codes[start:end] for start, end in pairwise([*cuts, len(codes)])]
            hits = [keys & set(line) for line in lines]
            for start in range(0, len(lines), WINDOW // 2):
                shared = {ord(char) & ~1 for line in hits[start : start + WINDOW] for char in line}
                if len(shared) > 2:
                    score = sum([weights[code] for code in shared]) / whole
                    best.append((score * (1.1 if other in files else 1.0), other, lines, start))
            yield
        best.sort(key=lambda one: -one[0])
        del best[2 * FOUND[1] :]
    found: list[Alike] = []
    taken: list[tuple[str, int]] = []
    for score, other, lines, start in best:
        if any(other == known and abs(start - at) < WINDOW + BEHIND for known, at in taken):
            continue
        taken.append((other, start))
        found.append(Alike(other, _decoded(index, lines[start : start + WINDOW + BEHIND]), score))
        if len(found) == FOUND[1]:
            break
    return found


def _decoded(index: Index, lines: Sequence[str]) -> str:
    """Lines as text, which may go further out than the first of them."""
    starts = (index.vocabulary.text(ord(line[0])) for line in lines if line)
    margin = "\t" * 16 if any("\t" in start for start in starts) else " " * 64
    text = index.vocabulary.decode("".join(lines), margin)
    return dedent("\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")


def tell(
    wanted: Sequence[Wanted], lines_of: Callable[[str], Sequence[str] | None], own: str, shown: range
) -> list[Alike]:
    """The definitions that are wanted, as they are told of. What stands in the lines `shown` of the document
    `own` is not told again; nor is what is within another one that is told."""
    outlines: dict[str, tuple[Sequence[str], list[Definition]]] = {}
    found: list[Alike] = []
    taken: dict[str, list[Definition]] = {}
    for path, name, worth in wanted:
        if path not in outlines:
            lines = lines_of(path) or ()
            outlines[path] = lines, outline(lines, path)
        lines, definitions = outlines[path]
        for one in definitions:
            if one.name != name or (path == own and shown.start <= one.line < shown.stop):
                continue
            if any(known.line <= one.line and one.end <= known.end for known in taken.get(path, ())):
                continue
            taken.setdefault(path, []).append(one)
            inner = [other for other in definitions if one.line < other.line < one.end]
            found.append(Alike(path, told(lines, one, inner), worth))
            break
    return found
