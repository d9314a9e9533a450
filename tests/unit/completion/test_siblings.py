"""A change of several lines at its sibling places: a text, two edits by hand, and where the offers lead."""

from __future__ import annotations

import pytest

from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document
from tests.unit.completion.test_call_edits import apply


def followed(text: str, *edits: tuple[str, str]) -> str:
    """The text after these edits by hand, and after every offer that follows was taken."""
    document, following = Document("file:///a.py", text, language="python", encoding="utf-32"), NextEdits()
    now = 0.0
    for old, new in edits:
        assert following.next(document, (0, 0), now) is None, "once is no habit"
        now += 9.0
        at = document.text().index(old)
        before = document.text()[:at]
        end = document.text()[: at + len(old)]
        change = (
            before.count("\n"),
            at - before.rfind("\n") - 1,
            end.count("\n"),
            len(end) - end.rfind("\n") - 1,
        )
        apply(document, following, change, new, now)
    for _ in range(20):
        found = following.next(document, (0, 0), now + 9.0)
        if found is None:
            return document.text()
        edit = found[1]
        apply(document, following, (edit.line, edit.start, edit.end_line, edit.end), edit.new, now + 9.0)
    raise AssertionError("it offers without end")


LOADS = (
    "def load(path):\n"
    "    one = read(path, 'one')\n"
    "    two = read(path, 'two')\n"
    "    if path:\n"
    "        three = read(path, 'three')\n"
    "        other = write(path, 'three')\n"
    "    four = read(path, 'four')\n"
)


@pytest.mark.parametrize(
    ("text", "edits", "after"),
    [
        pytest.param(
            LOADS,
            [("'one')\n", "'one')\n    check(one)\n"), ("'two')\n", "'two')\n    check(two)\n")],
            LOADS.replace("'one')\n", "'one')\n    check(one)\n")
            .replace("'two')\n", "'two')\n    check(two)\n")
            .replace("read(path, 'three')\n", "read(path, 'three')\n        check(three)\n")
            .replace("'four')\n", "'four')\n    check(four)\n"),
            id="a line behind each",
        ),
        pytest.param(
            LOADS,
            [("    one =", "    log('one')\n    one ="), ("    two =", "    log('two')\n    two =")],
            LOADS.replace("    one =", "    log('one')\n    one =")
            .replace("    two =", "    log('two')\n    two =")
            .replace("        three =", "        log('three')\n        three =")
            .replace("    four =", "    log('four')\n    four ="),
            id="a line in front of each",
        ),
        pytest.param(
            LOADS,
            [
                ("read(path, 'one')", "keep(\n        read(path, 'one')\n    )"),
                ("read(path, 'two')", "keep(\n        read(path, 'two')\n    )"),
            ],
            LOADS.replace("= read(path, 'one')", "= keep(\n        read(path, 'one')\n    )")
            .replace("= read(path, 'two')", "= keep(\n        read(path, 'two')\n    )")
            .replace("= read(path, 'three')", "= keep(\n            read(path, 'three')\n        )")
            .replace("= read(path, 'four')", "= keep(\n        read(path, 'four')\n    )"),
            id="a call wrapped",
        ),
        pytest.param(
            LOADS,
            [("    one = read(path, 'one')\n", ""), ("    two = read(path, 'two')\n", "")],
            "def load(path):\n    if path:\n        other = write(path, 'three')\n",
            id="lines deleted",
        ),
        pytest.param(
            LOADS,
            [("read(path, 'one')", "read(path, 'one', key=one)"), ("'two')", "'two', key=two)")],
            LOADS.replace("'one')", "'one', key=one)")
            .replace("'two')", "'two', key=two)")
            .replace("read(path, 'three')", "read(path, 'three', key=three)")
            .replace("'four')", "'four', key=four)"),
            id="within the line, with its own name",
        ),
        pytest.param(
            LOADS,
            [("'one')\n", "'one')\n    check(one)\n"), ("'two')\n", "'two')\n    assert two\n")],
            None,
            id="two changes that are not alike",
        ),
        pytest.param(
            LOADS,
            [("'one')\n", "'one')\n    check(alpha)\n"), ("'two')\n", "'two')\n    check(beta)\n")],
            None,
            id="names that come from nowhere",
        ),
        pytest.param(
            "from x import a\nfrom x import b\nfrom x import c\n",
            [("from x import a\n", ""), ("from x import b\n", "")],
            None,
            id="imports deleted",
        ),
        pytest.param(
            "a\n\nb\n\nc\n\nd\n",
            [("a\n\n", "a\n\n\n"), ("b\n\n", "b\n\n\n")],
            None,
            id="nothing that could be told by",
        ),
    ],
)
def test_the_same_change_at_the_sibling_places(
    text: str, edits: list[tuple[str, str]], after: str | None
) -> None:
    by_hand = text
    for old, new in edits:
        by_hand = by_hand.replace(old, new, 1)
    assert followed(text, *edits) == (after or by_hand)
