"""The faults in `fixtures` that the TypeScript compiler tells of."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from spark_lsp.cli.faults import FOLDER, planted

TSC = Path(__file__).parent / "node_modules" / "typescript" / "bin" / "tsc"
OPTIONS = ("--noEmit", "--strict", "--target", "ES2022", "--module", "NodeNext")
SAID = re.compile(r"^([\w/.-]+)\((\d+),\d+\): error (TS\d+):", re.MULTILINE)


def said(folder: Path, *arguments: str) -> list[tuple[str, int, str]]:
    """What tsc says: file, line, code."""
    node = shutil.which("node")
    if node is None or not TSC.exists():
        pytest.skip("needs Node.js and `npm install` in tests/e2e: `make e2e` runs it")
    command = [node, str(TSC), "--pretty", "false", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode in (0, 1, 2), ran.stderr
    return [(found[1], int(found[2]), found[3]) for found in SAID.finditer(ran.stdout)]


def test_tsc_tells_of_each_fault_and_of_no_fixed_file() -> None:
    faults = [fault for fault in planted() if fault.tells == "tsc"]
    files = [fault.file for fault in faults]
    assert len(files) == 8
    told = {(file, code) for file, _, code in said(FOLDER / "faulty", *OPTIONS, *files)}
    assert told == {(fault.file, fault.code) for fault in faults}
    assert not said(FOLDER / "fixed", *OPTIONS, *files)


def test_tsc_says_of_a_project_what_is_listed() -> None:
    fixed = FOLDER.parent / "projects-fixed"
    listed = tomllib.loads((fixed / "planted.toml").read_text("utf-8"))["project"]
    for table in listed:
        if table["checker"] == "tsc":
            assert said(FOLDER.parent / "projects" / table["name"]) == [tuple(row) for row in table["said"]]
            assert not said(fixed / table["name"])
