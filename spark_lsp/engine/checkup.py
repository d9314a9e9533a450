"""What a backend can do right now: is it there, may we use it, which model, how fast."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from spark_lsp.backends.base import Backend
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.registry import make
from spark_lsp.completion.context import gather
from spark_lsp.completion.prompt import render, template_for
from spark_lsp.config import BackendSettings
from spark_lsp.engine.fleet import entrant_of
from spark_lsp.engine.race import Alone, race
from spark_lsp.errors import BackendError, NoSuchModel, SparkError, Unauthorized, Unreachable, UsageError
from spark_lsp.routing.route import Entrant
from spark_lsp.text import Document
from spark_lsp.values import Delta, Prompt

State = Literal["ok", "not measured", "unreachable", "unauthorized", "no model", "fault"]

TOKENS = 96
"""What one measurement may generate: enough for a rate, a hundredth of a cent at any vendor."""

PATIENCE = 60.0
"""Seconds for one backend: a local server may have to load its model. One that is dead is told sooner."""

TEXT = '# The whole numbers from one to a hundred, in words.\nNUMBERS = [\n    "one",\n    "two",\n    '
AFTER = "\n]\n"

Record = Callable[[HttpBackend, str, bytes], Path]
"""Keeps the bytes of an answer of a kind; returns where."""


class Speed(NamedTuple):
    """One completion on a warm connection: ms to the first token, tokens/s from it to the last, tokens."""

    ttft_ms: float
    tokens_per_s: float | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found. `problem` is in the server's words, `advice` the one thing to do about it.

    `entrant` is the backend as the router sees it, None where none could be made.
    """

    settings: BackendSettings
    found: str
    state: State
    model: str = ""
    models: tuple[str, ...] = ()
    speed: Speed | None = None
    problem: str = ""
    advice: str = ""
    recorded: str = ""
    entrant: Entrant | None = None

    @property
    def usable(self) -> bool:
        return self.state in ("ok", "not measured")


async def check(
    settings: BackendSettings, found: str, *, spend: bool, record: Record | None = None
) -> Checkup:
    """Ask for the models, and with `spend` for one tiny completion.

    Raises UsageError when the answer cannot be recorded. What goes wrong with a backend is in the checkup.
    """
    try:
        backend = make(settings)
    except SparkError as error:
        return Checkup(settings, found, "fault", problem=str(error), advice="correct the settings")
    try:
        async with asyncio.timeout(PATIENCE):
            checkup = await _check(backend, settings, found, spend=spend, record=record)
    except TimeoutError:
        advice = "see what the server is busy with"
        checkup = Checkup(settings, found, "fault", problem=f"not done in {PATIENCE:.0f} s", advice=advice)
    finally:
        await backend.aclose()
    return replace(checkup, entrant=entrant_of(settings, backend))


async def _check(
    backend: Backend, settings: BackendSettings, found: str, *, spend: bool, record: Record | None
) -> Checkup:
    models: tuple[str, ...] = ()
    failure: BackendError | None = None
    try:
        models = await backend.models()
    except BackendError as error:
        failure = error  # some servers complete and list nothing: only a completion tells
    if isinstance(failure, Unreachable | Unauthorized):
        return _failed(backend, settings, found, failure)
    if models and not backend.model:
        return _no_model(settings, found, models, "it serves none of the models that are preferred")
    if not spend:
        if failure is not None:
            return _failed(backend, settings, found, failure)
        if settings.kind != "tabby" and not backend.model:
            return _no_model(settings, found, models, "it serves no model")
        advice = "it costs money for each token: --yes to measure it"
        return Checkup(settings, found, "not measured", backend.model, models, advice=advice)
    heard = bytearray()
    if record is not None and isinstance(backend, HttpBackend):
        backend.tap = heard.extend
    try:
        speed = await measure(backend)
    except BackendError as error:
        return _failed(backend, settings, found, error, models)
    recorded = ""
    if record is not None and heard and isinstance(backend, HttpBackend):
        try:
            recorded = str(record(backend, settings.kind, bytes(heard)))
        except OSError as error:
            raise UsageError(f"the answer cannot be recorded: {error.strerror}: {error.filename}") from error
    if speed is None:
        return Checkup(
            settings,
            found,
            "fault",
            backend.model,
            models,
            problem="it answered without a text",
            advice="try another `model` or `fim`",
            recorded=recorded,
        )
    return Checkup(settings, found, "ok", backend.model, models, speed, recorded=recorded)


async def measure(backend: Backend) -> Speed | None:
    """One completion on a connection that is warm; None when it held no text. Raises BackendError."""
    await backend.connect()
    # Now a model that loads on first use is there, and has read nothing of what is asked.
    await backend.prefill(Prompt("#"))
    scale = _Scale()
    steps = race(Alone(backend, scale.start), lambda asked: probe(asked, TOKENS))
    async for step in steps:
        if step.delta.finish is not None and step.delta.usage is not None:
            scale.reported = step.delta.usage.completion_tokens
    return scale.speed


def probe(backend: Backend, max_tokens: int) -> Prompt:
    """A prompt that a model of any size goes on with until it is stopped: it counts."""
    lines = TEXT.split("\n")
    document = Document("file:///numbers.py", TEXT + AFTER, language="python", version=0, encoding="utf-32")
    context = gather(document.snapshot(len(lines) - 1, len(lines[-1])), path="numbers.py", multiline="always")
    fim = backend.fim or template_for(backend.model)
    # It is the speed that counts: a small model may begin with what would end an answer.
    return replace(render(context, fim, max_tokens=max_tokens), stop=())


class _Scale:
    """Weighs one answer as it comes. Starts again when the request is made again in another form."""

    def __init__(self) -> None:
        self.reported: int | None = None
        self.start()

    def start(self) -> _Scale:
        self._started = time.perf_counter()
        self._first = self._last = 0.0
        self._tokens = self._first_tokens = 0
        return self

    def heard(self, delta: Delta) -> None:
        if not delta.text:
            return
        self._last = time.perf_counter()
        self._tokens += delta.tokens
        if not self._first:
            self._first, self._first_tokens = self._last, delta.tokens

    def ended(self) -> None:
        """Nothing more to weigh."""

    def failed(self, error: BackendError) -> None:
        """What failed is told by who asked."""

    @property
    def speed(self) -> Speed | None:
        if not self._first:
            return None
        # A vendor may send several tokens in one event: its own count is the better one.
        tokens = max(self.reported or 0, self._tokens)
        took = self._last - self._first
        rate = (tokens - self._first_tokens) / took if took > 0 and tokens > self._first_tokens else None
        return Speed((self._first - self._started) * 1000, rate, tokens)


def _failed(
    backend: Backend,
    settings: BackendSettings,
    found: str,
    error: BackendError,
    models: tuple[str, ...] = (),
) -> Checkup:
    state: State = "fault"
    if isinstance(error, Unreachable):
        state = "unreachable"
    elif isinstance(error, Unauthorized):
        state = "unauthorized"
    elif isinstance(error, NoSuchModel):
        return _no_model(settings, found, models, error.message)
    return Checkup(settings, found, state, backend.model, models, problem=error.message, advice=error.advice)


def _no_model(settings: BackendSettings, found: str, models: tuple[str, ...], problem: str) -> Checkup:
    listed = ", ".join(models[:8]) + (", …" if len(models) > 8 else "")
    advice = f"set `model` to one of: {listed}" if models else "load a model there, or set `model`"
    return Checkup(settings, found, "no model", models=models, problem=problem, advice=advice)
