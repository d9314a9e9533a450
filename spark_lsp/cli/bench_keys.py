"""What one key costs: didChange and inlineCompletion over stdio, answered from the cache, by file size."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from spark_lsp.cli.pipe import Editor, Pipe, Timed
from spark_lsp.engine.metrics import percentiles
from spark_lsp.errors import SparkError

BLOCK = 50  # keys to one server before it is the other's turn
WARM_UP = 2  # blocks that are not counted: Node compiles what runs often, Python fills its caches
NEAR = 200  # lines on each side of the cursor that the scripted backend knows

WORDS = (
    "amount",
    "batch",
    "cursor",
    "delta",
    "entry",
    "frame",
    "graph",
    "handle",
    "index",
    "joint",
    "kernel",
)


def measure(
    ours: Sequence[str],
    baseline: Sequence[str] | None,
    sizes: Sequence[int],
    keys: int,
    folder: Path,
    environment: Mapping[str, str],
) -> list[dict[str, Any]]:
    """For each size in lines, p50 and p99 of `keys` keys in ms, ours and the baseline's, in turns.

    `folder` is for the settings and the scripted backend's text. Raises SparkError when the cache did
    not answer where it had to.
    """
    rows = []
    for size in sizes:
        lines, typed = list(_code(size)), list(_code(keys // 20 + 10))
        config = _settings(folder / str(size), lines, typed)
        commands = [[*ours, "--config", str(config)], *([list(baseline)] if baseline else [])]
        typists = [Typist(command, environment, lines, "".join(typed)) for command in commands]
        try:
            generations = _type_in_turns(typists, keys, len(typed))
        finally:
            for typist in typists:
                typist.pipe.stop()
        rows.append({"lines": size, "generations": generations, **_figures(typists)})
    return rows


def _type_in_turns(typists: Sequence[Typist], keys: int, lines: int) -> int:
    """Type until so many keys were timed, the warm-up not counted. Returns how many generations it took."""
    ours, others = typists[0], typists[1:]

    def turn() -> None:
        foretold = ours.type_along(BLOCK)
        for other in others:
            other.type(foretold)

    gc.disable()
    try:
        for _ in range(WARM_UP):
            turn()
        for typist in typists:
            typist.times.clear()
        while len(ours.times) < keys:
            turn()
    finally:
        gc.enable()
    return _generations(ours, lines)


def _figures(typists: Sequence[Typist]) -> dict[str, Any]:
    figures = [percentiles(typist.times) for typist in typists]
    row: dict[str, Any] = {"keys": len(typists[0].times), "spark_lsp_ms": figures[0]}
    if len(figures) > 1:
        ratio = {name: round(figures[0][name] / figures[1][name], 3) for name in ("p50", "p99")}
        row |= {"baseline_ms": figures[1], "ratio": ratio}
    return row


def _code(count: int) -> Iterator[str]:
    """Lines of a function that no trimmer takes for a repetition: no two are alike."""
    random = Random(count)
    yield "def compute(amount, batch):\n"
    for number in range(1, count):
        a, b, c, d, e = random.sample(WORDS, 5)
        scale = random.randrange(1000)
        yield f"    {a}_{number} = {b}({c}, {d}_{number - 1}, {scale}) - {e}.{a}[{c}.{b} : {d}]\n"


def _settings(folder: Path, lines: Sequence[str], typed: Sequence[str]) -> Path:
    """The settings of a session whose only model is a script that goes on with what is `typed`."""
    middle = len(lines) // 2
    known = [*lines[:middle][-NEAR:], *typed, "\n", *lines[middle:][:NEAR]]
    oracle = folder / "oracle"
    oracle.mkdir(parents=True)
    (oracle / "typed.py").write_text("".join(known), encoding="utf-8")
    config = folder / "config.json"
    backend = {"name": "script", "kind": "fake", "oracle": str(oracle)}
    config.write_text(json.dumps({"inline": {"debounce_ms": 0}, "backend": [backend]}), encoding="utf-8")
    return config


def _generations(typist: Typist, lines: int) -> int:
    """How many generations the keys took: about one a line, or the cache did not answer."""
    metrics = typist.pipe.request("spark/metrics", {}).result
    generations: int = metrics["backends"]["script"]["requests"]
    # What is typed along while its stream still runs counts as a hit of the flight; the cache answers it too.
    from_cache = metrics["hits"]["typed_through"] + metrics["hits"]["flight"]
    if generations > 4 * lines or from_cache < len(typist.times):
        raise SparkError(f"the cache did not answer: {generations} generations, hits {metrics['hits']}")
    return generations


class Typist:
    """Types `text`, character by character, into the middle of a document that one server has open.

    `times` are in ms.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], lines: Sequence[str], text: str
    ) -> None:
        self.pipe = Pipe(command, env=environment)
        self.times: list[float] = []
        self._keys = iter(text)
        self._ghost = 0
        self.pipe.initialize()
        self._editor = Editor(self.pipe, "untitled:typed.py")
        half = len(lines) // 2
        # On a line of its own, as one types between two functions.
        self._editor.open("".join(lines[:half]), "\n" + "".join(lines[half:]))

    def type_along(self, count: int) -> list[bool]:
        """Press so many keys and time those that the suggestion foretold. Returns which they were."""
        foretold = []
        for _ in range(count):
            # Its last character is left out: what comes behind it is a new state.
            foretold.append(self._ghost > 1)
            answer = self._press()
            items = answer.result["items"]
            if foretold[-1]:
                self.times.append(answer.seconds * 1000)
                if not items:
                    raise SparkError("a suggestion was lost while it was typed along")
            self._ghost = len(items[0]["insertText"]) - self._editor.character if items else 0
        return foretold

    def type(self, timed: Sequence[bool]) -> None:
        """Press a key for each of `timed`, and time those that are true."""
        for wanted in timed:
            answer = self._press()
            if not answer.result["items"]:
                raise SparkError("the baseline answered nothing")
            if wanted:
                self.times.append(answer.seconds * 1000)

    def _press(self) -> Timed:
        key = next(self._keys, None)
        if key is None:
            raise SparkError(f"too few keys were foretold: {len(self.times)} when all was typed")
        return self._editor.type(key)
