"""Asks a model for the next edit: one that was trained for it in its own form, or a chat model for a
rewritten window.

Nobody asked for it, so it is asked like what is asked ahead: of who costs nothing, from the same budget,
behind every request that somebody waits for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from spark_lsp.backends.base import Backend
from spark_lsp.completion.next_edit.edit import NextEdit
from spark_lsp.completion.next_edit.formats import FormatReader, format_for, prompt
from spark_lsp.completion.next_edit.rewritten import edit_of
from spark_lsp.completion.next_edit.window import Window
from spark_lsp.completion.prompt import TEMPLATES, neutralised, template_for
from spark_lsp.config import Config
from spark_lsp.engine.course import Course
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.prefetch import Prefetcher
from spark_lsp.engine.race import race
from spark_lsp.errors import BackendError
from spark_lsp.routing.route import Ask
from spark_lsp.values import Lane, Prompt, Reach

log = logging.getLogger(__name__)

TOLD: tuple[Lane, ...] = ("instant", "interactive")
TRAINED: tuple[Lane, ...] = (*TOLD, "batch")
"""The lanes in which a model is looked for. One that was trained for this and nothing else is best listed for
`batch` alone, where nobody completes."""


class Reader(Protocol):
    """Makes lines of an answer, piece by piece."""

    @property
    def done(self) -> bool: ...

    def feed(self, text: str) -> object: ...

    def finish(self, *, complete: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, who reads its answer, and what the lines of a reader are when it is through."""

    prompt: Prompt
    reader: Reader
    lines: Callable[[], tuple[str, ...] | None]


class NextEditModel:
    """The models of one session, as far as they say what the next edit is."""

    def __init__(self, config: Config, fleet: Fleet, prefetcher: Prefetcher) -> None:
        self._config = config
        self._fleet = fleet
        self._prefetcher = prefetcher

    def course(self, uri: str, language: str, reach: Reach) -> Course | None:
        """Whom to ask about this document, None where nobody may be."""
        wanted = self._config.inline.next_edit_model
        if wanted == "never" or reach == "process" or not self._prefetcher.may_spend:
            return None
        for suits, lanes in ((_trained, TRAINED), (_told, TOLD)):
            for lane in lanes:
                ask = Ask(lane, 0, uri, language, reach)
                course = self._fleet.ahead(ask, metered=wanted == "any", suits=suits)
                if course is not None:
                    return course
        return None

    async def edit(self, view: Window, course: Course) -> NextEdit | None:
        """What the model would change in the window, None where it is nothing that can be offered."""
        [backend] = course.backends
        asked = _asked(view, backend)
        allowance = self._prefetcher.allowance(asked.prompt.max_tokens)
        complete = False
        try:
            async with aclosing(race(course, lambda _: asked.prompt)) as steps:
                async for step in steps:
                    asked.reader.feed(step.delta.text)
                    complete = step.delta.finish == "stop"
                    if asked.reader.done or not allowance.spend(step.delta.tokens):
                        break
        except BackendError as error:
            log.info("no next edit: %s", error)
            return None
        asked.reader.finish(complete=complete)
        return _judged(view, asked.lines(), backend.name)


def _judged(view: Window, lines: tuple[str, ...] | None, name: str) -> NextEdit | None:
    from spark_lsp.actions import screen  # not for who only completes

    if lines is None:
        log.debug("%s sees no next edit, or was cut off", name)
        return None
    found = screen.characters(lines, view.lines) or screen.left_out(lines, view.lines) or edit_of(view, lines)
    if isinstance(found, str):
        log.info("a next edit of %s is not offered: %s", name, found)
        return None
    return found


def _trained(backend: Backend) -> bool:
    """Whether it has a model for this, and no chat's turns around the prompt."""
    return backend.fim != "chat" and format_for(backend.model) is not None


def _told(backend: Backend) -> bool:
    """Whether it does what it is told."""
    return (backend.fim or template_for(backend.model)) == "chat"


def _asked(view: Window, backend: Backend) -> Asked:
    form = format_for(backend.model) if _trained(backend) else None
    if form is not None:
        reader = FormatReader(form)
        return Asked(prompt(view, form), reader, lambda: reader.lines)
    return _chat(view)


def _chat(view: Window) -> Asked:
    """A code action that nobody called: the same words around it, the same reader."""
    from spark_lsp.actions.ask import question, restored
    from spark_lsp.actions.catalog import NEXT_EDIT
    from spark_lsp.actions.rewrite import OPENS, RewriteReader
    from spark_lsp.actions.scope import Scope

    lines = (*view.above, *view.lines, *view.below)
    first = len(view.above)
    asked = question(
        NEXT_EDIT,
        lines,
        Scope((range(first, first + len(view.lines)),), (range(len(lines)),)),
        path=view.path,
        language=view.language,
        values={
            "edits": "\n".join(one.diff(view.path) for one in view.edits),
            "cursor": view.lines[view.row].strip() or "(blank)",
        },
    )
    message = neutralised(asked.message, TEMPLATES["chat"].tokens)
    reader = RewriteReader(view.lines)
    sent = Prompt(
        message,
        rendered=message,
        instructions=asked.instructions,
        stop=asked.stop,
        max_tokens=asked.max_tokens,
        language=view.language,
        path=view.path,
        rewrites=True,
    )

    def written() -> tuple[str, ...] | None:
        begun_again = any(OPENS in line for line in reader.written)
        if not reader.done or reader.other or begun_again:
            return None
        return tuple(map(restored, reader.written))

    return Asked(sent, reader, written)
