"""How often an offered next edit is right, how often it comes too early, and what asking for it costs.

`python -m benchmarks.next_edit FOLDER [FUNCTIONS]`, or `python -m benchmarks next_edit` on installed
packages. In each of so many functions of the folder's Python files one local variable is renamed, key by
key at the intervals of people; in each of so many that the file calls a parameter is taken away, added,
moved or renamed; of several like statements two get a line more, are wrapped or deleted. Every offer is
taken and compared with the places that the syntax tree knows. Times are those of the processor: what else
runs on the machine does not count.
"""

from __future__ import annotations

import ast
import asyncio
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles

from benchmarks import next_edit_calls, next_edit_siblings
from spark_lsp.cli.client import Client
from spark_lsp.cli.typing.person import interval
from spark_lsp.completion.next_edit.candidates import SETTLE, SETTLE_AT_END
from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document

OURS = "renamed_here"
LONG = 1.0
"""Seconds after which whatever was typed counts as made."""
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Global, ast.Nonlocal)


def of_packages(names: Sequence[str], limit: int = 300) -> None:
    """The table over installed packages."""
    specs = [find_spec(name) for name in names]
    main(
        [
            Path(spec.submodule_search_locations[0])
            for spec in specs
            if spec and spec.submodule_search_locations
        ],
        limit,
    )


def main(folders: Sequence[Path], limit: int) -> None:
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    random.Random(1).shuffle(files)
    _renames(files, limit)
    next_edit_calls.run(files, limit)
    next_edit_siblings.run(files, limit)
    for count in (1_000, 10_000):
        _speed(count)
        asyncio.run(_over_stdio(count))


def _renames(files: list[Path], limit: int) -> None:
    pick = random.Random(1)
    right = wrong = uses = asked = 0
    seconds: list[float] = []
    early = Early()
    for file in files:
        for text, places in _variables(file, pick):
            asked += 1
            uses += len(places) - 1
            good, bad = _replay(text, places, pick, seconds, early)
            right, wrong = right + good, wrong + bad
            if bad and wrong <= 20:
                print("wrong in", file.name, places[0], text.split("\n")[places[0][0]].strip()[:80])
        if asked >= limit:
            break
    print(f"{asked} renames, {uses} places: {right} right, {wrong} wrong offers")
    print(f"precision {right / max(right + wrong, 1):.4f}, recall {right / max(uses, 1):.3f}")
    print(f"offers of a half-typed name, to a client that asks after each key: {early}")
    _times(seconds)


@dataclass
class Early:
    """Offers that were on the screen before the name was typed to its end."""

    keys: int = 0
    at_once: int = 0
    settled: int = 0
    sure: int = 0

    def __str__(self) -> str:
        return (
            f"{self.at_once} of {self.keys} keys without waiting, {self.settled} with {SETTLE} s, "
            f"{self.sure} as it is ({SETTLE_AT_END} s while the cursor stands there)"
        )


def _variables(file: Path, pick: random.Random) -> Iterator[tuple[str, list[tuple[int, int, int]]]]:
    """At most three functions of a file: its text and where one local name of the function stands."""
    try:
        text = file.read_bytes().decode("ascii").replace("\r\n", "\n")
        tree = ast.parse(text)
    except (ValueError, SyntaxError):
        return
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    pick.shuffle(functions)
    for function in functions[:3]:
        inner = [node for child in function.body for node in ast.walk(child)]
        if any(isinstance(node, _NESTED) for node in inner):
            continue
        names = [node for node in inner if isinstance(node, ast.Name)]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        arguments = [*function.args.args, *function.args.kwonlyargs, *function.args.posonlyargs]
        own |= {each.arg for each in arguments}
        found = [(node.lineno - 1, node.col_offset, node.id) for node in names]
        found += [(each.lineno - 1, each.col_offset, each.arg) for each in arguments]
        choices = sorted(name for name in own - {"self", "cls"} if sum(one[2] == name for one in found) > 1)
        if choices:
            name = pick.choice(choices)
            yield text, sorted((line, column, len(name)) for line, column, each in found if each == name)


