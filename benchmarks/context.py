"""What telling a model of elsewhere costs at each key, and how much of a prompt stays.

`python -m benchmarks context`. A workspace of 1,000 files of the standard library; somebody types lines in
the middle of some of them, key by key, and each key is a prompt. Counted is how much of its front the next
one has, too: what a server with a prefix cache does not read again.
"""

from __future__ import annotations

import asyncio
import os.path
import random
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from spark_lsp.backends.base import Backend
from spark_lsp.completion.context import gather
from spark_lsp.completion.prompt import render
from spark_lsp.config import Config
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.relate import Relater
from spark_lsp.text import Document, Snapshot
from spark_lsp.workspace.tokens import KEYWORDS

WORKSPACE, FILES, LINES = 1_000, 6, 24
PACKAGES = ("aiohttp", "hypothesis")
HELD_OUT = 120
TOKENS = 1_024
STYLES = ("prefix", "chat", "mellum", "codestral", "qwen")


class Case(NamedTuple):
    """A document without one of its lines."""

    path: str
    document: Document
    number: int
    line: str


class _Asked:
    """Whoever is asked: only its name counts."""

    name, local = "asked", False


async def measure(folder: Path, chosen: Sequence[Path]) -> None:
    config = Config()
    learner = Learner(config.workspace, config.privacy)
    learner.set_folders([folder])
    began = time.perf_counter()
    await learner.learn_folders(lambda done, total: None)
    took = time.perf_counter() - began
    index, surveys = learner.index, learner.surveys
    print(
        f"{len(surveys)} files learned in {took:.1f} s; index {index.size_bytes / 1e6:.1f} MB, "
        f"surveys {surveys.size_bytes / 1e6:.1f} MB"
    )
    settings = replace(config.inline, context_tokens=TOKENS)
    relater = Relater(settings, learner, os.path.basename, lambda _: None, lambda _: False, list)
    # Of the processor: another process on the machine would be counted with the time on the wall.
    keys: list[float] = []
    choosing: list[float] = []
    told: list[int] = []
    same: dict[str, list[tuple[int, int]]] = {style: [] for style in STYLES}
    for file in chosen:
        before: dict[str, str] = {}
        for snapshot in typed(file, learner):
            started = time.process_time()
            task = relater.begin(snapshot, str(file), "anywhere")
            if task is not None:
                await task
                choosing.append((time.process_time() - started) * 1000)
                started = time.process_time()
            begin = time.process_time() - started
            for style in STYLES:
                began = time.process_time()
                prompt = prompt_for(snapshot, relater, style)
                keys.append((time.process_time() - began + begin) * 1000)
                last, before[style] = before.get(style), prompt
                if last is not None:
                    same[style].append((common(last, prompt), len(prompt)))
            told.append(sum(len(one.text) for one in relater.excerpts(snapshot, _asked())))
        learner.closed(str(file))
        relater.closed(file.as_uri())
    for name, times in (("at a key", keys), ("to choose, ahead of need", choosing)):
        quantiles = statistics.quantiles(times, n=20)
        print(
            f"{name:26} p50 {statistics.median(times):6.2f} ms   p95 {quantiles[-1]:6.2f} ms   {len(times)}"
        )
    print(f"told: {statistics.mean(told):.0f} characters")
    for style in STYLES:
        pairs = same[style]
        share = sum(one for one, _ in pairs) / sum(size for _, size in pairs)
        print(f"unchanged in front, {style:10} {share:6.1%} of {len(pairs)} prompts")


async def count(root: Path, held_out: Sequence[Case]) -> None:
    """Which share of the words that a line has and its surroundings have not is told."""
    config = Config()
    learner = Learner(config.workspace, config.privacy)
    learner.set_folders([root])
    await learner.learn_folders(lambda done, total: None)
    shares = []
    for tokens in (256, 512, 1_024):
        settings = replace(config.inline, context_tokens=tokens)
        relater = Relater(settings, learner, os.path.basename, lambda _: None, lambda _: False, list)
        needed = told = 0
        for path, document, number, line in held_out:
            snapshot = document.snapshot(number, 0)
            around = gather(snapshot, path=path)
            missing = words(line) - words(around.before) - words(around.after)
            if not missing:
                continue
            learner.opened(path, document)
            task = relater.begin(snapshot, path, "anywhere")
            if task is not None:
                await task
            needed += len(missing)
            told += len(missing & words("\n".join(one.text for one in relater.excerpts(snapshot, _asked()))))
            learner.closed(path)
            relater.closed(document.uri)
        shares.append(f"{told / needed:.0%} in {tokens} tokens")
    print(f"{root.name}: of {needed} words that a line needs and nothing around it has: {', '.join(shares)}")


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d]\w*", text) if len(word) > 2 and word not in KEYWORDS}


def held_out(root: Path) -> list[Case]:
    """Seeded lines of code, each with its document without it."""
    chance = random.Random(3)
    files = [file for file in sorted(root.rglob("*.py")) if 3_000 < file.stat().st_size < 200_000]
    found: list[Case] = []
    while len(found) < HELD_OUT:
        file = chance.choice(files)
        lines = file.read_text("utf-8", "replace").replace("\r\n", "\n").split("\n")
        number = chance.randrange(len(lines) // 4, len(lines))
        line = lines[number].strip()
        if len(line) < 12 or line.startswith(("#", '"', "import", "from", "@")):
            continue
        text = "\n".join([*lines[:number], "", *lines[number + 1 :]])
        found.append(Case(str(file), Document(file.as_uri(), text, language="python"), number, line))
    return found


def _asked() -> Backend:
    return _Asked()  # type: ignore[return-value]  # only its name counts


def prompt_for(snapshot: Snapshot, relater: Relater, style: str) -> str:
    context = gather(snapshot, path=os.path.basename(snapshot.uri))
    context = replace(context, excerpts=relater.excerpts(snapshot, _asked()))
    prompt = render(context, style, max_tokens=64)
    return prompt.instructions + prompt.text


def typed(file: Path, learner: Learner) -> Iterator[Snapshot]:
    """The document after each key of somebody who types lines that it has."""
    lines = file.read_text("utf-8", "replace").replace("\r\n", "\n").split("\n")
    first = len(lines) // 2
    text = "\n".join(lines[:first] + lines[first + LINES :])
    document = Document(file.as_uri(), text, language="python", version=0, encoding="utf-32")
    learner.opened(str(file), document)
    line, column = first, 0
    for key in "\n".join(lines[first : first + LINES]) + "\n":
        span = document.edit(line, column, line, column, key)
        learner.edited(str(file), document.lines, span)
        line, column = (line + 1, 0) if key == "\n" else (line, column + 1)
        yield document.snapshot(line, column)


def common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if other.startswith(one[:middle]) else (low, middle - 1)
    return low


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = Path(statistics.__file__).parent
        found = (
            file
            for file in sorted(library.rglob("*.py"))
            if "site-packages" not in file.parts and 2_000 < file.stat().st_size < 100_000
        )
        for number, file in zip(range(WORKSPACE), found, strict=False):
            parts = file.relative_to(library).with_suffix("").parts
            shutil.copy(file, folder / f"{'_'.join(parts)}_{number}.py")
        chosen = sorted(folder.glob("*.py"))[:: WORKSPACE // FILES]
        asyncio.run(measure(folder, chosen))
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            print(f"{package} is not installed and left out")
            continue
        root = Path(spec.submodule_search_locations[0])
        asyncio.run(count(root, held_out(root)))
