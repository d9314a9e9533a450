"""Asks a model about an order, and reads its answer as it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from spark_lsp.actions.ask import Question
from spark_lsp.backends.base import Backend
from spark_lsp.completion.prompt import TEMPLATES, neutralised
from spark_lsp.engine.course import Course
from spark_lsp.engine.order import Order
from spark_lsp.engine.race import race
from spark_lsp.errors import ActionFailed, BackendError
from spark_lsp.values import Prompt

log = logging.getLogger(__name__)


class Reader(Protocol):
    """Makes something of an answer, piece by piece. `done` once no more has to be read."""

    @property
    def done(self) -> bool: ...

    def feed(self, text: str) -> object: ...

    def finish(self, *, complete: bool) -> object: ...


_Reader = TypeVar("_Reader", bound=Reader)


@dataclass(frozen=True, slots=True)
class Heard(Generic[_Reader]):
    """An answer: what a reader made of it, its words, whose they are, and whether it came to its end."""

    reader: _Reader
    text: str
    backend: str
    complete: bool


async def hear(
    order: Order,
    asked: Question,
    course: Course,
    begin: Callable[[], _Reader],
    spend: Callable[[int], bool],
    tell: Callable[[_Reader, Any], None] = lambda reader, news: None,
) -> Heard[_Reader]:
    """The answer to a question, of whoever is asked.

    `begin` makes a reader, and another one when somebody else begins anew; `tell` is given what each piece
    brought; `spend` takes note of tokens and is false when no more may be said. Raises ActionFailed when
    nobody answers.
    """
    if not course.backends:
        raise ActionFailed(course.route.reason)
    reader, text, backend, turn, complete = begin(), "", "", 0, False
    try:
        async with aclosing(race(course, _prompt_of(order, asked))) as steps:
            async for step in steps:
                if step.turn != turn and text:
                    reader, text = begin(), ""
                turn, backend, text = step.turn, step.backend.name, text + step.delta.text
                tell(reader, reader.feed(step.delta.text))
                complete = step.delta.finish == "stop"
                if reader.done or not spend(step.delta.tokens):
                    break
    except BackendError as error:
        if not text:
            raise ActionFailed(". ".join(filter(None, (error.message, error.advice)))) from error
        log.info("an answer broke off: %s", error)
    complete = complete or reader.done
    reader.finish(complete=complete)
    log.debug("%s answered %r", backend, text)
    return Heard(reader, text, backend, complete)


def _prompt_of(order: Order, asked: Question) -> Callable[[Backend], Prompt]:
    message = neutralised(asked.message, TEMPLATES["chat"].tokens)
    prompt = Prompt(
        message,
        rendered=message,
        instructions=asked.instructions,
        stop=asked.stop,
        max_tokens=asked.max_tokens,
        language=order.language,
        path=order.shown,
        lane=order.lane,
        invoked=True,
    )
    return lambda backend: prompt
