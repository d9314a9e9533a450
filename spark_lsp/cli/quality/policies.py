"""What is compared: a plain prompt, a plain prompt with what follows, and ours with and without its parts."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from spark_lsp.backends.base import Backend
from spark_lsp.cli.complete import Stderr
from spark_lsp.cli.files import language_of
from spark_lsp.cli.quality.case import Case
from spark_lsp.cli.quality.measures import Offered
from spark_lsp.cli.quality.models import PREDICTOR, Count, Counting
from spark_lsp.completion.context import AFTER, BEFORE
from spark_lsp.completion.prompt import TEMPLATES, hole_of, template_for
from spark_lsp.config import BackendSettings, Config
from spark_lsp.config.settings import MECHANISMS
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.query import Query
from spark_lsp.errors import BackendError
from spark_lsp.text import Snapshot
from spark_lsp.values import Prompt

OURS, BARE, HOLE = "spark-lsp", "bare prefix", "prefix + suffix"

PARTS = ("context", "healing", "fitting")
"""Mechanisms of ours that are switched off one at a time, as `inline.without` calls them."""

TOKENS = 128
"""The longest answer, whoever asks."""

LEARNING = 120.0
"""Seconds that a workspace may be learned for."""

TURNS = 30
"""Times that an answer which is not whole is waited for, each as long as a person is kept waiting."""


@dataclass(frozen=True, slots=True)
class Answered:
    """`seconds` from the last key to the whole offer, by a server that has read what stood there before it.
    `by` the name of the backend that said it."""

    offered: Offered
    seconds: float
    count: Count
    by: str = ""


class Policy(Protocol):
    """One way to ask."""

    async def ask(self, case: Case) -> Answered: ...


def names() -> tuple[list[str], list[str]]:
    """The policies, and the mechanisms that cannot be left out, because there is no such switch."""
    there = [part for part in PARTS if part in MECHANISMS]
    return [BARE, HOLE, *map(without, there), OURS], [part for part in PARTS if part not in MECHANISMS]


def without(part: str) -> str:
    return f"ours without {part}"


@asynccontextmanager
async def policy(
    name: str, model: Counting | None, folder: Path, empty: Path
) -> AsyncIterator[Policy | None]:
    """One policy over the workspace `folder`, None where this model has no such thing.

    Without a model it is the predictor: bare, it knows what stands before the cursor in this file alone,
    and with the suffix all of the file. `empty` is a folder without files.
    """
    async with AsyncExitStack() as stack:
        if name in (BARE, HOLE) and model is not None:
            style = _style(name, model)
            yield None if style is None else Plain(model, style)
            return
        if model is None and name not in (BARE, HOLE, OURS):
            yield None
            return
        parts = tuple(part for part in PARTS if name == without(part))
        root = empty if name in (BARE, HOLE) else folder
        engine = Engine(settings(model, parts), Stderr(), None if model is None else _always(model))
        stack.push_async_callback(engine.close)
        await engine.start([root])
        await engine.learned(LEARNING)
        yield Ours(engine, root, model, blind=name == BARE)


def _style(name: str, model: Counting) -> str | None:
    """How a plain prompt is written; None where there is none: a chat model is told what to do."""
    if model.fim == "chat":
        return None
    if name == BARE:
        return "prefix"
    told = "" if model.fim == "prefix" else model.fim
    style = told or hole_of(model.model) or template_for(model.model)
    return None if style in ("prefix", "chat") else style


def _always(model: Counting) -> Callable[[BackendSettings], Backend]:
    return lambda _: model


def settings(model: Counting | None, parts: Sequence[str]) -> Config:
    """The usual settings, less what makes an answer depend on anything but its case: nothing is asked ahead,
    kept, or asked of two."""
    usual = Config()
    off: Any = ("pieces", "feedback", *parts)
    return replace(
        usual,
        inline=replace(usual.inline, max_tokens=TOKENS, without=off),
        prefetch=replace(usual.prefetch, enabled=False),
        routing=replace(usual.routing, discover=False, hedge=False, remember=False),
        backends=() if model is None else (model.settings,),
    )


class Plain:
    """The text before the cursor, and what follows where the style has a place for it; nothing else."""

    def __init__(self, model: Counting, style: str) -> None:
        self._model = model
        self._style = style

    async def ask(self, case: Case) -> Answered:
        prompt = self._prompt(case, case.before)
        await self._model.prefill(self._prompt(case, case.before[:-1]))
        self._model.taken()
        started, text = time.perf_counter(), ""
        try:
            async with aclosing(self._model.stream(prompt)) as deltas:
                async for delta in deltas:
                    text += delta.text
        except BackendError:
            text = ""
        took = time.perf_counter() - started
        return Answered(Offered(_cut(text, prompt.stop)), took, self._model.taken(), self._model.name)

    def _prompt(self, case: Case, before: str) -> Prompt:
        template = TEMPLATES[self._style]
        before, after = _whole_lines(before[-BEFORE:]), case.after[:AFTER]
        stop = (*(("\n",) if case.one_line else ()), *template.ends)
        parts = {"front": "", "prefix": before, "suffix": after, "path": case.path}  # nothing in front of it
        rendered = template.form.format_map(parts) if template.form else None
        suffix = "" if self._style == "prefix" else after
        return Prompt(before, suffix, rendered, stop=stop, max_tokens=TOKENS, path=str(case.path))


def _whole_lines(text: str) -> str:
    """Without the line that the window cuts."""
    return text[text.find("\n") + 1 :] if len(text) == BEFORE else text


def _cut(text: str, stop: Sequence[str]) -> str:
    """A server that takes a few stop texts only says the others."""
    return text[: min((at for end in stop if (at := text.find(end)) >= 0), default=len(text))]


class Ours:
    """The engine of the server, asked by hand for the whole text. `blind`: nothing follows the cursor."""

    def __init__(self, engine: Engine, root: Path, model: Counting | None, *, blind: bool) -> None:
        self._engine = engine
        self._root = root
        self._model = model
        self._blind = blind

    async def ask(self, case: Case) -> Answered:
        path = self._root / case.path
        uri, text = path.as_uri(), case.before if self._blind else case.text
        self._engine.open(uri, str(path), text, language=language_of(path), version=1, encoding="utf-32")
        document = self._engine.document(uri)
        assert document is not None, "it was opened just now"
        snapshot = document.snapshot(case.line, len(case.line_before))
        try:
            await self._read(snapshot)
            return await self._ask(Query(snapshot, automatic=False))
        finally:
            self._engine.close_document(uri)

    async def _read(self, snapshot: Snapshot) -> None:
        """Have the server read what it would have been asked one key ago."""
        if self._model is None:
            return
        line, column = snapshot.line, snapshot.column - 1
        if column < 0 and line:
            line, column = line - 1, len(snapshot.lines[line - 1]) - 1
        sent = await self._engine.sent(snapshot.moved(line, max(column, 0)))
        style = self._model.fim or template_for(self._model.model)
        for letter in sent.letters:
            body = letter.body
            rendered = None if style == "suffix" else body.get("prompt", "")
            await self._model.prefill(
                Prompt(
                    body.get("prompt", ""),
                    body.get("suffix", ""),
                    rendered,
                    instructions=body.get("instructions", ""),
                )
            )

    async def _ask(self, query: Query) -> Answered:
        if self._model is not None:
            self._model.taken()
        started = time.perf_counter()
        for _ in range(TURNS):
            answer = self._engine.complete_now(query) or await self._engine.complete_later(query)
            offer = answer.offer
            if offer is not None and offer.suggestion.complete:
                break
            if self._model is None or not self._model.open:
                break
        took = time.perf_counter() - started
        count = self._model.taken() if self._model is not None else Count()
        if offer is None:
            return Answered(Offered(), took, count)
        found = Offered(offer.text, offer.dedent, offer.absorbed)
        by = offer.suggestion.backend
        if by == PREDICTOR:
            count.generated += offer.suggestion.tokens
        return Answered(found, took, count, by)
