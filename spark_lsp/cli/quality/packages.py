"""Cases held out from installed packages: lines, arguments and blocks, with the rest as workspace."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath
from random import Random

from spark_lsp.cli.quality.case import LINES, PACKAGE, Case, Group, sample
from spark_lsp.errors import UsageError
from spark_lsp.workspace.discover import read
from spark_lsp.workspace.tokens import split

COUNT = 5
SMALLEST, LARGEST = 100_000, 2_000_000
"""Characters of code in a package that is chosen unasked: enough to learn from, and soon learned."""

FEWEST_FILES = 10
FILE_BYTES = 150_000
OURS = "spark-lsp"
NOT_CODE = frozenset({"tests", "test", "testing", "_vendor", "vendor", "vendored"})

FEWEST_TOKENS = {"line start": 2, "mid-line": 4, "mid-word": 2}
"""Of a line that may be held out."""

LEAST = 2
"""Characters of a hole: the server offers no single one, which is typed sooner than it is taken."""

LONGEST_BLOCK = 10
"""Lines of a block that is held out; a call has one."""

WORD = 4
"""Characters of a word that the cursor may stand in."""

_CODE = frozenset({tokenize.NAME, tokenize.OP, tokenize.NUMBER})
_BLOCKS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.If, ast.For, ast.While, ast.With, ast.Try)


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package: its Python files by their paths below the folder that it is installed in."""

    name: str
    version: str
    files: Mapping[PurePosixPath, str]

    @property
    def size(self) -> int:
        """Characters."""
        return sum(map(len, self.files.values()))


def installed(names: Sequence[str], seed: int) -> list[Package]:
    """The packages of these names, or five of those that are here, pure Python and neither small nor huge.

    Raises UsageError for a name that is not installed, or no Python.
    """
    if names:
        return [_named(name) for name in names]
    found = sorted(
        (each for each in metadata.distributions() if _may_be_chosen(each)),
        key=lambda each: each.metadata["Name"].lower(),
    )
    chosen: list[Package] = []
    for each in sample(found, 0, f"{seed} packages"):
        package = _read(each)
        if len(package.files) >= FEWEST_FILES and SMALLEST <= package.size <= LARGEST:
            chosen.append(package)
        if len(chosen) == COUNT:
            break
    return sorted(chosen, key=lambda package: package.name)


def _named(name: str) -> Package:
    try:
        package = _read(metadata.distribution(name))
    except metadata.PackageNotFoundError as error:
        raise UsageError(f"--package {name}: no such package is installed here") from error
    if not package.files:
        raise UsageError(f"--package {name} has no Python files")
    return package


def _may_be_chosen(found: metadata.Distribution) -> bool:
    if found.metadata["Name"] in (OURS, "pip", "setuptools"):
        return False
    return not any(str(file).endswith((".so", ".pyd")) for file in found.files or ())


def _read(found: metadata.Distribution) -> Package:
    files: dict[PurePosixPath, str] = {}
    for file in found.files or ():
        if file.suffix != ".py" or ".." in file.parts or NOT_CODE & set(file.parts):
            continue
        text = read(Path(str(found.locate_file(file))), FILE_BYTES)
        if text is not None:
            files[PurePosixPath(file)] = text.replace("\r\n", "\n").replace("\r", "\n")
    return Package(found.metadata["Name"], found.version, files)


# --- holes


@dataclass(frozen=True, slots=True)
class Hole:
    """Offsets of what is held out of a file's text."""

    kind: str
    path: PurePosixPath
    start: int
    end: int


def groups(packages: Sequence[Package], most: int, seed: int) -> list[Group]:
    """Of each kind `most` cases over all packages, 0 for a hole of each kind in each file.

    Each character is as likely as any other, and a file has one hole of a kind at most.
    """
    files = [(package, path) for package in packages for path in sorted(package.files)]
    random = Random(f"{seed} files")
    files.sort(key=lambda file: random.random() ** (1 / (1 + len(file[0].files[file[1]]))), reverse=True)
    drawn: list[tuple[Package, Hole]] = []
    missing = dict.fromkeys(PACKAGE, most or len(files))
    for package, path in files:
        for hole in _holes(path, package.files[path], Random(f"{seed} {path}")):
            if missing[hole.kind]:
                missing[hole.kind] -= 1
                drawn.append((package, hole))
        if not any(missing.values()):
            break
    return [
        _group(package, together)
        for package in packages
        for together in _rounds(hole for owner, hole in drawn if owner is package)
    ]


