"""The states ahead are those that the keys lead to, weighed by what the user does."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.odds import Odds, Step, situation
from spark_lsp.completion.speculate import LEAST, Branch, branches, indent_below, worth
from spark_lsp.completion.typed import typed_since
from spark_lsp.text import Document, Snapshot
from spark_lsp.values import Offer

STEPS: tuple[Step, ...] = get_args(Step)


def at_mark(text: str, language: str = "python") -> Snapshot:
    """A snapshot of the text without its mark, the cursor where it was."""
    before, _, after = text.partition("|")
    document = Document("file:///a", before + after, language=language, encoding="utf-32")
    lines = before.replace("\r\n", "\n").split("\n")
    return document.snapshot(len(lines) - 1, len(lines[-1]))


def marked(snapshot: Snapshot) -> str:
    """The text with a mark at the cursor."""
    above = "".join(snapshot.lines.slice(0, snapshot.line))
    below = "".join(snapshot.lines.slice(snapshot.line, snapshot.lines.count))
    return f"{above}{below[: snapshot.column]}|{below[snapshot.column :]}"


def after(text: str, offer: Offer, language: str = "python", other: Offer | None = None) -> dict[str, Branch]:
    found = branches(at_mark(text, language), offer, Odds(), after_accept=False, other=other)
    assert len({branch.step for branch in found}) == len(found)
    return {branch.step: branch for branch in found}


@pytest.mark.parametrize(
    ("text", "offer", "states", "goals"),
    [
        (
            "x = |\n",
            Offer("1"),
            {"all": "x = 1|\n", "newline": "x = 1\n|\n"},
            {"all": "1", "newline": "1\n"},
        ),
        (
            "def f():\n    |",
            Offer("if a:\n        b()"),
            {
                "all": "def f():\n    if a:\n        b()|",
                "newline": "def f():\n    if a:\n        b()\n        |",
            },
            {"all": "if a:\n        b()", "newline": "if a:\n        b()\n        "},
        ),
        (
            "def f():\r\n    |\r\n",
            Offer("for a in b:"),
            {
                "all": "def f():\r\n    for a in b:|\r\n",
                "newline": "def f():\r\n    for a in b:\r\n        |\r\n",
            },
            {"all": "for a in b:", "newline": "for a in b:\n        "},
        ),
        (
            "def f():\r\n    |",
            Offer("a = 1\r\n    b = 2"),
            {
                "all": "def f():\r\n    a = 1\r\n    b = 2|",
                "newline": "def f():\r\n    a = 1\r\n    b = 2\r\n    |",
            },
            {"all": "a = 1\n    b = 2", "newline": "a = 1\n    b = 2\n    "},
        ),
        ("f(|)\n", Offer("a, b)", absorbed=1), {"all": "f(a, b)|\n", "newline": "f(a, b)\n|\n"}, {}),
        ("f(|) + 1\n", Offer("a, b"), {"all": "f(a, b|) + 1\n"}, {}),
        (
            "if a:\n    b\n    |",
            Offer("else:", dedent=4),
            {"all": "if a:\n    b\nelse:|", "newline": "if a:\n    b\nelse:\n    |"},
            {"all": "else:"},
        ),
    ],
)
def test_states(text: str, offer: Offer, states: dict[str, str], goals: dict[str, str]) -> None:
    found = after(text, offer)
    assert {step: marked(branch.snapshot) for step, branch in found.items()} == states
    assert {step: found[step].goal for step in goals} == goals


def test_the_other_candidate_is_a_state_too() -> None:
    found = after("x = |\n", Offer("1"), other=Offer("foo()"))
    assert marked(found["other"].snapshot) == "x = foo()|\n"
    assert found["other"].goal == "foo()"
    assert "other" not in after("x = |\n", Offer("1"), other=Offer("1"))


@pytest.mark.parametrize(
    ("language", "text", "indent"),
    [
        ("python", "    a = 1|", "    "),
        ("python", "    if a:|", "        "),
        ("python", "if a:\n  b\n  if c:|", "    "),
        ("python", "    f(|", "        "),
        ("python", "    return a|", ""),
        ("python", "if a:\n    for b in c:\n        continue|", "    "),
        ("python", "if a:\n  if b:\n    raise ValueError(c)|", "  "),
        ("python", "pass|", ""),
        ("python", "    pass  # yet|", ""),
        ("python", "    return {|", "        "),
        ("python", "    return foo(a,|", "    "),
        ("python", '    return """a|', "    "),
        ("python", "    returned = 1|", "    "),
        ("python", "    # return:|", "    "),
        ("python", "\tif a:\n\t\tbreak|", "\t"),
        ("python", "\tif a:\n\t\tb\n   return c|", ""),
        ("go", "func f() {\n\tif a {|", "\t\t"),
        ("go", "\treturn a|", "\t"),
        ("javascript", "  a.map(b =>|", "    "),
        ("javascript", "  // then:|", "  "),
        ("markdown", "  Notes:|", "  "),
        ("lua", "  if a then|", "    "),
        ("c", " * for each:|", " "),
    ],
)
def test_the_next_line_begins_where_editors_begin_it(language: str, text: str, indent: str) -> None:
    assert indent_below(at_mark(text, language)) == indent


