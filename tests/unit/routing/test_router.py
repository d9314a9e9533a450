"""Who is asked, in which order, beside whom, and that it follows from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.errors import BackendError, ServerFault, TimedOut, Unreachable
from spark_lsp.routing.route import Ask, Entrant, Policy, Route
from spark_lsp.routing.router import Router
from spark_lsp.values import Lane, Reach, Usage

ALL: tuple[Lane, ...] = ("instant", "interactive", "batch")
WORKSPACE = Entrant("workspace", ("instant",), local=True, embedded=True)


def entrant(name: str, **differs: Any) -> Entrant:
    return Entrant(**{"name": name, "lanes": ALL, "server": f"{name}:1", **differs})


def answered(
    router: Router, name: str, ttft: float, rate: float, now: float, times: int = 1, **ask: Any
) -> float:
    """So many answers of 12 tokens, one after another. Returns the time."""
    for _ in range(times):
        run = router.begin(name, Ask(**ask), now, "ahead")
        for token in range(12):
            run.heard(1, now + ttft + token / rate)
        now += ttft + 12 / rate
        run.ended(now)
    return now


def routed(router: Router, now: float, times: int = 1, **ask: Any) -> list[Route]:
    """So many decisions, each followed by a request to the first."""
    routes = []
    for _ in range(times):
        route = router.route(Ask(**ask), now)
        routes.append(route)
        router.begin(route.names[0], Ask(**ask), now).ended(now)
        if route.beside:
            router.begin(route.beside, Ask(**ask), now, "beside").ended(now)
    return routes


def fleet(*entrants: Entrant, policy: Policy | None = None) -> Router:
    router = Router()
    router.configure([*entrants, WORKSPACE], policy or Policy(hedge=False))
    return router


SPEEDS = {"near": (0.05, 100.0), "far": (0.3, 2000.0), "liar": (0.02, 10.0)}
"""First line (12 tokens) in 170, 306, 1220 ms; an edit (150) in 1550, 375, 15020."""


@pytest.mark.parametrize(
    ("lane", "order"),
    [("instant", ("near", "far", "liar")), ("interactive", ("far", "near", "liar"))],
)
def test_the_fastest_for_what_its_lane_waits_for_comes_first(lane: Lane, order: tuple[str, ...]) -> None:
    router = fleet(*map(entrant, SPEEDS))
    now = 100.0
    for name, (ttft, rate) in SPEEDS.items():
        now = answered(router, name, ttft, rate, now, 12, lane=lane)
    route = router.route(Ask(lane), now)
    assert [name for name in route.names if name != "workspace"] == list(order)
    assert route.reason.startswith(f"{order[0]}: the fastest")


def test_a_batch_goes_where_it_is_cheap_and_done_in_time() -> None:
    prices = {"paid": 2.0, "dear": 9.0, "slow": 0.0, "unknown": 0.0}
    router = fleet(
        *(entrant(name, metered=name != "slow", price_completion=price) for name, price in prices.items())
    )
    now = 0.0
    for name, rate in (("paid", 100.0), ("dear", 1000.0), ("slow", 2.0)):
        now = answered(router, name, 0.1, rate, now, 12, lane="batch")
    assert router.route(Ask("batch"), now).names == ("paid", "dear", "unknown", "slow")
    route = router.route(Ask("batch"), now)
    assert "costs 0.0003 an edit" in route.reason
    now = answered(router, "slow", 0.1, 20.0, now, 12, lane="batch")
    assert router.route(Ask("batch"), now).names[0] == "slow"


@pytest.mark.parametrize(
    ("ask", "policy", "names"),
    [
        ({}, Policy(), {"here", "there", "proxy", "workspace"}),
        ({"reach": "machine"}, Policy(), {"here", "workspace"}),
        ({"reach": "process"}, Policy(), {"workspace"}),
        ({"lane": "batch"}, Policy(), {"here", "there"}),
        ({}, Policy(lanes={"instant": ("there",)}), {"there", "workspace"}),
        ({"language": "go"}, Policy(languages={"go": ("here",)}), {"here", "workspace"}),
        ({"language": "c"}, Policy(languages={"go": ("here",)}), {"here", "there", "proxy", "workspace"}),
        ({"reach": "machine"}, Policy(lanes={"instant": ("there",)}), {"workspace"}),
    ],
)
def test_only_those_are_asked_that_may_be(ask: Mapping[str, Any], policy: Policy, names: set[str]) -> None:
    router = fleet(
        entrant("here", local=True), entrant("there"), entrant("proxy", lanes=("instant",)), policy=policy
    )
    route = router.route(Ask(**ask), 0.0)
    assert set(route.names) == names
    assert {"here", "there"} - names <= set(route.out), "the reason says who was left out"
    for one in (entrant("here", local=True), entrant("there")):
        assert (router.why_not(one, Ask(**ask)) == "") == (one.name in names)


def test_the_settings_order_holds_when_it_is_asked_for() -> None:
    policy = Policy(strategy="ordered", languages={"go": ("b", "a")})
    router = fleet(entrant("a"), entrant("b"), policy=policy)
    now = answered(router, "b", 0.01, 1000.0, 0.0, 20)
    now = answered(router, "a", 1.0, 10.0, now, 20)
    assert router.route(Ask(), now).names == ("a", "b", "workspace")
    assert router.route(Ask(language="go"), now).names == ("b", "a", "workspace")
    assert not any(route.beside for route in routed(router, now, 200))


@pytest.mark.parametrize(
    "fault", [ServerFault("x"), TimedOut("x"), Unreachable("x")], ids=lambda error: type(error).__name__
)
def test_one_that_failed_rests_and_is_tried_again_beside_another(fault: BackendError) -> None:
    router = fleet(entrant("a"), entrant("b"))
    now = answered(router, "a", 0.05, 500.0, 0.0, 12)
    now = answered(router, "b", 0.2, 500.0, now, 12)
    router.begin("a", Ask(), now).failed(fault, now)
    route = router.route(Ask(), now)
    assert route.names == ("b", "workspace")
    assert "a rests" in route.reason
    routed(router, now, 40)
    now += 3.0
    [route] = routed(router, now)
    assert (route.names[0], route.beside) == ("b", "a"), "what is not known to answer is not waited for"
    answered(router, "a", 0.05, 500.0, now)
    assert router.route(Ask(), now + 1).names[0] == "a"


def test_one_that_costs_money_is_tried_again_in_front_and_never_beside() -> None:
    router = fleet(entrant("a", metered=True), entrant("b"))
    now = answered(router, "a", 0.05, 500.0, 0.0, 12)
    now = answered(router, "b", 0.2, 500.0, now, 12)
    router.begin("a", Ask(), now).failed(ServerFault("x"), now)
    routed(router, now, 40)
    route = router.route(Ask(), now + 1)
    assert (route.names, route.beside) == (("a", "b", "workspace"), "")
    assert router.route(Ask(), now).names == ("b", "workspace")


@pytest.mark.parametrize(
    ("metered", "leave", "server", "asked"),
    [
        (False, False, "b:1", True),
        (True, False, "b:1", False),
        (True, True, "b:1", True),
        (False, False, "a:1", False),
    ],
)
def test_a_slower_one_is_asked_beside_the_first_now_and_then(
    metered: bool, leave: bool, server: str, asked: bool
) -> None:
    router = fleet(
        entrant("a"),
        entrant("b", metered=metered, server=server),
        policy=Policy(hedge=False, explore_metered=leave),
    )
    now = answered(router, "a", 0.05, 500.0, 0.0, 12)
    now = answered(router, "b", 0.08, 500.0, now, 12)
    routes = routed(router, now, 400)
    beside = [route.beside for route in routes if route.beside]
    assert (8 <= len(beside) <= 18) if asked else not beside  # 4% of 400, and what was saved
    assert set(beside) <= {"b"}


def test_a_slower_one_that_became_faster_takes_over() -> None:
    router = fleet(entrant("a"), entrant("b"))
    now = answered(router, "a", 0.1, 500.0, 0.0, 12)
    now = answered(router, "b", 0.15, 500.0, now, 12)
    for _ in range(400):
        route = router.route(Ask(), now)
        now = answered(router, route.names[0], 0.1 if route.names[0] == "a" else 0.03, 500.0, now)
        router.begin(route.names[0], Ask(), now).ended(now)
        if route.beside:
            now = answered(router, route.beside, 0.03, 500.0, now)
    assert router.route(Ask(), now).names[0] == "b"


def test_equals_do_not_take_turns() -> None:
    router = fleet(entrant("a"), entrant("b"))
    now, leaders = 0.0, []
    for index in range(200):
        now = answered(router, "a", 0.100 + 0.003 * (index % 3), 500.0, now)
        now = answered(router, "b", 0.102 + 0.003 * ((index + 1) % 3), 500.0, now)
        leaders.append(router.route(Ask(), now).names[0])
    assert sum(one != other for one, other in pairwise(leaders[20:])) == 0


def test_the_one_that_has_read_this_document_is_preferred_by_what_that_is_worth() -> None:
    router = fleet(entrant("a"), entrant("b"))
    now = 0.0
    for document in range(30):  # of a's first tokens, those for another document take three times as long
        now = answered(router, "a", 0.3, 500.0, now, document=f"other {document}")
        now = answered(router, "a", 0.05, 500.0, now, document=f"other {document}")
        now = answered(router, "b", 0.15, 500.0, now, document=f"other {document}")
    assert router.route(Ask(document="new"), now).names[0] == "b"
    now = answered(router, "a", 0.3, 500.0, now, document="new")
    assert router.route(Ask(document="new"), now).names[0] == "a"
    assert router.route(Ask(document="new"), now + 400).names[0] == "b", "no server keeps a prompt so long"


def test_one_whose_slots_are_taken_comes_later() -> None:
    router = fleet(entrant("a", slots=1), entrant("b"))
    now = answered(router, "a", 0.1, 500.0, 0.0, 12)
    now = answered(router, "b", 0.15, 500.0, now, 12)
    busy = router.begin("a", Ask(), now)
    assert router.route(Ask(), now).names[0] == "b"
    busy.ended(now)
    assert router.route(Ask(), now).names[0] == "a"


def test_a_rate_limit_is_left_alone_before_it_is_hit() -> None:
    router = fleet(entrant("a"), entrant("b"))
    now = answered(router, "a", 0.05, 500.0, 0.0, 12)
    router.begin("a", Ask(), now).usage(Usage(requests_left=1, resets_ms=10_000), now)
    assert router.route(Ask(), now).names[0] == "a"
    router.begin("a", Ask(), now)
    route = router.route(Ask(), now)
    assert route.names[0] == "b"
    assert "rate limit" in route.reason
    assert router.route(Ask(), now + 10).names[0] == "a"


def test_what_may_not_be_spent_is_left_out_with_the_reason() -> None:
    router = fleet(entrant("a"), entrant("b"))
    route = router.route(Ask(), 0.0, {"a": "has spent what a day allows"})
    assert route.names == ("b", "workspace")
    assert "a has spent what a day allows" in route.reason


def test_without_anybody_the_reason_says_so() -> None:
    router = Router()
    router.configure([entrant("a", lanes=("batch",))], Policy())
    route = router.route(Ask(), 0.0)
    assert (route.names, route.reason) == ((), "nothing serves instant now")


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.floats(0.001, 3), st.sampled_from(["ok", "fault", "silent"])),
        max_size=60,
    ),
    st.sampled_from(ALL),
    st.sampled_from(["process", "machine", "anywhere"]),
)
def test_whatever_happened_nobody_is_asked_who_may_not_be(
    events: Sequence[tuple[str, float, str]], lane: Lane, reach: Reach
) -> None:
    names = {name: entrant(name, local=name in "ab", metered=name in "bd") for name in "abcd"}
    router = fleet(*names.values(), policy=Policy())
    now = 0.0
    requests = takings = 0
    for name, took, what in events:
        ask = Ask(lane, reach=reach)
        route = router.route(ask, now)
        assert len(set(route.names)) == len(route.names)
        assert set(route.names).isdisjoint(route.out)
        assert route.names[-1:] in (("workspace",), ()) or lane != "instant"
        allowed = {one.name for one in (*names.values(), WORKSPACE) if not router.why_not(one, ask)}
        assert set(route.names) <= allowed
        assert {*allowed, *route.out} >= {one.name for one in names.values() if lane in one.lanes}
        assert route.beside == "" or not names[route.beside].metered
        assert route.beside != route.names[0] if route.names else not route.beside
        if route.names:
            requests += 1
            router.begin(route.names[0], ask, now).ended(now)
            if route.beside:
                takings += 1
                router.begin(route.beside, ask, now, "beside").ended(now)
            takings += router.may_hedge(route.names[-1], now, route.names[0])
        assert takings <= 0.1 * requests + 2
        run = router.begin(name, ask, now, "ahead")
        now += took
        if what == "fault":
            run.failed(ServerFault("x"), now)
        elif what == "ok":
            run.heard(1, now)
        run.ended(now)
        assert 0.04 <= router.patience(name, ask, now) <= 1.5


def test_no_hedge_goes_to_the_same_server_or_to_the_predictor() -> None:
    router = fleet(entrant("a"), entrant("twin", server="a:1"), entrant("b"), policy=Policy())
    routed(router, 0.0, 100)
    assert not router.may_hedge("twin", 0.0, "a")
    assert not router.may_hedge("workspace", 0.0, "a")
    assert router.may_hedge("b", 0.0, "a")
    router.configure([entrant("a"), entrant("b")], Policy(hedge=False))
    assert not router.may_hedge("b", 0.0, "a")


@pytest.mark.parametrize(
    ("last", "says"),
    [(0.08, "b: the fastest"), (0.02, "a: faster than it was, by its last answer")],
)
def test_one_whose_last_answer_was_much_faster_leads_at_once(last: float, says: str) -> None:
    router = fleet(entrant("a"), entrant("b"))
    now = answered(router, "a", 0.1, 500.0, 0.0, 12)
    now = answered(router, "b", 0.08, 500.0, now, 12)
    now = answered(router, "a", last, 500.0, now)
    assert router.route(Ask(), now).reason.startswith(says)
    now = answered(router, "a", 0.1, 500.0, now)
    assert router.route(Ask(), now).names[0] == "b", "and follows again when it was chance"


def test_a_try_after_a_rest_may_cost_a_hedge() -> None:
    router = fleet(entrant("a"), entrant("b"))
    now = answered(router, "a", 0.05, 500.0, 0.0, 12)
    now = answered(router, "b", 0.06, 500.0, now, 12)
    routed(router, now, 200)
    while router.route(Ask(), now).beside or router._looks.has():
        router.begin("b", Ask(), now, "beside").ended(now)
    router.begin("a", Ask(), now).failed(ServerFault("x"), now)
    assert router.route(Ask(), now + 1).beside == "a"


def test_the_leader_stays_in_front_of_one_that_is_hardly_faster() -> None:
    router, anew = fleet(entrant("a"), entrant("b")), fleet(entrant("a"), entrant("b"))
    now = answered(router, "a", 0.1, 500.0, 0.0, 12)
    assert router.route(Ask(), now).names[0] == "a"
    for one in (router, anew):
        answered(one, "b", 0.098, 500.0, now, 12)
    answered(anew, "a", 0.1, 500.0, now, 12)
    route = router.route(Ask(), now + 2)
    assert route.reason.startswith("a: asked before, and about as fast as any")
    assert anew.route(Ask(), now + 2).names[0] == "b"


def test_a_try_that_nobody_waited_for_is_followed_by_another() -> None:
    router = fleet(entrant("a"))
    router.begin("a", Ask(), 0.0).failed(ServerFault("x"), 0.0)
    run = router.begin("a", Ask(), 1.0)
    assert router.route(Ask(), 1.0).names == ("workspace",)
    run.ended(1.1)
    assert router.route(Ask(), 1.1).names == ("a", "workspace")


def test_a_slower_one_that_costs_money_is_not_tried_in_front() -> None:
    router = fleet(entrant("a", metered=True), entrant("b"))
    now = answered(router, "a", 0.3, 500.0, 0.0, 12)
    now = answered(router, "b", 0.1, 500.0, now, 12)
    router.begin("a", Ask(), now).failed(ServerFault("x"), now)
    assert router.route(Ask(), now + 1).names == ("b", "a", "workspace")


def test_no_hedge_goes_to_one_that_rests() -> None:
    router = fleet(entrant("a"), entrant("b"), policy=Policy())
    router.begin("b", Ask(), 0.0).failed(ServerFault("x"), 0.0)
    assert not router.may_hedge("b", 0.1, "a")
    assert router.may_hedge("b", 1.0, "a")


def test_how_long_one_is_waited_for_follows_from_how_it_is() -> None:
    router = fleet(entrant("a"), entrant("b"), policy=Policy(stall=1.0))
    assert router.give_up("a", Ask(), 0.0, alone=True) is None
    assert router.give_up("a", Ask(), 0.0, alone=False) == 3.0
    now = answered(router, "a", 0.2, 120.0, 0.0, 40)
    now = answered(router, "b", 1.0, 5.0, now, 40)
    assert router.patience("a", Ask(), now) == pytest.approx(1.15 * 0.2, rel=0.05)
    assert router.patience("b", Ask(), now) == pytest.approx(1.15, rel=0.05)
    assert router.give_up("a", Ask(), now, alone=False) == pytest.approx(0.8, rel=0.05)
    assert router.give_up("a", Ask(), now, alone=True) == 2.0
    now = answered(router, "a", 0.2, 120.0, now, 40, document="read")
    assert router.give_up("a", Ask(document="read"), now, alone=False) == pytest.approx(0.8, rel=0.05)
    fresh = fleet(entrant("c"))
    answered(fresh, "c", 3.0, 120.0, 0.0, document="read")
    now = answered(fresh, "c", 0.1, 120.0, 3.1, 40, document="read")
    assert fresh.give_up("c", Ask(document="read"), now, alone=True) == 2.0
    assert fresh.give_up("c", Ask(document="another"), now, alone=True) is None, "it has to read that first"
    assert router.line_within("a", Ask(), now) == pytest.approx(0.04 + 2 * 0.1, rel=0.15)
    assert router.stalls_after("a", Ask(), now) == pytest.approx(1.0, rel=0.01)
    assert router.stalls_after("b", Ask(), now) == 1.0
    now = answered(router, "a", 0.2, 480.0, now, 40)
    assert router.stalls_after("a", Ask(), now) == pytest.approx(0.25, rel=0.15)
    now = answered(router, "a", 0.2, 5000.0, now, 40)
    assert router.stalls_after("a", Ask(), now) == 0.2


def test_a_trickle_says_how_slow_it_is() -> None:
    router = fleet(entrant("a"))
    now = answered(router, "a", 0.1, 500.0, 0.0, 12)
    before = router.route(Ask(), now).contenders[0].seconds
    for _ in range(4):
        run = router.begin("a", Ask(), now, "ahead")
        run.heard(1, now + 0.1)
        run.heard(1, now + 1.1)
        now += 3.0
        run.ended(now)
    assert router.route(Ask(), now).contenders[0].seconds > 20 * before


def test_what_a_new_connection_took_is_no_slowness_of_the_server() -> None:
    router = fleet(entrant("a"))
    now = answered(router, "a", 0.1, 500.0, 0.0, 12)
    for _ in range(5):
        run = router.begin("a", Ask(), now, "ahead")
        run.usage(Usage(connect_ms=900), now)
        run.heard(1, now + 1.0)
        run.ended(now + 1.0)
    known = router.measurements.explain("a", now + 1.0)
    assert known["ttft_ms"] == pytest.approx(100, rel=0.05)
    assert known["cold_ms"] == pytest.approx(100, rel=0.05)


@pytest.mark.parametrize(("once", "sooner"), [(0.06, True), (0.3, False)])
def test_one_that_was_fast_once_is_looked_at_sooner(once: float, sooner: bool) -> None:
    router = fleet(entrant("a"), entrant("b"))
    now = answered(router, "b", once, 500.0, 0.0)
    now = answered(router, "b", 0.3, 500.0, now, 12)
    now = answered(router, "a", 0.1, 500.0, now, 12)
    beside = [bool(route.beside) for route in routed(router, now, 120)]
    assert (beside.index(True) < 60) == sooner


@pytest.mark.parametrize(("slots", "keeps"), [(1, False), (2, True)])
def test_a_server_of_ones_own_keeps_a_prompt_for_each_slot(slots: int, keeps: bool) -> None:
    router = fleet(entrant("a", local=True, slots=slots), entrant("b"))
    now = 0.0
    for document in range(20):
        now = answered(router, "a", 0.3, 500.0, now, document=f"{document}")
        now = answered(router, "a", 0.05, 500.0, now, document=f"{document}")
        now = answered(router, "b", 0.15, 500.0, now, document=f"{document}")
    answered(router, "a", 0.3, 500.0, now, document="another")
    assert (router.route(Ask(document="19"), now).names[0] == "a") == keeps
