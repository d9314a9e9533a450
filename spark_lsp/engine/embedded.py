"""The `workspace` backend: the embedded predictor behind the same door as every model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from spark_lsp.engine.learn import Learner
from spark_lsp.values import Delta, Lane, Prompt

NAME = "workspace"

BREATH = 0.002
"""Seconds of work after which the event loop gets a turn."""

MAX_LINES = 6


class WorkspaceBackend:
    """Predicts from the index; says nothing unasked when its confidence is under the threshold."""

    name = NAME
    model = "longest-match"
    fim = "suffix"
    lanes: tuple[Lane, ...] = ("instant",)
    server = ""
    local = True

    def __init__(self, learner: Learner, threshold: float) -> None:
        self._learner = learner
        self._threshold = threshold

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        steps = self._learner.predict(prompt, MAX_LINES)
        breath = time.perf_counter() + BREATH
        prediction = None
        while True:
            try:
                next(steps)
            except StopIteration as end:
                prediction = end.value
                break
            if time.perf_counter() > breath:
                await asyncio.sleep(0)
                breath = time.perf_counter() + BREATH
        if prediction is None or (prediction.confidence < self._threshold and not prompt.invoked):
            yield Delta(finish="stop", tokens=0)
            return
        yield Delta(
            prediction.text,
            finish="stop",
            tokens=max(1, len(prediction.text) // 4),
            confidence=prediction.confidence,
        )

    async def connect(self, *, anew: bool = False) -> None:
        """Nothing to connect to."""

    async def models(self) -> tuple[str, ...]:
        return (self.model,)

    async def prefill(self, prompt: Prompt) -> None:
        """The index is read as the user types."""

    async def aclose(self) -> None:
        """Nothing to close."""
