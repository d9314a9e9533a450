"""Who answers, and what is left of those who fail."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from spark_lsp.backends.base import Backend
from spark_lsp.engine.race import CHANGES, race
from spark_lsp.errors import BackendError, BrokenStream, NoSuchModel, Unreachable
from spark_lsp.values import Delta, Lane, Prompt


class Scripted:
    """Says its texts and then fails, or ends."""

    model = "scripted"
    fim = "suffix"
    lanes: tuple[Lane, ...] = ("instant",)

    def __init__(self, name: str, *texts: str, then: BackendError | None = None) -> None:
        self.name = name
        self.closed = 0
        self._texts = texts
        self._then = then

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        try:
            for text in self._texts:
                yield Delta(text)
            if self._then is not None:
                raise self._then
            yield Delta(finish="stop", tokens=0)
        finally:
            self.closed += 1

    async def connect(self) -> None: ...

    async def models(self) -> tuple[str, ...]:
        return ()

    async def prefill(self, prompt: Prompt) -> None: ...

    async def aclose(self) -> None: ...


class RefusesModels(Scripted):
    """Does not serve the first `models`, one refusal each; `stuck` has no other."""

    def __init__(self, name: str, *models: str, stuck: bool = False) -> None:
        super().__init__(name, "text")
        self._models = list(models)
        self._stuck = stuck
        self.model = models[0]

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        asked = self._models.pop(0)
        if self._models or self._stuck:
            self.model = self._models[0] if self._models else ""
            raise NoSuchModel(f"no {asked}")
        yield Delta(asked, finish="stop")


class Journal:
    """What was recorded, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def record(self, backend: Backend) -> Journal:
        self.lines.append(f"asked {backend.name}")
        return self

    def heard(self, delta: Delta) -> None: ...

    def ended(self) -> None: ...

    def failed(self, error: BackendError) -> None:
        self.lines.append(f"failed: {error}")


async def said(*backends: Scripted) -> tuple[str, list[str]]:
    journal = Journal()
    text = ""
    try:
        async for step in race(backends, lambda _: Prompt("x"), journal.record):
            text += step.delta.text
    except BackendError as error:
        journal.lines.append(f"raised: {error}")
    return text, journal.lines


@pytest.mark.parametrize(
    ("backends", "text", "journal"),
    [
        ([Scripted("a", "one"), Scripted("b", "two")], "one", ["asked a"]),
        (
            [Scripted("a", then=Unreachable("down")), Scripted("b", "two")],
            "two",
            ["asked a", "failed: down", "asked b"],
        ),
        (
            [Scripted("a", "", then=Unreachable("down")), Scripted("b", "two")],
            "two",
            ["asked a", "failed: down", "asked b"],
        ),
        (
            [Scripted("a", "half", then=BrokenStream("cut")), Scripted("b", "two")],
            "half",
            ["asked a", "failed: cut", "raised: cut"],
        ),
        (
            [Scripted("a", then=Unreachable("down")), Scripted("b", then=Unreachable("too"))],
            "",
            ["asked a", "failed: down", "asked b", "failed: too", "raised: too"],
        ),
        ([RefusesModels("a", "old", "new")], "new", ["asked a", "asked a"]),
        (
            [RefusesModels("a", "old", "new", stuck=True), Scripted("b", "two")],
            "two",
            ["asked a", "asked a", "failed: no new", "asked b"],
        ),
        (
            [RefusesModels("a", *map(str, range(99)))],
            "",
            ["asked a"] * CHANGES + ["failed: no 7", "raised: no 7"],
        ),
        ([], "", []),
    ],
)
async def test_the_first_that_speaks_answers(backends: list[Scripted], text: str, journal: list[str]) -> None:
    assert await said(*backends) == (text, journal)


async def test_leaving_the_race_closes_the_stream() -> None:
    endless = Scripted("a", *["x"] * 100)
    steps = race([endless], lambda _: Prompt("x"), Journal().record)
    assert (await anext(steps)).delta.text == "x"
    await steps.aclose()
    assert endless.closed == 1
