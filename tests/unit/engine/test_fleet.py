"""The fleet: what the user is told, once, and what other settings change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from spark_lsp.config import BackendSettings, Config, RoutingSettings, WorkspaceSettings
from spark_lsp.engine import fleet
from spark_lsp.engine.course import Course
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.metrics import Metrics
from spark_lsp.engine.redacting import RedactingBackend
from spark_lsp.errors import (
    BackendError,
    NoSuchModel,
    RateLimited,
    RequestRejected,
    ServerFault,
    Unauthorized,
)
from spark_lsp.routing.route import Ask
from spark_lsp.values import Delta, Usage

CONFIG = Config(
    backends=tuple(BackendSettings(name=name, kind="fake") for name in "abc"),
    workspace=WorkspaceSettings(enabled=False),
    routing=RoutingSettings(strategy="ordered", remember=False),
)


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in five seconds")


class Garage:
    """A fleet, and what was said about it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.fleet = Fleet(Metrics(), self.told.append)

    async def configure(self, config: Config) -> None:
        await self.fleet.configure(config, Learner(config.workspace, config.privacy))

    def course(self) -> Course:
        return self.fleet.course(Ask(size=4000))

    def fails(self, name: str, error: BackendError) -> None:
        course = self.course()
        [backend] = [backend for backend in course.backends if backend.name == name]
        record = course.attempt(backend, "first")
        record.failed(error)
        record.ended()


@pytest.fixture
async def garage() -> AsyncIterator[Garage]:
    made = Garage()
    await made.configure(CONFIG)
    yield made
    await made.fleet.aclose()


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([("a", ServerFault("down"))], []),
        ([("a", ServerFault("down")), ("b", RateLimited("enough"))], []),
        ([("a", ServerFault("down")), ("b", ServerFault("too")), ("c", ServerFault("all"))], ["c: all"]),
        ([("a", Unauthorized("no", advice="set A_KEY"))], ["a: no. set A_KEY"]),
        ([("a", Unauthorized("no")), ("b", NoSuchModel("none"))], ["a: no", "b: none"]),
        ([("a", RequestRejected("too long"))], ["a: too long"]),
    ],
)
async def test_the_user_is_told_what_only_they_can_mend_and_when_nobody_is_left(
    garage: Garage, faults: list[tuple[str, BackendError]], told: list[str]
) -> None:
    for name, error in faults:
        garage.fails(name, error)
    assert garage.told == told


async def test_the_same_is_not_told_twice(garage: Garage) -> None:
    for name in "abc":
        garage.fails(name, ServerFault(f"{name} is down"))
    for name in "abc":
        garage.fleet.failed(name, ServerFault(f"{name} is down, too"))
    garage.fleet.failed("a", RequestRejected("too long"))
    garage.fleet.failed("a", RequestRejected("too long"))
    assert garage.told == ["c: c is down", "a: too long"]


async def test_a_wrong_key_is_told_once_until_it_is_another_one(
    garage: Garage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "TOLD_AGAIN", -1.0)
    for _ in range(3):
        garage.fleet.failed("a", Unauthorized("no", advice="set A_KEY"))
    assert garage.told == ["a: no. set A_KEY"]
    first, *others = CONFIG.backends
    await garage.configure(replace(CONFIG, backends=(replace(first, api_key_env="B_KEY"), *others)))
    garage.fleet.failed("a", Unauthorized("no", advice="set B_KEY"))
    assert garage.told == ["a: no. set A_KEY", "a: no. set B_KEY"]


async def test_what_nobody_waits_for_is_no_decision_and_earns_no_hedge(garage: Garage) -> None:
    course = garage.fleet.ahead(Ask(), metered=False)
    assert course is not None
    for _ in range(100):
        course.attempt(course.backends[0], "first").ended()
    assert not garage.fleet.metrics.routing
    assert [garage.fleet.router.may_hedge("b", 0.0, "a") for _ in range(2)] == [True, False]


