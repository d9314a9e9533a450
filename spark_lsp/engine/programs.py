"""Where programs are, and the words they are started with."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from spark_lsp.actions.checkers import Checker

_GAP = re.compile(r"\{(\w+)\}")


def fill(word: str, words: Mapping[str, str]) -> str:
    """A word of a command with its gaps filled, once: what is filled in may have braces of its own."""
    return _GAP.sub(lambda match: words.get(match[1], match[0]), word)


def arguments(
    checker: Checker, command: Sequence[str], words: Mapping[str, str], paths: Sequence[str] = ()
) -> list[str]:
    """The words behind the program's name: `paths` are as many as there are."""
    known = (
        option
        for option in checker.options
        if all(gap in words for word in option for gap in _GAP.findall(word))
    )
    filled: list[str] = []
    for option in (*known, command[1:]):
        for word in option:
            filled += paths if word == "{paths}" else [fill(word, words)]
    return filled


def find_python(folder: Path, environ: Mapping[str, str], project_tools: bool) -> Path | None:
    """The interpreter of the project's environment, where that may be run, or of the one that is active."""
    bases = [folder / ".venv", folder / "venv"] if project_tools else []
    if os.path.isabs(environ.get("VIRTUAL_ENV", "")):
        bases.append(Path(environ["VIRTUAL_ENV"]))
    names = (base / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python") for base in bases)
    return next(filter(_is_program, names), None)


def find_program(
    name: str, folder: Path, root: Path, environ: Mapping[str, str], project_tools: bool
) -> Path | None:
    """Where a program is: in the project's environment, where that is allowed, on PATH, beside our Python."""
    name = os.path.expanduser(name)
    if os.path.isabs(name):
        return Path(name) if _is_program(Path(name)) else None
    places: list[str] = []
    if project_tools:
        bin_ = "Scripts" if sys.platform == "win32" else "bin"
        for base in dict.fromkeys((folder, root)):
            own = (base / ".venv" / bin_, base / "venv" / bin_, base / "node_modules" / ".bin", base)
            places += map(str, own)
    if os.path.dirname(name):
        places = places and [str(folder), str(root)]
    else:
        places += [*environ.get("PATH", os.defpath).split(os.pathsep), os.path.dirname(sys.executable)]
    endings = ["", *environ.get("PATHEXT", "").split(os.pathsep)] if sys.platform == "win32" else [""]
    for place in places:
        for ending in endings:
            if os.path.isabs(place) and _is_program(Path(place, name + ending)):
                return Path(place, name + ending)
    return None


def marked(checker: Checker, path: Path, root: Path) -> Path | None:
    """The folder that a checker runs in for a file; None where it has none for it."""
    if not checker.marks:
        return root
    for folder in path.parents:
        if any((folder / mark).is_file() for mark in checker.marks):
            return folder
    return None if checker.needs_mark else root


def _is_program(file: Path) -> bool:
    return file.is_file() and os.access(file, os.X_OK)
