"""Which backend's words become the answer: the next one speaks when one fails before it said anything."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from spark_lsp.backends.base import Backend
from spark_lsp.errors import BackendError
from spark_lsp.values import Delta, Prompt

log = logging.getLogger(__name__)


CHANGES = 8
"""How often one backend may come with another model or FIM style after a refusal."""


@dataclass(frozen=True, slots=True)
class Step:
    """One delta, who said it and what was asked."""

    backend: Backend
    prompt: Prompt
    delta: Delta


class Attempt(Protocol):
    """Keeps the record of one request to one backend."""

    def heard(self, delta: Delta) -> None: ...

    def ended(self) -> None: ...

    def failed(self, error: BackendError) -> None: ...


async def race(
    candidates: Sequence[Backend],
    prompt_for: Callable[[Backend], Prompt],
    record: Callable[[Backend], Attempt],
) -> AsyncGenerator[Step, None]:
    """Stream from the first candidate that answers.

    A backend that has another model or FIM style after a refusal is asked
    again. Raises the last BackendError when none answered, or when a stream
    broke after text was received: that text stays valid.
    """
    failure: BackendError | None = None
    for backend in candidates:
        for left in reversed(range(CHANGES)):
            asked = backend.model, backend.fim
            prompt = prompt_for(backend)
            spoken = False
            attempt = record(backend)
            try:
                async with aclosing(backend.stream(prompt)) as deltas:
                    async for delta in deltas:
                        spoken = spoken or bool(delta.text)
                        attempt.heard(delta)
                        yield Step(backend, prompt, delta)
                return
            except BackendError as error:
                log.info("%s: %s", backend.name, error)  # the user is told by whoever keeps the record
                failure = error
                changed = (backend.model, backend.fim) != asked and bool(backend.model)
                if spoken or not changed or not left:
                    attempt.failed(error)
                    break
            finally:
                attempt.ended()
        if spoken:
            break
    if failure is not None:
        raise failure
