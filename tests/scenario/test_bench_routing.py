"""`bench routing` itself: a short script on real servers, and what they say was sent to them."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

import pytest

from spark_lsp.cli.routing.play import play
from spark_lsp.cli.routing.policies import FIRST, ORACLE, OURS, POLICIES, TURNS
from spark_lsp.cli.routing.questions import questions, tokens_of
from spark_lsp.cli.routing.script import drawn
from spark_lsp.cli.routing.stage import staged
from tests.scenario.test_commands import run

REQUESTS, LONG = 60, 3_000


@pytest.mark.parametrize("policies", [(OURS, ORACLE), (TURNS, FIRST)])
async def test_each_request_is_answered_rightly_and_told_by_its_server(policies: tuple[str, ...]) -> None:
    played = await asyncio.gather(*(play(policy, 5, REQUESTS) for policy in policies))
    for each in played:
        assert len(each.outcomes) == REQUESTS
        assert not any(outcome.lost for outcome in each.outcomes)
        assert each.wrong == 0
        by_number = Counter(sent.number for sent in each.sent if sent.outcome in ("cancelled", "completed"))
        assert set(by_number) == set(range(REQUESTS))
        said = {(sent.number, sent.server): sent.tokens for sent in each.sent}
        for number, outcome in enumerate(each.outcomes):
            assert (
                said[number, outcome.by] >= tokens_of(questions(5)[number].line) - 8
            )  # gone on from another
    others = [each for each in played if each.policy != OURS]
    for each in others:
        assert len(each.sent) - each.counts["errors"] <= REQUESTS <= len(each.sent) + each.counts["errors"]
    assert all(each.counts["errors"] == 0 for each in others if each.policy == ORACLE)


async def test_the_servers_do_what_the_script_says() -> None:
    """A run in which nothing is asked: who listens before, while and after a server is gone."""
    script = drawn(5, LONG)
    gone = next(event for event in script.events if event.kind == "refuse")
    for moment, listens in ((gone.start - 2.0, True), (gone.start + 1.0, False), (gone.end + 1.0, True)):
        async with staged(5, LONG) as stage:
            ports = {
                name: int(url.rpartition(":")[2].removesuffix("/v1")) for name, url in stage.urls.items()
            }
            assert set(ports) == set(script.names)
            stage.begin(time.monotonic() - moment)
            async with asyncio.timeout(20):
                while await _listens(ports["swift"]) is not listens:
                    await asyncio.to_thread(time.sleep, 0.02)
            assert await _listens(ports["steady"])
            assert await stage.end() == []


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionRefusedError, ConnectionResetError):  # one that is just going resets
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_the_command_writes_its_report(tmp_path: Path) -> None:
    status, out, err = await run(
        *("bench", "routing", "--quick", "--json", "--requests", "30", "--simulated", "400"),
        *("--report", "out/routing.html"),
        cwd=tmp_path,
    )
    assert status == 0, err
    report = json.loads(out)
    assert [row["policy"] for row in report["policies"]] == list(POLICIES)
    assert {row["requests"] for row in report["policies"]} == {30}
    assert {row["requests"] for row in report["simulated"]["policies"]} == {400}
    assert [row["slots"] for row in report["segments"]] == [2, 1]
    assert all(row["fixes_wrong"] == row["inline_wrong"] == 0 for row in report["segments"])
    assert report["segments"][0]["fixes_done"] == report["segments"][0]["fixes"]
    assert {target["name"] for target in report["targets"]} >= {
        "mean_over_oracle",
        "decision_us",
        "inline_ratio",
    }
    assert "round robin" in (tmp_path / "out" / "routing.html").read_text()
