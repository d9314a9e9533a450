"""The odds follow the user, and survive whatever is on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.odds import LANGUAGES, MEMORY, SITUATIONS, Odds, Step, situation
from spark_lsp.text import Document
from spark_lsp.values import Offer

STEPS: tuple[Step, ...] = get_args(Step)
HERE, ELSEWHERE = SITUATIONS[0], SITUATIONS[1]

outcomes = st.sampled_from((*STEPS, None))
histories = st.lists(
    st.tuples(st.sampled_from(["python", "go", ""]), st.sampled_from(SITUATIONS[:3]), outcomes), max_size=80
)


def after(history: Iterable[tuple[str, str, Step | None]]) -> Odds:
    odds = Odds()
    for event in history:
        odds.observe(*event)
    return odds


def probabilities(odds: Odds, languages: Iterable[str] = ("python", "go", "", "rust")) -> list[float]:
    return [odds.probability(*state) for state in product(languages, SITUATIONS, STEPS)]


def check(line: str, column: int, text: str, *, after_accept: bool, kind: str) -> None:
    snapshot = Document("file:///a.py", line, encoding="utf-32").snapshot(0, column)
    assert situation(snapshot, Offer(text), after_accept=after_accept) == kind
    assert kind in SITUATIONS


@pytest.mark.parametrize(
    ("line", "column", "text", "after_accept", "kind"),
    [
        ("", 0, "a = 1", False, "line-start/one/typed"),
        ("\t  ", 3, "a = 1\nb = 2", True, "line-start/many/after"),
        ("", 0, "a\rb", False, "line-start/many/typed"),
        ("  x", 1, "a\r\nb", False, "line-start/many/typed"),
        ("a = ", 4, "1", True, "within-line/one/after"),
    ],
)
def test_situations(line: str, column: int, text: str, after_accept: bool, kind: str) -> None:
    check(line, column, text, after_accept=after_accept, kind=kind)


@given(histories)
def test_nothing_is_certain_and_enter_comes_after_taking(history: list[tuple[str, str, Step | None]]) -> None:
    odds = after(history)
    assert all(0 < probability < 1 for probability in probabilities(odds))
    for language, kind in product(("python", "go", "rust"), SITUATIONS):
        taken, newline, other = (odds.probability(language, kind, step) for step in STEPS)
        assert newline <= taken
        assert taken + other < 1


@given(histories, st.sampled_from(["python", "rust"]), outcomes)
def test_one_more_moves_the_odds_its_way(
    history: list[tuple[str, str, Step | None]], language: str, taken: Step | None
) -> None:
    odds = after(history)
    before = {step: odds.probability(language, HERE, step) for step in STEPS}
    odds.observe(language, HERE, taken)
    for step, was in before.items():
        now = odds.probability(language, HERE, step)
        if step == taken or (step == "all" and taken == "newline"):
            assert now > was - 1e-12
        else:
            assert now < was + 1e-12


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("of_ten", [0, 2, 5, 9, 10])
def test_the_odds_come_to_the_share(step: Step, of_ten: int) -> None:
    taken = [step if (index * of_ten) % 10 < of_ten else None for index in range(200)]
    odds = after([("python", HERE, outcome) for outcome in taken])
    assert odds.probability("python", HERE, step) == pytest.approx(of_ten / 10, abs=0.1)


def test_who_changes_their_mind_is_followed_within_fifty() -> None:
    odds = after([("python", HERE, "all")] * 1000)
    assert odds.probability("python", HERE, "all") > 0.9
    for _ in range(50):
        odds.observe("python", HERE, None)
    assert odds.probability("python", HERE, "all") < 0.25


def test_a_new_language_is_judged_by_the_others_and_a_known_one_by_itself() -> None:
    odds = after([("python", HERE, "all"), ("go", HERE, None)] * 100)
    usual = Odds()
    assert odds.probability("python", HERE, "all") > odds.probability("rust", HERE, "all")
    assert odds.probability("rust", HERE, "all") > odds.probability("go", HERE, "all")
    assert odds.probability("rust", ELSEWHERE, "all") == usual.probability("rust", ELSEWHERE, "all")


def test_an_unknown_situation_is_not_kept() -> None:
    odds = after([("python", "upside-down", "all")])
    assert odds.report() == {}


def test_the_language_that_was_not_used_longest_goes_first() -> None:
    languages = [f"language {number}" for number in range(LANGUAGES)]
    odds = after([(language, HERE, "all") for language in languages])
    odds.observe(languages[0], HERE, "all")
    odds.observe("one more", HERE, None)
    kept = {key.rpartition(" ")[0] for key in odds.report()} - {""}
    assert kept == {*languages, "one more"} - {languages[1]}
    again = Odds.restored(odds.report())
    again.observe("another", HERE, None)
    assert f"{languages[2]} {HERE}" not in again.report()


@given(histories)
def test_a_report_brings_all_of_it_back(history: list[tuple[str, str, Step | None]]) -> None:
    odds = after(history)
    again = Odds.restored(json.loads(json.dumps(odds.report())))
    assert probabilities(again) == pytest.approx(probabilities(odds), abs=1e-3)
    assert again.report() == odds.report()


numbers = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.none(), st.sampled_from([0.0, 1.0, MEMORY, 1e9, 10**400])
)
keys = st.one_of(st.text(max_size=5), st.sampled_from([*SITUATIONS, f"python {HERE}", f" {HERE}", "*"]))
nonsense = st.one_of(
    numbers,
    st.text(),
    st.dictionaries(st.one_of(keys, numbers), st.one_of(numbers, st.lists(numbers, max_size=5))),
)


@given(nonsense)
def test_nonsense_is_left_out(report: object) -> None:
    odds = Odds.restored(report)
    odds.observe("python", HERE, "newline")
    assert all(0 < probability < 1 for probability in probabilities(odds))
    assert Odds.restored(odds.report()).report() == odds.report()


@pytest.mark.parametrize(
    "values",
    [
        None,
        "1234",
        [1.0, 1.0, 1.0],
        [float("nan"), 0.0, 0.0, 0.0],
        [5.0, float("nan"), 0.0, 0.0],
        [float("inf")] * 4,
        [1e9, 1e9, 0.0, 0.0],
        [10**400, 0, 0, 0],
        [5.0, -1.0, -1.0, 0.0],
        [5.0, 6.0, 0.0, 0.0],
        [5.0, 1.0, 2.0, 0.0],
        [5.0, 1.0, 1.0, 6.0],
        [True, True, False, False],
        ["5", "1", "0", "0"],
    ],
)
def test_what_cannot_have_been_observed_is_left_out(values: object) -> None:
    good = [5.0, 4.0, 1.0, 1.0]
    odds = Odds.restored(
        {f"python {HERE}": values, HERE: values, f"go {HERE}": good, "go sideways": good, 7: good}
    )
    assert odds.report() == {f"go {HERE}": good}
