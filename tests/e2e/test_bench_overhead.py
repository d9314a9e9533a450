"""The overhead benchmark runs and measures what it says: small sizes, and no judgement of the times."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spark_lsp.cli import bench_keys, bench_overhead
from spark_lsp.errors import UsageError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def node_server() -> list[str] | None:
    node = shutil.which("node")
    return (
        [node, str(BENCHMARKS / "node_server.js")]
        if node and (BENCHMARKS / "node_modules").is_dir()
        else None
    )


def test_keys_are_answered_from_the_cache(tmp_path: Path) -> None:
    environment = bench_overhead.isolated(tmp_path)
    row, *others = bench_keys.measure(bench_overhead.SERVER, node_server(), [200], 100, tmp_path, environment)
    assert not others
    assert row["lines"] == 200
    assert row["keys"] >= 100
    assert row["generations"] < row["keys"] / 10


def test_a_start_is_measured_beside_the_import(tmp_path: Path) -> None:
    figures = bench_overhead.start(1, bench_overhead.isolated(tmp_path))
    assert figures["ratio"] == pytest.approx(
        figures["initialize_ms"] / figures["import_lsprotocol_ms"], rel=0.01
    )


@pytest.mark.parametrize("line", ["", "no-such-server --stdio", "'unclosed"])
def test_a_baseline_that_is_no_command(line: str) -> None:
    with pytest.raises(UsageError, match="--baseline"):
        bench_overhead.command_of(line)
