"""Several backends in one session: who is asked, who is left out and why, who goes on when one is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.script import Script, parse_faults, parse_limit
from spark_lsp.config import BackendSettings, Config, RoutingSettings, WorkspaceSettings
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.learn import Learner
from spark_lsp.engine.metrics import Metrics
from spark_lsp.routing.route import Ask
from tests.scenario.conftest import Session, Sessions, until
from tests.unit.backends.broken_servers import RawServer, Silent, Streams

NOUNS = [
    *(
        "apple",
        "bridge",
        "candle",
        "desert",
        "engine",
        "forest",
        "garden",
        "harbor",
        "island",
        "jacket",
        "kettle",
    ),
    *(
        "ladder",
        "market",
        "needle",
        "orchid",
        "pencil",
        "quarry",
        "ribbon",
        "saddle",
        "temple",
        "violin",
        "window",
    ),
]
FUNCTIONS = [
    (f"def weigh_{noun}(load):\n", f"    {noun}_weight = load.{noun} * scale\n    return {noun}_weight\n")
    for noun in NOUNS
]
ALL = "\n\n".join(head + body for head, body in FUNCTIONS)
SOURCE = Oracle({"weights.py": ALL})


def answer(number: int) -> str:
    return FUNCTIONS[number][1].strip()


async def ask(session: Session, number: int, language: str = "python", name: str = "") -> str:
    """What is suggested in a document that nobody has asked about yet."""
    uri = session.open(name or f"asking_{number}.py", f"{FUNCTIONS[number][0]}    \n", language)
    return await session.ghost(uri, 1, 4)


def backend(name: str, url: str, **more: Any) -> dict[str, Any]:
    named = {"name": name, "kind": "openai-completions", "base_url": url, "model": "fake", "fim": "suffix"}
    return named | {"first_byte_ms": 400, "stall_ms": 400, "slots": 4} | more


def settings(*backends: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Nothing is asked ahead and each answer is waited for, so that a test can count; no predictor."""
    base: dict[str, Any] = {
        "backend": list(backends),
        "routing": {"strategy": "ordered", "stall_ms": 150},
        "inline": {"deadline_ms": 10_000, "debounce_ms": 0, "without": ["pieces"]},
        "prefetch": {"enabled": False},
        "workspace": {"enabled": False},
    }
    return base | {name: base.get(name, {}) | section for name, section in more.items()}


PREDICTS = {"enabled": True, "stand_in": 1, "threshold": 0}
"""The predictor says something where nobody else does, however unsure it is."""


def says(session: Session, kind: str, *words: str) -> Callable[[], bool]:
    """Whether the status does now."""

    def said() -> bool:
        status = session.statuses[-1] if session.statuses else {"kind": "", "message": ""}
        return status["kind"] == kind and all(word in status["message"] for word in words)

    return said


@asynccontextmanager
async def learned(sessions: Sessions, settings: dict[str, Any]) -> AsyncIterator[Session]:
    """A session whose predictor knows the functions."""
    (sessions.root / "weights.py").write_text(ALL)
    async with sessions(settings) as session:
        await session.learned()
        yield session


# --- nobody is there


async def test_what_is_back_is_noticed_without_a_request(sessions: Sessions) -> None:
    async with FakeServer(SOURCE) as gone:
        first = gone.url
    async with FakeServer(SOURCE) as also_gone:
        second = also_gone.url
    port = int(first.split(":")[2].removesuffix("/v1"))
    backends = backend("first", first), backend("second", second)
    async with learned(sessions, settings(*backends, workspace=PREDICTS)) as session:
        assert await ask(session, 1)
        assert (await session.metrics())["hits"]["workspace"] == 1
        await until(says(session, "Warning", "first", "second", "workspace only"))
        async with FakeServer(SOURCE, port=port) as back:
            await until(says(session, "Normal", "first"), limit=10)
            assert back.stats.requests == 0
            assert await ask(session, 2) == answer(2)
            assert back.stats.requests == 1


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (Script(faults=parse_faults("status429")), "rests"),
        (Script(limit=parse_limit("1/60")), "its rate limit is used up"),
    ],
)
async def test_all_are_limited(sessions: Sessions, script: Script, reason: str) -> None:
    async with FakeServer(SOURCE, script) as one, FakeServer(SOURCE, script) as other:
        backends = backend("one", one.url), backend("other", other.url)
        async with learned(sessions, settings(*backends, workspace=PREDICTS)) as session:
            ghosts = [await ask(session, number) for number in range(8)]
            await until(says(session, "Warning", "one", "other", reason, "workspace only"))
            assert all(ghosts)
            # Each was asked until it said no, and left alone then.
            asked = [server.stats.requests for server in (one, other)]
            await ask(session, 9)
        assert [server.stats.requests for server in (one, other)] == asked
        assert max(asked) <= 2


