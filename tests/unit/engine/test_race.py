"""Who answers, who goes on, and what is left of those who are late or fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import inf

import pytest

from spark_lsp.backends.base import Backend
from spark_lsp.engine.race import race
from spark_lsp.engine.runner import CHANGES
from spark_lsp.engine.slots import Slots
from spark_lsp.errors import BackendError, BrokenStream, NoSuchModel, TimedOut, Unreachable
from spark_lsp.routing.route import Role
from spark_lsp.values import Delta, Lane, Prompt

PAUSE = "…"
"""In what a double says: silence from here on, until another one has said something, or for ever."""

SILENCE = "… …"

NAP = "zz"
"""Silence for 20 ms."""


class Scripted:
    """Says its texts and then fails, or ends."""

    model = "scripted"
    fim = "suffix"
    lanes: tuple[Lane, ...] = ("instant",)
    server = ""
    local = True

    def __init__(self, name: str, *texts: str, then: BackendError | None = None) -> None:
        self.name = name
        self.opened = self.closed = 0
        self.asked: list[Prompt] = []
        self.resumes, self.begun = asyncio.Event(), asyncio.Event()
        self._texts = texts
        self._then = then

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.asked.append(prompt)
        self.begun.set()
        self.opened += 1
        try:
            for text in self._texts:
                if text == PAUSE:
                    await self.resumes.wait()
                elif text == SILENCE:
                    await asyncio.Event().wait()
                elif text == NAP:
                    await asyncio.sleep(0.02)
                else:
                    yield Delta(text)
            if self._then is not None:
                raise self._then
            yield Delta(finish="stop", tokens=0)
        finally:
            self.closed += 1

    async def connect(self, *, anew: bool = False) -> None: ...

    async def models(self) -> tuple[str, ...]:
        return ()

    async def prefill(self, prompt: Prompt) -> None: ...

    async def aclose(self) -> None: ...


class ChangesItsMind(Scripted):
    """Has another model after it began to speak."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        self.opened, self.closed = self.opened + 1, self.closed + 1
        yield Delta("one, ")
        self.model += "'"
        raise NoSuchModel("gone")


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


@dataclass
class Rules:
    """A course whose rules are data. Nobody is late, unless it says so."""

    backends: Sequence[Backend]
    beside: Backend | None = None
    stall: float = inf
    late: float = inf
    line: float = inf
    dead: float | None = None
    hedges: int = 0
    predictor: str = ""
    slots: Slots | None = None
    journal: list[str] = field(default_factory=list)

    def attempt(self, backend: Backend, role: Role) -> Note:
        self.journal.append(f"{role} {backend.name}")
        return Note(self.journal, backend.name)

    async def slot(self, backend: Backend, taken_back: Callable[[], None]) -> AbstractContextManager[object]:
        return nullcontext() if self.slots is None else await self.slots.lease("batch", taken_back)

    def patience(self, backend: Backend) -> float:
        return self.late

    def line_within(self, backend: Backend) -> float:
        return self.line

    def stalls_after(self, backend: Backend) -> float:
        return self.stall

    def give_up(self, backend: Backend, *, alone: bool) -> float | None:
        return self.dead

    def may_hedge(self, backend: Backend, beside: Backend) -> bool:
        self.hedges -= 1
        return self.hedges >= 0 and backend.name != self.predictor

    def may_continue(self, backend: Backend) -> bool:
        return backend.name != self.predictor


class Note:
    """What became of one request."""

    def __init__(self, journal: list[str], name: str) -> None:
        self._journal = journal
        self._name = name

    def heard(self, delta: Delta) -> None: ...

    def ended(self) -> None: ...

    def failed(self, error: BackendError) -> None:
        self._journal.append(f"{self._name} failed: {error}")


