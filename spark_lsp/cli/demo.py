"""`spark-lsp demo`: types through a real file with the real server, and shows what it offers.

The server has never seen the file: without FILE, it is left out of a copy of a package of the standard
library; with FILE, it is opened empty before the workspace is learned, and what an editor has open
counts instead of what is on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import IO, Any

from rich.console import Console
from rich.live import Live
from rich.syntax import Syntax

from spark_lsp.cli.client import Client
from spark_lsp.cli.demo_screen import Source, screen, table
from spark_lsp.cli.demo_session import Session, Show
from spark_lsp.cli.files import check_settings_file, language_of, project_root, read_file
from spark_lsp.cli.typist import next_key, taken
from spark_lsp.errors import SparkError

PACKAGE, MODULE, BEGINS = "asyncio", "selector_events.py", "class _SelectorDatagramTransport"

LONGEST = 80
"""Lines that are typed. Of a longer file the first third stands there already, and these follow it."""

LEARNING_LIMIT = 60.0

KEY, LOOK, GO_ON = 0.04, 0.25, 0.3
"""Seconds: from key to key, to see that a suggestion is right, and to go on after it was taken."""

WATCHED = 25.0
"""Seconds of typing that somebody watches; it then ends with the line."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is typed: `text` from `start` to `stop`, in `path`, in the workspace `root`."""

    root: Path
    path: Path
    text: str
    start: int
    stop: int


async def run(file: Path | None, *, as_json: bool, config: Path | None) -> int:
    """Type, then print the table, or one JSON object. Returns 1 when nothing was ever suggested.

    Raises UsageError for a file that is not there or is not text, SparkError when the server fails.
    """
    check_settings_file(config)
    console = Console()
    live = console.is_terminal and not as_json
    with _subject(file) as subject, tempfile.TemporaryFile() as errors:
        client = await _start(config, errors)
        async with client:
            try:
                if live:
                    report = await _watched(client, subject, console)
                else:
                    report = await _type(client, subject, _nobody_watches, Pace(watched=False))
            except SparkError as error:
                raise SparkError(f"{error}{_last_words(errors)}") from error
    if as_json:
        print(json.dumps(report))
    else:
        console.print(table(report))
    if not report["keystrokes_with_suggestion"]:
        print("spark-lsp: nothing was suggested at any key", file=sys.stderr)
        return 1
    return 0


async def _start(config: Path | None, errors: IO[bytes]) -> Client:
    # -P: a folder that one stands in may have an `asyncio` of its own.
    command = [sys.executable, "-P", "-m", "spark_lsp", "--stdio"]
    if config is not None:
        command += ["--config", str(config)]
    # Without being asked it spends nobody's money: what the settings name counts, and nothing that is found.
    environment = {**os.environ, "SPARK_LSP_ROUTING__DISCOVER": "false"}
    return await Client.start(command, stderr=errors, env=environment)


def _last_words(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return f"; its last words: {lines[-1]}" if lines else ""


# --- what is typed


@contextmanager
def _subject(file: Path | None) -> Iterator[Subject]:
    if file is not None:
        text = _unix_lines(read_file(file))
        yield Subject(project_root(file), file.resolve(), text, *excerpt(text))
        return
    with tempfile.TemporaryDirectory(prefix="spark-lsp-demo-") as folder:
        root = Path(folder).resolve()
        package = Path(asyncio.__file__).parent
        shutil.copytree(package, root / PACKAGE, ignore=shutil.ignore_patterns("__pycache__", MODULE))
        text = _unix_lines(read_file(package / MODULE))
        start = text.find(BEGINS)  # which another Python may have renamed
        start, stop = (start, _end(text, start)) if start >= 0 else excerpt(text)
        yield Subject(root, root / PACKAGE / MODULE, text, start, stop)


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def excerpt(text: str) -> tuple[int, int]:
    """Where to start and stop: a short file is typed whole, a longer one from a third on."""
    if text.count("\n") <= LONGEST:
        return 0, len(text)
    blank = re.compile(r"\n\s*\n(?=\S)").search(text, len(text) // 3)
    start = blank.end() if blank and text.count("\n", blank.end()) > 10 else 0
    return start, _end(text, start)


def _end(text: str, start: int) -> int:
    lines = text[start:].splitlines(keepends=True)[:LONGEST]
    return start + sum(map(len, lines))


# --- typing


class Pace:
    """How fast the keys come, and for how long: at a person's speed for somebody to watch, or at once."""

    def __init__(self, *, watched: bool) -> None:
        self._watched = watched
        self._random = Random(0)
        self._started = self._last = time.monotonic()

    def start(self) -> None:
        self._started = self._last = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def over(self) -> bool:
        return self._watched and self.seconds > WATCHED

    async def wait(self, seconds: float) -> None:
        """Until about so long after the last wait: what drawing took is not waited for again."""
        if self._watched:
            due = self._last + seconds * self._random.uniform(0.6, 1.5)
            await asyncio.sleep(max(due - time.monotonic(), 0))
            self._last = time.monotonic()


async def _type(client: Client, subject: Subject, show: Show, pace: Pace) -> dict[str, Any]:
    await client.initialize(subject.root)
    session = Session(client, subject.path.as_uri(), language_of(subject.path), show)
    await _learned(client, lambda status: show("", "", status))
    if subject.start:
        session.insert(subject.text[: subject.start])
    pace.start()
    offset = subject.start
    while offset < subject.stop and not (pace.over and subject.text[offset - 1] == "\n"):
        key = next_key(subject.text, offset)
        offset += len(key)
        await session.press(key)
        await pace.wait(KEY)
        while part := taken(session.ghost, subject.text[offset : subject.stop]):
            await pace.wait(LOOK)
            offset += len(part)
            await session.take(part)
            await pace.wait(GO_ON)
    metrics = await client.request("spark/metrics", {})
    assert session.text == subject.text[:offset]
    return {
        "file": subject.path.relative_to(subject.root).as_posix(),
        "lines": subject.text.count("\n", subject.start, offset),
        **session.tally.report(),
        "seconds": round(pace.seconds, 3),
        "requests": metrics["requests"],
        "hits": metrics["hits"],
        "by_hit_ms": metrics["time_to_suggestion_ms"],
        "backends": {name: score for name, score in metrics["backends"].items() if score["requests"]},
        "workspace": metrics["workspace"],
    }


async def _learned(client: Client, tell: Callable[[str], Awaitable[None]]) -> None:
    """Wait until the workspace is learned; after a minute, go on with what there is."""
    waiting_until = time.monotonic() + LEARNING_LIMIT
    while time.monotonic() < waiting_until:
        workspace = (await client.request("spark/metrics", {}))["workspace"]
        if workspace["ready"]:
            return
        await tell(f"learning the workspace: {workspace['files']} files so far")
        await asyncio.sleep(0.05)


# --- watching


async def _nobody_watches(text: str, ghost: str, status: str) -> None:
    """Without a terminal there is the table only."""


async def _watched(client: Client, subject: Subject, console: Console) -> dict[str, Any]:
    title = subject.path.relative_to(subject.root).as_posix()
    lexer = Syntax.guess_lexer(title, subject.text)
    source = Source()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:

        async def show(text: str, ghost: str, status: str) -> None:
            source.see(await client.request("spark/metrics", {}))
            live.update(
                screen(title, lexer, text, ghost, f"{status}   {source if ghost else ''}"), refresh=True
            )

        return await _type(client, subject, show, Pace(watched=True))
