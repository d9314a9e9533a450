"""Checkers as processes: what they are given, what they cannot do, and what is left of them."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from spark_lsp.config.settings import ActionSettings, OwnChecker
from spark_lsp.engine import process
from spark_lsp.engine.check import Checks, trim_caches
from spark_lsp.engine.shadow import PREFIX

# Each is a program; `said(...)` prints one line as a checker does, of the file that was named.
DOUBLES: Mapping[str, str] = {
    "Honest": "said(text().count('bad') and 'bad')",
    "Hangs": "import time; time.sleep(600)",
    "Crashes": "os.kill(os.getpid(), 11)",
    "PrintsGarbage": "print('\\x00\\ufffd{{{'); sys.exit(3)",
    "PrintsBytes": "sys.stdout.buffer.write(b'\\xff\\xfe' * 9); sys.exit(3)",
    "FloodsOutput": "\nwhile True: sys.stdout.write('x' * 65536)",
    "FloodsErrors": "\nwhile True: sys.stderr.write('x' * 65536)",
    "SpawnsChild": "subprocess.Popen(['sleep', '600']); say_pid(); time.sleep(600)",
    "SpawnsDaemon": "subprocess.Popen(['sleep', '600'], start_new_session=True); say_pid(); time.sleep(600)",
    "LeavesChild": "subprocess.Popen(['sleep', '600']); say_pid(); said('bad')",
    "ReadsNothing": "os.close(0); said('bad')",
    "TellsEnvironment": "said(json.dumps([dict(os.environ), os.getcwd(), sys.argv[1:], sys.stdin.read()]))",
    "Counts": "open(os.environ['HOME'] + '/runs', 'a').write('.'); said('bad')",
    "Writes": "open(sys.argv[1], 'a').write('changed'); said('bad')",
}
PRELUDE = """
import json, os, subprocess, sys, time
def text():
    return sys.stdin.read() or open(sys.argv[1]).read()
def said(message):
    if message: print(f"{sys.argv[1]}:1:1: {message}", flush=True)
def say_pid():
    open(os.environ['HOME'] + '/group', 'w').write(str(os.getpid()))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "a b;$(touch pwned)"
    place.mkdir()
    (place / "x.py").write_text("as it is on disk\n")
    (place / "other.py").write_text("other\n")
    return place


Start = Callable[..., Checks]


