"""What the oracle says: the text that follows the prompt in a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.oracle import Filler, Oracle, split_prompt, tokens
from spark_lsp.completion.prompt import TEMPLATES

SHOP = '''"""A shop."""


def price(item):
    return item.price * item.count


def total(items):
    return sum(price(item) for item in items)


def count(items):
    return sum(item.count for item in items)
'''
TOOL = """import sys


def main():
    print(sum(1 for line in sys.stdin))
"""
ORACLE = Oracle({"shop.py": SHOP, "tool.py": TOOL.replace("\n", "\r\n")})


def check(before: str, expected: str, after: str, text: str = SHOP) -> None:
    """`before`, `expected` and `after` follow each other in `text`; the first and the last are asked with."""
    place = text.index(before + expected + after)
    prefix = text[:place] + before
    assert ORACLE.answer(prefix, text[len(prefix) + len(expected) :]) == expected
    assert ORACLE.answer(prefix[-60:], after or text[len(prefix) + len(expected) :]) == expected


@pytest.mark.parametrize(
    ("before", "expected", "after"),
    [
        ("def price(", "item", "):\n    return item.price"),
        ("def total(items):\n", "    return sum(price(item) for item in items)\n", "\n\ndef count"),
        ("def total(items):\n    return sum(", "price(item) for item in items", ")\n\n\ndef count"),
        ("def count(items):\n    return sum(", "item.count for item in items)\n", ""),
    ],
)
def test_places(before: str, expected: str, after: str) -> None:
    check(before, expected, after)


def test_line_ends_are_those_of_prompts() -> None:
    check("def main():\n", "    print(sum(1 for line in sys.stdin))\n", "", TOOL)


@pytest.mark.parametrize(
    ("prefix", "suffix", "expected"),
    [
        ("def nowhere():\n    pass", "", ""),
        ("", "", ""),
        ("\n\n", "", ""),
        (" " * 40, "", ""),
        ("import sys", "", TOOL[10:]),
        ('"""A', "\n\n\ndef price(item):", ' shop."""'),
        ("", "\n\n\ndef main():\n", "import sys"),
        ("    return sum(", "\n", "price(item) for item in items)\n\n\n" + SHOP[SHOP.index("def count") :]),
        ("def price(item):\n    return ", "\n\n\ndef nowhere", SHOP[SHOP.index("item.price") :]),
        (SHOP, "", ""),
    ],
)
def test_odd_questions(prefix: str, suffix: str, expected: str) -> None:
    assert ORACLE.answer(prefix, suffix) == expected


def test_of_equal_places_the_one_that_reaches_the_suffix_is_taken() -> None:
    oracle = Oracle({"a": "x = compute(first)\ny = 1\n", "b": "x = compute(second)\nz = 2\n"})
    assert oracle.answer("x = compute(", "\nz = 2\n") == "second)"


def test_the_longest_match_wins() -> None:
    oracle = Oracle({"a": "one\nreturn value.a", "b": "two\nreturn value.b"})
    assert oracle.answer("two\nreturn value.", "") == "b"


@given(st.integers(32, len(SHOP)), st.integers(32, len(SHOP)))
def test_between_two_parts_of_a_file_it_says_what_is_missing(start: int, end: int) -> None:
    start, end = sorted((start, end))
    suffix = SHOP[end:]
    assert ORACLE.answer(SHOP[:start], suffix) == SHOP[start : end if suffix.strip() else None]


@pytest.mark.parametrize(
    "name", [name for name, template in TEMPLATES.items() if "{suffix}" in template.form]
)
@pytest.mark.parametrize(("prefix", "suffix"), [("a(", ")\nb"), ("", ""), (" x ", "\n"), ("[PREFIX", "fim")])
def test_every_template_is_read_back(name: str, prefix: str, suffix: str) -> None:
    prompt = TEMPLATES[name].form.format(prefix=prefix, suffix=suffix, path="a.py")
    assert split_prompt(prompt) == (prefix, suffix)


def test_a_prompt_without_marks_is_all_prefix() -> None:
    assert split_prompt("if a <fim_prefix> b") == ("if a <fim_prefix> b", "")


@given(st.text(), st.integers(0, 5))
def test_tokens_lose_nothing(text: str, limit: int) -> None:
    assert "".join(tokens(text)) == text
    assert tokens(text, limit) == tokens(text)[:limit]


def test_tokens_are_about_as_long_as_a_models() -> None:
    assert 3 < len(SHOP) / len(tokens(SHOP)) < 5


def test_the_filler_answers_anything() -> None:
    assert Filler().answer("", "").startswith("step_1 = next_step(step_0)\n")
