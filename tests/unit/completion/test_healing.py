from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.healing import LONGEST, Healing, half_typed

CODE = st.text("ab_1 .,(=+\"'\n\tπ中", max_size=60)


@pytest.mark.parametrize(
    ("before", "typed"),
    [
        ("", ""),
        ("x = self.na", ".na"),
        ("    retu", " retu"),
        ("\tretu", "retu"),
        ("    return ", " "),
        ("    return va", " va"),
        ("if x !", " !"),
        ("call(", "("),
        ("call(ar", "(ar"),
        ("f(a,  ", "  "),
        ("x = 'na", "'na"),
        ("    ", " "),
        ("\tx\n\t", ""),
        ("done\n", ""),
        ("a = 1\n\n    y", " y"),
        ("x" * LONGEST, "x" * LONGEST),
        (f"y{' ' * LONGEST}", " " * LONGEST),
        (" " * (LONGEST + 9), " "),
        ("x" * (LONGEST + 1), ""),
    ],
)
def test_what_the_answer_begins_with(before: str, typed: str) -> None:
    assert half_typed(before) == typed


@given(CODE)
def test_the_cut_is_the_end_of_the_line_and_leaves_its_indentation_but_for_a_blank(before: str) -> None:
    typed = half_typed(before)
    line = before.rpartition("\n")[2]
    assert line.endswith(typed)
    assert len(typed) <= LONGEST
    indentation = len(line) - len(line.lstrip(" \t"))
    assert len(line) - len(typed) >= min(indentation - 1, len(line))


@given(CODE, CODE, st.lists(st.integers(1, 9), max_size=9))
def test_what_was_typed_comes_out_of_the_answer_however_it_was_cut(
    typed: str, rest: str, sizes: list[int]
) -> None:
    healing = Healing(typed)
    assert "".join(_fed(healing, typed + rest, sizes)) == rest
    assert not healing.contradicted


@given(CODE, CODE, st.lists(st.integers(1, 9), max_size=9))
def test_an_answer_goes_on_or_contradicts_at_once(typed: str, said: str, sizes: list[int]) -> None:
    """It never gives a character that does not follow what was typed."""
    healing, heard = Healing(typed), ""
    for piece in _pieces(said, sizes):
        heard += piece
        given_out = healing.feed(piece)
        agreed = heard.startswith(typed) or typed.startswith(heard)
        if healing.contradicted:
            assert not given_out
            assert not agreed
            return
    healing.feed("", final=True)
    shared = next(
        (index for index, pair in enumerate(zip(typed, said, strict=False)) if pair[0] != pair[1]), None
    )
    left = typed[min(len(typed), len(said)) if shared is None else shared :]
    assert healing.contradicted == bool(left.strip())


@pytest.mark.parametrize(
    ("typed", "said", "shown"),
    [
        (" ", " value", "value"),
        (" ", "(value)", "(value)"),
        (" ", "\n", "\n"),
        (",  ", ", b", "b"),
    ],
)
def test_a_blank_at_the_end_may_be_missing(typed: str, said: str, shown: str) -> None:
    healing = Healing(typed)
    assert healing.feed(said) == shown
    assert not healing.contradicted


def _pieces(text: str, sizes: list[int]) -> list[str]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]


def _fed(healing: Healing, text: str, sizes: list[int]) -> list[str]:
    return [healing.feed(piece) for piece in _pieces(text, sizes)]
