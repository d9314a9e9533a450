"""Which documents may not leave this machine: patterns of the settings, held against where a document is."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from spark_lsp.config.patterns import Pattern, pattern, verdict
from spark_lsp.workspace.discover import resolved

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_FROM_ROOT = re.compile(r"/[^/*?\[]+(?:/|\Z)")  # not `/*`, which would be the whole disk
CASE_COUNTS = sys.platform not in ("darwin", "win32")


class Denied:
    """Says of a document whether it is denied, by its name or by what that leads to. Reads no file.

    A pattern is matched within each of the `folders` that the document is in, and one that begins with
    `/name`, `~/` or a drive against the whole path, too. Outside of all folders every pattern is.
    """

    def __init__(
        self, patterns: Sequence[str], folders: Sequence[Path], *, case_counts: bool = CASE_COUNTS
    ) -> None:
        self._patterns = patterns
        self._folders = folders
        self._case_counts = case_counts

    def holds(self, path: Path) -> bool:
        """Whether this document may not leave the machine."""
        if not self._patterns:
            return False
        names = {self._name(os.path.abspath(path)), self._name(resolved(path))}
        return any(_taken(rules, name) for name in names for rules in self._rules_for(name))

    def _name(self, path: str) -> str:
        """The path from the root, as patterns see it: `/` between the parts, none before the first."""
        name = Path(path).as_posix().lstrip("/")
        return name if self._case_counts else name.lower()

    def _rules_for(self, name: str) -> Iterable[Sequence[Pattern]]:
        around = [rules for folder, rules in self._rules.items() if folder and f"{name}/".startswith(folder)]
        return around or [self._rules[""]]

    @cached_property
    def _rules(self) -> dict[str, Sequence[Pattern]]:
        """By folder, with `/` behind it; "" for what is in none."""
        lines = self._patterns if self._case_counts else [line.lower() for line in self._patterns]
        home = f"{self._name(os.path.expanduser('~'))}/"
        folders = {
            f"{self._name(place)}/".lstrip("/")
            for folder in self._folders
            for place in (os.path.abspath(folder), resolved(folder))
        }
        return {
            folder: [made for line in lines for made in _from_root(line, folder, home)]
            for folder in ("", *folders)
        }


def _taken(rules: Sequence[Pattern], name: str) -> bool:
    """Whether the patterns take this file or a folder above it, from which nothing is brought back."""
    parts = name.split("/")
    ways = ("/".join(parts[:end]) + "/" for end in range(1, len(parts)))
    return any(verdict(rules, place) for place in (*ways, name))


def _from_root(line: str, folder: str, home: str) -> Iterator[Pattern]:
    """What the line says within the folder, as patterns of whole paths."""
    body = line.removeprefix("!")
    sign = line[: len(line) - len(body)]
    if body.startswith("~/"):
        yield from _within(home, f"{sign}{body[1:]}")
    elif _DRIVE.match(body):
        yield from _within("", f"{sign}/{body.replace(chr(92), '/')}")
    else:
        yield from _within(folder, line)
        if folder and _FROM_ROOT.match(body):
            yield from _within("", line)


def _within(folder: str, line: str) -> Iterator[Pattern]:
    one = pattern(line)
    if one is not None:
        yield one._replace(regex=re.compile(re.escape(folder) + one.regex.pattern, one.regex.flags))
