from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.cli.typist import Tally, next_key, taken


@pytest.mark.parametrize(
    ("ghost", "rest", "part"),
    [
        ("turn x\n", "turn x\n\n", "turn x\n"),
        ("turn x", "turn xs", "turn x"),
        ("turn x", "turn y", ""),
        ("turn x\n    pass\n", "turn x\n\ndef f", "turn x"),
        ("turn x\n    pass\n", "turn xs\n", ""),
        ("a\nb\nc", "a\nb\nd", "a\nb"),
        ("\nb", "\nd", ""),
        (")", ")\n", ""),
        ("", "abc", ""),
    ],
)
def test_what_a_person_takes(ghost: str, rest: str, part: str) -> None:
    assert taken(ghost, rest) == part


@given(st.text("ab \n\t"), st.text("ab \n\t"))
def test_only_what_is_right_is_taken(ghost: str, rest: str) -> None:
    part = taken(ghost, rest)
    assert ghost.startswith(part)
    assert rest.startswith(part)


@given(st.text("ab \n\té😀"))
def test_keys_enter_the_text(text: str) -> None:
    keys, offset = [], 0
    while key := next_key(text, offset):
        keys.append(key)
        offset += len(key)
    assert "".join(keys) == text
    assert all(len(key) == 1 or not key.strip(" \t") for key in keys)


def test_an_indent_is_one_key_and_blanks_elsewhere_are_not() -> None:
    text = "if x:\n    y  = 1"
    assert next_key(text, 6) == "    "
    assert next_key(text, 11) == " "
    assert next_key("\t\tx", 0) == "\t\t"


def test_the_tally_counts_keys_not_characters() -> None:
    tally = Tally()
    tally.key("d")
    tally.answer("ef f(x):", 2.0)
    tally.take("ef f(x):", "ef f(x):")
    tally.answer("", 9.0)
    tally.key("\n")
    tally.answer("    pass\n", 4.0)
    assert tally.report() == {
        "keystrokes": 3,
        "characters": 10,
        "characters_saved": 7,
        "saved_share": 0.7,
        "keystrokes_with_suggestion": 2,
        "suggestion_share": 0.6667,
        "taken": {"whole": 1, "lines": 0},
        "time_to_suggestion_ms": {"p50": 4.0, "p95": 4.0, "p99": 4.0},
    }
