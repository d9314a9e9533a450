"""Documents against npm's vscode-languageserver-textdocument, on generated edit scripts."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from spark_lsp.text import Document, Snapshot, character_of, line_body

HERE = Path(__file__).parent
SCRIPTS = 4000
STEPS = 6

# Line ends, what only `str.splitlines` takes for line ends, and characters of one and two UTF-16 units.
PIECES = [*"abc(.", "  ", "\t", "é", "中", "😀", "👩🏽\u200d💻", *"\n\n\n\r\r", "\r\n", "\r\n"]
PIECES += ["\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]


def oracle_command() -> list[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js, which is not on the PATH")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("needs `npm install` in tests/e2e: `make e2e` runs it")
    return [node, str(HERE / "textdocument_oracle.js")]


def text(random_: random.Random, longest: int) -> str:
    return "".join(random_.choices(PIECES, k=random_.randrange(longest)))


def position(random_: random.Random, document: Document) -> dict[str, int]:
    """Any place in the document, often a line's end, sometimes past the line's end or the document's.

    Never between the halves of a surrogate pair: there the oracle would cut the character in two.
    """
    line = random_.randrange(document.lines.count + (random_.random() < 0.1) * 5)
    if line >= document.lines.count or random_.random() < 0.1:
        return {"line": line, "character": random_.choice([0, 50, 2**31 - 1])}
    body = line_body(document.lines[line])
    column = random_.choice([0, len(body), random_.randint(0, len(body))])
    return {"line": line, "character": character_of(body, column, "utf-16")}


def offset(snapshot: Snapshot) -> int:
    return len(snapshot.before(10**6).encode("utf-16-le")) // 2


def run(random_: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """One script, and what it does to a `Document`: the shapes that the oracle reads and writes."""
    document = Document("untitled:a", text(random_, 60), encoding="utf-16")
    script: dict[str, Any] = {"text": document.text(), "steps": []}
    seen = []
    for _ in range(STEPS):
        start, end = position(random_, document), position(random_, document)
        if random_.random() < 0.4:
            end = start
        first, last = (start["line"], start["character"]), (end["line"], end["character"])
        new = text(random_, random_.choice([2, 4, 12]))
        step = {
            "start": offset(document.snapshot(*first)),
            "end": offset(document.snapshot(*last)),
        }
        document.edit(*first, *last, new)
        script["steps"].append({"range": {"start": start, "end": end}, "text": new})
        seen.append({"text": document.text(), "lines": document.lines.count, **step})
    return script, {"steps": seen}


def test_no_script_tells_the_two_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    command = oracle_command()
    monkeypatch.setattr("spark_lsp.text.BLOCK", 4)  # as many seams between blocks as a large file has
    random_ = random.Random(20)
    scripts, ours = zip(*(run(random_) for _ in range(SCRIPTS)), strict=True)
    answered = subprocess.run(
        command,
        input=b"\n".join(map(orjson.dumps, scripts)) + b"\n",
        stdout=subprocess.PIPE,
        check=True,
        timeout=240,
    )
    theirs = [orjson.loads(line) for line in answered.stdout.splitlines()]
    assert len(theirs) == SCRIPTS
    apart = [
        (script, mine, other)
        for script, mine, other in zip(scripts, ours, theirs, strict=True)
        if mine != other
    ]
    assert not apart, f"{len(apart)} of {SCRIPTS} scripts differ; the shortest: {min(apart, key=str_length)}"


def str_length(case: tuple[Any, ...]) -> int:
    return len(str(case))
