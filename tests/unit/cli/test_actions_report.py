"""What `bench actions` reads, counts and writes."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.cli.actions.catalogue import counted
from spark_lsp.cli.actions.humaneval import problems
from spark_lsp.cli.actions.models import named_in
from spark_lsp.cli.actions.page import page
from spark_lsp.cli.actions.plots import picture
from spark_lsp.cli.actions.tables import grids, markdown
from spark_lsp.cli.sandbox import failure
from spark_lsp.errors import UsageError

PROBLEM = {
    "task_id": "Python/0",
    "declaration": "\nimport math\ndef area(width, height):\n",
    "buggy_solution": "    return width + height\n\n",
    "canonical_solution": "    return width * height\n\n",
    "test": "def check(area):\n    assert area(2, 3) == 6\ncheck(area)\n",
    "entry_point": "area",
    "bug_type": "operator misuse",
    "failure_symptoms": "incorrect output",
    "docstring": "The area\n of a rectangle.",
}


def packed(folder: Path, *rows: dict[str, Any], name: str = "python.jsonl.gz") -> Path:
    with gzip.open(folder / name, "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    return folder


def test_humanevalpack_is_read(tmp_path: Path) -> None:
    [first, second] = problems(packed(tmp_path, PROBLEM, PROBLEM | {"bug_type": "excess logic"}))
    assert (first.file, first.language, first.kind, first.line) == (
        "python_0.py",
        "python",
        "wrong operator",
        2,
    )
    assert second.kind == "excess logic"
    assert first.faulty == "import math\ndef area(width, height):\n    return width + height\n"
    assert "The area of a rectangle." in first.says
    assert failure(first.file, first.faulty, first.test)
    assert not failure(first.file, first.fixed, first.test)
    assert len(problems(tmp_path, 1)) == 1


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js, which is not on the PATH")
def test_an_assertion_in_javascript_fails_the_test(tmp_path: Path) -> None:
    row = PROBLEM | {
        "task_id": "JavaScript/0",
        "declaration": "const area = (width, height) => {\n",
        "buggy_solution": "  return width + height;\n}\n",
        "canonical_solution": "  return width * height;\n}\n",
        "test": "console.assert(area(2, 3) === 6)\n",
    }
    [problem] = problems(packed(tmp_path, row, name="js.jsonl.gz"))
    assert problem.language == "javascript"
    assert failure(problem.file, problem.faulty, problem.test)
    assert not failure(problem.file, problem.fixed, problem.test)


def test_what_is_not_humanevalpack(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds neither"):
        problems(tmp_path)
    packed(tmp_path, {"task_id": "x"})
    with pytest.raises(UsageError, match="is not HumanEvalPack"):
        problems(tmp_path)


def test_a_model_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[[backend]]\nname = "mine"\nkind = "openai-chat"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    )
    named = named_in(file)
    assert named is not None
    assert named.name == "mine (m)"
    assert named.arguments == ("--config", str(file))
    file.write_text("")
    assert named_in(file) is None


def outcome(outcome: str, *, fixed: bool, outside: list[str] | None = None) -> dict[str, Any]:
    kind = "missing logic" if fixed else "wrong value"
    return {
        "outcome": outcome,
        "fixed": fixed,
        "outside": outside or [],
        "kind": kind,
        "call": fixed,
        "took_ms": 2.0,
    }


OUTCOMES = [
    outcome("verified", fixed=True),
    outcome("verified", fixed=False, outside=["/tmp/x"]),
    outcome("unverified", fixed=True),
    outcome("refused", fixed=False),
]


def test_outcomes_are_counted() -> None:
    found = counted(OUTCOMES)
    counts = (
        "faults",
        "fixed",
        "verified",
        "unverified",
        "refused",
        "verified_and_wrong",
        "outside",
        "calls",
    )
    assert [found[name] for name in counts] == [4, 2, 2, 1, 1, 1, 1, 2]
    assert [row["kind"] for row in found["kinds"]] == ["missing logic", "wrong value"]


def test_a_report_is_written_whatever_it_lacks() -> None:
    report: dict[str, Any] = {
        "faults": {"count": 5, "untold": ["x.ts"], "modes": [{"mode": "right", **counted(OUTCOMES)}]},
        "targets": [{"says": "most of it", "value": 3.0, "most": 2, "met": False}],
    }
    assert "x.ts" not in markdown(report)
    assert "1 are told by nobody here" in markdown(report)
    assert "most of it" in page(report)
    assert "at most 2: missed" in page(report)
    assert "1 were called verified and mended nothing" in picture(report)
    assert grids({}) == []
