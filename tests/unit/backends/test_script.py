"""Scripts: times and faults."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.oracle import tokens
from spark_lsp.backends.script import (
    BEFORE,
    Allowance,
    Fault,
    FaultKind,
    Late,
    Limit,
    Quota,
    Script,
    parse_faults,
    parse_late,
    parse_limit,
)
from spark_lsp.errors import UsageError


@pytest.mark.parametrize(
    ("spec", "faults"),
    [
        ("", ()),
        ("reset", (Fault("reset", 1.0, BEFORE),)),
        ("stall@0.05:mid", (Fault("stall", 0.05, 1, cut=True),)),
        ("close:headers", (Fault("close", 1.0, 0),)),
        ("error:12", (Fault("error", 1.0, 12),)),
        ("status503@0.02", (Fault("status", 0.02, BEFORE, status=503),)),
        (" reset@0.1:first , garbage@0.2 ,", (Fault("reset", 0.1, 1), Fault("garbage", 0.2, 1))),
    ],
)
def test_faults(spec: str, faults: tuple[Fault, ...]) -> None:
    assert parse_faults(spec) == faults


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("explode", "the kinds are reset, close, stall, drip, error, garbage, statusNNN"),
        ("status", "write a status as status503"),
        ("status200", "400 to 599"),
        ("reset503", "write a status"),
        ("stall@2", "from 0 to 1"),
        ("stall@.", "from 0 to 1"),
        ("stall:later", "the moments are before, headers, first, mid"),
        ("status503:mid", "has no moment"),
        ("error:before", "not before"),
        ("garbage:mid", "not mid"),
        ("drip:mid", "not mid"),
        ("stall@", "KIND@SHARE:MOMENT"),
        ("reset@0.6,stall@0.6", "more than 1"),
    ],
)
def test_what_is_not_a_fault(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_faults(spec)


@given(st.text())
def test_any_other_text_is_refused_in_words(spec: str) -> None:
    with suppress(UsageError):
        assert all(fault.after >= BEFORE for fault in parse_faults(spec))


def test_the_faults_of_the_page_are_faults() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fake-server.md").read_text("utf-8")
    specs = re.findall(r"""(?:--faults |faults"?\s*[:=(]\s*")([a-z][\w@.:,]+)""", page)
    assert len(specs) >= 4
    for spec in specs:
        assert parse_faults(spec)
    for kind in get_args(FaultKind):
        assert f"`{kind}" in page


@pytest.mark.parametrize(
    ("spec", "limit"), [("", None), ("60/60", Limit(60, 60.0)), ("1/0.5", Limit(1, 0.5))]
)
def test_limits(spec: str, limit: Limit | None) -> None:
    assert parse_limit(spec) == limit


@pytest.mark.parametrize(("spec", "late"), [("", None), ("0.05:0.4", Late(0.05, 0.4)), ("1:2", Late(1, 2))])
def test_lateness(spec: str, late: Late | None) -> None:
    assert parse_late(spec) == late


@pytest.mark.parametrize("spec", ["60", "0/60", "60/0", "1.5/60", "-1/60", "60/60/60", "x"])
def test_what_is_not_a_limit(spec: str) -> None:
    with pytest.raises(UsageError, match="such as 60/60"):
        parse_limit(spec)


@pytest.mark.parametrize(
    ("spec", "says"),
    [("0.05", "such as 0.05:0.4"), ("2:1", "0 to 1"), (".:1", "0 to 1"), ("1:-1", "such as")],
)
def test_what_does_not_say_how_late(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_late(spec)


def test_a_quota_has_windows_that_begin_with_a_request() -> None:
    quota = Quota(Limit(2, 10.0))
    took = [quota.take(now) for now in (100.0, 104.0, 105.0, 109.5, 111.0, 130.0)]
    assert took == [
        Allowance(True, 1, 10.0),
        Allowance(True, 0, 6.0),
        Allowance(False, 0, 5.0),
        Allowance(False, 0, 0.5),
        Allowance(True, 1, 10.0),
        Allowance(True, 1, 10.0),
    ]


@given(st.integers(1, 5), st.floats(0.5, 20), st.lists(st.floats(0, 5), max_size=60))
def test_no_window_grants_more_than_its_limit(requests: int, seconds: float, pauses: list[float]) -> None:
    quota, now, granted = Quota(Limit(requests, seconds)), 0.0, list[float]()
    for pause in pauses:
        now += pause
        allowance = quota.take(now)
        assert 0 < allowance.resets <= seconds * (1 + 1e-9)
        if allowance.granted:
            granted.append(now)
        else:
            assert allowance.left == 0
    for first, beyond in zip(granted, granted[2 * requests :], strict=False):
        assert beyond - first >= seconds * (1 - 1e-9)  # two windows at most may meet


def test_some_answers_are_late_by_more() -> None:
    random = Random(1)
    script = Script(1.0, 10, late=Late(0.2, 3.0))
    first = Counter(script.perform("x", random, max_tokens=1).due[0] for _ in range(2_000))
    assert first.keys() == {1.0, 4.0}
    assert first[4.0] == pytest.approx(400, rel=0.2)


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("headers", [0.5, 1.5, 2.5, 3.5, 4.5]),
        ("first", [0.5, 1.5, 2.5, 3.5, 4.5]),
        ("3", [0.5, 0.6, 0.7, 1.7, 2.7]),
        ("9", [0.5, 0.6, 0.7, 0.8, 0.9]),
    ],
)
def test_a_drip_is_a_token_a_second_and_breaks_nothing(moment: str, due: list[float]) -> None:
    script = Script(0.5, 10, faults=parse_faults(f"drip:{moment}"))
    plan = script.perform("a b c d e", Random(0), max_tokens=9)
    assert plan.due == pytest.approx(due)
    assert (plan.fault, plan.finish) == (None, "stop")


def test_what_a_script_changes_leaves_the_luck_of_later_answers() -> None:
    plain, changed = Random(5), Random(5)
    Script().perform("x", plain, max_tokens=1)
    Script(1, 1, 1, parse_faults("stall@0.1"), Limit(1, 1), Late(0.5, 1)).perform("x", changed, max_tokens=1)
    assert plain.random() == changed.random()


def test_faults_hit_their_share() -> None:
    script = Script(faults=parse_faults("reset@0.1,stall@0.3"))
    random = Random(1)
    plans = [script.perform("x", random, max_tokens=1) for _ in range(4_000)]
    hits = Counter(plan.fault.kind if plan.fault else "" for plan in plans)
    assert hits["reset"] == pytest.approx(400, rel=0.2)
    assert hits["stall"] == pytest.approx(1_200, rel=0.1)


def test_the_same_seed_plays_the_same() -> None:
    script = Script(0.1, 50, 0.2, parse_faults("reset@0.5"))
    first, second = (
        [script.perform("a b c d", random, max_tokens=9) for _ in range(20)]
        for random in (Random(3), Random(3))
    )
    assert first == second


@given(
    st.floats(0, 5),
    st.floats(0, 2000),
    st.floats(0, 1),
    st.integers(1, 40),
    st.randoms(use_true_random=False),
)
def test_times(ttft: float, rate: float, jitter: float, count: int, random: Random) -> None:
    plan = Script(ttft, rate, jitter).perform("x " * count, random, max_tokens=1_000)
    assert list(plan.due) == sorted(plan.due)
    assert ttft <= plan.due[0] <= ttft + jitter
    for index, due in enumerate(plan.due):
        assert due - plan.due[0] == pytest.approx(index / rate if rate else 0)


def test_an_answer_is_late_by_anything_up_to_the_jitter() -> None:
    random = Random(1)
    late = [Script(1.0, 10, 2.0).perform("x", random, max_tokens=1).due[0] - 1.0 for _ in range(400)]
    assert min(late) < 0.1
    assert max(late) > 1.9
    assert sum(late) / len(late) == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("text", "max_tokens", "stop", "expected", "finish"),
    [
        ("one two three", 9, (), "one two three", "stop"),
        ("one two three", 2, (), "one two", "length"),
        ("one two three", 3, (), "one two three", "stop"),
        ("one\ntwo\n", 9, ("\n",), "one", "stop"),
        ("one two three", 9, ("ee", "tw"), "one ", "stop"),
        ("one two", 9, ("", "x"), "one two", "stop"),
        ("", 9, (), "", "stop"),
    ],
)
def test_where_an_answer_ends(
    text: str, max_tokens: int, stop: tuple[str, ...], expected: str, finish: str
) -> None:
    plan = Script().perform(text, Random(0), max_tokens=max_tokens, stop=stop)
    assert ("".join(plan.pieces), plan.finish) == (expected, finish)
    assert list(plan.pieces) == tokens(expected)
