"""The law of fitting, over real files: `python -m tests.fuzz.fitting 10000 [FOLDER]` looks for breaches.

A file parses, also with a hole in it; a model says what stood there, more or less. Where the model's own text
would leave the file parsing, so does what is offered of it.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from spark_lsp.actions.syntax import GRAMMARS
from spark_lsp.text import Lines
from spark_lsp.values import Finish
from tests.answers import accepted, offered, snapshot_of

if TYPE_CHECKING:
    from tree_sitter import Parser

ROOT = Path(__file__).parents[2]
PLACES = ROOT / "fixtures" / "projects", ROOT / "fixtures" / "samples"
LANGUAGES = {
    ".py": "python",
    ".ts": "typescript",
    ".go": "go",
    ".rs": "rust",
    ".java": "java",
    ".cpp": "cpp",
    ".hpp": "cpp",
    ".html": "html",
}
LONGEST = 40_000

Choose = Callable[[int], int]
"""A number from 0 up to, but not, the given one."""


class Source(NamedTuple):
    path: Path
    language: str
    text: str


class Case(NamedTuple):
    """`text` is what the model means, `said` how it says it."""

    source: Source
    before: str
    after: str
    text: str
    said: str
    finish: Finish
    way: str


class Breach(NamedTuple):
    case: Case
    made: str


@cache
def _parser(language: str) -> Parser:
    from tree_sitter import Language, Parser

    package, function = GRAMMARS[language]
    return Parser(Language(getattr(import_module(package), function)()))


def parses(text: str, language: str) -> bool:
    if language == "python":  # the grammar is content with any indentation
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return False
        return True
    return not _parser(language).parse(text.encode("utf-8", "replace")).root_node.has_error


def sources(places: Iterable[Path] = PLACES) -> list[Source]:
    found = []
    for place in places:
        for path in sorted(place.rglob("*")):
            language = LANGUAGES.get(path.suffix)
            if language is None or not path.is_file() or path.stat().st_size > LONGEST:
                continue
            text = path.read_text("utf-8", errors="replace").replace("\r\n", "\n")
            if text.strip() and parses(text, language):
                found.append(Source(path, language, text))
    return found


def hole(source: Source, choose: Choose) -> tuple[int, int]:
    """Where a piece of the file is missing: a statement, the end of a line, some of it, or any span."""
    text = source.text
    lines = Lines.of(text)
    kind = choose(5)
    first = choose(lines.count)
    for _ in range(20):
        if lines[first].strip():
            break
        first = (first + 1) % lines.count
    start = sum(map(len, lines.slice(0, first)))
    line = lines[first].rstrip("\n")
    indent = len(line) - len(line.lstrip())
    if kind <= 1:  # whole statements
        last = first
        while last + 1 < lines.count:
            below = lines[last + 1]
            deeper = len(below) - len(below.lstrip()) > indent or not below.strip()
            closes = below.strip() and below[indent : indent + 1] in ("}", ")", "]") and not deeper
            if not (deeper or closes or (kind == 1 and choose(3))):
                break
            last += 1
        end = start + len("".join(lines.slice(first, last + 1)).rstrip())
        return start + indent, max(end, start + indent)
    if kind == 2:
        return start + indent + choose(max(len(line) - indent, 1)), start + len(line)
    if kind == 3:
        begin = start + indent + choose(max(len(line) - indent, 1))
        return begin, begin + 1 + choose(max(start + len(line) - begin, 1))
    begin = start + indent + choose(max(len(line) - indent, 1))
    return begin, min(begin + choose(300), len(text))


def case_of(known: list[Source], choose: Choose) -> Case:
    source = known[choose(len(known))]
    start, end = hole(source, choose)
    before, middle, after = source.text[:start], source.text[start:end], source.text[end:]
    ways = list(WAYS)
    way = ways[choose(len(ways))]
    text, said, finish = WAYS[way](source, before, middle, after, choose)
    return Case(source, before, after, text, said, finish, way)


Way = Callable[[Source, str, str, str, Choose], tuple[str, str, Finish]]


def _line_before(before: str) -> str:
    return before[before.rfind("\n") + 1 :]


def _true(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    return middle, middle, "stop"


def _goes_on(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    """It does not stop and says what follows."""
    more = after[: choose(400)]
    if choose(2):
        return middle, middle + more, "length"
    return middle, middle + more[: more.rfind("\n") + 1], "stop"


def _rest(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    return middle, middle + after.partition("\n")[0], "stop"


def _echo(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    return middle, _line_before(before).lstrip() + middle, "stop"


def _echo_lines(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    lines = before.split("\n")
    return middle, "\n".join(lines[-1 - choose(5) :]) + middle, "stop"


def _fence(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    return middle, f"```{source.language}\n{middle}\n```\nThis is how it is done.", "stop"


def _tagged(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    return middle, f"<at-cursor>{middle}</at-cursor>", "stop"


def _thoughts(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    return middle, f"<think>What is missing (here?</think>\n{middle}", "stop"


def _closers(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    """It closes once more."""
    said = middle + (")", "]", "}", "\n}", "\n    }", ")\n", "'", '"', ");", "\n\n}")[choose(10)]
    return said, said, "stop"


def _fewer_closers(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    closers = [index for index, character in enumerate(middle) if character in ")]}\"'"]
    if closers:
        index = closers[choose(len(closers))]
        middle = middle[:index] + middle[index + 1 :]
    return middle, middle, "stop"


def _cut_off(source: Source, before: str, middle: str, after: str, choose: Choose) -> tuple[str, str, Finish]:
    said = middle[: choose(len(middle) + 1)]
    return said, said, "length"


def _elsewhere(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    """Something that stands in another place."""
    start, end = hole(source, choose)
    said = source.text[start:end]
    return said, said, "stop"


def _and_elsewhere(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    start, end = hole(source, choose)
    said = middle + "\n" + _blank(before) + source.text[start:end]
    return said, said, "stop"


def _blank(before: str) -> str:
    line = _line_before(before)
    return line[: len(line) - len(line.lstrip())]


def _blank_lines(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    return middle, "\n" * choose(2) * (not _line_before(before).strip()) + middle + "\n" * choose(4), "stop"


def _from_the_cursor(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    """Its indentation begins at the cursor's, not at the margin."""
    return middle, "\n".join(line.removeprefix(_blank(before)) for line in middle.split("\n")), "stop"


