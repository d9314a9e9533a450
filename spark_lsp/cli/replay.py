"""`spark-lsp replay`: a recorded session again, against the server as it is now.

The client's part is sent as it was recorded, each message once all has come that was said before it; what
the server says is compared. Responses belong to their requests. What the server begins itself may come in any
order, and of its progress and status, which follow the clock, nothing is compared.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from spark_lsp.cli.client import Call, Client
from spark_lsp.cli.differences import MISSING, Difference, differences
from spark_lsp.cli.files import check_settings_file
from spark_lsp.cli.session_file import Step, answers_of, params_of, read
from spark_lsp.errors import RequestError, SparkError

CLOCKED = (
    "spark/status",
    "didChangeStatus",
    "statusNotification",
    "window/workDoneProgress/create",
    "$/logTrace",
)
OWN_PROGRESS = "spark/"
"""How the tokens of our own progress begin; others are of a request."""

PATIENCE = 10.0
"""Seconds that a message may take."""

PAUSE = 0.2
"""Seconds that a person's pauses are kept to. In them the server does what it does behind its answers."""

IMPATIENCE = 1.0
"""Seconds that each may take after one that did not come."""

WIDTH = 120
SHOWN = 60
"""Characters of a value in the table."""

SAME_SHOWN = 10
"""Of those that are the same in both, before the first that is not."""


async def run(file: Path, *, as_json: bool, config_file: Path | None) -> int:
    """Replay the session. Returns 1 when the server answers differently. Raises UsageError."""
    check_settings_file(config_file)
    steps = read(file)
    command = [sys.executable, "-P", "-m", "spark_lsp", "--stdio"]
    if config_file is not None:
        command += ["--config", str(config_file)]
    with _nobodys_settings() as environment:
        client = await Client.start(command, patience=PATIENCE, env=environment)
        async with client:
            found = await Replay(client, steps).play()
    responses = sum(1 for step in steps if not step.from_client and step.method is None)
    report = {
        "session": str(file),
        "messages": len(steps),
        "responses": responses,
        "differences": [{"message": name, **each._asdict()} for name, each in found],
    }
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print(report)
    return 1 if found else 0


@contextmanager
def _nobodys_settings() -> Iterator[dict[str, str]]:
    """An environment without the user's settings, keys and notes: a session says the same everywhere.

    It may also be somebody else's, and what was typed in it is not to be asked of the user's backends.
    """
    with tempfile.TemporaryDirectory(prefix="spark-lsp-replay-") as home:
        kept = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "PYTHONPATH", "PYTHONHOME")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        folders = (
            "HOME",
            "USERPROFILE",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
            "XDG_DATA_HOME",
        )
        yield environment | dict.fromkeys(folders, home) | {"SPARK_LSP_ROUTING__DISCOVER": "false"}


class Replay:
    """One session on its way. `found` are the differences, each with a name of its message."""

    def __init__(self, client: Client, steps: list[Step]) -> None:
        self._client = client
        self._steps = steps
        self._calls: dict[Any, tuple[str, Call]] = {}
        self._begun: list[tuple[str, Any]] = []
        self._came = asyncio.Event()
        self._patience = PATIENCE
        self.found: list[tuple[str, Difference]] = []

    async def play(self) -> list[tuple[str, Difference]]:
        self._client.heard = self._hear
        for method, answers in answers_of(self._steps).items():
            self._client.on(method, _one_after_the_other(answers))
        before = 0.0
        for step in self._steps:
            pause, before = step.at - before, step.at
            if step.from_client:
                await asyncio.sleep(min(max(pause, 0), PAUSE))
                self._send(step)
            elif step.method is None:
                await self._compare_response(step.message)
            elif not _clocked(str(step.method), step.message.get("params")):
                await self._compare_begun(str(step.method), step.message.get("params"))
        self.found += [(method, Difference("params", MISSING, params)) for method, params in self._begun]
        return self.found

    # --- the client's part

    def _send(self, step: Step) -> None:
        if step.method is None:
            return  # an answer: given when the server asks
        params = params_of(step)
        if step.is_request:
            self._calls[step.message["id"]] = step.method, self._client.call(step.method, params)
        elif step.method == "$/cancelRequest":
            _, call = self._calls.get(params["id"], (None, None))
            if call is not None:
                self._client.cancel(call)
        else:
            self._client.notify(step.method, params)

    # --- the server's part

    def _hear(self, method: str, params: Any) -> None:
        if not _clocked(method, params):
            self._begun.append((method, params))
            self._came.set()

    async def _compare_response(self, recorded: Mapping[str, Any]) -> None:
        method, call = self._calls.get(recorded.get("id"), (None, None))
        if method is None or call is None:
            return  # a refusal of what was no request
        try:
            async with asyncio.timeout(self._patience):
                now: dict[str, Any] = {"result": await call.answer}
        except TimeoutError:
            self._patience, now = IMPATIENCE, {}
        except RequestError as error:
            now = {"error": {"code": error.code, "message": str(error)}}
        except SparkError:
            now = {}
        expected = {key: recorded[key] for key in ("result", "error") if key in recorded}
        self.found += [(f"{method} ({recorded['id']})", each) for each in differences(expected, now)]

    async def _compare_begun(self, method: str, params: Any) -> None:
        """Take the message from those that have come, waiting for it: the one that is most like it."""
        while not (like := [now for other, now in self._begun if other == method]):
            self._came.clear()
            try:
                async with asyncio.timeout(self._patience):
                    await self._came.wait()
            except TimeoutError:
                self._patience = IMPATIENCE
                self.found.append((method, Difference("params", params, MISSING)))
                return
        nearest = min(like, key=lambda now: len([*differences(params, now)]))
        self._begun.remove((method, nearest))
        self.found += [(method, each) for each in differences(params, nearest, "params")]


def _clocked(method: str, params: Any) -> bool:
    if method == "$/progress":
        return str(params["token"]).startswith(OWN_PROGRESS)
    return method in CLOCKED


def _one_after_the_other(answers: deque[Any]) -> Callable[[Any], Any]:
    return lambda params: answers.popleft() if answers else None


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    if report["differences"]:
        table = Table("message", "where", "recorded", "now", box=None, pad_edge=False)
        for row in report["differences"]:
            table.add_row(row["message"], row["where"], *_apart(row["recorded"], row["now"]))
        console.print(table, markup=False)
    differing = len({row["message"] for row in report["differences"]})
    console.print(
        f"{report['messages']} messages, {report['responses']} responses: "
        + (f"{differing} are different" if differing else "all as recorded"),
        highlight=False,
    )


def _apart(recorded: Any, now: Any) -> tuple[str, str]:
    """Both values, from a little before the place where they part."""
    texts = [
        value if value == MISSING else json.dumps(value, ensure_ascii=False) for value in (recorded, now)
    ]
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False)))
    start = max(same - SAME_SHOWN, 0) if max(map(len, texts)) > SHOWN else 0
    return _cut(texts[0], start), _cut(texts[1], start)


def _cut(text: str, start: int) -> str:
    rest = f"…{text[start:]}" if start else text
    return rest if len(rest) <= SHOWN else f"{rest[: SHOWN - 1]}…"
