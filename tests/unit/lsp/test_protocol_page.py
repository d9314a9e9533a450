"""docs/protocol.md lists what the code takes and counts, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from lsprotocol import types

from spark_lsp.config import Config
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.status import StatusKind
from spark_lsp.lsp import convert
from spark_lsp.lsp.server import SparkServer

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")


class NobodyListens:
    def warn(self, message: str) -> None: ...

    def learned(self, done: int, total: int) -> None: ...

    def status(self, kind: StatusKind, message: str) -> None: ...


def first_column(heading: str) -> set[str]:
    """The code words in the first column of the table under a heading."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


async def test_the_methods_it_takes() -> None:
    server = SparkServer(lambda message: None, None)
    protocol = server.protocol
    handled = {*protocol.direct, *protocol.fm.builtin_features, *protocol.fm.features}
    assert first_column("Requests and notifications it takes") == {
        *handled,
        types.CANCEL_REQUEST,
        types.EXIT,
    }
    await server.close()


async def test_the_metrics() -> None:
    engine = Engine(Config(), NobodyListens())
    assert first_column("The metrics object") == set(engine.metrics_report())
    await engine.close()


def test_the_partial_result() -> None:
    assert first_column("An answer that grows") == set(convert.partial_result("t", 0, None, done=True))
    assert convert.PARTIAL in first_column("What it sends")
