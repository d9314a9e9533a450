"""`bench quality` itself: an installed package, and a model that knows it by heart."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.cli import bench_quality
from spark_lsp.cli.bench_quality import Options
from spark_lsp.cli.quality import packages
from spark_lsp.cli.quality.case import KINDS
from spark_lsp.cli.quality.policies import BARE, OURS
from spark_lsp.errors import UsageError
from tests.scenario.test_commands import run

PACKAGE = "pluggy"

PROBLEM = {
    "task_id": "SingleLineInfilling/HumanEval/0/L1",
    "entry_point": "area",
    "prompt": "def area(width, height):\n    found = 0\n",
    "suffix": "    return found\n",
    "canonical_solution": "    found = width * height\n",
    "test": "def check(candidate):\n    assert candidate(2, 3) == 6\n",
}


def served_by(server: FakeServer, folder: Path) -> Path:
    """Settings with one backend, which continues the text."""
    file = folder / "config.toml"
    file.write_text(
        '[[backend]]\nname = "mine"\nkind = "openai-completions"\nmodel = "m"\nfim = "prefix"\n'
        f'base_url = "{server.url}"\n'
    )
    return file


def infilling(folder: Path) -> Path:
    folder.mkdir()
    for name in ("single-line", "multi-line", "random-span-light"):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write(json.dumps(PROBLEM) + "\n")
    return folder


def rows(report: dict[str, Any], model: str, policy: str) -> dict[str, dict[str, Any]]:
    return {row["kind"]: row for row in report["rows"] if (row["model"], row["policy"]) == (model, policy)}


@pytest.mark.timeout(300)
async def test_a_model_that_knows_the_package_is_right(tmp_path: Path) -> None:
    [package] = packages.installed([PACKAGE], 1)
    problem = PROBLEM["prompt"] + PROBLEM["canonical_solution"] + PROBLEM["suffix"]
    known = {str(path): text for path, text in package.files.items()} | {"area.py": problem}
    async with FakeServer(Oracle(known), model="m") as server:
        status, out, err = await run(
            *("bench", "quality", "--json", "--package", PACKAGE, "--sample", "2", "--backend", "mine"),
            *("--config", str(served_by(server, tmp_path)), "--data", str(infilling(tmp_path / "data"))),
            *("--report", "out/quality.html", "--report", "out/quality.svg", "--dump", "wrong.jsonl"),
            cwd=tmp_path,
        )
        asked = server.stats.requests
    assert status == 0, err
    report = json.loads(out)
    ours, bare, predictor = (rows(report, *who) for who in (("m", OURS), ("m", BARE), ("workspace", OURS)))
    assert set(ours) == {*KINDS, "lines", "infilling"}
    for kind in ("line start", "call", "single-line"):
        assert ours[kind]["exact"]["value"] == 1, (kind, (tmp_path / "wrong.jsonl").read_text())
    assert ours["infilling"]["passed"]["value"] == 1
    assert not ours["lines"]["by_predictor"]
    # It is told nothing of what follows: behind a call it closes the bracket that is there, and goes on.
    assert bare["call"]["exact"]["value"] == 0
    assert bare["single-line"]["passed"]["value"] == 1
    cases = sum(report["cases"].values())
    assert asked >= 1 + 2 * cases
    assert predictor["lines"]["cases"] == 6
    assert {one["name"] for one in report["packages"]} == {PACKAGE}
    assert [row["name"] for row in report["ratios"]] == ["exact", "passed"]
    assert "exactly right" in (tmp_path / "out" / "quality.html").read_text("utf-8")
    assert (tmp_path / "out" / "quality.svg").read_text("utf-8").startswith("<svg")
    wrong = [json.loads(line) for line in (tmp_path / "wrong.jsonl").read_text("utf-8").splitlines()]
    assert {"before", "truth", "after", "offered", "said"} <= set(wrong[0])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(models=(Path("no.gguf"),)), "there is no such file"),
        (Options(backends=("nobody",)), "no such backend"),
        (Options(packages=("not-installed-here",)), "no such package"),
        (Options(data=Path(__file__).parent), "holds none of"),
        (Options(policies=("guess",)), "it is one of"),
        (Options(kinds=("guess",)), "it is one of"),
        (Options(kinds=("single-line",)), "--data names human-eval-infilling"),
    ],
)
def test_what_is_not_there_is_told(options: Options, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        bench_quality.run(
            replace(options, packages=options.packages or (PACKAGE,)), as_json=True, files=[], dump=None
        )
