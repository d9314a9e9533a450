"""`spark-lsp demo` as a user runs it: another process, the real server, the embedded predictor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[2]


def demo(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "spark_lsp", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        cwd=folder,
        env={**kept, "XDG_CONFIG_HOME": str(folder)},
        check=False,
    )


def test_it_types_a_file_that_nobody_knows(tmp_path: Path) -> None:
    done = demo("--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = orjson.loads(done.stdout)
    assert report["keystrokes_with_suggestion"] > 0
    assert report["characters_saved"] > 0
    assert report["keystrokes"] + report["characters_saved"] <= report["characters"]
    assert list(report["backends"]) == ["workspace"]
    assert report["workspace"]["ready"]


def test_it_types_the_file_it_is_given_and_leaves_it_alone(tmp_path: Path) -> None:
    for number in range(4):
        lines = "".join(f"    total = add(total, weigh(item_{number}, {n}))\n" for n in range(8))
        (tmp_path / f"part_{number}.py").write_text(f"def part_{number}(item_{number}):\n{lines}")
    file = tmp_path / "part_3.py"
    before = file.read_bytes()

    done = demo(str(file), folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "9 lines of part_3.py" in done.stdout
    assert "characters saved" in done.stdout
    assert "\x1b" not in done.stdout, "colours and pictures are for terminals"
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "there is no file"), (b"\xff\xfe\x00\xd8\x00", "cannot be read as text")],
)
def test_a_file_that_cannot_be_typed(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    file = tmp_path / "file.py"
    if content is not None:
        file.write_bytes(content)
    done = demo(str(file), folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