def _with_indent(
    source: Source, before: str, middle: str, after: str, choose: Choose
) -> tuple[str, str, Finish]:
    if _line_before(before).strip():
        return middle, middle, "stop"
    return middle, _line_before(before) + middle, "stop"


WAYS: dict[str, Way] = {
    way.__name__[1:]: way
    for way in (
        *(_true, _goes_on, _rest, _echo, _echo_lines, _fence, _tagged, _thoughts, _closers, _fewer_closers),
        *(_cut_off, _elsewhere, _and_elsewhere, _blank_lines, _from_the_cursor, _with_indent),
    )
}


def breach(case: Case) -> Breach | str | None:
    """How a case breaks the law; None where it does not, and why, where it says nothing, a word."""
    language = case.source.language
    if not parses(case.before + case.after, language):
        return "unfinished"
    snapshot = snapshot_of(case.before, case.after, language)
    raw = offered(snapshot, case.text, case.finish, fitting=False)
    # Of a text that begins with a line end no first line is left where one line is wanted.
    own = case.before + case.text + case.after if raw is None else accepted(snapshot, raw)
    if not parses(own, language):
        return "wrong"
    fim = "chat" if case.way == "tagged" else "suffix"
    offer = offered(snapshot, case.said, case.finish, fim=fim)
    if offer is None:
        return "nothing"
    made = accepted(snapshot, offer)
    return None if parses(made, language) else Breach(case, made)


def main(examples: int, *folders: str) -> int:
    known = sources(map(Path, folders)) if folders else sources()
    random = Random(7)
    counts: Counter[str] = Counter()
    breaches: list[Breach] = []
    for _ in range(examples):
        found = breach(case_of(known, random.randrange))
        if isinstance(found, Breach):
            breaches.append(found)
            counts[f"broken {found.case.source.language} {found.case.way}"] += 1
        else:
            counts[found or "kept"] += 1
    for found in breaches[:40]:
        case = found.case
        print("=" * 100)
        print(case.source.path, case.way, case.finish)
        print(f"{case.before[-200:]}▮{case.after[:120]}")
        print("-- said --")
        print(case.said)
        print("-- made --")
        print(found.made[max(len(case.before) - 120, 0) : len(case.before) + len(case.said) + 120])
    print(counts)
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
