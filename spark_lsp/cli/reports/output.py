"""What a benchmark found, told: tables or JSON on stdout, and files by the end of their names.

A benchmark's package has `tables.tables` and `tables.markdown`, `page.page` and `plots.picture`, each of one
report. They are imported when they are wanted: what draws is slow to load.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from spark_lsp.errors import UsageError

FORMS: Mapping[str, tuple[str, str]] = {
    ".html": ("page", "page"),
    ".svg": ("plots", "picture"),
    ".md": ("tables", "markdown"),
}
"""Module and function of a benchmark's package."""

WIDTH = 120
"""Columns of the tables where no terminal says how many it has."""


def check_files(files: Sequence[Path]) -> None:
    """Raises UsageError for a file of a kind that is none, and OSError now for one that cannot be written."""
    for file in files:
        if file.suffix not in (*FORMS, ".json"):
            raise UsageError(f"--report {file}: the name ends with one of {', '.join((*FORMS, '.json'))}")
        file.parent.mkdir(parents=True, exist_ok=True)


def tell(report: Mapping[str, Any], package: str, *, as_json: bool, files: Sequence[Path]) -> None:
    """Write it to the files, and print it: the tables, or one JSON object."""
    for file in files:
        file.write_text(_written(report, package, file.suffix), "utf-8")
    if as_json:
        print(json.dumps(report))
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for table in import_module(f"{package}.tables").tables(report):
        console.print(table)


def _written(report: Mapping[str, Any], package: str, suffix: str) -> str:
    if suffix == ".json":
        return json.dumps(report)
    module, name = FORMS[suffix]
    return str(getattr(import_module(f"{package}.{module}"), name)(report))
