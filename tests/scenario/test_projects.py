"""The main job on real-looking projects in four languages: the real server helps to type their files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenario.test_commands import run

PROJECTS = Path(__file__).parents[2] / "fixtures" / "projects"


@pytest.mark.parametrize(
    "file",
    [
        "inventory/inventory/storage.py",
        "task-queue/src/main.ts",
        "log-parser/internal/parse/formats.go",
        "expression/src/eval.rs",
    ],
)
async def test_typing_a_file_that_the_index_has_not_seen(tmp_path: Path, file: str) -> None:
    status, out, _ = await run("demo", str(PROJECTS / file), "--json", cwd=tmp_path)
    assert status == 0
    report = json.loads(out)
    assert report["characters_saved"] > 0
    # Not all of it: then the index would have read the file that is being typed.
    assert report["saved_share"] < 0.5
    assert report["hits"]["network"] == 0
    assert report["workspace"]["files"] > 3
