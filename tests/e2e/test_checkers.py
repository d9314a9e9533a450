"""tsc and pyright as npm has them, on a shadow of one file of a project."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from spark_lsp.config.settings import ActionSettings
from spark_lsp.engine.check import Checks, Report

BIN = Path(__file__).parent / "node_modules" / ".bin"
PROJECTS = Path(__file__).parents[2] / "fixtures" / "projects"

pytestmark = pytest.mark.skipif(
    not (BIN / "tsc").exists() and not os.environ.get("CI"),
    reason="make e2e installs tsc and pyright from npm",
)


@pytest_asyncio.fixture
async def checks(tmp_path: Path) -> AsyncIterator[Checks]:
    settings = ActionSettings(verify=("pyright", "tsc"), timeout_ms=200_000)
    environ = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    started = Checks(settings, environ=environ, cache=tmp_path / "cache")
    yield started
    await started.aclose()


def places(report: Report) -> list[tuple[str, str, int, int, int]]:
    assert (report.missing, dict(report.failed)) == ((), {})
    return [(item.source, item.code, item.line, item.column, item.end_column) for item in report.diagnostics]


def copy(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECTS / name, tmp_path / "a project"))


async def test_tsc(checks: Checks, tmp_path: Path) -> None:
    root = copy("task-queue", tmp_path)
    file = root / "src" / "heap.ts"
    text = await asyncio.to_thread(file.read_text)
    assert places(await checks.check(file, root, "typescript", text)) == []
    count = text.count("\n")
    bad = text + 'const a = "😀é"; export const b: number = a;\n'
    assert places(await checks.check(file, root, "typescript", bad)) == [("tsc", "2322", count, 29, 30)]
    # What other files say of it is not of this file.
    assert places(await checks.check(file, root, "typescript", "export {};\n")) == []
    # What other files have is known.
    there = 'import { nothing } from "./queue.js";\nexport { nothing };\n'
    assert [code for _, code, *_ in places(await checks.check(file, root, "typescript", there))] == ["2305"]


async def test_pyright(checks: Checks, tmp_path: Path) -> None:
    root = copy("inventory", tmp_path)
    file = root / "inventory" / "service.py"
    bad = 'from inventory.errors import nothing\n\na = "😀é"; b: int = a\n'
    assert places(await checks.check(file, root, "python", bad)) == [
        ("pyright", "reportAttributeAccessIssue", 0, 29, 36),
        ("pyright", "reportAssignmentType", 2, 19, 20),
    ]
    assert places(await checks.check(file, root, "python", "b: int = 1\n")) == []


async def test_pyright_runs_no_module_of_the_project(checks: Checks, tmp_path: Path) -> None:
    """It asks Python where packages are, in the project's folder."""
    for name in ("json.py", "sitecustomize.py", "os.py", "site.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')\n")
    await checks.check(tmp_path / "x.py", tmp_path, "python", "b: int = 1\n")
    assert "pwned" not in os.listdir(tmp_path)


async def test_packages_of_a_monorepo(checks: Checks, tmp_path: Path) -> None:
    """node_modules links to a package beside it, as all package managers do."""
    (tmp_path / "packages" / "lib").mkdir(parents=True)
    (tmp_path / "packages" / "app").mkdir()
    (tmp_path / "node_modules" / "@me").mkdir(parents=True)
    (tmp_path / "node_modules" / "@me" / "lib").symlink_to(tmp_path / "packages" / "lib")
    (tmp_path / "packages" / "lib" / "package.json").write_text('{"name": "@me/lib", "types": "index.ts"}')
    (tmp_path / "packages" / "lib" / "index.ts").write_text("export const one = 1;\n")
    app = tmp_path / "packages" / "app"
    (app / "tsconfig.json").write_text('{"compilerOptions": {"strict": true, "module": "preserve"}}')
    text = 'import { one } from "@me/lib";\nexport const two: string = one;\n'
    # Whether all of it is open, the one package, or a folder in that.
    for root in (tmp_path, app, app / "src"):
        found = places(await checks.check(app / "src" / "x.ts", root, "typescript", text))
        assert found == [("tsc", "2322", 1, 13, 16)]
