"""`inline.without = ["fitting"]`: a model's text as it says it, to measure what fitting is worth."""

from __future__ import annotations

import pytest

from spark_lsp.completion.context import Context, gather
from spark_lsp.completion.trim import Trimmer
from spark_lsp.values import Offer
from tests.answers import offered, snapshot_of

FENCED = "```python\nreturn 1\n```"


def shown(before: str, after: str, said: str, *, fitting: bool) -> Offer | None:
    return offered(snapshot_of(before, after, "python"), said, fitting=fitting)


@pytest.mark.parametrize(
    ("before", "after", "said", "raw", "fitted"),
    [
        ("def f():\n    ", "\n", FENCED, FENCED, "return 1"),
        ("x = ", " + 1\n", "abs(y)\nz = 2", "abs(y)", "abs(y)"),
        ("def f():\n    ", "\nprint(1)\n", "return 1\nprint(1)\n", "return 1\nprint(1)", "return 1"),
        ("def f():\n    ", "\n", "return 1<|fim_middle|>x", "return 1", "return 1"),
    ],
    ids=["fence", "one line", "what follows", "control token"],
)
def test_it_stays_as_it_was_said(before: str, after: str, said: str, raw: str, fitted: str) -> None:
    as_said, offer = (shown(before, after, said, fitting=way) for way in (False, True))
    assert as_said is not None
    assert (as_said.text, as_said.absorbed, as_said.dedent) == (raw, 0, 0)
    assert offer is not None
    assert offer.text == fitted


def test_line_ends_are_the_documents_own() -> None:
    offer = shown("def f():\r\n    ", "\r\n", "a = 1\n    b = 2", fitting=False)
    assert offer is not None
    assert offer.text == "a = 1\r\n    b = 2"


def test_blanks_are_nothing() -> None:
    assert shown("x = ", "\n", "  ", fitting=False) is None


def test_a_line_closes_the_stream_where_one_is_wanted() -> None:
    context = gather(snapshot_of("x = ", "\n", "python"), path="a.py", fitting=False)
    trimmer = Trimmer(context)
    trimmer.feed("1\ny")
    assert (trimmer.done, trimmer.complete, trimmer.text) == (True, True, "1")


def test_a_cut_off_text_stays_whole() -> None:
    trimmer = Trimmer(Context("", "", "python", "x = ", "", fitting=False))
    trimmer.feed("first + secon")
    trimmer.finish("length")
    assert (trimmer.complete, trimmer.text) == (False, "first + secon")