texts = st.text("ab (){}:='\"#\n", max_size=30)
line_ends = st.sampled_from(["\n", "\r\n"])


@given(texts, texts.filter(str.strip), texts, line_ends, st.floats(0, 1), st.booleans())
def test_typing_the_goal_leads_to_the_state(
    before: str, said: str, below: str, newline: str, probability: float, after_accept: bool
) -> None:
    snapshot = at_mark(f"{before}|\n{below}".replace("\n", newline))
    offer = Offer(said.replace("\n", snapshot.newline))
    found = branches(snapshot, offer, Odds(), after_accept=after_accept, probability=probability)
    for branch in found:
        assert typed_since(snapshot, branch.snapshot) == branch.goal
        assert branch.snapshot.line_after == snapshot.line_after
        assert branch.goal.startswith(said)


@given(
    st.lists(st.sampled_from([*STEPS, None]), max_size=60),
    st.floats(0, 1),
    st.booleans(),
)
def test_the_most_probable_comes_first_and_none_that_is_not_worth_a_request(
    history: list[Step | None], probability: float, after_accept: bool
) -> None:
    snapshot, offer, odds = at_mark("x = |"), Offer("foo"), Odds()
    kind = situation(snapshot, offer, after_accept=after_accept)
    for taken in history:
        odds.observe("python", kind, taken)
    found = branches(
        snapshot, offer, odds, after_accept=after_accept, other=Offer("bar"), probability=probability
    )
    chances = [branch.probability for branch in found]
    assert chances == sorted(chances, reverse=True)
    assert all(LEAST <= chance < probability for chance in chances)
    for branch in found:
        assert branch.probability == probability * odds.probability("python", kind, branch.step)
    left_out = set(STEPS) - {branch.step for branch in found}
    assert all(probability * odds.probability("python", kind, step) < LEAST for step in left_out)


@given(st.floats(0, 1), st.floats(0, 10), st.integers(0, 500))
def test_worth_rises_with_what_is_saved_and_falls_with_what_it_costs(
    probability: float, saved: float, tokens: int
) -> None:
    value = worth(probability, saved, tokens)
    assert worth(probability, saved + 1, tokens) >= value
    assert worth(min(probability + 0.1, 1), saved, tokens) >= value
    assert worth(probability, saved, tokens + 1) < value


@pytest.mark.parametrize(
    ("probability", "saved", "tokens", "pays"),
    [(0.5, 0.15, 30, True), (0.1, 0.15, 30, False), (0.06, 0.4 + 30 / 40, 30, True), (0.9, 0.01, 30, False)],
)
def test_what_is_worth_asking_for(probability: float, saved: float, tokens: int, pays: bool) -> None:
    assert (worth(probability, saved, tokens) > 0) == pays
