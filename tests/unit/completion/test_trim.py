"""The trimmer's laws: whatever a model says, in whatever pieces. Its rules are in the scenarios."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.context import Context
from spark_lsp.completion.prompt import CONTROL_TOKENS
from spark_lsp.completion.trim import Trimmer
from spark_lsp.values import Finish

STOP = ("END", "\n\nclass", "</at-cursor>")

LANGUAGE = st.sampled_from(["python", "typescript", "rust", "markdown", "yaml", ""])
WORDS = st.sampled_from(
    [
        "x",
        " ",
        "  ",
        "\n",
        "\n    ",
        "\t",
        "(",
        ")",
        "{",
        "}",
        "'",
        '"',
        '"""',
        "`",
        "```",
        "#",
        "/",
        "*",
        "else",
        ":",
        "END",
        "EN",
        "<|fim_middle|>",
        "<|",
        "return x",
        "<think>",
        "</think>",
        "Here is it:",
        "Sure,",
        "The",
        " total is",
        "wrong.",
        "I",
        "# ...",
        "<at-cursor>",
        "<at-",
        "</at-cursor>",
        "def f(",
        "f.py",
        "- ",
    ]
)
SAID = st.lists(WORDS, max_size=30).map("".join)
CONTEXT = st.builds(
    Context,
    uri=st.just("file:///f.py"),
    path=st.just("f.py"),
    language=LANGUAGE,
    before=st.lists(WORDS, max_size=10).map("".join),
    after=st.lists(WORDS, max_size=10).map("".join),
    indent=st.sampled_from(["\t", "  ", "    "]),
    multiline=st.booleans(),
)
REASON: st.SearchStrategy[Finish] = st.sampled_from(["stop", "length", "filter", "unknown"])


def trimmed(context: Context, pieces: list[str], reason: Finish = "stop") -> Trimmer:
    trimmer = Trimmer(context, stop=STOP, max_lines=12)
    shown = ""
    for piece in pieces:
        trimmer.feed(piece)
        assert trimmer.text.startswith(shown.rstrip()), "took back what was shown"
        shown = trimmer.text
    trimmer.finish(reason)
    return trimmer


@given(CONTEXT, SAID, REASON, st.lists(st.integers(0, 60), max_size=8))
def test_the_cuts_of_a_stream_do_not_matter(
    context: Context, said: str, reason: Finish, cuts: list[int]
) -> None:
    edges = sorted({0, len(said), *(cut for cut in cuts if cut < len(said))})
    pieces = [said[start:end] for start, end in pairwise(edges)]
    ways = [trimmed(context, way, reason) for way in ([said], pieces, list(said))]
    assert len({(trimmer.text, trimmer.complete) for trimmer in ways}) == 1


@given(CONTEXT, SAID, REASON)
def test_what_is_shown_is_clean(context: Context, said: str, reason: Finish) -> None:
    text = trimmed(context, list(said), reason).text
    assert text == text.rstrip()
    assert not any(token in text for token in (*STOP, *CONTROL_TOKENS))
    assert context.multiline or "\n" not in text


@given(CONTEXT, SAID)
def test_an_answer_may_end_only_in_whole_lines_or_words_when_cut_off(context: Context, said: str) -> None:
    whole = trimmed(context, [said], "stop")
    short = trimmed(context, [said], "length")
    assert whole.text.startswith(short.text)
    assert short.complete <= whole.complete


def test_half_a_character_waits_for_its_other_half() -> None:
    trimmer = Trimmer(Context("", "", "python", 'face = "', '"'))
    trimmer.feed("ab\ud83d")
    assert trimmer.text == "ab"
    trimmer.feed("\ude42")
    assert trimmer.text == "ab🙂"
    trimmer.feed("\ud83d")
    trimmer.finish("unknown")
    assert trimmer.text == "ab🙂"


def test_blanks_without_end_are_the_end() -> None:
    trimmer = Trimmer(Context("", "", "python", "", ""))
    trimmer.feed(" " * 1000)
    assert (trimmer.done, trimmer.complete, trimmer.text) == (True, True, "")


def test_the_limit_of_lines() -> None:
    trimmer = Trimmer(Context("", "", "python", "def f():\n    ", ""), max_lines=2)
    trimmer.feed("a = 1\n    b = 2\n    c = 3")
    assert (trimmer.done, trimmer.complete, trimmer.text) == (True, False, "a = 1\n    b = 2")


def test_nothing_counts_behind_the_end() -> None:
    trimmer = Trimmer(Context("", "", "python", "x = ", "", multiline=False))
    trimmer.feed("1\n")
    assert trimmer.done
    trimmer.feed("2")
    trimmer.finish("length")
    assert (trimmer.complete, trimmer.text) == (True, "1")


def test_a_whole_line_is_shown_at_its_end() -> None:
    """So that the first line can be answered with before the second begins."""
    trimmer = Trimmer(Context("", "", "python", "def f():\n    ", ""))
    trimmer.feed("a = 1")
    assert trimmer.text == "a = 1"
    trimmer.feed("\n")
    assert trimmer.text == "a = 1\n"
    trimmer.feed("    ")
    assert trimmer.text == "a = 1\n"


@pytest.mark.parametrize(
    ("reason", "complete"), [("stop", True), ("unknown", False), ("length", False), ("filter", False)]
)
def test_only_an_end_of_its_own_is_complete(reason: Finish, complete: bool) -> None:
    trimmer = Trimmer(Context("", "", "python", "x = ", ""))
    trimmer.feed("f(1)")
    trimmer.finish(reason)
    assert (trimmer.complete, trimmer.text) == (complete, "f(1)")
