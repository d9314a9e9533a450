"""`bench actions` itself: two faults, all models, real servers and checkers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spark_lsp.backends.fake_edits import Edits
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.cli.actions.catalogue import real, shop_of
from spark_lsp.cli.actions.models import named_in
from spark_lsp.cli.faults import FOLDER, planted
from tests.scenario.test_commands import run

RUFF, TEST = "log_levels.py", "leap_year.py"


def faults(folder: Path) -> Path:
    """Two of the planted faults: one that ruff tells of, and one that only a test does."""
    for part in ("faulty", "fixed", "tests"):
        (folder / part).mkdir(parents=True)
        for name in (RUFF, TEST):
            source = FOLDER / part / (f"test_{name}" if part == "tests" else name)
            if source.exists():
                (folder / part / source.name).write_bytes(source.read_bytes())
    tables = (FOLDER / "faults.toml").read_text("utf-8").split("\n\n")
    chosen = [table for table in tables if f'"{RUFF}"' in table or f'"{TEST}"' in table]
    (folder / "faults.toml").write_text("\n\n".join(chosen), "utf-8")
    return folder


@pytest.mark.timeout(300)
async def test_the_command_tries_all_models_and_writes_its_report(tmp_path: Path) -> None:
    status, out, err = await run(
        *("bench", "actions", "--quick", "--json", "--faults", str(faults(tmp_path / "faults"))),
        *("--report", "out/actions.html", "--report", "out/actions.svg"),
        cwd=tmp_path,
    )
    assert status == 0, err
    report = json.loads(out)
    modes = {row["mode"]: row for row in report["faults"]["modes"]}
    assert list(modes) == ["right", "nearly", "wrong", "malformed", "malicious"]
    assert not report["faults"]["untold"]
    for mode, requests in (("right", 2), ("nearly", 4)):
        assert modes[mode]["fixed"] == modes[mode]["verified"] == 2
        assert modes[mode]["requests"] == requests
    assert modes["wrong"]["fixed"] == modes["wrong"]["verified"] == 0
    assert report["counts"] == {"outside": 0, "verified_and_wrong": 0}
    assert report["lists"]["models_asked"] == 0
    assert report["ready"]["ready"] == report["ready"]["fixes"] > 0
    assert {row["checker"] for row in report["checking"]} == {"ruff"}
    assert {target["name"] for target in report["targets"]} == {
        *("list_p50_ms", "list_p99_ms", "ready_p50_ms", "first_ratio", "end_ratio", "checking_ms"),
        *("outside", "verified_and_wrong"),
    }
    assert "Planted faults" in (tmp_path / "out" / "actions.html").read_text("utf-8")
    assert (tmp_path / "out" / "actions.svg").read_text("utf-8").startswith("<svg")


@pytest.mark.timeout(120)
async def test_the_model_of_the_settings_is_tried(tmp_path: Path) -> None:
    """It is one like any other: here a server that is nearly right."""
    shop = await shop_of(planted(faults(tmp_path / "faults"))[:1], tmp_path / "work")
    fixed = {fault.file: fault.fixed for fault in shop.faults}
    async with FakeServer(Edits(fixed, "nearly"), model="m") as server:
        file = tmp_path / "config.toml"
        backend = f'name = "mine"\nkind = "openai-chat"\nbase_url = "{server.url}"\nmodel = "m"\n'
        file.write_text(f"[[backend]]\n{backend}[workspace]\nenabled = false\n")
        named = named_in(file)
        assert named is not None
        row = await real(shop, named, None, lambda words: None)
        assert server.stats.requests == 2
    assert row["mode"] == "mine (m)"
    assert row["fixed"] == row["verified"] == 1
    assert row["outside"] == 0


async def test_a_folder_without_faults_or_data_is_refused(tmp_path: Path) -> None:
    for option in ("--faults", "--data"):
        status, _, err = await run("bench", "actions", option, str(tmp_path), cwd=tmp_path)
        assert status == 2
        assert str(tmp_path) in err