def _rounds(holes: Iterable[Hole]) -> list[list[Hole]]:
    """Holes, at most one of each file together."""
    rounds: list[dict[PurePosixPath, Hole]] = []
    for hole in holes:
        for each in rounds:
            if hole.path not in each:
                each[hole.path] = hole
                break
        else:
            rounds.append({hole.path: hole})
    return [list(each.values()) for each in rounds]


def _group(package: Package, holes: Sequence[Hole]) -> Group:
    files, cases = dict(package.files), []
    for hole in holes:
        text = package.files[hole.path]
        before, truth, after = text[: hole.start], text[hole.start : hole.end], text[hole.end :]
        files[hole.path] = before + after
        name = f"{hole.path}:{before.count(chr(10)) + 1}"
        cases.append(Case(hole.kind, name, hole.path, before, after, truth))
    return Group(package.name, cases, files)


def _holes(path: PurePosixPath, text: str, random: Random) -> Iterator[Hole]:
    """One of each kind, where the file has such a place."""
    try:
        tree = ast.parse(text)
        code = _lines_of_code(text)
    except (SyntaxError, tokenize.TokenError, ValueError, RecursionError):
        return
    starts = _starts(text)
    for kind in LINES:
        numbers = list(code)
        random.shuffle(numbers)
        for number in numbers:
            column = _column(kind, code[number], random)
            if column is not None and len(code[number]) - column >= LEAST:
                start = starts[number] + column
                yield Hole(kind, path, start, starts[number] + len(code[number]))
                break
    for kind, found in (("call", _calls(tree, text, starts)), ("block", _blocks(tree, starts))):
        spans = [(start, end) for start, end in found if end - start >= LEAST]
        if spans:
            yield Hole(kind, path, *random.choice(spans))


def _lines_of_code(text: str) -> dict[int, str]:
    """Lines that hold code and begin and end no string of several lines, without blanks at their end."""
    lines = text.split("\n")
    code: set[int] = set()
    prose: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        first, last = token.start[0] - 1, token.end[0] - 1
        if token.type in _CODE:
            code.add(first)
        elif last > first:
            prose.update(range(first, last + 1))
    return {number: lines[number].rstrip() for number in sorted(code - prose)}


def _starts(text: str) -> list[int]:
    """The offset of each line."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _column(kind: str, line: str, random: Random) -> int | None:
    """A place for the cursor, None where the line has none of this kind."""
    indent = len(line) - len(line.lstrip())
    tokens = split(line[indent:])
    if len(tokens) < FEWEST_TOKENS[kind] or not any(map(str.isalnum, line)):
        return None
    if kind == "line start":
        return indent
    if kind == "mid-line":
        return indent + sum(map(len, tokens[: random.randrange(1, len(tokens))]))
    words = [index for index, token in enumerate(tokens) if len(token) >= WORD and token.isidentifier()]
    if not words:
        return None
    word = random.choice(words)
    typed = random.randrange(1, len(tokens[word]))
    return indent + sum(map(len, tokens[:word])) + typed


def _calls(tree: ast.AST, text: str, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Arguments between the brackets of calls on one line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not (node.args or node.keywords):
            continue
        if node.lineno != node.end_lineno or node.end_col_offset is None:
            continue
        line = text[starts[node.lineno - 1] : starts[node.lineno] - 1]
        assert node.func.end_col_offset is not None, "it stands on the line of its call"
        if not line.isascii():  # columns of the tree are bytes
            continue
        start = line.find("(", node.func.end_col_offset)
        yield starts[node.lineno - 1] + start + 1, starts[node.lineno - 1] + node.end_col_offset - 1


def _blocks(tree: ast.AST, starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """What stands below the head of a function, a loop or a condition, behind its first indentation."""
    for node in ast.walk(tree):
        if not isinstance(node, _BLOCKS):
            continue
        body = [each for each in node.body if not _is_text(each)]
        if not body or body[0].lineno == node.lineno:
            continue
        first, last = body[0], body[-1].end_lineno
        if last is None or not 2 <= last - first.lineno + 1 <= LONGEST_BLOCK:
            continue
        yield starts[first.lineno - 1] + first.col_offset, starts[last] - 1


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