# --- answers that are none


ERROR = b'{"error": {"message": "the engine is out of memory", "code": 500}}'


@pytest.mark.parametrize(
    ("broken", "reason"),
    [(Streams(ERROR, "application/json"), "the engine is out of memory"), (Silent(), "")],
)
async def test_the_next_one_answers_for_one_that_only_looks_alive(
    sessions: Sessions, broken: RawServer, reason: str
) -> None:
    async with broken.listen() as url, FakeServer(SOURCE) as good:
        backends = backend("broken", url), backend("good", good.url)
        async with sessions(settings(*backends)) as session:
            assert await ask(session, 1) == answer(1)
            await until(says(session, "Normal", "good", "broken", reason))
            assert await ask(session, 2) == answer(2)
            assert good.stats.requests == 2


async def test_a_token_a_second_is_not_waited_for(sessions: Sessions) -> None:
    async with FakeServer(SOURCE, Script(rate=1)) as slow, FakeServer(SOURCE) as good:
        backends = backend("slow", slow.url, stall_ms=5_000), backend("good", good.url)
        async with sessions(settings(*backends)) as session:
            assert await ask(session, 1) == answer(1)
        await until(lambda: slow.stats.cancelled == 1)
        assert slow.stats.tokens <= 2
        assert good.stats.requests == 1


@pytest.mark.parametrize("fault", ["stall:12", "reset:12", "close:12", "error:12", "drip:12"])
async def test_who_lost_the_race_goes_on_when_the_winner_breaks(sessions: Sessions, fault: str) -> None:
    """Both are asked, since the first is late; it wins nevertheless, and breaks within its second line."""
    broken = Script(ttft=0.3, rate=500, faults=parse_faults(fault))
    async with FakeServer(SOURCE, broken) as winner, FakeServer(SOURCE, Script(ttft=5)) as loser:
        backends = (
            backend("winner", winner.url, first_byte_ms=9_000),
            backend("loser", loser.url, first_byte_ms=9_000),
        )
        routing = {"hedge_ceiling_ms": 50}
        async with sessions(settings(*backends, routing=routing)) as session:
            asking = asyncio.create_task(ask(session, 1))
            await until(lambda: loser.stats.requests == 1)
            loser.script = Script()  # from its second request on
            assert await asking == answer(1)
            assert loser.stats.requests == 2
            report = (await session.metrics())["backends"]["loser"]
            assert (report["hedges"], report["failovers"]) == (1, 1)


# --- who may be asked


async def test_two_names_of_one_server_are_no_two_chances(sessions: Sessions) -> None:
    """A server that is late is not made slower by asking it twice."""
    async with FakeServer(SOURCE, Script(ttft=0.3)) as server:
        backends = backend("one", server.url), backend("again", server.url)
        routing = {"hedge_floor_ms": 10, "hedge_ceiling_ms": 50}
        async with sessions(settings(*backends, routing=routing)) as session:
            assert [await ask(session, number) for number in range(3)] == [answer(n) for n in range(3)]
        assert server.stats.requests == 3


async def test_two_names_of_one_server_share_its_slots() -> None:
    config = Config(
        workspace=WorkspaceSettings(enabled=False),
        routing=RoutingSettings(remember=False),
        backends=tuple(
            BackendSettings(name=name, kind="openai-completions", base_url=url, model="m", slots=slots)
            for name, url, slots in (
                ("one", "http://127.0.0.1:9/v1", 1),
                ("again", "http://127.0.0.1:9", 2),
                ("other", "http://127.0.0.1:10/v1", 1),
            )
        ),
    )
    fleet = Fleet(Metrics(), lambda _: None)
    await fleet.configure(config, Learner(config.workspace, config.privacy))
    try:
        one, again, other = (fleet.slots_of(backend) for backend in fleet.course(Ask()).backends)
        assert one is again
        assert one is not other
        with await one.lease("batch", lambda: None), await again.lease("instant", lambda: None):
            # The greater number of slots counts: with one of them the batch would have had to go.
            assert [one.held("batch"), one.busy, other.busy] == [1, 2, 0]
    finally:
        await fleet.aclose()