@pytest_asyncio.fixture
async def start(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Checks whose PATH has the doubles only; nothing of theirs may be left at the end."""
    programs = tmp_path / "bin"
    programs.mkdir()
    shadows = tmp_path / "shadows"
    shadows.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shadows))
    for name, body in DOUBLES.items():
        write_program(programs / name, body)
    started = []

    def make(
        *names: str, stdin: bool = False, own: Mapping[str, OwnChecker] | None = None, **more: Any
    ) -> Checks:
        table: dict[str, OwnChecker] = {
            name: {"command": (name, "{file}"), "languages": ("python",), "stdin": stdin} for name in names
        }
        settings = ActionSettings(verify=(*names, *(own or {})), checkers=table | dict(own or {}), **more)
        environ = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
        environ |= {
            "HTTPS_PROXY": "http://x",
            "OPENAI_API_KEY": "sk-1",
            "GITHUB_TOKEN": "t",
            "NODE_OPTIONS": "-r x",
        }
        checks = Checks(settings, environ=environ, cache=tmp_path / "cache")
        started.append(checks)
        return checks

    yield make
    for checks in started:
        await checks.aclose()
    assert not list(shadows.iterdir())


def write_program(file: Path, body: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!{sys.executable}\n{PRELUDE}\n{body}\n")
    file.chmod(stat.S_IRWXU)


def lives_in_group(home: Path) -> list[str]:
    """Processes of the program's session, by their first words."""
    session = int((home / "group").read_text())
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append((entry.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


async def started(home: Path) -> None:
    while not (home / "group").exists():  # noqa: ASYNC110  # another process writes it
        await asyncio.sleep(0.01)


def sleepers() -> set[str]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == b"sleep\x00600\x00":
                found.add(entry.parent.name)
        except OSError:
            continue
    return found


async def test_a_text_that_is_nowhere_on_disk(start: Start, root: Path) -> None:
    checks = start("Honest")
    file = root / "x.py"
    bad = await checks.check(file, root, "python", "bad\n")
    good = await checks.check(file, root, "python", "good\n")
    assert [item.message for item in bad.diagnostics] == ["bad"]
    assert (good.diagnostics, good.ran) == ((), ("Honest",))
    assert file.read_text() == "as it is on disk\n"


async def test_on_stdin(start: Start, root: Path) -> None:
    report = await start("TellsEnvironment", stdin=True).check(root / "x.py", root, "python", "é\n")
    told = json.loads(report.diagnostics[0].message)
    assert told[1:] == [str(root), [str(root / "x.py")], "é\n"]


async def test_what_a_checker_sees_of_our_environment(start: Start, root: Path, home: Path) -> None:
    report = await start("TellsEnvironment", stdin=True).check(root / "x.py", root, "python", "")
    environ = json.loads(report.diagnostics[0].message)[0]
    assert environ.keys() <= {*process.KEPT, process.MARK, "NO_COLOR", "__CF_USER_TEXT_ENCODING"}
    assert environ["HOME"] == str(home)


FAILURES = {
    "Hangs": "did not end in 1 s",
    "Crashes": "ended with status -11",
    "PrintsGarbage": "ended with status 3",
    "PrintsBytes": "ended with status 3",
    "FloodsOutput": "printed more than 4 MB",
    "FloodsErrors": "printed more than 4 MB",
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("stdin", [False, True])
async def test_one_that_fails_costs_the_others_nothing(
    start: Start, root: Path, name: str, stdin: bool
) -> None:
    checks = start(name, "Honest", stdin=stdin, timeout_ms=1000 if name == "Hangs" else 60_000)
    report = await checks.check(root / "x.py", root, "python", "bad")
    assert report.ran == ("Honest",)
    assert FAILURES[name] in report.failed[name]
    assert [item.source for item in report.diagnostics] == ["Honest"]


async def test_one_that_is_missing(start: Start, root: Path) -> None:
    report = await start("Missing", "Honest").check(root / "x.py", root, "python", "bad")
    assert (report.missing, report.ran, dict(report.failed)) == (("Missing",), ("Honest",), {})


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("name", ["SpawnsChild", "SpawnsDaemon", "LeavesChild"])
async def test_what_it_started_is_gone_too(start: Start, root: Path, home: Path, name: str) -> None:
    before = sleepers()
    report = await start(name, timeout_ms=2000).check(root / "x.py", root, "python", "bad")
    assert (name in report.failed) == (name != "LeavesChild")
    assert lives_in_group(home) == []
    assert sleepers() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_a_check_that_nobody_wants_any_more(start: Start, root: Path, home: Path) -> None:
    before = sleepers()
    asked = asyncio.ensure_future(start("SpawnsDaemon").check(root / "x.py", root, "python", "bad"))
    await started(home)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert lives_in_group(home) == []
    assert sleepers() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
async def test_the_end_does_not_wait_for_checkers(start: Start, root: Path, home: Path) -> None:
    checks = start("SpawnsChild")
    asked = asyncio.ensure_future(checks.check(root / "x.py", root, "python", "bad"))
    await started(home)
    await checks.aclose()
    assert lives_in_group(home) == []
    await asyncio.gather(asked, return_exceptions=True)


async def test_one_that_closes_its_stdin(start: Start, root: Path) -> None:
    report = await start("ReadsNothing", stdin=True).check(root / "x.py", root, "python", "x" * 1_000_000)
    assert report.ran == ("ReadsNothing",)


@pytest.mark.parametrize(
    "name", ["-x.py", "--help.py", "a;touch b.py", "$(touch b).py", "a\nb.py", "{folder}.py", "é😀.py"]
)
async def test_names_of_files_are_names(start: Start, root: Path, name: str) -> None:
    (root / name).write_text("on disk")
    asked = start("TellsEnvironment", stdin=True, own={"disk": {"command": ("Honest", "{file}")}})
    report = await asked.check(root / name, root, "python", "bad")
    assert report.ran == ("TellsEnvironment", "disk")
    if "\n" not in name:  # a line is a line
        assert json.loads(report.diagnostics[0].message)[2] == [str(root / name)]
        assert report.diagnostics[1].message == "bad"
    assert set(os.listdir(root)) == {name, "x.py", "other.py"}


async def test_what_was_said_is_known_until_something_changes(start: Start, root: Path, home: Path) -> None:
    ruff: OwnChecker = {"command": ("Counts", "{file}"), "stdin": True, "format": "lines"}
    checks = start(own={"ruff": ruff})

    async def runs(text: str) -> int:
        await checks.check(root / "x.py", root, "python", text)
        return len((home / "runs").read_text())

    assert [await runs("a"), await runs("a"), await runs("b"), await runs("a")] == [1, 1, 2, 2]
    (root / "ruff.toml").write_text("line-length = 9")
    assert [await runs("a"), await runs("a")] == [3, 3]
    (root / "ruff.toml").write_text("line-length = 19")
    assert await runs("a") == 4


async def test_a_failure_is_tried_again(start: Start, root: Path) -> None:
    checks = start("Missing", "Crashes")
    for _ in range(2):
        report = await checks.check(root / "x.py", root, "python", "a")
        assert report.took_ms["Crashes"] > 0


async def test_a_project_in_folders(start: Start, root: Path) -> None:
    """A checker finds what is beside and above the file, and no byte of it is written, not even when the
    checker writes into the file it was given."""
    deep = root / "src" / "pkg"
    deep.mkdir(parents=True)
    (deep / "y.py").write_text("y")
    (root / "README").write_text("r")
    look = "print(json.dumps(sorted(str(p) for p in __import__('pathlib').Path('.').rglob('*'))))"
    write_program(
        root.parent / "bin" / "Looks", f"said('bad'); {look}; open(sys.argv[1], 'a').write('changed')"
    )
    report = await start("Looks").check(deep / "y.py", root, "python", "bad")
    assert report.ran == ("Looks",)
    assert (deep / "y.py").read_text() == "y"


async def test_a_file_that_is_not_there_yet(start: Start, root: Path) -> None:
    report = await start("Honest").check(root / "tests" / "test_x.py", root, "python", "bad")
    assert [item.message for item in report.diagnostics] == ["bad"]
    assert not (root / "tests").exists()


async def test_a_file_outside_of_its_project(start: Start, root: Path, tmp_path: Path) -> None:
    (tmp_path / "z.py").write_text("z")
    report = await start("Honest").check(tmp_path / "z.py", root, "python", "bad")
    assert [item.message for item in report.diagnostics] == ["bad"]


async def test_programs_of_the_project_run_only_when_it_is_trusted(start: Start, root: Path) -> None:
    write_program(root / ".venv" / "bin" / "Brought", "said('bad')")
    write_program(root / "evil", "said('bad')")
    asked: dict[str, OwnChecker] = {
        "a": {"command": ("Brought", "{file}")},
        "b": {"command": ("./evil", "{file}")},
    }
    report = await start(own=asked).check(root / "x.py", root, "python", "")
    assert report.missing == ("a", "b")
    report = await start(own=asked, project_tools=True).check(root / "x.py", root, "python", "")
    assert report.ran == ("a", "b")


async def test_a_relative_folder_of_the_path_is_the_projects_own(root: Path, tmp_path: Path) -> None:
    write_program(root / "bin" / "Brought", "said('bad')")
    own: dict[str, OwnChecker] = {"a": {"command": ("Brought", "{file}")}}
    checks = Checks(
        ActionSettings(verify=("a",), checkers=own), environ={"PATH": "bin:.:", "HOME": str(tmp_path)}
    )
    report = await checks.check(root / "x.py", root, "python", "")
    assert report.missing == ("a",)
    await checks.aclose()


async def test_settings_that_are_programs_run_only_when_the_project_is_trusted(
    start: Start, root: Path
) -> None:
    checks = start()
    report = await checks.check(root / "x.js", root, "javascript", "", checkers=_known("eslint"))
    assert "actions.project_tools" in report.failed["eslint"]


async def test_tests_that_have_to_pass(start: Start, root: Path, home: Path) -> None:
    body = "sys.exit('it fails' if 'bad' in open('x.py').read() else 0)"
    write_program(root.parent / "bin" / "Tests", body)
    checks = start(tests=("Tests", "{file}"))
    assert await checks.tests(root / "x.py", root, "good") == ""
    assert await checks.tests(root / "x.py", root, "bad") == "it fails"
    assert "not installed" in await start(tests=("Nowhere",)).tests(root / "x.py", root, "")
    assert await start().tests(root / "x.py", root, "bad") == ""


async def test_no_more_than_two_at_once(start: Start, root: Path, home: Path) -> None:
    count = (
        "d = os.environ['HOME'] + '/now'; os.makedirs(d, exist_ok=True); f = d + '/' + str(os.getpid()); "
        "open(f, 'w').close(); n = len(os.listdir(d)); time.sleep(0.1); os.remove(f); said(n > 2 and 'bad')"
    )
    write_program(root.parent / "bin" / "CountsOthers", count)
    checks = start("CountsOthers")
    texts = [str(index) for index in range(6)]
    reports = await asyncio.gather(*(checks.check(root / "x.py", root, "python", text) for text in texts))
    assert [report.ran for report in reports] == [("CountsOthers",)] * 6
    assert [report.diagnostics for report in reports] == [()] * 6


async def test_shadows_are_ours_alone(start: Start, root: Path, tmp_path: Path) -> None:
    body = (
        "said(' '.join(oct(os.stat(place).st_mode & 0o777) for place in ('../..', '..', '.', sys.argv[1])))"
    )
    write_program(tmp_path / "bin" / "Modes", body)
    report = await start("Modes").check(root / "x.py", root, "python", "")
    assert [item.message for item in report.diagnostics] == ["0o700 0o700 0o700 0o600"]


async def test_what_a_killed_server_left_is_removed_when_it_is_old(
    start: Start, root: Path, tmp_path: Path
) -> None:
    dead = [tmp_path / "shadows" / f"{PREFIX}{pid}-x" for pid in (99_999_999, os.getpid())]
    for folder in dead:
        folder.mkdir()
        (folder / "link").symlink_to(root)
        os.utime(folder, (0, 0))
    await start("Honest").check(root / "x.py", root, "python", "")
    assert [folder.exists() for folder in dead] == [False, True]
    assert (root / "x.py").exists()
    (dead[1] / "link").unlink()
    dead[1].rmdir()


def test_caches_of_projects_go_when_there_are_too_many(tmp_path: Path) -> None:
    for index, name in enumerate(("old", "new")):
        (tmp_path / name / "mypy").mkdir(parents=True)
        (tmp_path / name / "mypy" / "x").write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (index, index))
    trim_caches(tmp_path, 150)
    assert [item.name for item in tmp_path.iterdir()] == ["new"]


def _known(*names: str) -> tuple[Any, ...]:
    from spark_lsp.actions.checkers import CHECKERS

    return tuple(CHECKERS[name] for name in names)