async def said(rules: Rules, wakes: Scripted | None = None) -> str:
    """The whole text, as one puts it together who goes on with it; `wakes` speaks again after another one."""
    text = ""

    def ask(backend: Backend) -> Prompt:
        if wakes is not None and backend is not wakes:
            asyncio.get_running_loop().call_later(0.02, wakes.resumes.set)
        return Prompt("x" + text, said=text)

    turn = -1
    try:
        async for step in race(rules, ask):
            if step.turn != turn:
                turn, text = step.turn, step.prompt.said
            text += step.delta.text
    except BackendError as error:
        rules.journal.append(f"raised: {error}")
    return text


async def check(rules: Rules, text: str, journal: list[str]) -> None:
    assert await said(rules) == text
    assert rules.journal == journal
    for backend in rules.backends:
        assert isinstance(backend, Scripted)
        assert backend.opened == backend.closed, "every stream is closed"


@pytest.mark.parametrize(
    ("backends", "text", "journal"),
    [
        ([Scripted("a", "one"), Scripted("b", "two")], "one", ["first a"]),
        (
            [Scripted("a", then=Unreachable("down")), Scripted("b", "two")],
            "two",
            ["first a", "a failed: down", "failover b"],
        ),
        (
            [Scripted("a", "", then=Unreachable("down")), Scripted("b", "two")],
            "two",
            ["first a", "a failed: down", "failover b"],
        ),
        (
            [Scripted("a", "one, ", then=BrokenStream("cut")), Scripted("b", "two")],
            "one, two",
            ["first a", "a failed: cut", "failover b"],
        ),
        (
            [Scripted("a", "one, ", then=BrokenStream("cut")), Scripted("workspace", "two")],
            "one, ",
            ["first a", "a failed: cut", "raised: cut"],
        ),
        (
            [
                Scripted("a", "1", then=BrokenStream("cut")),
                Scripted("b", "2", then=BrokenStream("too")),
                Scripted("c", "3"),
            ],
            "123",
            ["first a", "a failed: cut", "failover b", "b failed: too", "failover c"],
        ),
        (
            [Scripted("a", then=Unreachable("down")), Scripted("b", then=Unreachable("too"))],
            "",
            ["first a", "a failed: down", "failover b", "b failed: too", "raised: too"],
        ),
        (
            [ChangesItsMind("a"), Scripted("b", "two")],
            "one, two",
            ["first a", "a failed: gone", "failover b"],
        ),
        # Whoever is slow, and alone, is waited for.
        ([Scripted("a", "one, ", NAP, "two")], "one, two", ["first a"]),
        ([RefusesModels("a", "old", "new")], "new", ["first a", "first a"]),
        (
            [RefusesModels("a", "old", "new", stuck=True), Scripted("b", "two")],
            "two",
            ["first a", "first a", "a failed: no new", "failover b"],
        ),
        (
            [RefusesModels("a", *map(str, range(99)))],
            "",
            ["first a"] * CHANGES + ["a failed: no 7", "raised: no 7"],
        ),
        ([], "", []),
    ],
)
async def test_the_next_one_goes_on_where_one_failed(
    backends: list[Scripted], text: str, journal: list[str]
) -> None:
    await check(Rules(backends, predictor="workspace", stall=0.01), text, journal)


