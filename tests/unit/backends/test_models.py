"""Which model is asked, by what is named, preferred, listed and refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.models import ModelChoice

Act = tuple[str, Sequence[str]]


def check(named: str, preferred: Sequence[str], acts: Sequence[Act], expected: str) -> None:
    """`acts` are ("listed", models) and ("refused", models)."""
    choice = ModelChoice(named, preferred)
    for what, models in acts:
        if what == "listed":
            choice.listed(models)
            assert choice.open == (not choice.current)
        else:
            for model in models:
                assert choice.refuse(model) == bool(choice.current and not named)
    assert choice.current == expected


@pytest.mark.parametrize(
    ("named", "preferred", "acts", "expected"),
    [
        # Nothing is listed yet: the first preference that is a name is taken on trust.
        ("", ["*"], [], ""),
        ("", ["best-*", "good", "*"], [], "good"),
        # The list decides, in the order of the preferences and then in its own.
        ("", ["best", "good"], [("listed", ["good", "best"])], "best"),
        ("", ["best", "good"], [("listed", ["good"])], "good"),
        ("", ["best-*", "*"], [("listed", ["other", "best-1", "best-2"])], "best-1"),
        ("", ["Best"], [("listed", ["best"])], "best"),
        ("", ["best"], [("listed", ["other"])], ""),
        ("", ["best"], [("listed", [])], ""),
        ("", ["best"], [("listed", ["other"]), ("listed", ["best"])], "best"),
        # What is listed as a pattern (LiteLLM does that) is no model, nor is what does not write.
        ("", ["*"], [("listed", ["openai/*", "text-embedding-3", "whisper-1", "coder"])], "coder"),
        ("", ["whisper-1"], [("listed", ["whisper-1"])], "whisper-1"),
        # A refusal passes over, whatever is listed later.
        ("", ["best", "good"], [("refused", ["best"])], "good"),
        ("", ["best", "good"], [("refused", ["best"]), ("listed", ["good", "best"])], "good"),
        ("", ["best", "good"], [("listed", ["good", "best"]), ("refused", ["best", "good"])], ""),
        # A name in the settings is asked, come what may.
        ("mine", ["best"], [], "mine"),
        ("mine", ["best"], [("listed", ["best"]), ("refused", ["mine"])], "mine"),
    ],
)
def test_choice(named: str, preferred: Sequence[str], acts: Sequence[Act], expected: str) -> None:
    check(named, preferred, acts, expected)


NAMES = st.sampled_from(["a", "a-1", "B", "b-1", "x/*", "embed-a"])


@given(st.lists(NAMES | st.sampled_from(["*", "a*"])), st.lists(NAMES), st.lists(NAMES))
def test_what_is_asked_is_listed_and_not_refused(
    preferred: list[str], listed: list[str], refused: list[str]
) -> None:
    choice = ModelChoice("", preferred)
    choice.listed(listed)
    for model in refused:
        choice.refuse(model)
    assert choice.current in {"", *listed} - set(refused)
    if "*" in preferred and {"a", "a-1", "B", "b-1"} & set(listed) - set(refused):
        assert choice.current


@given(st.lists(NAMES, min_size=1), st.lists(NAMES))
def test_refusals_come_to_an_end(preferred: list[str], listed: list[str]) -> None:
    choice = ModelChoice("", preferred)
    choice.listed(listed)
    refusals = 0
    while choice.current:
        choice.refuse(choice.current)
        refusals += 1
    assert refusals <= len(set(listed))