async def test_what_may_not_leave_the_machine_does_not(sessions: Sessions) -> None:
    async with FakeServer(SOURCE) as outside, FakeServer(SOURCE) as inside:
        backends = backend("outside", outside.url, forwards=True), backend("inside", inside.url)
        async with sessions(settings(*backends, privacy={"deny": ["secret/"]})) as session:
            assert await ask(session, 1) == answer(1)
            assert (outside.stats.requests, inside.stats.requests) == (1, 0)
            assert await ask(session, 2, name="secret/plan.py") == answer(2)
            assert (outside.stats.requests, inside.stats.requests) == (1, 1)
            inside.script = Script(faults=parse_faults("status500"))
            assert await ask(session, 3, name="secret/other.py") == ""
        assert outside.stats.requests == 1


async def test_lists_say_who_is_asked_for_what(sessions: Sessions) -> None:
    async with FakeServer(SOURCE) as a, FakeServer(SOURCE) as b, FakeServer(SOURCE) as c:
        servers = a, b, c
        backends = backend("a", a.url), backend("b", b.url), backend("c", c.url)
        routing = {"lanes": {"instant": ["c", "b"], "batch": ["a"]}, "languages": {"rust": ["b"]}}
        async with sessions(settings(*backends, routing=routing)) as session:
            assert await ask(session, 1) == answer(1)
            assert [server.stats.requests for server in servers] == [0, 0, 1]
            assert await ask(session, 2, "rust") == answer(2)
            assert [server.stats.requests for server in servers] == [0, 1, 1]
            c.script = Script(faults=parse_faults("status500"))
            assert await ask(session, 3) == answer(3)
            assert [server.stats.requests for server in servers] == [0, 2, 2]


@pytest.mark.parametrize("ceiling", [{"tokens_per_day": 40}, {"price_prompt": 1e5, "spend_per_day": 1}])
async def test_a_ceiling_that_is_reached_holds_and_is_told(
    sessions: Sessions, ceiling: dict[str, Any]
) -> None:
    async with FakeServer(SOURCE) as dear, FakeServer(SOURCE) as free:
        backends = backend("dear", dear.url, **ceiling), backend("free", free.url)
        async with sessions(settings(*backends)) as session:
            for number in range(8):
                assert await ask(session, number) == answer(number)
            await until(says(session, "Normal", "free", "dear", "day"))
            asked = dear.stats.requests
            assert 1 <= asked < 6
            assert await ask(session, 9) == answer(9)
        # It holds for the day, not for the session.
        async with sessions(settings(*backends)) as session:
            assert await ask(session, 10) == answer(10)
        assert dear.stats.requests == asked
        assert free.stats.requests == 10 - asked


# --- who is fastest

READ_FIRST: dict[str, Any] = {"tokens_per_day": 10**9}
"""Where there is a ceiling, what is remembered is read before anything is asked."""


async def test_what_was_measured_counts_after_a_restart(sessions: Sessions) -> None:
    """The first in the settings is slow: it is found out once, and not again each morning."""
    async with FakeServer(SOURCE, Script(ttft=0.5)) as slow, FakeServer(SOURCE) as fast:
        backends = backend("slow", slow.url, first_byte_ms=10_000), backend("fast", fast.url, **READ_FIRST)
        routing = {"strategy": "fastest", "stall_ms": 1_500, "hedge_ceiling_ms": 100}
        async with sessions(settings(*backends, routing=routing)) as session:
            for number in range(12):
                assert await ask(session, number) == answer(number)
            assert (await first_choice(session)) == "fast"
        before = slow.stats.requests
        async with sessions(settings(*backends, routing=routing)) as session:
            assert await ask(session, 20) == answer(20)
            assert (await first_choice(session)) == "fast"
        assert slow.stats.requests == before


async def first_choice(session: Session) -> str:
    """Of the last decision."""
    name = (await session.metrics())["routing"][-1]["order"][0]
    assert isinstance(name, str)
    return name
