"""One model goes on with what another one said: nothing doubled, nothing lost, wherever it was cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.context import Context
from spark_lsp.completion.prompt import ANSWER
from spark_lsp.completion.seam import Seam, behind, resumed
from spark_lsp.completion.trim import Trimmer

CODE = [
    path.read_text("utf-8") for path in sorted((Path(__file__).parents[3] / "spark_lsp").rglob("*.py"))[:40]
]
PLACES = st.integers(0, len(CODE) - 1).flatmap(
    lambda index: st.tuples(st.just(CODE[index]), st.integers(0, max(len(CODE[index]) - 1, 0)))
)


def read(context: Context, text: str, sizes: list[int], said: str = "", *, told: bool = False) -> Trimmer:
    """A trimmer that was told `text` in pieces of these sizes, behind what was said."""
    trimmer, seam = Trimmer(context, said=said), Seam(context, said, told=told)
    start = 0
    for size in sizes:
        trimmer.feed(seam.feed(text[start : start + size]))
        start += size
    trimmer.feed(seam.feed(text[start:], final=True))
    trimmer.finish("stop")
    return trimmer


@given(
    PLACES,
    st.integers(0, 200),
    st.lists(st.integers(1, 9), max_size=20),
    st.sampled_from(["plain", "says the line again", "in tags"]),
    st.booleans(),
)
def test_an_answer_that_is_cut_anywhere_and_continued_is_the_answer(
    place: tuple[str, int], cut: int, sizes: list[int], manner: str, multiline: bool
) -> None:
    source, at = place
    before, answer = source[:at][-2000:], source[at : at + 300]
    context = Context("file:///f.py", "f.py", "python", before, "", multiline=multiline)
    whole = read(context, answer, [])
    first = Trimmer(context)
    first.feed(answer[:cut])
    said = resumed(first.text)
    if first.done or not answer.startswith(said):
        return  # nobody goes on; or the answer is not shown as it was said
    rest = answer[len(said) :]
    line = behind(context, said).line_before
    if manner == "says the line again" and said and len(line.strip()) > 8:
        rest = line.lstrip() + rest
    elif manner == "in tags" and said:
        rest = f"{ANSWER}{rest}"
    second = read(context, rest, sizes, said, told=rest.startswith(ANSWER))
    assert second.text == whole.text
    assert second.complete == whole.complete


@pytest.mark.parametrize(
    ("text", "goes_on_from"),
    [
        ("", ""),
        ("retu", ""),
        ("return fo", "return"),
        ("return ", "return"),
        ("f(x)", "f(x"),
        ("x = 1\n    y", "x = 1"),
        ("näh", ""),
        ("a.b_c1", "a."),
    ],
)
def test_a_word_that_may_not_be_whole_is_said_again(text: str, goes_on_from: str) -> None:
    assert resumed(text) == goes_on_from


@pytest.mark.parametrize(
    ("said", "then", "goes_on"),
    [
        ("x = ", " y + 1", "y + 1"),
        ("x =", " y + 1", " y + 1"),
        ("total = first", "total = first + second", " + second"),
        ("x = ", f"Sure, here it is:\n{ANSWER}y", "y"),
        ("x = (y)", f"{ANSWER}\n    z = 1", "\n    z = 1"),
        ("", "  as it is", "  as it is"),
    ],
)
def test_what_stands_there_already_is_not_said_twice(said: str, then: str, goes_on: str) -> None:
    context = Context("file:///f.py", "f.py", "python", "def f():\n    ", "", multiline=True)
    seam = Seam(context, said, told=ANSWER in then)
    assert "".join(seam.feed(character) for character in then) + seam.feed("", final=True) == goes_on
