"""Where the tests of a file belong, and in which framework they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec)/|(?:^|/)test_[^/]+$|[._-](?:test|spec)s?\.\w+$|_test\.\w+$"
)


@dataclass(frozen=True, slots=True)
class Suite:
    """A test file by its path within the workspace, `/` between folders, the framework to write for, and
    whether the file is there already."""

    path: str
    framework: str
    exists: bool = False


def is_test(path: str) -> bool:
    """Whether a path is that of a test."""
    return bool(_TEST.search(path.replace("\\", "/")))


def suite_of(path: str, language: str, exists: Callable[[str], bool], manifest: str) -> Suite:
    """Where the tests of a file belong.

    `path` is within the workspace; `exists` tells whether a path there does; `manifest` is the text that
    names the project's dependencies (`pyproject.toml`, `package.json`). KeyError for a language that is not
    in FRAMEWORKS.
    """
    place = FRAMEWORKS[language](PurePosixPath(path), exists, manifest)
    return replace(place, exists=exists(place.path))


def _python(path: PurePosixPath, exists: Callable[[str], bool], manifest: str) -> Suite:
    framework = "unittest" if "pytest" not in manifest and exists("tests/__init__.py") else "pytest"
    folder = next((name for name in ("tests", "test") if exists(name)), "tests")
    name = f"test_{path.stem}.py"
    # src/shop/cart.py has its tests in tests/shop/, where there is such a folder, else in tests/.
    parts = path.parent.parts[1:] if path.parts[:1] == ("src",) else path.parent.parts
    for start in range(len(parts)):
        below = "/".join((folder, *parts[start:]))
        if exists(below):
            return Suite(f"{below}/{name}", framework)
    return Suite(f"{folder}/{name}", framework)


def _script(path: PurePosixPath, exists: Callable[[str], bool], manifest: str) -> Suite:
    known = ("vitest", "jest", "mocha", "ava")
    framework = next((name for name in known if f'"{name}"' in manifest), "node:test")
    name = f"{path.stem}.test{path.suffix}"
    for folder in (f"{path.parent}/__tests__", "tests", "test"):
        if exists(folder):
            return Suite(str(PurePosixPath(folder) / name), framework)
    return Suite(str(path.parent / name), framework)


def _go(path: PurePosixPath, exists: Callable[[str], bool], manifest: str) -> Suite:
    return Suite(str(path.parent / f"{path.stem}_test.go"), "testing")


FRAMEWORKS: dict[str, Callable[[PurePosixPath, Callable[[str], bool], str], Suite]] = {
    "python": _python,
    "go": _go,
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact"), _script),
}
"""By language id, how its test files are found."""
