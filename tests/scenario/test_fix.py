"""`spark-lsp fix` as a shell sees it, with real ruff and a model that answers as it is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.fake_edits import Edits
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.script import Script
from spark_lsp.cli.fix_files import BACKUPS
from tests.scenario.test_commands import run

LOAD = """\
import json


def load(path):
    with open(path) as file:
        return json.loads(file.read(), strict=True)
"""
PRICE = """\
def price(items):
    total = 0
    for item in items:
        total += item.price
    return total
"""
RIGHT = {"shop/load.py": LOAD, "shop/price é.py": PRICE}
FAULTY = {
    "shop/load.py": LOAD.replace("True", "Tru"),
    "shop/price é.py": PRICE.replace("total += item", "total += itm").replace("\n", "\r\n"),
}


@asynccontextmanager
async def project(
    folder: Path,
    faulty: Mapping[str, str] = FAULTY,
    mode: str = "right",
    *,
    files: Mapping[str, str] = RIGHT,
    source: Edits | None = None,
    script: Script | None = None,
) -> AsyncIterator[FakeServer]:
    """Files in a folder that is a project, and settings with a model that knows the right ones."""
    (folder / "pyproject.toml").touch()
    for name, text in faulty.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    async with FakeServer(source or Edits(files, mode), script or Script()) as server:
        chat = {"name": "chat", "kind": "openai-chat", "base_url": server.url, "model": "fake"}
        (folder / "config.json").write_text(json.dumps({"backend": [chat], "actions": {"verify": ["ruff"]}}))
        yield server


async def fix(folder: Path, *arguments: str) -> tuple[int | None, str, str]:
    return await run("fix", *arguments, "--config", "config.json", cwd=folder)


def contents(folder: Path, names: Mapping[str, str] = FAULTY) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


def right(name: str) -> bytes:
    ends = "\r\n" if "\r\n" in FAULTY[name] else "\n"
    return RIGHT[name].replace("\n", ends).encode()


def old(name: str) -> bytes:
    return FAULTY[name].encode()


async def test_a_patch_that_can_be_applied(tmp_path: Path) -> None:
    async with project(tmp_path):
        status, out, err = await fix(tmp_path, "shop", "--from", "ruff")
    assert status == 0, err
    assert contents(tmp_path) == {name: old(name) for name in FAULTY}
    assert "all" in err
    apply_patch(tmp_path, out)
    assert contents(tmp_path) == {name: right(name) for name in FAULTY}


def apply_patch(folder: Path, patch: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=patch.encode(), cwd=folder, check=True)


async def test_applied_then_the_checker_is_silent(tmp_path: Path) -> None:
    async with project(tmp_path) as server:
        (tmp_path / "shop/load.py").chmod(0o640)
        status, out, err = await fix(tmp_path, ".", "--from", "ruff", "--apply", "--json")
        report = json.loads(out)
        assert (status, report["fixed"], report["changed_files"], report["applied"]) == (0, 2, 2, True), err
        assert contents(tmp_path) == {name: right(name) for name in FAULTY}
        assert (tmp_path / "shop/load.py").stat().st_mode & 0o777 == 0o640
        [backup] = map(Path, report["backups"])
        assert contents(backup) == {name: old(name) for name in FAULTY}
        asked = server.stats.requests
        status, out, err = await fix(tmp_path, ".", "--from", "ruff", "--apply")
        assert (status, out, err) == (0, "", "nothing to fix\n")
        assert server.stats.requests == asked
    assert sorted(os.listdir(tmp_path / "shop")) == ["load.py", "price é.py"]
    assert (tmp_path / BACKUPS / ".gitignore").read_text() == "*\n"


async def test_nearly_right_takes_two_rounds(tmp_path: Path) -> None:
    async with project(tmp_path, mode="nearly"):
        status, out, _ = await fix(tmp_path, ".", "--from", "ruff", "--json")
    faults = [fault for file in json.loads(out)["files"] for fault in file["faults"]]
    assert status == 0
    assert [(fault["state"], fault["rounds"]) for fault in faults] == [("fixed", 2)] * 2


@pytest.mark.parametrize(
    "mode", ["wrong", "malformed", "malicious/another-path", "malicious/outside", "malicious/empties"]
)
async def test_what_is_not_right_is_not_written(tmp_path: Path, mode: str) -> None:
    async with project(tmp_path, mode=mode):
        status, out, err = await fix(tmp_path, ".", "--from", "ruff", "--apply", "--json")
    report = json.loads(out)
    assert (status, report["fixed"], report["failed"]) == (1, 0, 2)
    assert contents(tmp_path) == {name: old(name) for name in FAULTY}
    assert not (tmp_path / BACKUPS).exists()
    assert "shop/load.py:6:47: F821 Undefined name `Tru` (failed: " in err


@pytest.mark.parametrize("kind", ["new-file", "new-file-parent", "new-file-hook"])
async def test_no_other_file_is_written(tmp_path: Path, kind: str) -> None:
    (tmp_path / "in" / ".git" / "hooks").mkdir(parents=True)
    async with project(tmp_path / "in", mode=f"malicious/{kind}"):
        before = everything(tmp_path)
        await fix(tmp_path / "in", ".", "--from", "ruff", "--apply")
    assert everything(tmp_path) == before


def everything(folder: Path) -> set[str]:
    return {str(file) for file in folder.rglob("*") if BACKUPS not in file.parts}


async def test_sarif_out_and_in_again(tmp_path: Path) -> None:
    async with project(tmp_path):
        status, out, _ = await fix(tmp_path, ".", "--from", "ruff", "--sarif", "out.sarif")
        assert status == 0
        log = json.loads((tmp_path / "out.sarif").read_text())
        results = log["runs"][0]["results"]
        assert [len(result["fixes"]) for result in results] == [1, 1]
        _, ruffs, _ = await _ruff(tmp_path, "sarif")
        (tmp_path / "in.sarif").write_text(ruffs)
        status, again, _ = await fix(tmp_path, ".", "--from", "in.sarif")
        assert (status, again) == (0, out)


async def test_what_a_checker_has_printed(tmp_path: Path) -> None:
    async with project(tmp_path):
        for form in ("json", "concise"):
            _, said, _ = await _ruff(tmp_path, form)
            (tmp_path / "ruff.txt").write_text(said)
            status, out, err = await fix(tmp_path, "shop/load.py", "--from", "ruff.txt", "--json")
            report = json.loads(out)
            assert (status, report["found"], report["fixed"]) == (0, 1, 1), err


async def _ruff(folder: Path, form: str) -> tuple[int | None, str, str]:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", form, "."]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_command_that_has_to_pass(tmp_path: Path) -> None:
    """The tests see the fix, in a copy."""
    (tmp_path / "check.py").write_text("import sys\nsys.exit('strict=True' in open('shop/load.py').read())\n")
    async with project(tmp_path, {"shop/load.py": FAULTY["shop/load.py"]}):
        words = ["shop", "--from", "ruff", "--json", "--verify"]
        status, out, _ = await fix(tmp_path, *words, f"{sys.executable} check.py")
        [fault] = json.loads(out)["files"][0]["faults"]
        assert (status, fault["state"]) == (1, "failed")
        assert "the tests do not pass" in fault["reason"]
        status, out, _ = await fix(tmp_path, *words, f"{sys.executable} -c pass")
        assert (status, json.loads(out)["fixed"]) == (0, 1)


async def test_tests_judge_where_no_checker_can(tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("shop/load.py:6:47: this is not how to say it\n")
    async with project(tmp_path, {"shop/load.py": FAULTY["shop/load.py"]}):
        words = ["shop", "--from", "said.txt", "--json"]
        status, out, _ = await fix(tmp_path, *words)
        assert (status, json.loads(out)["unverified"]) == (1, 1)
        status, out, _ = await fix(tmp_path, *words, "--verify", f"{sys.executable} -c pass")
        assert (status, json.loads(out)["fixed"]) == (0, 1)


USAGE: Mapping[str, tuple[tuple[str, ...], str]] = {
    "no such path": (("nowhere",), "there is no file or folder nowhere"),
    "no such checker": ((".", "--from", "rufff"), "no such checker"),
    "not installed": ((".", "--from", "pyright"), "pyright is not installed"),
    "both": ((".", "--apply", "--diff"), "either --apply"),
    "no command": ((".", "--verify", ""), "--verify needs a command"),
    "half a command": ((".", "--verify", "'x"), "No closing quotation"),
    "no SARIF": ((".", "--from", "config.json"), "nor what a known checker writes"),
    "no folder for SARIF": ((".", "--sarif", "no/where.sarif"), "there is no folder"),
}


@pytest.mark.parametrize("usage", USAGE.values(), ids=USAGE)
async def test_bad_usage(tmp_path: Path, usage: tuple[tuple[str, ...], str], monkeypatch: Any) -> None:
    arguments, said = usage
    monkeypatch.setenv("PATH", "/nowhere")
    async with project(tmp_path):
        status, out, err = await fix(tmp_path, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert contents(tmp_path) == {name: old(name) for name in FAULTY}


async def test_nobody_to_ask(tmp_path: Path) -> None:
    async with project(tmp_path):
        (tmp_path / "config.json").write_text('{"routing": {"discover": false}}')
        status, out, err = await fix(tmp_path, ".", "--from", "ruff")
    assert (status, out) == (1, "")
    assert "spark-lsp doctor" in err


async def test_what_stays_here_is_not_sent(tmp_path: Path) -> None:
    async with project(tmp_path) as server:
        (tmp_path / ".aiignore").write_text("load.py\n")
        status, out, _ = await fix(tmp_path, "shop/load.py", "--from", "ruff", "--json")
        [fault] = json.loads(out)["files"][0]["faults"]
        assert (status, fault["state"]) == (1, "failed")
        assert "ignore file" in fault["reason"]
        assert server.stats.requests == 0


async def test_a_file_that_is_no_utf8_is_left_alone(tmp_path: Path) -> None:
    async with project(tmp_path):
        (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nname = '\xe9'; nothing\n")
        _, out, err = await fix(tmp_path, ".", "--from", "ruff", "--apply", "--json")
    assert json.loads(out)["fixed"] == 2, err
    assert (tmp_path / "latin.py").read_bytes().endswith(b"'\xe9'; nothing\n")


TWO = LOAD + "\n\ndef both(a, b):\n    return a + b\n"
TWO_FAULTY = TWO.replace("True", "Tru").replace("a + b", "aa + bb")


class FixesTheSecondOneFirst(Edits):
    """Of the first fault it knows nothing while the second one is there."""

    def answer(self, prefix: str, suffix: str) -> str:
        if "`Tru`" in prefix and "aa + bb" in prefix:
            return "I do not know."
        return super().answer(prefix, suffix)


async def test_what_failed_is_tried_again_when_others_are_fixed(tmp_path: Path) -> None:
    """And what goes along with another fix is fixed, too."""
    async with project(tmp_path, {"two.py": TWO_FAULTY}, source=FixesTheSecondOneFirst({"two.py": TWO})):
        status, out, err = await fix(tmp_path, "two.py", "--from", "ruff", "--json")
    faults = json.loads(out)["files"][0]["faults"]
    assert status == 0, err
    assert [(fault["message"], fault["state"], fault["reason"]) for fault in faults] == [
        ("Undefined name `Tru`", "fixed", ""),
        ("Undefined name `aa`", "fixed", ""),
        ("Undefined name `bb`", "fixed", "went along with another one"),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_interrupted_in_the_middle(tmp_path: Path, number: int) -> None:
    """Every file is the old or the new one, and of what is new the old one is kept."""
    names = {f"m{index}.py": FAULTY["shop/load.py"] for index in range(12)}
    fixed = dict.fromkeys(names, LOAD)
    async with project(tmp_path, names, files=fixed, script=Script(ttft=0.05)):
        words = [sys.executable, "-m", "spark_lsp", "fix", ".", "--from", "ruff", "--apply"]
        process = await asyncio.create_subprocess_exec(
            *words, "--config", "config.json", cwd=tmp_path, stderr=asyncio.subprocess.PIPE
        )
        while not any((tmp_path / BACKUPS).glob("*/*.py")):  # noqa: ASYNC110  # another process writes it
            await asyncio.sleep(0.001)
        process.send_signal(number)
        _, err = await process.communicate()
    assert process.returncode in (130, 143, -signal.SIGKILL)
    now = contents(tmp_path, names)
    changed = {name for name, content in now.items() if content == LOAD.encode()}
    assert all(content == names[name].encode() for name, content in now.items() if name not in changed)
    [backup] = [folder for folder in (tmp_path / BACKUPS).iterdir() if folder.is_dir()]
    assert changed <= {file.name for file in backup.iterdir()}
    assert all(
        file.read_bytes() == names[file.name].encode() for file in backup.iterdir() if file.name in changed
    )
    assert len(changed) < len(names)
    if number != signal.SIGKILL:
        assert b"what was there before" in err
