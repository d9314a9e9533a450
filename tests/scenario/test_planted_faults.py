"""The faults in `fixtures`: whoever is said to tell of one does so, and of the fixed file says nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from spark_lsp.cli.faults import FOLDER, Planted, planted
from spark_lsp.errors import UsageError

FAULTS = planted()
LIMIT = 50  # seconds for one child process
COMMANDS = {
    "ruff": ("ruff", "check", "--no-cache", "--output-format", "concise"),
    "mypy": ("mypy", "--no-incremental", "--cache-dir", os.devnull),
}
DEFAULTS = {"ruff": "--isolated", "mypy": "--config-file="}
PROJECTS = FOLDER.parent / "projects-fixed"
SAID = re.compile(r"^([\w/.-]+):(\d+):(?:\d+:)? (?:error: .*\[([\w-]+)\]$|(\w+))", re.MULTILINE)


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)


def said(checker: str, folder: Path, *options: str) -> Counter[tuple[str, int, str]]:
    """What a checker says of the files of a folder: file, line, code."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py"))
    ran = python("-m", *COMMANDS[checker], *options, *files, folder=folder)
    assert ran.returncode in (0, 1), ran.stderr
    return Counter((found[1], int(found[2]), found[3] or found[4]) for found in SAID.finditer(ran.stdout))


def test_there_are_forty_of_all_kinds() -> None:
    assert len(FAULTS) == 40
    kinds = Counter(fault.kind for fault in FAULTS)
    assert len(kinds) == 6
    assert min(kinds.values()) >= 4
    assert {path.name for path in (FOLDER / "faulty").iterdir()} == {fault.file for fault in FAULTS}
    assert {path.name for path in (FOLDER / "fixed").iterdir()} == {fault.file for fault in FAULTS}
    for fault in FAULTS:
        assert fault.faulty != fault.fixed
        assert fault.faulty.count("\r\n") in (0, fault.faulty.count("\n"))


@pytest.mark.parametrize("checker", COMMANDS)
def test_a_checker_tells_of_each_fault_and_of_no_fixed_file(checker: str) -> None:
    told = {(file, code) for file, _, code in said(checker, FOLDER / "faulty", DEFAULTS[checker])}
    assert told >= {(fault.file, fault.code) for fault in FAULTS if fault.tells == checker}
    assert not said(checker, FOLDER / "fixed", DEFAULTS[checker])


@pytest.mark.parametrize("checker", COMMANDS)
def test_the_checkers_say_of_a_project_what_is_listed(checker: str) -> None:
    listed = [
        table
        for table in tomllib.loads((PROJECTS / "planted.toml").read_text("utf-8"))["project"]
        if table["checker"] == checker
    ]
    assert listed
    for table in listed:
        told = said(checker, FOLDER.parent / "projects" / table["name"])
        assert told == Counter(map(tuple, table["said"]))
        assert not said(checker, PROJECTS / table["name"])


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.test], ids=lambda fault: fault.file)
def test_a_test_fails_with_the_fault_and_passes_without(fault: Planted, tmp_path: Path) -> None:
    for text, passes in ((fault.faulty, False), (fault.fixed, True)):
        (tmp_path / fault.file).write_bytes(text.encode())
        ran = python("-c", fault.test, folder=tmp_path)
        assert (ran.returncode == 0) == passes, ran.stderr
        assert passes or "AssertionError" in ran.stderr
    assert fault.faulty.split("\n")[fault.line - 1].lstrip().startswith(("def ", "COINS"))


def test_what_holds_no_faults(tmp_path: Path) -> None:
    for text in (None, "fault = 1", "[[fault]]\nfile = 'a.py'\ntells = 'test'\nkind = ''\nmore = 1"):
        if text is not None:
            (tmp_path / "faults.toml").write_text(text)
        with pytest.raises(UsageError, match="does not hold planted faults"):
            planted(tmp_path)
