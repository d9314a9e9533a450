"""`spark-lsp bench overhead`: what the server itself costs, beside a baseline in the same run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from spark_lsp.cli import bench_keys, bench_workspace
from spark_lsp.cli.pipe import Pipe
from spark_lsp.errors import UsageError

SIZES = (1_000, 10_000, 100_000)
KEYS = 1_000
STARTS = 15
CASES = 300

# -P: a folder that one stands in may have modules by the names of ours.
SERVER = (sys.executable, "-P", "-m", "spark_lsp", "--stdio")
IMPORT = (sys.executable, "-c", "import lsprotocol.types")


def run(*, as_json: bool, baseline: str | None) -> int:
    """Print the tables, or one JSON object. `baseline` is another server's command line.

    Raises UsageError when that is no command, SparkError when a server fails.
    """
    report = measure(command_of(baseline) if baseline else None)
    if as_json:
        print(json.dumps(report))
    else:
        console = Console()
        for table in tables(report):
            console.print(table)
    return 0


def command_of(line: str) -> list[str]:
    """The words of a command line. Raises UsageError."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"--baseline {line!r} is not a command line: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"--baseline {line!r} does not begin with a program that can be run")
    return words


def measure(baseline: Sequence[str] | None) -> dict[str, Any]:
    """All figures as one JSON object: times in ms or s as their names say, memory in MB."""
    with tempfile.TemporaryDirectory(prefix="spark-lsp-bench-") as name:
        folder = Path(name).resolve()
        environment = isolated(folder)
        return {
            "start": start(STARTS, environment),
            "keys": bench_keys.measure(SERVER, baseline, SIZES, KEYS, folder, environment),
            "workspace": bench_workspace.measure(SERVER, CASES, folder, environment),
        }


def isolated(folder: Path) -> dict[str, str]:
    """Our environment without what would make the server use the settings and keys of whoever runs this."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SPARK_LSP_") and not name.endswith("_API_KEY")
    }
    return {
        **kept,
        "XDG_CONFIG_HOME": str(folder),
        "XDG_CACHE_HOME": str(folder),
        "XDG_STATE_HOME": str(folder),
        "SPARK_LSP_ROUTING__DISCOVER": "false",
    }


def start(runs: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """Median ms from the process's start to `initialize` answered, and of importing lsprotocol alone."""
    ours, imports = [], []
    for _ in range(runs):
        started = time.perf_counter()
        with Pipe(SERVER, env=environment) as pipe:
            pipe.initialize()
            ours.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        subprocess.run(IMPORT, check=True, env=environment)
        imports.append((time.perf_counter() - started) * 1000)
    return {
        "runs": runs,
        "initialize_ms": round(statistics.median(ours), 1),
        "import_lsprotocol_ms": round(statistics.median(imports), 1),
        "ratio": round(statistics.median(ours) / statistics.median(imports), 3),
    }


def tables(report: Mapping[str, Any]) -> list[Table]:
    """The report as people read it."""
    return [_start_table(report["start"]), _keys_table(report["keys"]), _workspace_table(report["workspace"])]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def _start_table(start: Mapping[str, Any]) -> Table:
    table = _table(f"From start to initialize answered, median of {start['runs']}", "", "ms", "ratio")
    table.add_row("spark-lsp", f"{start['initialize_ms']:.0f}", f"{start['ratio']:.2f}")
    table.add_row("python -c 'import lsprotocol.types'", f"{start['import_lsprotocol_ms']:.0f}", "1")
    return table


def _keys_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    title = "One key (didChange + inlineCompletion) answered from the cache, p50 / p99"
    table = _table(title, "lines", "keys", "spark-lsp, ms", "baseline, ms", "ratio")
    for row in rows:
        other = [_pair(row["baseline_ms"], 3), _pair(row["ratio"], 2)] if "ratio" in row else ["-", "-"]
        table.add_row(f"{row['lines']:,}", str(row["keys"]), _pair(row["spark_lsp_ms"], 3), *other)
    return table


def _pair(values: Mapping[str, float], digits: int, high: str = "p99") -> str:
    return f"{values['p50']:.{digits}f} / {values[high]:.{digits}f}"


def _workspace_table(figures: Mapping[str, Any]) -> Table:
    title = f"Python's standard library as workspace: {figures['files']} files, {figures['tokens']:,} tokens"
    table = _table(title, "", "")
    answers, first = figures["answer_ms"], figures["first_answer_ms"]
    meanwhile = figures["while_indexing_ms"]
    table.add_row("first index, s", f"{figures['index_s']:.1f}")
    table.add_row("answers meanwhile, p50 / p99 ms", _pair(meanwhile, 1))
    table.add_row("  the slowest of them, ms", f"{meanwhile['worst']:.1f}")
    table.add_row("resident memory, MB", f"{figures['resident_mb']:.0f}")
    table.add_row("  of it the index says it holds, MB", f"{figures['bytes'] / 2**20:.0f}")
    if figures["peak_mb"] is not None:
        table.add_row("  at most so far, MB", f"{figures['peak_mb']:.0f}")
    table.add_row(f"{figures['answers']} answers, p50 / p95 ms", _pair(answers, 2, "p95"))
    table.add_row("  with a suggestion", f"{figures['shown_share']:.0%}")
    table.add_row("first answer in a file just opened, p50 / p95 ms", _pair(first, 2, "p95"))
    return table
