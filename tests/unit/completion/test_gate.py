"""The gate follows the user, never refuses before it knows, and says why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.gate import ENOUGH, EXPLORES, Gate, Moment
from spark_lsp.text import Document

moments = st.builds(
    lambda line, column, after_accept, erased, interval, confidence: Moment(
        Document("file:///a.py", line, language="python", encoding="utf-32").snapshot(
            0, min(column, len(line))
        ),
        after_accept,
        erased,
        interval,
        confidence,
    ),
    st.text("ab .(#'\"=1", max_size=12),
    st.integers(0, 12),
    st.booleans(),
    st.booleans(),
    st.none() | st.floats(0, 10),
    st.none() | st.floats(0, 1),
)


def moment(line: str, **known: object) -> Moment:
    """`|` is the cursor."""
    before, _, after = line.partition("|")
    text = Document("file:///a.py", before + after, language="python", encoding="utf-32")
    return Moment(text.snapshot(0, len(before)), **known)  # type: ignore[arg-type]  # by name, as given


def after(gate: Gate, line: str, *taken: bool) -> Gate:
    for each in taken:
        gate.observe(gate.features(moment(line)), taken=each)
    return gate


@pytest.mark.parametrize(
    ("line", "known", "seen"),
    [
        ("|", {}, ("in python", "on a blank line")),
        ("    |x", {}, ("in python", "in front of a line")),
        ("self.|", {}, ("in python", "behind `.`", "at the end of a line")),
        ("f(a, |)", {}, ("in python", "behind a blank", "at the end of a line")),
        ("na| + 1", {}, ("in python", "behind a letter", "within a line")),
        ("x = 'na|", {}, ("in a string",)),
        ("# na|", {}, ("in a comment",)),
        (
            "x = 1|",
            {"erased": True},
            ("in python", "behind a digit", "at the end of a line", "after erasing"),
        ),
        (
            "x +|",
            {"interval": 0.05},
            ("in python", "behind a sign", "at the end of a line", "in a burst of keys"),
        ),
        ("|", {"interval": 5.0}, ("in python", "on a blank line", "after a pause")),
        ("|", {"after_accept": True}, ("in python", "on a blank line", "behind what was taken")),
        ("|", {"confidence": 0.0}, ("in python", "on a blank line", "the predictor knows nothing")),
        ("|", {"confidence": 0.6}, ("in python", "on a blank line", "the predictor leans to something")),
    ],
)
def test_what_is_seen_of_a_moment(line: str, known: dict[str, object], seen: tuple[str, ...]) -> None:
    assert Gate().features(moment(line, **known)) == seen


@given(moments)
def test_without_a_history_nothing_is_refused(here: Moment) -> None:
    gate = Gate()
    assert gate.judge(gate.features(here)).asks
    assert gate.judge(gate.features(here), 0.3).asks


@given(st.lists(moments, max_size=200), moments)
def test_who_takes_everything_is_never_refused(history: list[Moment], here: Moment) -> None:
    gate = Gate()
    for one in history:
        gate.observe(gate.features(one), taken=True)
    assert gate.judge(gate.features(here)).asks


@given(st.lists(st.tuples(moments, st.booleans()), max_size=60), st.lists(moments, max_size=60))
def test_a_share_is_always_asked_and_the_same_history_refuses_the_same(
    history: list[tuple[Moment, bool]], asked: list[Moment]
) -> None:
    def answers() -> list[bool]:
        gate = Gate()
        for one, taken in history:
            gate.observe(gate.features(one), taken=taken)
        return [gate.judge(gate.features(one)).asks for one in asked]

    asks = answers()
    assert asks == answers()
    assert asks.count(False) <= len(asks) * (EXPLORES - 1) / EXPLORES + EXPLORES


def test_where_nothing_is_taken_nothing_is_asked_and_it_says_why() -> None:
    gate = Gate()
    for _ in range(60):  # takes code and no comments
        after(gate, "x = va|", True)
        after(gate, "# some wo|", False, False)
    refused = gate.judge(gate.features(moment("# some wo|")))
    assert not refused.asks
    assert refused.reasons[0] == "in a comment"
    assert "in a comment" in str(refused)
    assert gate.judge(gate.features(moment("x = va|"))).asks
    assert gate.judge(gate.features(moment("# some wo|")), "off").asks
    learned = gate.learned()
    assert learned["reasons"][0]["reason"] == "in a comment"
    assert learned["reasons"][0]["odds"] < 1 < learned["reasons"][-1]["odds"]
    assert gate.counts() == {
        "seen": 180,
        "refused": 1,
        "explored": 0,
        "against": [{"reason": "in a comment", "count": 1}],
    }


def test_too_few_are_no_reason() -> None:
    gate = after(Gate(), "x|", *([False] * (ENOUGH - 1)))
    assert gate.judge(gate.features(moment("x|"))).asks


def test_a_refused_place_is_asked_now_and_then_and_comes_back() -> None:
    gate = after(Gate(), "x|", *([False] * 300))
    features = gate.features(moment("x|"))
    asks = [gate.judge(features) for _ in range(2 * EXPLORES)]
    assert [each.asks for each in asks].count(True) == 2
    assert all(each.explores == each.asks for each in asks)
    after(gate, "x|", *([True] * 12))
    assert gate.judge(gate.features(moment("x|"))).asks


@given(st.lists(st.tuples(moments, st.booleans()), max_size=60), moments)
def test_what_was_learned_survives(history: list[tuple[Moment, bool]], here: Moment) -> None:
    gate = Gate()
    for one, taken in history:
        gate.observe(gate.features(one), taken=taken)
    restored = Gate.restored(json.loads(json.dumps(gate.report())))
    features = gate.features(here)
    assert restored.probability(features) == pytest.approx(gate.probability(features), abs=1e-3)
    assert restored.seen == gate.seen


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        {"a": 1},
        {"a": [1, 2]},
        {"a": ["1"]},
        {1: [1.0]},
        {"a": [float("nan")]},
        {"a": [1e9]},
        {"a": [True]},
    ],
)
def test_what_is_no_report_is_left_out(report: object) -> None:
    assert Gate.restored(report).report() == Gate().report()
