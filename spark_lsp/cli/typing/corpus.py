"""What is typed: functions of real modules, chosen by seed."""

from __future__ import annotations

import ast
import importlib.util
import math
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

SHORTEST, LONGEST = 4, 40
"""Lines of a function's body."""

KEYS = 40
"""Keys that a module's functions take at the least, however much is suggested."""

AT_ONCE = 3
"""Functions of one module that are missing when it is opened."""

FILE_BYTES = 80_000
PACKAGE = "pygls"


@dataclass(frozen=True, slots=True)
class Module:
    """A module's text, and where in it the bodies stand that are missing: (start, end), in order.

    A body begins behind the colon of its function's head and ends before the end of its last line.
    """

    name: str
    text: str
    bodies: tuple[tuple[int, int], ...]

    @property
    def opened(self) -> str:
        """The text without the bodies: what the person finds."""
        places = [0, *(place for body in self.bodies for place in body), len(self.text)]
        return "".join(self.text[start:end] for start, end in zip(places[::2], places[1::2], strict=True))

    def body(self, number: int) -> str:
        start, end = self.bodies[number]
        return self.text[start:end]

    def padded(self, lines: int) -> Module:
        """The same with so many lines of comments in front."""
        front = "".join(f"# {self.name} {line}\n" for line in range(lines))
        bodies = tuple((start + len(front), end + len(front)) for start, end in self.bodies)
        return replace(self, text=front + self.text, bodies=bodies)

    def head(self, number: int) -> str:
        """What stands before a body when all bodies before it have been typed."""
        return self.text[: self.bodies[number][0]]


def modules(seed: int, keys: int) -> list[Module]:
    """The modules of one session of so many keys."""
    random = Random(seed)
    chosen: list[Module] = []
    paths = list(_paths())
    random.shuffle(paths)
    for path in paths:
        text = path.read_text("utf-8")
        bodies = list(_bodies(text))
        if len(bodies) < AT_ONCE:
            continue
        some = tuple(sorted(sorted(bodies, key=lambda body: _chance(body, random))[-AT_ONCE:]))
        chosen.append(Module(f"{len(chosen):02}_{path.name}", text, some))
        if len(chosen) > keys // KEYS:
            break
    return chosen


def _chance(body: tuple[int, int], random: Random) -> float:
    """The greatest are chosen: each character is as likely to be typed as any, so a long body is likelier."""
    start, end = body
    return math.log(random.random()) / (end - start)


@cache
def _paths() -> tuple[Path, ...]:
    """Modules of the standard library and of an installed package, in the order of their names."""
    library = Path(sysconfig.get_path("stdlib"))
    found = importlib.util.find_spec(PACKAGE)
    package = Path(found.origin).parent if found is not None and found.origin else library
    folders = (library, library / "asyncio", library / "email", library / "json", package, package / "lsp")
    paths = [path for folder in dict.fromkeys(folders) for path in sorted(folder.glob("*.py"))]
    return tuple(path for path in paths if 3_000 < path.stat().st_size < FILE_BYTES and _readable(path))


def _readable(path: Path) -> bool:
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return "\r" not in text and "\t" not in text and "\f" not in text


def _bodies(text: str) -> Iterator[tuple[int, int]]:
    """Where the bodies of functions stand that a person might type in one go; none within another."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    last = -1
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for node in sorted(functions, key=lambda node: node.lineno):
        first, end = node.body[0].lineno - 1, node.end_lineno or node.lineno
        head = lines[first - 1].rstrip("\n")
        if first < last or not SHORTEST <= end - first <= LONGEST or not head.endswith(":"):
            continue
        last = end
        yield starts[first] - 1, starts[end] - len(lines[end - 1]) + len(lines[end - 1].rstrip("\n"))
