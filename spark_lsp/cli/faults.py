"""The planted faults of `fixtures/faults`, read."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.cli.files import language_of
from spark_lsp.errors import UsageError

FOLDER = Path(__file__).parents[2] / "fixtures" / "faults"
"""Where they are in a checkout; an installed package comes without them."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault: a file's text with it and without, line ends as they are, and who tells.

    `tells` is a checker with its `code`, or "test": then `test` is a script that fails while the fault is
    there, `says` its message and `line`, 1-based, where that belongs.
    """

    file: str
    kind: str
    tells: str
    faulty: str
    fixed: str
    code: str = ""
    line: int = 0
    says: str = ""
    test: str = ""

    @property
    def language(self) -> str:
        return language_of(Path(self.file))


def planted(folder: Path = FOLDER) -> list[Planted]:
    """All of a folder. Raises UsageError when it is none of that kind."""
    try:
        tables = tomllib.loads((folder / "faults.toml").read_text("utf-8"))["fault"]
        return [_planted(folder, **table) for table in tables]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} does not hold planted faults: {error}") from error


def _planted(folder: Path, *, file: str, tells: str, **table: str) -> Planted:
    test = _read(folder / "tests" / f"test_{file}") if tells == "test" else ""
    faulty, fixed = _read(folder / "faulty" / file), _read(folder / "fixed" / file)
    return Planted(file=file, tells=tells, faulty=faulty, fixed=fixed, test=test, **table)  # type: ignore[arg-type] # tomllib has no types


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")
