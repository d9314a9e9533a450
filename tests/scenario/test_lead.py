"""An empty line within a function: a model that does not see what follows is led to the right column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spark_lsp.backends.fake_http import FakeServer
from tests.scenario.conftest import served_by
from tests.scenario.test_commands import run

BEFORE = "def area(width, height):\n    found = 0\n"
AFTER = "\n    return found\n"


class Continuing:
    """Takes the function for finished where nothing leads it on."""

    def __init__(self, answer: str) -> None:
        self.asked: list[str] = []
        self._answer = answer

    def answer(self, prefix: str, suffix: str) -> str:
        self.asked.append(prefix)
        # The last blank of an indentation is left out of a prompt: it belongs to the word.
        return self._answer if prefix.endswith("   ") else "def other():\n    pass\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("found = width * height\n", "    found = width * height"), (" \n", None), ("", None)],
)
async def test_the_answer_is_at_the_right_column(tmp_path: Path, answer: str, expected: str | None) -> None:
    source = Continuing(answer)
    async with FakeServer(source) as server:
        settings = served_by(server)
        settings["backend"][0]["fim"] = "prefix"
        (tmp_path / "config.json").write_text(json.dumps(settings))
        (tmp_path / "area.py").write_text(BEFORE + AFTER)
        status, out, _ = await run(
            "complete", "area.py:3:1", "--json", "--config", "config.json", cwd=tmp_path
        )
    assert status == 0
    assert source.asked[0].startswith(BEFORE + "   ")
    assert json.loads(out)["text"] == expected
