"""How far a document's text may go."""

from __future__ import annotations

from pathlib import Path

import pytest

from spark_lsp.config import PrivacySettings, WorkspaceSettings
from spark_lsp.engine.learn import Learner
from spark_lsp.values import Reach


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