@pytest.mark.parametrize(
    ("rules", "text", "journal"),
    [
        # Silent for longer than usual: the next one is asked, and the first useful text wins.
        (
            Rules([Scripted("a", SILENCE, "one\n"), Scripted("b", "two\n", "three")], late=0, hedges=1),
            "two\nthree",
            ["first a", "hedge b"],
        ),
        # No hedge is left: it is waited for.
        (
            Rules([Scripted("a", PAUSE, "one\n"), Scripted("b", "two\n")], late=0.01, hedges=0, dead=0.05),
            "two\n",
            ["first a", "a failed: a has not said a word", "failover b"],
        ),
        # The predictor is not asked beside a model, but when there is nobody else.
        (
            Rules([Scripted("a", SILENCE), Scripted("workspace", "two")], late=0, hedges=1, dead=0.02),
            "two",
            ["first a", "a failed: a has not said a word", "failover workspace"],
        ),
        # One that begins and does not come to the end of its line.
        (
            Rules([Scripted("a", "one, ", SILENCE), Scripted("b", "two\n")], line=0.01, hedges=1),
            "one, two\n",
            ["first a", "hedge b"],
        ),
        # One that falls silent in the middle, with no hedge left: that is a fault.
        (
            Rules([Scripted("a", "one\n", "two, ", SILENCE), Scripted("b", "three\n")], stall=0.03),
            "one\ntwo, three\n",
            ["first a", "a failed: a went silent in its answer", "failover b"],
        ),
        # The one that lost its race failed before: that is not what became of the question.
        (
            Rules([Scripted("a", "one, ", SILENCE), Scripted("b", "two")], line=0.0, hedges=1, stall=0.0),
            "one, two",
            ["first a", "a failed: a went silent in its answer", "failover b"],
        ),
        # The first fails while the second is still silent: what the second says counts.
        (
            Rules(
                [Scripted("a", NAP, then=Unreachable("down")), Scripted("b", NAP, NAP, "two")],
                late=0.01,
                hedges=1,
            ),
            "two",
            ["first a", "hedge b", "a failed: down"],
        ),
        # Both are late: the third is asked.
        (
            Rules([Scripted("a", SILENCE), Scripted("b", SILENCE), Scripted("c", "three")], late=0, hedges=2),
            "three",
            ["first a", "hedge b", "hedge c"],
        ),
        # Nothing to say is no answer while another one may have one, and is one when nobody has.
        (
            Rules([Scripted("a", SILENCE), Scripted("b")], late=0, hedges=1, dead=0.05),
            "",
            ["first a", "hedge b", "a failed: a has not said a word"],
        ),
        # The one that was late fails: the other one goes on alone.
        (
            Rules(
                [Scripted("a", "", then=Unreachable("down")), Scripted("b", "two, ", "three")],
                late=0,
                hedges=1,
            ),
            "two, three",
            ["first a", "a failed: down", "failover b"],
        ),
    ],
)
async def test_one_that_is_late_gets_company(rules: Rules, text: str, journal: list[str]) -> None:
    rules.predictor = "workspace"
    await check(rules, text, journal)


async def test_what_is_said_while_two_are_asked_is_held_back_until_a_line_is_whole() -> None:
    slow, quick = Scripted("a", "o", PAUSE, "ne\n"), Scripted("b", "two, ", SILENCE)
    rules = Rules([slow, quick], line=0.0, hedges=1)
    assert await said(rules, wakes=slow) == "one\n"
    assert [prompt.said for prompt in quick.asked] == ["o"]
    assert (slow.closed, quick.closed) == (1, 1)


@pytest.mark.parametrize("rest", [("two\n", "three"), ()])
async def test_one_that_fell_silent_may_go_on_before_another_one_does(rest: tuple[str, ...]) -> None:
    paused, other = Scripted("a", "one\n", PAUSE, *rest), Scripted("b", SILENCE)
    rules = Rules([paused, other], stall=0.01)
    assert await said(rules, wakes=paused) == "one\n" + "".join(rest)
    assert rules.journal == ["first a", "a failed: a went silent in its answer", "failover b"]
    assert (paused.closed, other.closed) == (1, 1)


async def test_one_that_is_to_be_learned_about_is_asked_at_once_and_closed_when_it_loses() -> None:
    leader, other = Scripted("a", "one\n", "two"), Scripted("b", SILENCE)
    rules = Rules([leader, other], beside=other)
    await check(rules, "one\ntwo", ["first a", "beside b"])


async def test_one_that_trickles_never_falls_silent_and_is_replaced_all_the_same() -> None:
    rules = Rules([Scripted("a", *["o", NAP] * 50, "\n"), Scripted("b", "k\n")], line=0.01, stall=0.1)
    text = await said(rules)
    assert text == "o" * (len(text) - 2) + "k\n"
    assert rules.journal == ["first a", "a failed: a went silent in its answer", "failover b"]


