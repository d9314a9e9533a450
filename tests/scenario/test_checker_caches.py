"""What a checker said of one text, and keeps on disk, is never said of another one."""

from __future__ import annotations

from pathlib import Path

from spark_lsp.cli.faults import planted
from spark_lsp.config import parse
from spark_lsp.engine.check import Checks


async def test_mypy_is_not_fooled_by_a_text_of_the_same_size(tmp_path: Path) -> None:
    """It compares times in whole seconds, and hashes the file on disk instead of its shadow."""
    fault = next(fault for fault in planted() if fault.file == "flatten.py")
    assert len(fault.faulty) == len(fault.fixed)
    file = tmp_path / "project" / fault.file
    file.parent.mkdir()
    for on_disk in (fault.faulty, fault.fixed):
        file.write_text(on_disk)
        config, _ = parse({"actions": {"verify": ["mypy"], "timeout_ms": 50_000}})
        checks = Checks(config.actions, cache=tmp_path / str(len(on_disk)))
        try:
            for text, codes in (
                (fault.faulty, ["arg-type"]),
                (fault.fixed, []),
                (fault.faulty, ["arg-type"]),
            ):
                report = await checks.check(file, file.parent, "python", text)
                assert report.ran == ("mypy",)
                assert [one.code for one in report.diagnostics] == codes
                checks._said.clear()  # so that mypy is asked again
        finally:
            await checks.aclose()
