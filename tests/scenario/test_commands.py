"""The commands as a shell sees them: stdout is data, stderr is for people, the status says how it went."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from spark_lsp import __version__
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from tests.scenario.conftest import served_by
from tests.scenario.test_typing import DONE, GHOST, START


async def run(*arguments: str, cwd: Path) -> tuple[int | None, str, str]:
    """(status, stdout, stderr) of `spark-lsp ...` with a home of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "spark_lsp",
        *arguments,
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd / "config")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_complete_prints_one_object(tmp_path: Path) -> None:
    async with FakeServer(Oracle({"shop.py": DONE})) as server:
        (tmp_path / "config.json").write_text(json.dumps(served_by(server)))
        (tmp_path / "shop.py").write_text(START)
        status, out, err = await run(
            "complete", "shop.py:2:5", "--json", "--config", "config.json", cwd=tmp_path
        )
        assert (status, err) == (0, "")
        report = json.loads(out)
        assert report["text"] == GHOST
        assert (report["backend"], report["model"], report["hit"]) == ("remote", "fake", "network")
        status, out, _ = await run("--config", "config.json", "complete", "shop.py:2:5", cwd=tmp_path)
    assert (status, out) == (0, GHOST + "\n")


async def test_complete_answers_from_the_workspace_without_settings(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "one.py").write_text(DONE)
    (tmp_path / "two.py").write_text(DONE.replace("total_price", "sum_of_prices"))
    (tmp_path / "new.py").write_text("def price(items, discount):\n    subtotal = sum(item.price * \n")
    status, out, _ = await run("complete", "new.py:2:33", "--json", cwd=tmp_path)
    report = json.loads(out)
    assert status == 0
    assert report["text"] == "item.quantity for item in items)"
    assert report["backend"] == "workspace"
    assert 0 < report["confidence"] <= 1


async def test_no_suggestion_is_null_and_said(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    status, out, err = await run("complete", "empty.py:1:1", "--json", cwd=tmp_path)
    assert status == 0
    assert json.loads(out)["text"] is None
    assert "no suggestion" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["complete", "shop.py"], "FILE:LINE:COL"),
        (["complete", "shop.py:0:1"], "from 1 on"),
        (["complete", "shop.py:99:1"], "no line 99"),
        (["complete", "shop.py:1:99"], "columns are 1 to 34"),
        (["complete", "missing.py:1:1"], "no file missing.py"),
        (["complete", "binary.py:1:1"], "cannot be read as text"),
        (["complete", "shop.py:1:1", "--config", "missing.toml"], "missing.toml"),
        (["--stdio", "--log-level", "loud"], "--log-level takes one of"),
        (["--stdio", "--log-file", "/no/such/folder/log"], "cannot be written"),
        (["--stdio", "--config", "missing.toml"], "no settings file"),
        (["--tcp", "nonsense"], "HOST:PORT"),
        (["fake-server", "--faults", "often"], "not a fault"),
        (["fake-server", "--oracle", "missing"], "missing"),
        (["fake-server", "--edits", "good"], "the modes of edits are right"),
        (["fake-server", "--edits", "right"], "need an oracle"),
        (["fake-server", "--oracle", ".", "--edits", "right", "--wrong", "0.1"], "--edits wrong"),
        (["bench", "predictor", "--project", "missing"], "missing"),
        (["demo", "missing.py"], "missing.py"),
        (["config", "--check", "missing.toml"], "missing.toml"),
        (["no-such-command"], "No such command"),
    ],
)
async def test_bad_usage_is_one_sentence_and_status_2(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    (tmp_path / "shop.py").write_text(DONE)
    (tmp_path / "binary.py").write_bytes(b"\x00\x01\xff")
    status, out, err = await run(*arguments, cwd=tmp_path)
    assert status == 2
    assert out == ""
    assert says in err
    assert "Traceback" not in err


async def test_the_version_and_the_help(tmp_path: Path) -> None:
    assert await run("--version", cwd=tmp_path) == (0, f"{__version__}\n", "")
    status, out, _ = await run("--help", cwd=tmp_path)
    assert status == 0
    for command in ("demo", "complete", "config", "fake-server", "bench"):
        assert command in out


async def test_config_check_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[inline]\nmax_tokens = 'many'\n")
    status, out, _ = await run("config", "--check", "config.toml", cwd=tmp_path)
    assert status == 1
    assert "inline.max_tokens" in out
    status, out, _ = await run("config", "--schema", cwd=tmp_path)
    assert status == 0
    assert json.loads(out)["$schema"].endswith("2020-12/schema")