def _replay(
    text: str, places: list[tuple[int, int, int]], pick: random.Random, seconds: list[float], early: Early
) -> tuple[int, int]:
    document, edits = Document("file:///a.py", text, language="python", encoding="utf-32"), NextEdits()
    line, column, size = pick.choice(places)
    now = _type_over(document, edits, line, column, size, pick, early)
    truth = {place[:2] for place in places} - {(line, column)}
    delta = len(OURS) - size
    done = [(line, column)]
    right = wrong = 0
    for _ in range(200):
        start = time.thread_time()
        found = edits.next(document, (0, 0), now)
        seconds.append(time.thread_time() - start)
        if found is None:
            break
        edit = found[1]
        original = edit.start - delta * sum(at == edit.line and where < edit.start for at, where in done)
        # `done` holds columns as they are now; those behind move.
        if (edit.line, original) in truth:
            right += 1
        elif document.lines[edit.line][edit.end : edit.end + 1] == "=":
            pass  # a keyword at a call of the function: the table of parameters has those
        else:
            wrong += 1
        done = [(at, where + delta * (at == edit.line and where > edit.start)) for at, where in done]
        done.append((edit.line, edit.start))
        _apply(document, edits, edit.line, edit.start, edit.end, edit.new, now)
    return right, wrong


def _type_over(
    document: Document,
    edits: NextEdits,
    line: int,
    column: int,
    size: int,
    pick: random.Random,
    early: Early,
) -> float:
    """The time when it is done and the cursor elsewhere."""
    now = 0.0
    for count in range(size, 0, -1):
        now += interval(pick)
        _apply(document, edits, line, column + count - 1, column + count, "", now)
    for index, key in enumerate(OURS):
        _apply(document, edits, line, column + index, column + index, key, now)
        cursor = line, column + index + 1
        pause = interval(pick)
        if index + 1 < len(OURS):
            early.keys += 1
            early.at_once += edits.next(document, (0, 0), now + LONG) is not None
            early.settled += pause > SETTLE and edits.next(document, (0, 0), now + LONG) is not None
            early.sure += edits.next(document, cursor, now + pause) is not None
        now += pause
    return now + LONG


def _apply(
    document: Document, edits: NextEdits, line: int, start: int, end: int, text: str, now: float
) -> None:
    before = document.lines
    span = document.edit(line, start, line, end, text)
    edits.changed(document, before, (line, start, line, end), text, span, now)


def _speed(count: int) -> None:
    """In a file of so many lines: what a key costs, and a request."""
    body = (
        "def f{0}(rows):\n    number = {0}\n    for row in rows:\n        number += row\n    return number\n"
    )
    text = "".join(body.format(index) for index in range(count // 5))
    document, edits = Document("file:///a.py", text, language="python"), NextEdits()
    seconds, keys = [], []
    for index in range(200):
        line = (index * 37 % (count // 5)) * 5 + 1
        before = document.lines
        span = document.edit(line, 4, line, 10, f"name{index}")
        start = time.thread_time()
        edits.changed(document, before, (line, 4, line, 10), f"name{index}", span, index)
        keys.append(time.thread_time() - start)
        start = time.thread_time()
        assert edits.next(document, (0, 0), index + LONG) is not None
        seconds.append(time.thread_time() - start)
    print(f"{count} lines, a key: p50 {quantiles(keys, n=20)[9] * 1e6:.1f} us; a request:", end=" ")
    _times(seconds)


def _file(count: int) -> str:
    body = (
        "def f{0}(rows):\n    number = {0}\n    for row in rows:\n        number += row\n    return number\n"
    )
    return "".join(body.format(index) for index in range(count // 5))


async def _over_stdio(count: int) -> None:
    """The same from the real server: from the request to its answer, by the clock."""
    uri, seconds = "file:///next_edit.py", []
    settings = {"spark": {"backend": [{"name": "workspace", "kind": "workspace"}]}}
    async with await Client.start(
        [sys.executable, "-m", "spark_lsp", "--stdio"], settings=settings
    ) as client:
        await client.initialize(None)
        client.open(uri, _file(count), language="python", version=1)
        for index in range(50):
            line = (index * 37 % (count // 5)) * 5 + 1
            start, end = {"line": line, "character": 4}, {"line": line, "character": 10}
            change = {"range": {"start": start, "end": end}, "text": f"name{index}"}
            client.change(uri, index + 2, [change])
            await client.request("spark/metrics", {})  # the change is in
            document = {"uri": uri, "version": index + 2}
            await asyncio.sleep(SETTLE + 0.01)
            elsewhere = {"line": 0, "character": 0}
            asked = time.perf_counter()
            answer = await client.request(
                "textDocument/copilotInlineEdit", {"textDocument": document, "position": elsewhere}
            )
            seconds.append(time.perf_counter() - asked)
            assert answer["edits"]
    print(f"{count} lines, over stdio:", end=" ")
    _times(seconds)


def _times(seconds: list[float]) -> None:
    cuts = quantiles(seconds, n=20)
    print(f"p50 {cuts[9] * 1000:.2f} ms, p95 {cuts[18] * 1000:.2f} ms")


if __name__ == "__main__":
    main([Path(sys.argv[1])], int(sys.argv[2]) if len(sys.argv) > 2 else 500)