async def test_the_first_of_two_that_are_useful_wins() -> None:
    leader, other = Scripted("a", "one\n"), Scripted("b", "two\n")
    await check(Rules([leader, other], beside=other), "one\n", ["first a", "beside b"])


async def test_one_that_runs_beside_is_not_asked_again_when_both_fail() -> None:
    down = [Scripted(name, NAP, then=Unreachable(f"{name} is down")) for name in "ab"]
    rules = Rules([*down, Scripted("c", "three")], beside=down[1])
    journal = ["first a", "beside b", "a failed: a is down", "b failed: b is down", "failover c"]
    await check(rules, "three", journal)


async def test_leave_for_a_hedge_is_asked_once() -> None:
    rules = Rules([Scripted("a", NAP, NAP, "one"), Scripted("b", "two")], late=0.0, hedges=0)
    await check(rules, "one", ["first a"])
    assert rules.hedges == -1


async def test_news_that_says_nothing_is_for_the_record_only() -> None:
    steps = [step async for step in race(Rules([Scripted("a", "", "one", "")]), lambda _: Prompt("x"))]
    assert [(step.delta.text, step.delta.finish) for step in steps] == [("one", None), ("", "stop")]


async def test_what_was_held_back_is_not_said_twice_when_a_slot_is_taken_back() -> None:
    slots = Slots(4)
    first, second = Scripted("a", SILENCE), Scripted("b", "tw", PAUSE, "o\n")
    rules = Rules([first, second], beside=second, slots=slots)

    async def listen() -> list[str]:
        return [step.delta.text async for step in race(rules, lambda _: Prompt("x"))]

    answer = asyncio.create_task(listen())
    await asyncio.wait_for(second.begun.wait(), 5)
    await asyncio.sleep(0.01)
    people = [await slots.lease("instant", lambda: None) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert second.closed == 1
    second.resumes.set()
    for person in people:
        person.release()
    assert await answer == ["tw", "o\n", ""]


async def test_no_more_is_asked_when_no_more_is_needed() -> None:
    first, second = Scripted("a", "one", then=BrokenStream("cut")), Scripted("b", "two")
    asks = iter([Prompt("x"), None])
    texts = [step.delta.text async for step in race(Rules([first, second]), lambda _: next(asks))]
    assert texts == ["one"]
    assert second.asked == []


async def test_leaving_the_race_closes_every_stream() -> None:
    endless, other = Scripted("a", "x\n", SILENCE), Scripted("b", SILENCE)
    steps = race(Rules([endless, other], beside=other), lambda _: Prompt("x"))
    assert (await anext(steps)).delta.text == "x\n"
    await steps.aclose()
    assert (endless.closed, other.closed) == (1, 1)


async def test_one_whose_slot_is_taken_back_goes_on_when_it_has_another() -> None:
    slots = Slots(1)
    backend = Scripted("a", "one, ", PAUSE, "two")
    rules = Rules([backend], slots=slots)
    answer = asyncio.create_task(said(rules))
    await asyncio.wait_for(backend.begun.wait(), 5)
    person = await slots.lease("instant", lambda: None)
    await asyncio.sleep(0.01)
    assert (backend.opened, backend.closed, slots.held("batch")) == (1, 1, 0)
    person.release()
    backend.resumes.set()
    assert await answer == "one, one, two"
    assert [prompt.said for prompt in backend.asked] == ["", "one, "]


async def test_a_fault_of_our_own_is_not_taken_for_the_backends() -> None:
    class Wrong(Scripted):
        """Has a bug."""

        async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
            yield Delta("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _ = [step async for step in race(Rules([Wrong("a"), Scripted("b", "two")]), lambda _: Prompt("x"))]


async def test_a_stream_that_times_out_itself_is_replaced() -> None:
    rules = Rules([Scripted("a", "one, ", then=TimedOut("silent")), Scripted("b", "two")])
    await check(rules, "one, two", ["first a", "a failed: silent", "failover b"])
