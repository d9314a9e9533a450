"""`bench typing` itself: a person types a few keys into the real server, and all is counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from spark_lsp.cli.bench_overhead import isolated
from spark_lsp.cli.bench_typing import ZERO, Options, plans_of, report_of
from spark_lsp.cli.typing.batch import run_all
from spark_lsp.cli.typing.figures import figures
from spark_lsp.cli.typing.profiles import EDITORS, NAIVE, OURS, PROFILES, Profile
from spark_lsp.cli.typing.record import Plan
from spark_lsp.errors import UsageError

SOON = Profile("soon", ttft=0.01, rate=1_000, slots=4)
PLAN = Plan(SOON, OURS, EDITORS["vscode"], seed=1, keys=25, wrong=0.15, pace=0.3)


async def test_a_session_is_counted_from_outside_and_from_inside(tmp_path: Path) -> None:
    plans = [PLAN, replace(PLAN, habits=EDITORS["neovim"], pace=1.0, keys=12), replace(PLAN, policy=NAIVE)]
    records = await run_all(plans, tmp_path, isolated(tmp_path))
    ours, neovim, naive = records
    for record in records:
        assert record.keys == record.plan.keys
        assert record.metrics["requests"] == record.answers
        assert record.fake["requests"] > 0
        assert record.fake["open"] == 0
    for record in (ours, neovim):
        assert not record.counts, record.findings
    assert ours.tokens_taken > 0
    assert ours.waited_ms > 0
    assert neovim.answers < neovim.keys
    assert naive.fake["requests"] > ours.fake["requests"]
    assert not (tmp_path / "servers.log").read_text()
    total = figures([ours, neovim])
    assert total["keys"] == 37
    assert total["tokens_taken"] == ours.tokens_taken + neovim.tokens_taken
    assert [total[kind] for kind in ZERO] == [0, 0, 0]
    assert sum(share or 0 for _, share in total["histogram"]) == pytest.approx(1, abs=0.01)


async def test_a_session_with_faults_shows_nothing_false(tmp_path: Path) -> None:
    faulty = replace(PLAN, faults="reset@0.2:mid,status503@0.2,error@0.2,close@0.2", keys=40)
    [record] = await run_all([faulty], tmp_path, isolated(tmp_path))
    assert record.fake["failed"] > 0
    assert not record.counts, record.findings


async def test_the_report_of_a_run(tmp_path: Path) -> None:
    plans = [replace(PLAN, profile=PROFILES["spark"], policy=policy, keys=12) for policy in (OURS, NAIVE)]
    records = await run_all(plans, tmp_path, isolated(tmp_path))
    report = report_of(Options(), records, 1.0)
    [profile] = report["profiles"]
    assert [(run["policy"], run["editor"]) for run in profile["runs"]] == [
        (OURS, "vscode"),
        (NAIVE, "vscode"),
    ]
    assert profile["bound_tokens_per_s"] > 0
    assert report["keys"] == 24
    assert report["ours"]["keys"] == 12
    assert {event["kind"] for event in report["timeline"]["events"]} >= {"key", "request"}


def test_what_is_compared_runs_side_by_side() -> None:
    plans = list(dict.fromkeys(plans_of(Options())))
    everything = {(plan.profile.name, plan.policy, plan.habits.name, plan.wrong) for plan in plans}
    for name in PROFILES:
        for editor in EDITORS:
            assert {(name, policy, editor, 0.15) for policy in (OURS, NAIVE)} <= everything
    assert sum(plan.keys for plan in plans if plan.faults) >= 10_000
    for name, policy, editor, wrong in everything:
        some = [plan for plan in plans if (plan.profile.name, plan.policy) == (name, policy)]
        keys = sum(
            plan.keys
            for plan in some
            if (plan.habits.name, plan.wrong) == (editor, wrong) and not plan.faults and not plan.padding
        )
        assert keys >= 1_000
    quick = list(plans_of(Options(quick=True)))
    assert sum(plan.keys for plan in quick) < 2_000


@pytest.mark.parametrize("options", [Options(profiles=("fast",)), Options(editors=("ed",))])
def test_unknown_names_are_refused(options: Options) -> None:
    with pytest.raises(UsageError, match="is no"):
        list(plans_of(options))


async def test_a_server_that_does_not_start_ends_the_run(tmp_path: Path) -> None:
    broken = replace(PLAN, faults="explode")
    with pytest.raises(Exception, match="the fake server does not start"):
        async with asyncio.timeout(30):
            await run_all([broken, PLAN], tmp_path, isolated(tmp_path))
