"""The measurement of the predictor: what it holds out, what it counts, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.cli.bench_predictor import (
    Case,
    Naive,
    Outcome,
    calibration_error,
    hold_out,
    learn,
    plotted,
    reliability,
    run,
    score,
    tables,
)
from spark_lsp.errors import UsageError
from spark_lsp.workspace.rank import calibrated

CODE = """\
import os


def first(path):
    return os.path.join(path, 'a')


def second(path):
    return os.path.join(path, 'b')
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(CODE)
    (tmp_path / "notes.txt").write_text("not a line of code at all\n" * 9)
    return tmp_path


def test_the_report_counts_every_way_on_the_same_cases(project: Path) -> None:
    report = run(project, cases=6, seed=1, threshold=0.5)
    for way in ("predictor", "without_after", "below_indexed", "naive"):
        for kind in ("mid_line", "line_start"):
            assert set(report[way][kind]) == {"exact", "shown", "exact_of_shown"}
    assert report["predictor"]["mid_line"]["exact"] > 0.5
    assert sum(row["cases"] for row in report["reliability"]) == 12
    assert [table.row_count for table in tables(report)] == [8, len(report["reliability"])]


def test_held_out_lines_are_code_and_their_rest_is_not_empty(project: Path) -> None:
    lines = learn(project).lines
    for kind in ("mid_line", "line_start"):
        cases = hold_out(lines, kind, 100, 7)
        assert {Path(case.path).suffix for case in cases} == {".py"}
        for case in cases:
            line = lines[case.path][case.line]
            assert case.rest.strip()
            assert line == line[: case.column] + case.rest
            assert bool(line[: case.column].strip()) == (kind == "mid_line")


def test_the_same_seed_holds_out_the_same(project: Path) -> None:
    lines = learn(project).lines
    assert hold_out(lines, "mid_line", 5, 7) == hold_out(lines, "mid_line", 5, 7)
    assert hold_out(lines, "mid_line", 5, 7) != hold_out(lines, "mid_line", 5, 8)


def test_the_naive_matcher_copies_the_longest_match() -> None:
    lines = {"a.py": ["x = f(1)", "y = g(2)"], "b.py": ["y = "]}
    assert Naive(lines).ask(Case("b.py", 0, 3, " g(2)")).exact
    assert not Naive(lines).ask(Case("b.py", 0, 3, " f(1)")).exact


def test_the_gate_and_the_reliability() -> None:
    outcomes = [
        Outcome(True, 0.9, 1.0),
        Outcome(False, 0.9, 1.0),
        Outcome(True, 0.1, 1.0),
        Outcome(False, 0.0, 1.0),
    ]
    assert score(outcomes, 0.5) == {"exact": 0.5, "shown": 0.5, "exact_of_shown": 0.5}
    assert [(row["from"], row["cases"], row["exact"]) for row in reliability(outcomes)] == [
        (0.0, 1, 0.0),
        (0.1, 1, 1.0),
        (0.9, 2, 0.5),
    ]
    assert calibration_error(outcomes) == pytest.approx((0.9 + 2 * 0.4) / 3, abs=1e-4)
    assert plotted(0.9, 0.5).index("x") < plotted(0.9, 0.5).index("o")
    assert plotted(1, 1).strip() == "*"


@given(st.lists(st.floats(0, 1), min_size=2))
def test_calibration_keeps_the_order_and_the_ends(confidences: list[float]) -> None:
    said = [calibrated(each) for each in sorted(confidences)]
    assert said == sorted(said)
    assert all(0 <= each <= 1 for each in said)
    assert (calibrated(0), calibrated(1)) == (0, 1)


@pytest.mark.parametrize("name", ["missing", "empty", "notes.txt"])
def test_a_folder_without_code_is_refused(project: Path, name: str) -> None:
    (project / "empty").mkdir()
    with pytest.raises(UsageError, match="--project names a folder"):
        run(project / name, cases=1, seed=0, threshold=0.5)
