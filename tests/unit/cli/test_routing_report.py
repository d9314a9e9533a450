"""What `bench routing` makes of its runs: the figures, and every form they are written in."""

from __future__ import annotations

import copy
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from spark_lsp.cli import bench_routing
from spark_lsp.cli.bench_routing import Options, run
from spark_lsp.cli.routing import page, plots, tables
from spark_lsp.cli.routing.figures import LIMITS, report_of, targets
from spark_lsp.cli.routing.play import LOST, Outcome, Run, right
from spark_lsp.cli.routing.policies import ORACLE, OURS, POLICIES
from spark_lsp.cli.routing.questions import Question
from spark_lsp.cli.routing.script import drawn
from spark_lsp.cli.routing.stage import Sent
from spark_lsp.errors import UsageError
from tests.unit.cli.reports import Reader, anywhere, put, well_formed

SCRIPT = drawn(1, 600)
TEXT = "total = price\n"
TOKENS = 4


def played(policy: str, slowness: float = 1.0) -> Run:
    """A run in which swift answers all, each in a tenth of a second."""
    outcomes = [Outcome(at, 0.1 * slowness, TEXT, "swift") for at in SCRIPT.arrivals]
    sent = [
        Sent("swift", number, at, at + 0.1, TOKENS, "completed") for number, at in enumerate(SCRIPT.arrivals)
    ]
    return Run(policy, outcomes, 0, sent, {"errors": 0, "failovers": 0})


def ours_with(**changes: Any) -> dict[str, Any]:
    """The figures of ours, where a run differs in this."""
    ours = played(OURS)._replace(**changes)
    return next(row for row in report_of(SCRIPT, [ours])["policies"])


def test_ours_stands_beside_the_oracle_and_taking_turns() -> None:
    report = report_of(SCRIPT, [played(OURS), played(ORACLE, 0.8), played("round robin", 3)])
    against = report["against"]
    assert against["mean_over_oracle"] == against["fault_p99_over_oracle"] == 1.25
    assert against["over_round_robin"] == pytest.approx(1 / 3, abs=0.001)
    met = {target["name"]: target["met"] for target in report["targets"]}
    assert met == {name: name != "mean_over_oracle" for name, _, _ in LIMITS}
    assert [row["policy"] for row in report["policies"]] == [OURS, ORACLE, "round robin"]
    assert sum(spot["count"] for spot in report["policies"][0]["course"]) == 600


def test_a_limit_that_nothing_was_measured_for_is_left_out() -> None:
    assert targets((("a", "", 1.0), ("b", "", 1.0)), {"b": 1.5}) == [
        {"name": "b", "says": "", "value": 1.5, "most": 1.0, "met": False}
    ]


def test_what_losers_said_is_in_vain_and_what_was_gone_on_from_is_not() -> None:
    sent = played(OURS).sent
    at = SCRIPT.arrivals
    more = [
        Sent("keen", 0, at[0] + 0.05, at[0] + 0.1, 3, "cancelled"),  # beside swift, which answered
        Sent("glib", 1, at[1] - 0.5, at[1], 2, "reset"),  # broke off before, and was gone on from
        Sent("steady", 2, at[2] - 0.5, at[2] + 0.005, 1, "completed"),  # ended as the next one began
    ]
    found = ours_with(sent=[*sent, *more])
    assert found["tokens"] == {"used": 600 * TOKENS, "sent": 600 * TOKENS + 6, "in_vain": 3 + 1}
    assert found["extra_tokens"] == round(4 / (600 * TOKENS), 4)
    assert found["hedged"] == round(1 / 600, 4)
    assert ours_with(sent=sent, counts={"hedges": 6})["hedged"] == 0.01  # one that refuses has no records


def test_what_was_lost_or_wrong_counts() -> None:
    outcomes = [*played(OURS).outcomes[:-1], Outcome(SCRIPT.arrivals[-1], LOST, lost=True)]
    found = ours_with(outcomes=outcomes, wrong=2)
    assert (found["lost"], found["wrong"]) == (1, 2)
    assert found["mean_ms"] == pytest.approx((599 * 100 + LOST * 1000) / 600, abs=0.1)
    assert found["late_ms"] == 0.0


def test_faults_of_the_leader_and_the_time_until_it_is_back() -> None:
    back, slow = SCRIPT.events[-1].end + 1.0, SCRIPT.events[-1]
    outcomes = [
        Outcome(at, 0.4 if slow.start <= at < slow.end else 0.1, TEXT, "keen" if at < back else "swift")
        for at in SCRIPT.arrivals
    ]
    found = ours_with(outcomes=outcomes)
    assert found["faults"]["p99_ms"] == 400
    assert found["p50_ms"] == 100
    last = next(row for row in found["events"] if row["event"] == slow.name)
    assert last["mean_ms"] == 400
    assert 1.0 <= found["recovered_s"][slow.name] <= 1.5
    assert set(found["answered_by"]) == {"keen", "swift"}


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("a = 1\nb", True),
        ("a = 1\n", True),
        ("a = 1\nb = 2", True),
        ("a = 1", False),  # its line end was lost
        ("a = a = 1\n", False),
        ("a = 1\nb = 2\n", False),
        ("", False),
    ],
)
def test_what_belongs_there(text: str, is_right: bool) -> None:
    assert right(text, Question("file:///a.py", "", "", "a = 1\nb = 2")) is is_right


