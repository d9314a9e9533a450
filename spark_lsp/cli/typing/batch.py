"""Many sessions at once: each is nearly idle, as a person is, and they take minutes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from spark_lsp.cli.typing import corpus
from spark_lsp.cli.typing.record import Plan, Record
from spark_lsp.cli.typing.session import Setting, run

AT_ONCE = 28

TELLING = 15.0
"""Seconds between two lines of progress."""


async def run_all(
    plans: Sequence[Plan], folder: Path, environment: Mapping[str, str], *, starting: int = 1
) -> list[Record]:
    """The records of all plans, in their order. What the servers say goes to a file in `folder`.

    The servers of `starting` sessions start at the same time: each takes a processor from what is measured.
    Raises SparkError when a session fails, and ends the others.
    """
    room, turn = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(starting)
    pressed = 0

    async def one(plan: Plan, setting: Setting) -> Record:
        nonlocal pressed
        async with room:
            record = await run(plan, setting, turn)
        pressed += record.keys
        return record

    async def tell() -> None:
        started, total = time.monotonic(), sum(plan.keys for plan in plans)
        while True:
            await asyncio.sleep(TELLING)
            minutes, seconds = divmod(int(time.monotonic() - started), 60)
            print(f"{minutes}:{seconds:02}  {pressed:,} of {total:,} keys", file=sys.stderr, flush=True)

    with (folder / "servers.log").open("ab") as log:
        settings = _settings(plans, folder, environment, log)
        telling = asyncio.create_task(tell())
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(plan, settings[_place(plan)])) for plan in plans]
        except BaseExceptionGroup as group_error:
            # The first one ended the others.
            raise group_error.exceptions[0] from group_error
        finally:
            telling.cancel()
    return [task.result() for task in tasks]


def _settings(
    plans: Sequence[Plan], folder: Path, environment: Mapping[str, str], log: IO[bytes]
) -> dict[tuple[int, int, int], Setting]:
    """Folders of the modules, for each seed, length and padding that is planned."""
    made = {}
    for place in dict.fromkeys(map(_place, plans)):
        seed, keys, padding = place
        modules = corpus.modules(seed, keys)
        root = folder / "-".join(map(str, place))
        whole, opened = root / "whole", root / "opened"
        for each in (whole, opened):
            each.mkdir(parents=True)
        for module in modules:
            (whole / module.name).write_text(module.text, "utf-8")
            (opened / module.name).write_text(module.opened, "utf-8")
        padded = [module.padded(padding) for module in modules]
        made[place] = Setting(padded, whole, opened, environment, log)
    return made


def _place(plan: Plan) -> tuple[int, int, int]:
    return plan.seed, plan.keys, plan.padding
