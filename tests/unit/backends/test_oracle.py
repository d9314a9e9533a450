"""What the oracle says: the text that follows the prompt in a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.oracle import Filler, Mistaken, Oracle, split_prompt, tokens
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
@pytest.mark.parametrize(
    ("prefix", "suffix"), [("a(", ")\nb"), ("", ""), (" x ", "\n"), ("[PREFIX", "fim"), ("a\n b", "")]
)
def test_every_template_is_read_back(name: str, prefix: str, suffix: str) -> None:
    template = TEMPLATES[name]
    plain = template.form.format(front="", prefix=prefix, suffix=suffix, path="a.py")
    assert split_prompt(plain) == (prefix, suffix)
    assert split_prompt("".join(template.around("", prefix, suffix, "a.py"))) == (prefix, suffix)
    told = split_prompt("".join(template.around("told\n", prefix, suffix, "a.py")))
    assert told in ((prefix, suffix), (f"told\n{prefix}", suffix))


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


LONG = "".join(
    f"def area_{n}(width, height):\n    scale_{n} = width * {n}\n    return scale_{n} + height\n\n\n"
    for n in range(60)
)


@pytest.mark.parametrize("share", [0.0, 0.15, 0.5, 1.0])
def test_mistakes_are_made_at_their_share_of_the_states(share: float) -> None:
    oracle = Oracle({"area.py": LONG})
    mistaken = Mistaken(oracle, share, seed=3)
    states = [(LONG[:place], LONG[place + 40 :]) for place in range(100, len(LONG) - 100)]
    rights = [(prefix, suffix, oracle.answer(prefix, suffix)) for prefix, suffix in states]
    wrong = sum(mistaken.answer(prefix, suffix) != right for prefix, suffix, right in rights if right.strip())
    assert wrong / len(states) == pytest.approx(share, abs=0.03)


@given(st.integers(100, len(LONG) - 100), st.integers(0, 99))
def test_a_mistake_is_code_whose_first_word_is_wrong(place: int, seed: int) -> None:
    oracle = Oracle({"area.py": LONG})
    mistaken = Mistaken(oracle, 1.0, seed)
    prefix, suffix = LONG[:place], LONG[place + 40 :]
    right, said = oracle.answer(prefix, suffix), mistaken.answer(prefix, suffix)
    if not right.strip():
        assert said == right
        return
    lead = len(right) - len(right.lstrip())
    assert said[:lead] == right[:lead]
    first, meant = tokens(said[lead:])[0], tokens(right[lead:])[0]
    assert first != meant or said[lead:].split()[0] != right[lead:].split()[0]
    assert said[lead:].partition("\n")[0] in LONG


def test_a_mistake_is_indented_as_it_would_be_here() -> None:
    text = "class Deep:\n    def first(self):\n        if self.a:\n            return self.a_long_name\n"
    oracle = Oracle({"a.py": text, "b.py": "head = 1\nfor entry in all:\n    count_it(entry)\n"})
    prefix, right = text[: text.index("return")], "return self.a_long_name"
    said = {Mistaken(oracle, 1.0, seed).answer(prefix, "\n") for seed in range(40)}
    assert "for entry in all:\n                count_it(entry)" in said
    assert not any(answer.startswith(right) for answer in said)


@given(st.integers(400, len(LONG) - 100), st.integers(200, 300))
def test_the_same_state_gets_the_same_answer(place: int, window: int) -> None:
    """However much of the text before it is sent, and however often."""
    mistaken = Mistaken(Oracle({"area.py": LONG}), 0.5)
    suffix = LONG[place + 40 :]
    asked = [mistaken.answer(prefix, suffix) for prefix in (LONG[:place], LONG[place - window : place])]
    right = LONG[place : place + 40]
    assert (asked[0] == right) == (asked[1] == right)


def test_a_mistaken_source_knows_no_more_than_the_oracle() -> None:
    mistaken = Mistaken(ORACLE, 1.0)
    assert mistaken.answer("def nowhere():\n    pass", "") == ""
    assert mistaken.answer("", "") == ""
