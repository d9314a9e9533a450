"""What `bench quality` makes of its answers, and how that is told."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from spark_lsp.cli.quality.case import Case
from spark_lsp.cli.quality.figures import Outcome, report_of
from spark_lsp.cli.quality.measures import Offered, score
from spark_lsp.cli.quality.models import Count
from spark_lsp.cli.quality.page import page
from spark_lsp.cli.quality.plots import picture
from spark_lsp.cli.quality.policies import BARE, OURS, Answered
from spark_lsp.cli.quality.tables import grids, markdown


def outcome(policy: str, kind: str, name: str, said: str, *, passed: bool | None = None) -> Outcome:
    case = Case(kind, name, PurePosixPath("a.py"), "x = ", "\n", "one + two")
    count = Count(requests=1, characters=40, generated=3)
    if policy == BARE:
        count.read, count.told = 10, 40
    answered = Answered(Offered(said), 0.5 if policy == BARE else 0.25, count, "m")
    return Outcome("m", policy, case, answered, score(case, answered.offered), passed)


OUTCOMES = [
    *(outcome(BARE, "mid-line", str(n), "one + two" if n < 2 else "one") for n in range(8)),
    *(outcome(OURS, "mid-line", str(n), "one + two" if n < 4 else "") for n in range(8)),
    *(outcome(BARE, "random span", str(n), "one", passed=n < 4) for n in range(8)),
    *(outcome(OURS, "random span", str(n), "one", passed=n < 5) for n in range(8)),
]


def row(report: dict[str, Any], part: str, **wanted: str) -> dict[str, Any]:
    [found] = [each for each in report[part] if all(each[name] == it for name, it in wanted.items())]
    return dict(found)


def test_answers_are_counted() -> None:
    report = report_of(OUTCOMES, 1)
    assert report["cases"]["mid-line"] == report["cases"]["random span"] == 8
    for kind in ("mid-line", "lines"):
        ours = row(report, "rows", kind=kind, policy=OURS)
        assert (ours["cases"], ours["exact"]["value"], ours["silent"]) == (8, 0.5, 0.5)
        assert (ours["kept"]["value"], ours["kept_of_offered"], ours["kept_of_truth"]) == (4.5, 1, 0.5)
        assert (ours["prompt_tokens"], ours["generated_tokens"]) == (10, 3)
        assert ours["latency_ms"] == {"p50": 250, "p95": 250}
        assert ours["passed"] is None
        assert row(report, "pairs", kind=kind, policy=OURS)["exact"]["value"] == 0.25
    exact, passed = report["ratios"]
    assert (exact["ours"], exact["bare"], exact["ratio"]["value"], exact["met"]) == (0.5, 0.25, 2, True)
    assert exact["ratio"]["low"] <= 2 <= exact["ratio"]["high"]
    assert (passed["ours"], passed["bare"], passed["ratio"]["value"], passed["met"]) == (
        0.625,
        0.5,
        1.25,
        False,
    )


def test_a_model_that_is_never_right_has_no_ratio() -> None:
    report = report_of([outcome(policy, "mid-line", "1", "no") for policy in (BARE, OURS)], 1)
    assert report["ratios"][0]["ratio"] is None
    assert not report["ratios"][0]["met"]


def test_what_a_plain_prompt_never_says_right_is_more_than_any_ratio() -> None:
    found = [outcome(BARE, "mid-line", "1", "no"), outcome(OURS, "mid-line", "1", "one + two")]
    report = report_of(found, 1)
    assert report["ratios"][0]["ratio"] is None
    assert report["ratios"][0]["met"]
    assert "∞" in markdown(report)


def test_it_is_told_whatever_it_lacks() -> None:
    report = {**report_of(OUTCOMES, 1), "left_out": ["context"], "machine": {"cores": 2}, "took_s": 60}
    for written in (markdown(report), page(report)):
        assert "2.00×" in written
        assert "exact match on package lines" in written
    assert "no switch: context" in page(report)
    assert "2.00 times as often" in picture(report)
    assert picture(report).startswith("<svg")
    assert grids({}) == []
    assert "<h1>" in page({})
    assert OUTCOMES[-1].told()["offered"] == "one"
