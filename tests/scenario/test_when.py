"""When a model is asked, and with how much of what was typed."""

from __future__ import annotations

from typing import Any

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.completion.gate import ENOUGH, EXPLORES
from tests.scenario.conftest import Session, Sessions, served_by, until

HEAD = "total = order.price\n"


class Asked:
    """Answers by the end of the prompt, and remembers the prompts."""

    def __init__(self, **answers: str) -> None:
        self.prompts: list[str] = []
        self._answers = answers

    def answer(self, prefix: str, suffix: str) -> str:
        self.prompts.append(prefix)
        return next((text for end, text in self._answers.items() if prefix.endswith(end)), "")


def prefix_only(server: FakeServer, **inline: Any) -> dict[str, Any]:
    settings = served_by(server)
    settings["backend"][0]["fim"] = "prefix"
    settings["inline"] |= inline
    return settings


async def test_a_half_typed_word_is_left_out_of_the_prompt_and_of_the_answer(sessions: Sessions) -> None:
    source = Asked(order=".price * 2", price=" * 2")
    async with FakeServer(source) as server, sessions(prefix_only(server)) as session:
        uri = session.open("shop.py", f"{HEAD}other = order.pr")
        assert await session.ghost(uri, 1, 16, invoked=True) == "ice * 2"
        session.type(uri, 1, 16, "ice")
        assert await session.ghost(uri, 1, 19) == " * 2"
    assert source.prompts == [f"{HEAD}other = order"]


async def test_a_model_that_says_something_else_is_stopped_and_asked_with_all_of_it(
    sessions: Sessions,
) -> None:
    source = Asked(order=".discount.of(everything, that, there, is)", pr="ice * 2")
    async with FakeServer(source) as server, sessions(prefix_only(server)) as session:
        uri = session.open("shop.py", f"{HEAD}other = order.pr")
        assert await session.ghost(uri, 1, 16, invoked=True) == "ice * 2"
        assert server.stats.requests == 2
        report = await session.metrics()
        assert report["backends"]["remote"]["requests"] == 2
    assert source.prompts == [f"{HEAD}other = order", f"{HEAD}other = order.pr"]


async def test_healing_can_be_switched_off(sessions: Sessions) -> None:
    source = Asked(order=".price * 2", pr="ice * 2")
    without = ["pieces", "healing"]
    async with FakeServer(source) as server, sessions(prefix_only(server, without=without)) as session:
        uri = session.open("shop.py", f"{HEAD}other = order.pr")
        assert await session.ghost(uri, 1, 16, invoked=True) == "ice * 2"
    assert source.prompts == [f"{HEAD}other = order.pr"]


async def ignore(session: Session, uri: str, line: int) -> bool:
    """Ask at the end of a line in which a comment begins, and type something else. Whether anything came."""
    shown = await session.ghost(uri, line, 4)
    # With its number each is a place of its own: what is turned down does not come back in its place.
    session.type(uri, line, 4, f" {line:03d}")
    session.type(uri, line, 8, "\n# no")
    return bool(shown)


async def test_nobody_is_asked_where_nothing_is_ever_taken_but_for_who_asks(sessions: Sessions) -> None:
    async with FakeServer() as server:
        settings = served_by(server, workspace={"enabled": False})
        settings["inline"]["debounce_ms"] = 0
        async with sessions(settings) as session:
            uri = session.open("notes.py", "# no")
            shown = [await ignore(session, uri, line) for line in range(4 * ENOUGH)]
            report = (await session.metrics())["gate"]
            asked = server.stats.requests
            assert all(shown[:ENOUGH]), "nothing is refused before enough was seen"
            assert report["refused"] > 0
            assert [each["reason"] for each in report["against"]] == ["in a comment"]
            assert shown[-EXPLORES:].count(True) == 1, "and now and then it is asked again"
            assert await session.ghost(uri, 4 * ENOUGH, 4, invoked=True)
            assert server.stats.requests == asked + 1


LEARNED = """\
from shop.rates import RATES


def shipping_costs(order, country):
    weight = sum(item.weight for item in order.items)
"""
ENDS = ("    return weight\n", "    print(country)\n", "    order.ship()\n", "    yield 5\n")
LINE = 4
BEGUN = "\n".join(LEARNED.splitlines()[:LINE]) + "\n    "


async def stands_in(sessions: Sessions, said: str, then: int) -> tuple[str, str, Any]:
    """What is offered at once, and once the model has spoken; and the metrics."""
    for n in range(4):
        (sessions.root / f"costs_{n}.py").write_text(LEARNED + ENDS[n])
    async with FakeServer(Asked(**{"    ": said})) as server:
        settings = served_by(server, prefetch={}, workspace={"stand_in": 0.3, "threshold": 0.1})
        async with sessions(settings) as session:
            await session.learned()
            uri = session.open("shop.py", BEGUN)
            first = await session.ghost(uri, LINE, 4)
            await until(lambda: server.stats.completed + server.stats.cancelled >= then)
            return first, await session.ghost(uri, LINE, 4), await session.metrics()


async def test_a_model_goes_on_with_what_the_predictor_said(sessions: Sessions) -> None:
    line = LEARNED.splitlines()[LINE].strip()
    more = f"{line}\n    print(weight)\n    return weight * RATES[country]"
    first, later, metrics = await stands_in(sessions, more, 1)
    assert first == line
    assert metrics["hits"]["workspace"] == 1
    assert later == more


async def test_a_model_that_disagrees_changes_nothing_on_the_screen(sessions: Sessions) -> None:
    first, later, _ = await stands_in(sessions, "raise NotImplementedError", 1)
    assert first.startswith("weight = sum")
    assert later == first
