"""`spark-lsp doctor` as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.script import Script
from spark_lsp.engine.explain import USUAL
from spark_lsp.engine.notebook import Notebook
from spark_lsp.routing.measure import Measurements, Subject, size_of
from tests.scenario.test_commands import run


def backend(name: str, url: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "kind": "openai-completions", "base_url": url, "fim": "suffix", **settings}


async def doctor(
    folder: Path, *backends: dict[str, Any], arguments: tuple[str, ...] = ()
) -> tuple[int | None, Any]:
    """The exit status, and the report."""
    (folder / "config.json").write_text(json.dumps({"backend": backends}))
    status, out, err = await run("doctor", "--config", "config.json", "--json", *arguments, cwd=folder)
    assert "Traceback" not in err
    return status, json.loads(out)


def states(report: Any) -> dict[str, str]:
    return {row["name"]: row["state"] for row in report["backends"]}


async def test_each_is_found_or_explained(tmp_path: Path, unused_tcp_port: int) -> None:
    async with FakeServer(script=Script()) as first, FakeServer(script=Script(), model="m") as second:
        status, report = await doctor(
            tmp_path,
            backend("first", first.url),
            backend("dead", f"http://127.0.0.1:{unused_tcp_port}/v1"),
            backend("second", second.url, metered=True, lanes=["batch"]),
            backend("absent", second.url, model="no-such-model"),
        )
        assert second.stats.completed == 0, "nobody said --yes"
    assert status == 0
    assert states(report) == {
        "first": "ok",
        "dead": "unreachable",
        "second": "not measured",
        "absent": "no model",
        "workspace": "ok",
    }
    rows = {row["name"]: row for row in report["backends"]}
    assert rows["first"]["model"] == "fake"
    assert rows["first"]["ttft_ms"] > 0
    assert rows["first"]["tokens_per_s"] > 0
    assert (rows["dead"]["reachable"], rows["dead"]["usable"]) == (False, False)
    assert "--yes" in rows["second"]["advice"]
    assert "set `model` to one of: m" in rows["absent"]["advice"]
    for name in ("dead", "absent"):
        assert rows[name]["problem"]
        assert rows[name]["advice"]
    assert report["lanes"]["instant"] == ["first", "workspace"]
    assert report["lanes"]["batch"] == ["first", "second"]


async def test_yes_spends(tmp_path: Path) -> None:
    async with FakeServer(script=Script()) as server:
        metered = backend("metered", server.url, metered=True)
        status, report = await doctor(tmp_path, metered, arguments=("--yes",))
        assert server.stats.completed == 1
    assert (status, states(report)["metered"]) == (0, "ok")


async def test_nothing_usable_but_the_workspace_is_a_problem(tmp_path: Path, unused_tcp_port: int) -> None:
    status, report = await doctor(tmp_path, backend("dead", f"http://127.0.0.1:{unused_tcp_port}/v1"))
    assert status == 1
    assert states(report) == {"dead": "unreachable", "workspace": "ok"}
    assert report["usable"] is False
    status, report = await doctor(tmp_path)
    assert (status, states(report)) == (1, {"workspace": "ok"})
    assert report["not_found"]


@pytest.mark.parametrize("as_table", [True, False])
async def test_an_answer_is_recorded_where_that_is_possible(tmp_path: Path, as_table: bool) -> None:
    async with FakeServer(script=Script()) as server:
        settings = {"backend": [backend("first", server.url)]}
        (tmp_path / "config.json").write_text(json.dumps(settings))
        form = () if as_table else ("--json",)
        asked = ("doctor", "--config", "config.json", *form, "--record")
        status, out, err = await run(*asked, "streams", cwd=tmp_path)
        assert (status, err) == (0, "")
        assert "first-fake.sse" in out
        assert (tmp_path / "streams" / "openai-completions" / "first-fake.sse").exists()
        status, out, err = await run(*asked, "config.json", cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith("spark-lsp: the answer cannot be recorded")


async def test_it_explains_whom_it_would_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was just measured, and with what servers of this user remember."""
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    known = Measurements()
    for _ in range(30):
        known.meter(Subject("second", "fake", "instant", size_of(USUAL))).first_token(0.001, 0.0)
    notebook = Notebook(state / "spark-lsp" / "routing.sqlite", pytest.fail)
    notebook.keep(known.report(0.0))
    await notebook.aclose()
    async with FakeServer(script=Script()) as quick, FakeServer(script=Script(ttft=0.2)) as slow:
        backends = (backend("first", quick.url), backend("second", slow.url, lanes=["instant"]))
        _, report = await doctor(tmp_path, *backends, arguments=("--explain",))
        status, out, err = await run("doctor", "--config", "config.json", "--explain", cwd=tmp_path)
        _, bare = await doctor(tmp_path, *backends)
    cases = {case["about"]: case for case in report["explain"]["cases"]}
    assert list(cases) == ["instant", "interactive", "batch"]
    assert cases["instant"]["order"] == report["lanes"]["instant"] == ["second", "first", "workspace"]
    assert cases["interactive"]["left_out"]["second"] == "does not serve interactive"
    assert (status, err, "explain" in bare) == (0, "", False)
    assert report["explain"]["formula"] in out
    assert "instant: second, first, workspace" in out
    assert "not asked: second does not serve interactive" in out
    assert max(map(len, out.splitlines())) <= 100


async def test_it_explains_what_the_settings_treat_in_their_own_way(tmp_path: Path) -> None:
    async with FakeServer(script=Script()) as server:
        listed = {"lanes": {"instant": ["second"]}}
        (tmp_path / ".spark-lsp.toml").write_text('privacy.deny = ["secret/"]\n')
        settings = {
            "routing": listed,
            "backend": [backend("first", server.url), backend("second", server.url)],
        }
        (tmp_path / "config.json").write_text(json.dumps(settings))
        _, out, _ = await run("doctor", "--config", "config.json", "--explain", "--json", cwd=tmp_path)
    cases = {case["about"]: case for case in json.loads(out)["explain"]["cases"]}
    assert cases["instant"]["order"] == ["second", "workspace"]
    assert cases["instant"]["left_out"] == {"first": "is not listed for this"}
    assert cases["instant of what privacy.deny lists"]["order"] == ["second", "workspace"]
