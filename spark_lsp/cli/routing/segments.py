"""Two lanes on one server: what a batch of fixes costs somebody who types meanwhile."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from spark_lsp.backends.oracle import tokens
from spark_lsp.cli import fake_process
from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.cli.routing.ours import Ours
from spark_lsp.cli.routing.play import prompt_of, right
from spark_lsp.cli.routing.questions import Question, documents, questions
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError

FIXES, QUICK_FIXES = 200, 12
AT_ONCE = 8
"""Fixes that are wanted at the same time: more than there are slots."""

EVERY = 0.15
"""Seconds between two inline requests, about."""

IDLE, QUICK_IDLE = 120, 8
"""Inline requests without a batch, to compare with."""

TTFT, RATE = 0.06, 500.0
FIX = 60
"""Tokens of a fix, about: the next functions of the file."""

PATIENCE = 45.0
"""Seconds after which a batch that is interrupted all the time is measured enough: it has the only slot while
nobody else needs it, and somebody who never pauses leaves it none."""

SLOTS = (2, 1)


async def segments(seed: int, folder: Path, *, quick: bool = False) -> list[dict[str, Any]]:
    """The figures with a slot for each lane, and with one for both. `folder` takes what the server knows."""
    for name, text in documents(seed).items():
        (folder / name).write_text(text, "utf-8")
    measured = (_measured(slots, seed, folder, quick=quick) for slots in SLOTS)
    return list(await asyncio.gather(*measured))


async def _measured(slots: int, seed: int, folder: Path, *, quick: bool) -> dict[str, Any]:
    fixes, alone = (QUICK_FIXES, QUICK_IDLE) if quick else (FIXES, IDLE)
    async with _served(slots, seed, folder) as url:
        settings = BackendSettings(
            name="shared",
            kind="openai-completions",
            base_url=url,
            model="fake",
            fim="suffix",
            lanes=("instant", "batch"),
            slots=slots,
        )
        client = await Ours.of([settings])
        try:
            typing = _Typing(client, seed)
            idle = await typing.wait(alone)
            started = time.monotonic()
            batch = _Batch(client, seed)
            working = asyncio.create_task(batch.fix(fixes))
            busy = await typing.until(working, started + PATIENCE / (10 if quick else 1))
            took = time.monotonic() - started
            working.cancel()
            await asyncio.wait([working])
        finally:
            await client.aclose()
    before, during = quantiles(idle, 50, 95), quantiles(busy, 50, 95)
    return {
        "slots": slots,
        "fixes": fixes,
        "fixes_done": batch.done,
        "fixes_wrong": batch.wrong,
        "batch_took_s": round(took, 1),
        "inline_wrong": typing.wrong,
        "idle": {**before, "count": len(idle)},
        "busy": {**during, "count": len(busy)},
        "ratio": round(during["p95"] / before["p95"], 2) if during["p95"] and before["p95"] else None,
    }


class _Typing:
    """Somebody who types, and waits for a line now and then."""

    def __init__(self, client: Ours, seed: int) -> None:
        self.wrong = 0
        self._client = client
        self._random = Random(f"typing {seed}")
        self._asked = questions(seed)
        self._numbers = count()

    async def wait(self, requests: int) -> list[float]:
        """Milliseconds of so many requests."""
        return [await self._one() for _ in range(requests)]

    async def until(self, batch: asyncio.Task[None], end: float) -> list[float]:
        """Milliseconds of those that were begun while the batch ran, before `end`."""
        waits = []
        while not batch.done() and time.monotonic() < end:
            waits.append(await self._one())
        return waits

    async def _one(self) -> float:
        await asyncio.sleep(self._random.uniform(0.5, 1.5) * EVERY)
        number = next(self._numbers)
        question = self._asked[number % len(self._asked)]
        started = time.monotonic()
        text, _ = await self._client.ask(question, prompt_of(question, number))
        took = (time.monotonic() - started) * 1000
        self.wrong += not right(text, question)
        return took


class _Batch:
    """Fixes, some at a time, each to its end."""

    def __init__(self, client: Ours, seed: int) -> None:
        self.done = self.wrong = 0
        self._client = client
        self._asked = questions(seed)
        self._texts = documents(seed)
        self._room = asyncio.Semaphore(AT_ONCE)

    async def fix(self, fixes: int) -> None:
        await asyncio.gather(*map(self._fix, range(fixes)))

    async def _fix(self, number: int) -> None:
        question = self._longer(self._asked[number * 7 % len(self._asked)])
        prompt = replace(prompt_of(question, 0), max_tokens=FIX)
        async with self._room:
            with suppress(BackendError):
                text, _ = await self._client.answer(question, prompt, "batch", whole=True)
                self.done += 1
                # One that was interrupted goes on from what was said, and says as much again.
                least = "".join(tokens(question.answer, FIX))
                self.wrong += not (text.startswith(least) and question.answer.startswith(text))

    def _longer(self, question: Question) -> Question:
        """The same place, and all that follows it in the document."""
        text = self._texts[question.document.rpartition("/")[2]]
        place = text.index(question.prefix) + len(question.prefix)
        return replace(question, suffix="", answer=text[place:])


def _served(slots: int, seed: int, folder: Path) -> AbstractAsyncContextManager[str]:
    """The URL of a fake server."""
    options = {"--oracle": folder, "--slots": slots, "--ttft": TTFT, "--rate": RATE, "--jitter": 0.01}
    return fake_process.serving({**options, "--seed": seed})
