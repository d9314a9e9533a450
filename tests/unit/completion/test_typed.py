"""What counts as typing along, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.typed import typed_since
from spark_lsp.text import Document, Snapshot

texts = st.text("ab \n", max_size=30)


def snapshot(text: str, offset: int, *, newline: str = "\n") -> Snapshot:
    document = Document("file:///x", text.replace("\n", newline), encoding="utf-32")
    before = text[:offset]
    return document.snapshot(before.count("\n"), len(before) - before.rfind("\n") - 1)


@given(texts, texts, texts, st.sampled_from(["\n", "\r\n", "\r"]))
def test_typing_is_what_was_typed(before: str, typed: str, after: str, newline: str) -> None:
    origin = snapshot(before + after, len(before), newline=newline)
    now = snapshot(before + typed + after, len(before + typed), newline=newline)
    # Ambiguous when the rest of the line looks typed: nothing else changed either way.
    assert typed_since(origin, now) == typed


@given(texts, texts)
def test_nothing_is_typed_backwards(before: str, after: str) -> None:
    origin = snapshot(before + after, len(before))
    for offset in range(len(before)):
        assert typed_since(origin, snapshot(before + after, offset)) is None


@pytest.mark.parametrize(
    ("then", "now", "typed"),
    [
        ("print|", "print(|", "("),
        ("print|", "print(|)", "("),  # the editor closed it
        ("print(|)", "print(x)|", "x)"),  # and let it be typed over
        ("a|b", "ax|c", None),  # the rest of the line is another
        ("a|b", "cx|b", None),  # so is what stands before
        ("one\ntwo|", "two\ntwo x|", None),  # and here the line above
    ],
)
def test_around_the_cursor(then: str, now: str, typed: str | None) -> None:
    def marked(text: str) -> Snapshot:
        return snapshot(text.replace("|", ""), text.index("|"))

    assert typed_since(marked(then), marked(now)) == typed
