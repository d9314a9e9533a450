"""The new text of some lines, read as it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.actions.rewrite import RewriteReader

OLD = ["    if done == True:", "        return 1", "    return 0"]


def read(pieces: list[str], *, complete: bool = True, old: list[str] = OLD) -> RewriteReader:
    reader = RewriteReader(old)
    for piece in pieces:
        before = list(reader.written)
        more = reader.feed(piece)
        assert reader.written[: len(before)] == before, "what was written stands"
        assert more == (len(reader.written) > len(before))
    reader.finish(complete=complete)
    return reader


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        ("<new-lines>\n    a\n    b\n</new-lines>", ["    a", "    b"]),
        ("<new-lines>\n    a\n    b", ["    a", "    b"]),  # the end was a stop string
        (
            "<think>\n<new-lines>no</think>Sure:\n<new-lines>\r\n    a\r\n\r\n    b\r\n</new-lines>",
            ["    a", "", "    b"],
        ),
        ("<new-lines>\n```python\n    a\n```\n</new-lines>", ["    a"]),
        ("<new-lines>\na\n    b\n</new-lines>\nmore", ["    a", "        b"]),  # all lack the indentation
        ("<new-lines>\n\n\n    a\n\n    b\n\n\n</new-lines>", ["", "", "    a", "", "    b"]),
        ("<new-lines></new-lines>", []),
        ("<new-lines>    a</new-lines>", ["    a"]),
    ],
)
def test_an_answer(answer: str, written: list[str]) -> None:
    reader = read([answer])
    assert (reader.written, reader.done, reader.other) == (written, True, False)


@pytest.mark.parametrize(
    "answer", ["", "no", "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n", "```diff\n-a\n+b\n```"]
)
def test_another_form_is_left_to_who_reads_those(answer: str) -> None:
    reader = read(list(answer))
    assert (reader.other, reader.done, reader.text) == (True, False, answer)


def test_what_is_cut_off_is_not_done() -> None:
    reader = read(["<new-lines>\n    a\n    b"], complete=False)
    assert (reader.written, reader.done) == (["    a"], False)


@given(
    lines=st.lists(st.text("ab <>/`\\ \t", max_size=8), max_size=6),
    cuts=st.lists(st.integers(1, 5), max_size=40),
)
def test_however_an_answer_is_cut_it_says_the_same(lines: list[str], cuts: list[int]) -> None:
    answer = "well\n<new-lines>\n" + "".join(f"{line}\n" for line in lines) + "</new-lines> bye"
    pieces, rest = [], answer
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    whole, cut_up = read([answer]), read([*pieces, rest])
    assert cut_up.written == whole.written
    assert cut_up.done == whole.done
