"""Our way of asking: the fleet and the race that the language server runs, without an editor."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Self

from spark_lsp.backends.base import Backend
from spark_lsp.cli.routing.questions import Question, useful
from spark_lsp.config import BackendSettings, Config, WorkspaceSettings
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.race import race
from spark_lsp.routing.route import Ask
from spark_lsp.values import Lane, Prompt

log = logging.getLogger(__name__)


class Ours:
    """`of` makes one that is connected. The embedded predictor is off: it would hide what was lost."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @classmethod
    async def of(cls, backends: Iterable[BackendSettings]) -> Self:
        config = Config(workspace=WorkspaceSettings(enabled=False), backends=tuple(backends))
        fleet = Fleet(Metrics(), log.warning)
        await fleet.configure(config, Learner(config.workspace, config.privacy))
        await fleet.connect()
        return cls(fleet)

    async def ask(self, question: Question, prompt: Prompt) -> tuple[str, str]:
        return await self.answer(question, prompt, "instant", whole=False)

    async def answer(self, question: Question, prompt: Prompt, lane: Lane, *, whole: bool) -> tuple[str, str]:
        """(text, who said the last of it): all of it, or up to its first useful line. Raises BackendError."""
        said, by, turn = "", "", 0

        def ask(_: Backend) -> Prompt:
            return replace(prompt, prefix=prompt.prefix + said, said=said, lane=lane)

        course = self._fleet.course(
            Ask(lane, len(prompt.prefix) + len(prompt.suffix), question.document, "python")
        )
        async with aclosing(race(course, ask)) as steps:
            async for step in steps:
                if step.turn != turn:
                    said, turn = step.prompt.said, step.turn
                said += step.delta.text
                by = step.backend.name if step.delta.text else by
                if not whole and useful(said):
                    break
        return said, by

    @property
    def counts(self) -> dict[str, int]:
        scores = self._fleet.metrics.backends.values()
        return {
            "errors": sum(score.errors for score in scores),
            "failovers": sum(score.failovers for score in scores),
            "hedges": sum(score.hedges for score in scores),
        }

    async def aclose(self) -> None:
        await self._fleet.aclose()