async def rested(garage: Garage, name: str) -> None:
    """It fails, lists its models, and fails again."""
    garage.fails(name, ServerFault("down"))
    await until(lambda: not garage.fleet.router.health.failing(name))
    garage.fleet.failed(name, ServerFault("again"))
    garage.fleet.router.health.failed(name, RateLimited("a moment", retry_after=0.01), time.monotonic())


@pytest.mark.parametrize("metered", [False, True])
async def test_one_that_only_lists_its_models_is_asked_for_a_token_unless_that_costs_money(
    garage: Garage, monkeypatch: pytest.MonkeyPatch, metered: bool
) -> None:
    monkeypatch.setattr(fleet, "LOOKING", 0.02)
    backends = tuple(replace(one, metered=metered) for one in CONFIG.backends)
    await garage.configure(replace(CONFIG, backends=backends))
    await rested(garage, "a")
    score = garage.fleet.metrics.backend("a")
    assert score.requests == 1
    if metered:
        await asyncio.sleep(1.0)
        assert score.requests == 1
    else:
        await until(lambda: score.requests == 2)
        await until(lambda: garage.fleet.report()["a"]["state"] == "ok")


async def test_nobody_looks_when_nobody_types(garage: Garage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "LOOKING", 0.02)
    monkeypatch.setattr(fleet, "IN_USE", -1.0)
    garage.fails("a", ServerFault("down"))
    await asyncio.sleep(0.2)
    assert garage.fleet.router.health.failing("a")
    monkeypatch.setattr(fleet, "IN_USE", 300.0)
    await until(lambda: not garage.fleet.router.health.failing("a"))


@pytest.mark.parametrize(("changes", "asked"), [({"model": "other"}, "a"), ({}, "b")])
async def test_one_that_was_refused_is_asked_again_under_other_settings(
    garage: Garage, changes: dict[str, Any], asked: str
) -> None:
    garage.fails("a", Unauthorized("no"))
    assert garage.course().backends[0].name == "b"
    first, *others = CONFIG.backends
    await garage.configure(replace(CONFIG, backends=(replace(first, **changes), *others)))
    assert garage.course().backends[0].name == asked


async def test_questions_that_come_while_settings_change_are_for_those_that_are_left(garage: Garage) -> None:
    names: list[list[str]] = []

    async def slowly() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            names.append([backend.name for backend in garage.course().backends])

    first = garage.course().backends[0]
    assert isinstance(first, RedactingBackend)
    first.aclose = slowly  # type: ignore[method-assign]  # closing takes a moment
    await garage.configure(replace(CONFIG, backends=CONFIG.backends[1:]))
    assert names == [["b", "c"]] * 3


async def test_one_that_left_while_it_was_asked_is_no_fault_of_ours(garage: Garage) -> None:
    course = garage.course()
    last = course.backends[-1]
    record = course.attempt(course.backends[0], "first")
    await garage.configure(replace(CONFIG, backends=CONFIG.backends[1:2]))
    assert course.patience(course.backends[0]) > 0
    assert course.line_within(last) > 0
    assert course.stalls_after(last) > 0
    assert course.give_up(last, alone=True) is None
    assert not course.may_hedge(last, course.backends[0])
    record.failed(ServerFault("closed"))
    record.ended()
    later = course.attempt(last, "failover")
    later.heard(Delta("x"))
    later.ended()


async def test_what_is_spent_counts_what_was_read_though_nobody_waited(garage: Garage) -> None:
    limited = replace(CONFIG.backends[0], tokens_per_day=1500)
    await garage.configure(replace(CONFIG, backends=(limited, *CONFIG.backends[1:])))

    def ask(*deltas: Delta) -> None:
        course = garage.course()
        record = course.attempt(course.backends[0], "first")
        for delta in deltas:
            record.heard(delta)
        record.ended()

    ask()  # closed before its first token: 4,000 characters were read
    assert garage.course().backends[0].name == "a"
    ask(Delta("x", usage=Usage(prompt_tokens=300, completion_tokens=200)))
    course = garage.course()
    assert course.backends[0].name == "b"
    assert "a has 1,500 of 1,500 tokens used today" in course.route.reason
