"""`python -m benchmarks [NAME ...]` prints every table, or those named."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from spark_lsp.cli import bench_overhead
from spark_lsp.config import WorkspaceSettings

HERE = Path(__file__).parent

PACKAGES = ("hypothesis", "rich", "aiohttp")
"""Installed with the development tools, so that they are on every machine that runs this."""


def overhead() -> None:
    bench_overhead.run(as_json=False, baseline=_node_server())


def predictor() -> None:
    bench = importlib.import_module("spark_lsp.cli.bench_predictor")
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            print(f"{name} is not installed and left out", file=sys.stderr)
            continue
        bench.main(
            Path(spec.submodule_search_locations[0]),
            cases=300,
            seed=0,
            threshold=WorkspaceSettings().threshold,
            as_json=False,
        )


def backends() -> None:
    importlib.import_module("benchmarks.backends").main([])


def cache() -> None:
    importlib.import_module("benchmarks.cache").main([])


def editors() -> None:
    importlib.import_module("benchmarks.editors").main([])


def privacy() -> None:
    importlib.import_module("benchmarks.privacy").main()


def context() -> None:
    importlib.import_module("benchmarks.context").main()


def next_edit() -> None:
    importlib.import_module("benchmarks.next_edit").of_packages(PACKAGES)


TABLES: dict[str, Callable[[], None]] = {
    "overhead": overhead,
    "predictor": predictor,
    "backends": backends,
    "cache": cache,
    "editors": editors,
    "privacy": privacy,
    "context": context,
    "next_edit": next_edit,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", nargs="*", help=f"which tables: {', '.join(TABLES)}; all if none is named")
    names = parser.parse_args(arguments).name or list(TABLES)
    if unknown := [name for name in names if name not in TABLES]:
        parser.error(f"there is no table {unknown[0]!r}: the tables are {', '.join(TABLES)}")
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"Python {platform.python_version()}, {machine}")
    for name in names:
        print(f"\n== {name}", flush=True)
        TABLES[name]()
    return 0


def _node_server() -> str | None:
    """The baseline's command line; None, and a word on stderr, where it cannot run."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").is_dir():
        print("no baseline: it needs Node.js, and `npm install` in benchmarks", file=sys.stderr)
        return None
    return shlex.join([node, str(HERE / "node_server.js")])


if __name__ == "__main__":
    sys.exit(main())
