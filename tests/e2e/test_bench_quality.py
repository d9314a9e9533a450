"""`bench quality` with a real model, which all policies ask."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spark_lsp.cli.quality.policies import BARE, OURS, names
from tests.scenario.test_commands import run


@pytest.mark.timeout(300)
async def test_a_real_model_is_asked_by_all_policies(model: Path, tmp_path: Path) -> None:
    status, out, err = await run(
        *("bench", "quality", "--json", "--model", str(model), "--package", "pluggy", "--sample", "1"),
        *("--kind", "mid-line", "--kind", "call", "--dump", "wrong.jsonl"),
        cwd=tmp_path,
    )
    assert status == 0, err
    report = json.loads(out)
    found = {
        row["policy"]: row
        for row in report["rows"]
        if (row["model"], row["kind"]) == (model.stem, "mid-line")
    }
    policies, _ = names()
    assert set(found) == {BARE, OURS, *(name for name in policies if "without" in name)}  # it knows no FIM
    for row in found.values():
        assert row["cases"] == 1
        assert row["prompt_tokens"] > 20
        assert row["generated_tokens"] > 0
    assert found[OURS]["requests"] == 1
    assert not found[OURS]["by_predictor"]
    for line in (tmp_path / "wrong.jsonl").read_text("utf-8").splitlines():
        assert not json.loads(line)["error"]