# --- the forms


def sample() -> dict[str, Any]:
    """A report with every part and figure in it."""
    chance = random.Random(4)
    runs = [played(policy, chance.uniform(0.8, 3)) for policy in POLICIES]
    simulated = [
        {
            "policy": policy,
            "requests": 1_000_000,
            **{f"{name}_ms": chance.uniform(50, 900) for name in ("mean", "p50", "p95", "p99")},
            "lost": 0,
            "us_per_request": 50.1,
            "hedged": 0.08,
            "extra_tokens": 0.01,
        }
        for policy in POLICIES
    ]
    waits = {"p50": 100.1, "p95": 120.5, "count": 120}
    return {
        "seed": 1,
        "took_s": 300.2,
        "machine": {"cores": 2, "python": "3.11.2", "system": "linux", "busy": 0.3},
        **report_of(SCRIPT, runs),
        "segments": [
            {
                "slots": slots,
                "fixes": 200,
                "fixes_done": 200,
                "batch_took_s": 30.0,
                "idle": waits,
                "busy": waits,
                "fixes_wrong": 0,
                "inline_wrong": 0,
                "ratio": 1.0,
            }
            for slots in (2, 1)
        ],
        "decision": {"backends": 20, "decisions": 20_000, "us": {"p50": 30.1, "p95": 40.2, "p99": 80.3}},
        "rehearsed": {
            "seeds": 3,
            "requests": 2_000,
            "policies": [
                {**row, "means_ms": [80.5, 90.5, 100.5], "fault_p99s_ms": [300.5, 400.5, None]}
                for row in simulated
            ],
        },
        "simulated": {"backends": 50, "requests": 1_000_000, "took_s": 55.0, "policies": simulated},
    }


def in_terminal(report: dict[str, Any]) -> str:
    console = Console(width=120, file=io.StringIO(), color_system=None)
    for table in tables.tables(report):
        console.print(table)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def every_form(report: dict[str, Any]) -> Reader:
    """Write it in all ways; what is not well formed fails here."""
    in_terminal(report)
    tables.markdown(report)
    return well_formed(page.page(report), plots.picture(report), *(plot.svg for plot in plots.plots(report)))


def test_a_page_needs_nothing_else_and_names_each_policy_and_event() -> None:
    report = sample()
    found = every_form(report)
    assert not {"script", "link", "iframe", "img", "object"} & set(found.names)
    assert not {"src", "href", "xlink:href", "style"} & {name for name, _ in found.attributes}
    written = page.page(report)
    assert re.findall(r"url\(|@import|//", written.replace("http://www.w3.org/2000/svg", "")) == []
    assert len(written.encode()) < 300_000
    drawn_course = next(plot.svg for plot in plots.plots(report) if plot.name == "course")
    for name in (*POLICIES, *(event.name for event in SCRIPT.events)):
        assert f">{name}<" in drawn_course.replace("&#x27;", "'")
    assert [plot.name for plot in plots.plots(report)] == ["headline", "course", "answers", "simulated"]


def test_the_tables_fit_a_terminal() -> None:
    lines = in_terminal(sample()).splitlines()
    assert max(map(len, lines)) <= 120
    assert not any("…" in line for line in lines)
    assert sum(line.split()[:2] == ["round", "robin"] for line in lines) == 5


SMALL = sample()
SMALL["policies"] = SMALL["policies"][:2]
for row in SMALL["policies"]:
    row["course"] = row["course"][:3]

STRANGE: list[Any] = [
    None,
    0,
    -1,
    1e-300,
    1e300,
    float("inf"),
    float("nan"),
    True,
    "</svg>&\x00[red]",
    [],
    {},
]


@settings(max_examples=40)  # each writes the whole report in all its forms
@given(
    st.lists(st.tuples(st.sampled_from(anywhere(SMALL)), st.sampled_from(STRANGE)), min_size=1, max_size=6)
)
def test_whatever_is_missing_or_strange_the_rest_is_shown(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    report = copy.deepcopy(SMALL)
    for path, amount in changes:
        put(report, path, amount)
    every_form(report)


# --- the command


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 0), ({"lost": 1}, 1), ({"wrong": 1}, 1)],
)
def test_the_status_says_whether_ours_lost_something(
    change: dict[str, int],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = sample()
    report["policies"][0] |= change
    report["policies"][2] |= {"lost": 7}  # whatever others lose
    monkeypatch.setattr(bench_routing, "measure", lambda options: report)
    files = [tmp_path / "new" / f"report{suffix}" for suffix in (".html", ".svg", ".md", ".json")]
    assert run(Options(), as_json=True, files=files) == status
    assert (
        json.loads(capsys.readouterr().out)
        == json.loads(files[-1].read_text())
        == json.loads(json.dumps(report))
    )
    assert all(file.stat().st_size > 1_000 for file in files)


def test_a_report_of_another_kind_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the name ends with one of"):
        run(Options(), as_json=False, files=[tmp_path / "report.pdf"])
