"""How far a document's text may go."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from spark_lsp.actions.catalog import Range
from spark_lsp.config import BackendSettings, Config, PrivacySettings, WorkspaceSettings
from spark_lsp.engine import act
from spark_lsp.engine.actions import Asked
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.query import Query
from spark_lsp.values import Diagnostic, Reach
from tests.scenario.conftest import until
from tests.unit.engine.test_idling import Nobody


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        ("work/a.py", "anywhere"),
        ("work/secret/a.py", "machine"),
        ("work/link.py", "machine"),
        ("work/ignored.py", "process"),
        ("work/secret/ignored.py", "process"),
        ("work/.env", "process"),
        ("elsewhere/secret/a.py", "machine"),
        ("elsewhere/ignored.py", "anywhere"),
    ],
)
async def test_reach(name: str, reach: Reach, tmp_path: Path) -> None:
    (tmp_path / "work" / "secret").mkdir(parents=True)
    (tmp_path / "work" / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "work" / "link.py").symlink_to(tmp_path / "work" / "secret" / "a.py")
    learner = Learner(WorkspaceSettings(), PrivacySettings(deny=("secret/",)))
    learner.set_folders([tmp_path / "work"])
    assert await learner.reach(str(tmp_path / name)) == reach


@pytest.mark.parametrize("twice", [False, True])
async def test_who_asks_before_the_folders_are_known_is_answered(twice: bool, tmp_path: Path) -> None:
    """What was looked up for other folders is no answer: without a reach nobody would be asked."""
    config = Config(
        backends=(BackendSettings(name="a", kind="fake"),), workspace=WorkspaceSettings(enabled=False)
    )
    session = Engine(config, Nobody())
    try:
        uri = (tmp_path / "a.py").as_uri()
        session.open(uri, str(tmp_path / "a.py"), "x = \n", language="python", version=1, encoding="utf-16")
        document = session.document(uri)
        assert document is not None
        asking = asyncio.create_task(session.complete_later(Query(document.snapshot(0, 4), automatic=False)))
        await asyncio.sleep(0)
        await session.start([tmp_path])
        if twice:
            session.set_folders([tmp_path, tmp_path.parent])
        assert (await asking).hit == "network"
    finally:
        await session.close()


async def test_a_cursor_that_rests_before_the_folders_are_known_is_worked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor that opens where something is wrong asks once."""
    monkeypatch.setattr(act, "RESTING", 0.0)
    config = Config(
        backends=(BackendSettings(name="a", kind="fake"),), workspace=WorkspaceSettings(enabled=False)
    )
    session = Engine(config, Nobody())
    try:
        uri = (tmp_path / "a.py").as_uri()
        session.open(uri, str(tmp_path / "a.py"), "x = y\n", language="python", version=1, encoding="utf-16")
        wrong = Diagnostic(0, 4, 0, 5, "Undefined name `y`", "F821", "Ruff")
        session.actions.listed(Asked(uri, Range(0, 0, selected=False), (wrong,), automatic=True))
        await asyncio.sleep(0.05)
        assert session.metrics.backend("a").requests == 0
        await session.start([tmp_path])
        await until(lambda: session.metrics.backend("a").requests > 0)
    finally:
        await session.close()
