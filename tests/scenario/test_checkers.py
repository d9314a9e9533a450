"""Real checkers on texts that are nowhere on disk: those that come with our own development."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from spark_lsp.actions.verdict import compare
from spark_lsp.config.settings import ActionSettings
from spark_lsp.engine.check import Checks
from spark_lsp.values import Edit

CART = """\
import json
import os

from shop.money import Money


def total(prices: list[Money]) -> Money:
    names = "😀é"; worth: int = "x"
    return sum(prices, Money(0))
"""
MONEY = """\
class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __add__(self, other: "Money") -> "Money":
        return Money(self.cents + other.cents)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "the shop"
    (place / "shop").mkdir(parents=True)
    (place / "shop" / "__init__.py").touch()
    (place / "shop" / "money.py").write_text(MONEY)
    (place / "shop" / "cart.py").write_text("nothing = 1\n")
    (place / "pyproject.toml").write_text(
        '[tool.mypy]\nstrict = true\n[tool.ruff.lint]\nselect = ["F", "E702"]\nignore = ["F841"]\n'
    )
    return place


@pytest_asyncio.fixture
async def checks(tmp_path: Path) -> AsyncIterator[Checks]:
    settings = ActionSettings(verify=("ruff", "mypy"), timeout_ms=60_000)
    # With an empty PATH they are found beside our own Python.
    started = Checks(settings, environ={"PATH": "/nowhere", "HOME": os.environ["HOME"]}, cache=tmp_path / "c")
    yield started
    await started.aclose()


async def test_both_say_what_they_would_say_of_the_file(checks: Checks, root: Path) -> None:
    report = await checks.check(root / "shop" / "cart.py", root, "python", CART)
    assert (report.ran, report.missing, dict(report.failed)) == (("ruff", "mypy"), (), {})
    assert [
        (item.source, item.code, item.line, item.column, item.end_column) for item in report.diagnostics
    ] == [
        ("ruff", "F401", 0, 7, 11),
        ("ruff", "F401", 1, 7, 9),
        ("ruff", "E702", 7, 16, 17),
        ("mypy", "assignment", 7, 4, 34),
    ]


async def test_an_edit_is_judged(checks: Checks, root: Path) -> None:
    file = root / "shop" / "cart.py"
    before = await checks.check(file, root, "python", CART)
    target = before.diagnostics[-1]
    right, wrong = '    worth: int = len("😀é")\n', '    worth: int = "y"; missing\n'
    for line, is_good in ((right, True), (wrong, False)):
        after = await checks.check(file, root, "python", CART.replace(CART.splitlines(True)[7], line))
        verdict = compare(target, before.diagnostics, after.diagnostics, [Edit(7, 0, 8, 0, line)])
        assert verdict.good == is_good, verdict
    assert file.read_text() == "nothing = 1\n"


async def test_a_text_that_cannot_be_parsed(checks: Checks, root: Path) -> None:
    report = await checks.check(root / "shop" / "cart.py", root, "python", "def f(:\n")
    assert report.ran == ("ruff", "mypy")
    assert {item.source for item in report.diagnostics} == {"ruff", "mypy"}


async def test_a_file_that_the_project_leaves_out_is_left_out(checks: Checks, root: Path) -> None:
    (root / "ruff.toml").write_text('extend-exclude = ["shop"]')
    report = await checks.check(root / "shop" / "cart.py", root, "python", CART)
    assert "ruff" not in {item.source for item in report.diagnostics}


@pytest.mark.parametrize("trusted", [False, True])
async def test_mypys_plugins_run_only_where_the_project_is_trusted(
    tmp_path: Path, root: Path, trusted: bool
) -> None:
    (root / "evil.py").write_text(f"open({str(root / 'pwned')!r}, 'w')\ndef plugin(version): ...\n")
    settings = root / "pyproject.toml"
    settings.write_text(settings.read_text().replace("strict = true", 'strict = true\nplugins = ["evil.py"]'))
    checks = Checks(
        ActionSettings(verify=("mypy",), timeout_ms=60_000, project_tools=trusted), cache=tmp_path / "c"
    )
    report = await checks.check(root / "shop" / "cart.py", root, "python", CART)
    await checks.aclose()
    assert (root / "pwned").exists() == trusted
    assert trusted or report.ran == ("mypy",)


async def test_nothing_is_written_in_the_project(checks: Checks, root: Path) -> None:
    before = times(root)
    await checks.check(root / "shop" / "cart.py", root, "python", CART)
    assert times(root) == before


def times(root: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in root.rglob("*")}
