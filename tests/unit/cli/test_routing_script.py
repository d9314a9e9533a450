"""The script of `bench routing`, the questions, and the policies that ours stands beside."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.script import Limit, parse_faults
from spark_lsp.cli.routing.policies import (
    FAILED,
    FIRST,
    MEAN,
    RANDOM,
    TURNS,
    BestByMean,
    Policy,
    oracle_of,
    ordinary,
)
from spark_lsp.cli.routing.questions import documents, questions, useful
from spark_lsp.cli.routing.script import CAST, EVENTS, MARGIN, Event, Script, drawn
from spark_lsp.cli.routing.stage import performed

SEEDS = st.integers(0, 10_000)
NAMES = ("a", "b", "c")


@settings(max_examples=5)  # each is 236 questions
@given(SEEDS)
def test_the_servers_know_the_answer_to_every_question(seed: int) -> None:
    source = Oracle(documents(seed))
    asked = questions(seed)
    assert {source.answer(each.prefix, each.suffix) == each.answer for each in asked} == {True}
    assert all(each.answer.startswith(each.line) and each.line.strip() for each in asked)
    assert len({each.document for each in asked}) > 1
    several = Counter("\n" in each.answer for each in asked)
    assert min(several.values()) > 20  # answers of one line, and of more


def test_a_useful_text_has_a_whole_line_that_is_not_blank() -> None:
    cases = {"": False, "\n  ": False, "return 1": False, "return 1\n": True, "\n\n  x = 1\n": True}
    assert {text: useful(text) for text in cases} == cases


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 400))
def test_a_script_is_drawn_by_its_seed_and_keeps_its_shape(seed: int, requests: int) -> None:
    script = drawn(seed, requests)
    assert script == drawn(seed, requests)
    assert len(script.arrivals) == requests
    assert list(script.arrivals) == sorted(script.arrivals)
    assert script.arrivals[-1] == pytest.approx(script.seconds)
    assert [event.kind for event in script.events] == [event.kind for event in EVENTS]
    for event in script.events:
        assert 0 < event.start < event.end < script.seconds
    death = [event for event in script.events if event.kind in ("reset", "refuse", "hang")]
    assert all(one.end == other.start for one, other in itertools.pairwise(death))
    assert {event.backend for event in script.faults_of_the_leader()} >= {"swift"}


def test_a_moment_is_what_the_events_make_of_a_backend() -> None:
    script = Script(
        10.0,
        CAST,
        (
            Event("drift", "drift", "swift", 2.0, 6.0, size=5),
            Event("limit", "limit", "keen", 2.0, 6.0, size=10, window=2.0),
            Event("gone", "refuse", "steady", 2.0, 6.0),
            Event("dead", "hang", "glib", 2.0, 6.0),
        ),
        (),
    )
    ttft = CAST[0].ttft
    rising = [script.at("swift", now).character.ttft / ttft for now in (1.9, 2.0, 3.0, 4.0, 5.9, 6.0)]
    assert rising == pytest.approx([1, 1, 3, 5, 5, 1])
    assert script.at("keen", 3.0).limit == (20, 2.0)
    assert performed(script.at("keen", 3.0)).limit == Limit(20, 2.0)
    assert script.at("steady", 3.0).refuses
    assert performed(script.at("glib", 3.0)).faults == parse_faults("stall:before")
    assert performed(script.at("glib", 1.0)).faults == ()
    assert script.favourite(1.0) == "swift"
    assert script.favourite(5.0) == "shared"


def test_a_line_in_front_of_a_slot_takes_its_time() -> None:
    script = Script(10.0, CAST, (Event("load", "load", "shared", 2.0, 6.0, size=9),), ())
    alone, shared = script.at("shared", 1.0), script.at("shared", 3.0)
    waits = [alone.line_after(waiting) for waiting in range(5)]
    assert waits[0] == waits[1] == alone.character.line
    assert waits[1] < waits[2] < waits[3] < waits[4]
    assert all(shared.line_after(waiting) > waits[waiting] for waiting in range(5))


# --- policies


def asked(policy: Policy, times: int, fails: frozenset[str] = frozenset()) -> list[str]:
    """Who answers in the end, of so many requests one after the other."""
    found = []
    for now in range(times):
        for name in policy.order(now):
            policy.begun(name, now)
            policy.ended(name, None if name in fails else 0.1 + NAMES.index(name), now)
            if name not in fails:
                found.append(name)
                break
    return found


@pytest.mark.parametrize(
    ("policy", "fails", "expected"),
    [
        (FIRST, (), "aaaaaa"),
        (FIRST, ("a",), "bbbbbb"),
        (TURNS, (), "abcabc"),
        (TURNS, ("b",), "accacc"),
        (MEAN, (), "abcaaa"),
        (MEAN, ("a",), "bcbbbb"),  # its failure counts for two seconds, and c is the slowest
    ],
)
def test_who_is_asked(policy: str, fails: tuple[str, ...], expected: str) -> None:
    assert "".join(asked(ordinary(policy, NAMES, 1), len(expected), frozenset(fails))) == expected


def test_random_asks_everybody_about_as_often_and_each_once_for_a_request() -> None:
    policy = ordinary(RANDOM, NAMES, 1)
    assert min(Counter(asked(policy, 600)).values()) > 150
    assert all(sorted(policy.order(0.0)) == list(NAMES) for _ in range(50))


def test_best_by_mean_remembers_all_its_life() -> None:
    policy = BestByMean(("fast", "slow"))
    for name, took in (("fast", 0.1), ("slow", 0.2)):
        policy.begun(name, 0)
        policy.ended(name, took, 0)
    for _ in range(9):
        policy.ended("fast", 0.25, 0)
    assert next(policy.order(0)) == "slow"  # (0.1 + 9 x 0.25) / 10
    policy.ended("slow", None, 0)
    assert next(policy.order(0)) == "fast"
    assert FAILED > 1


@settings(max_examples=10)
@given(SEEDS)
def test_the_oracle_never_asks_one_that_would_fail(seed: int) -> None:
    script = drawn(seed, 600)
    oracle = oracle_of(script)
    limited: list[float] = []
    for now in script.arrivals:
        name = next(oracle.order(now))
        moment = script.at(name, now)
        assert not moment.fails
        assert not script.at(name, now + MARGIN / 2).fails
        oracle.begun(name, now)
        oracle.ended(name, moment.character.line, now)
        if moment.limit is not None:
            most, window = moment.limit
            limited.append(now)
            assert sum(now - window <= before <= now for before in limited) <= most
    assert limited


def test_the_oracle_counts_its_own_requests_where_there_are_slots() -> None:
    script = Script(10.0, tuple(each for each in CAST if each.name in ("shared", "keen")), (), ())
    oracle = oracle_of(script)
    chosen = []
    for _ in range(4):
        name = next(oracle.order(1.0))
        oracle.begun(name, 1.0)
        chosen.append(name)
    assert chosen[:2] == ["shared", "shared"]
    assert "keen" in chosen
    assert not math.isinf(script.at("keen", 1.0).line_after(0))
