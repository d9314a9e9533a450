"""What `spark-lsp fix` prints: a patch or an object on stdout, a table on stderr, SARIF into a file."""

from __future__ import annotations

import difflib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spark_lsp import __version__
from spark_lsp.actions import sarif
from spark_lsp.engine.mend import Fault
from spark_lsp.text import split_lines

ROWS = 30
STATES = ("fixed", "unverified", "failed")


@dataclass(frozen=True, slots=True)
class FileReport:
    """A file, its text before and after with their own line ends, and its faults. `problem`: why it could
    not be written."""

    path: Path
    before: str
    after: str
    faults: Sequence[Fault]
    problem: str = ""

    def count(self, state: str) -> int:
        return sum(fault.state == state for fault in self.faults)

    @property
    def name(self) -> str:
        return shown(self.path)

    def diff(self) -> str:
        """A unified diff that `patch -p1` and `git apply` take from where the command was run."""
        old, new = ([line for line in split_lines(text) if line] for text in (self.before, self.after))
        lines = difflib.unified_diff(old, new, f"a/{self.name}", f"b/{self.name}")
        return "".join(_ended(line) for line in lines)


@dataclass(slots=True)
class Report:
    """All of one run. `backups` are folders; `skipped` says of files and checkers why they were left out."""

    source: str
    files: list[FileReport] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    backups: list[Path] = field(default_factory=list)
    is_applied: bool = False
    began: float = field(default_factory=time.monotonic)

    def count(self, state: str) -> int:
        return sum(file.count(state) for file in self.files)

    @property
    def is_done(self) -> bool:
        """Nothing is left to do."""
        return not any(file.problem for file in self.files) and not self.count("unverified") + self.count(
            "failed"
        )

    def as_json(self) -> str:
        found = sum(len(file.faults) for file in self.files)
        whole = {
            "from": self.source,
            "found": found,
            **{state: self.count(state) for state in STATES},
            "changed_files": sum(file.before != file.after for file in self.files),
            "applied": self.is_applied,
            "backups": [str(folder) for folder in self.backups],
            "skipped": self.skipped,
            "seconds": round(time.monotonic() - self.began, 3),
            "files": [_file(file) for file in self.files],
        }
        return json.dumps(whole, ensure_ascii=False)

    def write_sarif(self, file: Path) -> None:
        results = [
            sarif.Result(one.name, fault.diagnostic, fault.edits, fault.state)
            for one in self.files
            for fault in one.faults
        ]
        document = sarif.document(results, version=__version__)
        file.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", "utf-8")

    def print_table(self, console: Console) -> None:
        for name, why in self.skipped.items():
            console.print(f"{escape(name)}: {escape(why)}", soft_wrap=True, highlight=False)
        if not self.files:
            console.print("nothing to fix", highlight=False)
            return
        table = Table(box=None, pad_edge=False)
        table.add_column("file", overflow="fold")
        for head in ("found", *STATES):
            table.add_column(head, justify="right")
        rows = sorted(self.files, key=lambda file: file.name)
        for file in rows[:ROWS]:
            counts = [str(file.count(state)) for state in STATES]
            table.add_row(escape(file.name), str(len(file.faults)), *counts)
        if len(rows) > ROWS:
            table.add_row(f"and {len(rows) - ROWS} more files")
        found = sum(len(file.faults) for file in rows)
        table.add_row("all", str(found), *(str(self.count(state)) for state in STATES), style="bold")
        console.print(table)
        for line in self._left(rows):
            console.print(escape(line), soft_wrap=True, highlight=False)

    def _left(self, rows: Sequence[FileReport]) -> Iterator[str]:
        """What is left to do, as compilers print it."""
        for file in rows:
            if file.problem:
                yield f"{file.name}: {file.problem}"
            for fault in file.faults:
                said = fault.diagnostic
                if fault.state != "fixed":
                    code = f" {said.code}" if said.code else ""
                    first = said.message.partition("\n")[0]
                    place = f"{file.name}:{said.line + 1}:{said.column + 1}"
                    yield f"{place}:{code} {first} ({fault.state}: {fault.reason})"


def _file(file: FileReport) -> dict[str, Any]:
    return {
        "path": file.name,
        **{state: file.count(state) for state in STATES},
        "changed": file.before != file.after,
        "problem": file.problem,
        "diff": file.diff(),
        "faults": [_fault(fault) for fault in file.faults],
    }


def _fault(fault: Fault) -> dict[str, Any]:
    said = fault.diagnostic
    return {
        "line": said.line + 1,
        "column": said.column + 1,
        "source": said.source,
        "code": said.code,
        "severity": said.severity,
        "message": said.message,
        "state": fault.state,
        "reason": fault.reason,
        "rounds": fault.rounds,
        "backend": fault.backend,
    }


def shown(path: Path) -> str:
    """From where the command is run, if it is below, as / separates it."""
    here = Path(os.path.realpath(os.getcwd()))
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def _ended(line: str) -> str:
    """A line of a diff; what stands at a file's end without a line end is marked."""
    return line if line.endswith(("\n", "\r")) else f"{line}\n\\ No newline at end of file\n"
