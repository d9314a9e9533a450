"""The laws of `spark_lsp.text`, held against flat strings and offsets: slow, obvious, and without blocks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp import text as subject
from spark_lsp.text import Document, Encoding, Lines, character_of, column_of, line_body, split_lines

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
UNIT = {"utf-8": 1, "utf-16": 2, "utf-32": 4}

# What `str.splitlines` takes for line ends and editors do not, beside the three that are; characters of
# one, two, three and four bytes, and a combining one.
PIECES = [*"ab( ", "\t", "é", "中", "😀", "\u0301", *"\n\n\n\r", "\r\n", "\v\f\x1c\x85", "\u2028", "\u2029"]

texts = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
encodings = st.sampled_from(ENCODINGS)


class Edit(NamedTuple):
    start_line: int
    start_character: int
    end_line: int
    end_character: int
    text: str


# Lines and characters past the end, and ends before starts, come with the ranges.
edits = st.builds(Edit, *[st.integers(0, 25), st.integers(0, 12)] * 2, texts)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With blocks of four lines, small documents have as many seams as large ones."""
    monkeypatch.setattr(subject, "BLOCK", 4)


def lines_of(text: str) -> Iterator[tuple[int, int]]:
    """Each line's start offset and the offset of its line end."""
    start = offset = 0
    while offset < len(text):
        size = 2 if text[offset : offset + 2] == "\r\n" else 1
        if text[offset] in "\r\n":
            yield start, offset
            start = offset + size
        offset += size
    yield start, offset


def units(text: str, encoding: Encoding) -> int:
    return len(text.encode(f"{encoding}-le" if encoding != "utf-8" else encoding)) // UNIT[encoding]


def offset_of(text: str, line: int, character: int, encoding: Encoding) -> int:
    """The flat offset of a position, clamped as LSP asks."""
    bodies = list(lines_of(text))
    if line >= len(bodies):
        return len(text)
    offset, end = bodies[line]
    while offset < end and character >= units(text[offset], encoding):
        character -= units(text[offset], encoding)
        offset += 1
    return offset


def edited(text: str, edit: Edit, encoding: Encoding) -> str:
    start = offset_of(text, edit.start_line, edit.start_character, encoding)
    end = offset_of(text, edit.end_line, edit.end_character, encoding)
    start, end = sorted((start, end))
    return text[:start] + edit.text + text[end:]


@given(texts, st.lists(edits, max_size=8), encodings)
def test_edits_do_what_string_edits_do(text: str, script: list[Edit], encoding: Encoding) -> None:
    document = Document("untitled:a", text, encoding=encoding)
    for edit in script:
        before = list(document.lines)
        span = document.edit(*edit)
        text = edited(text, edit, encoding)

        assert document.text() == text
        assert list(document.lines) == split_lines(text)
        new = list(document.lines)
        assert len(new) == len(before) - span.removed + span.added
        assert new[: span.first] == before[: span.first]
        assert new[span.first + span.added :] == before[span.first + span.removed :]


@pytest.mark.parametrize("new", ["", "x", "x\n" * 20])
def test_edits_over_every_seam_of_blocks(new: str) -> None:
    text = "".join(f"{number}\n" for number in range(20))
    for start, end in combinations_with_replacement(range(21), 2):
        edit = Edit(start, 0, end, 0, new)
        document = Document("untitled:a", text)
        document.edit(*edit)
        assert document.text() == edited(text, edit, "utf-16")


@given(texts, st.lists(edits, min_size=1, max_size=8), encodings)
def test_a_snapshot_never_changes(text: str, script: list[Edit], encoding: Encoding) -> None:
    document = Document("untitled:a", text, encoding=encoding)
    taken = []
    for edit in script:
        taken.append((document.snapshot(edit.start_line, edit.start_character), document.text()))
        document.edit(*edit)
    document.replace("")
    assert [snapshot.lines.text() for snapshot, _ in taken] == [text for _, text in taken]


@given(texts)
def test_splitting_loses_nothing_and_cuts_at_line_ends_only(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert [line_body(line) for line in lines] == [text[start:end] for start, end in lines_of(text)]


@given(texts, encodings)
def test_columns_and_characters_are_inverse(text: str, encoding: Encoding) -> None:
    for line in split_lines(text):
        body = line_body(line)
        for column in range(len(body) + 1):
            character = character_of(line, column, encoding)
            assert character == units(body[:column], encoding)
            assert column_of(line, character, encoding) == column


@pytest.mark.parametrize(
    ("encoding", "character", "column"),
    [("utf-16", 2, 1), ("utf-8", 2, 1), ("utf-8", 3, 1), ("utf-8", 4, 1), ("utf-8", 5, 2), ("utf-32", 2, 2)],
)
def test_inside_a_character_is_its_start(encoding: Encoding, character: int, column: int) -> None:
    assert column_of("a😀b\n", character, encoding) == column


@given(texts, st.integers(0, 25), st.integers(0, 12), encodings, st.integers(0, 60))
def test_a_snapshot_sees_both_sides(
    text: str, line: int, character: int, encoding: Encoding, limit: int
) -> None:
    snapshot = Document("untitled:a", text, encoding=encoding).snapshot(line, character)
    offset = offset_of(text, line, character, encoding)
    before, after = text[:offset], text[offset:]

    assert snapshot.before(len(text)) == before
    assert snapshot.after(len(text)) == after
    assert snapshot.line_before == split_lines(before)[-1]
    assert snapshot.line_after == line_body(split_lines(after)[0])
    check_window(snapshot.before(limit), before, limit, [start for start, _ in lines_of(before)])
    reached = [len(after) - start for start, _ in lines_of(after)][1:]
    check_window(snapshot.after(limit)[::-1], after[::-1], limit, [*reached, 0])


def check_window(window: str, whole: str, limit: int, cuts: list[int]) -> None:
    """`window` is the largest tail of `whole` within `limit` that starts at a cut, if any does."""
    fitting = [cut for cut in cuts if len(whole) - cut <= limit]
    assert whole.endswith(window)
    assert len(window) == (len(whole) - min(fitting) if fitting else min(limit, len(whole)))


@given(texts, st.integers(0, 25), st.integers(0, 12), texts, st.data())
def test_what_an_accept_would_make_is_what_the_edit_makes(
    text: str, line: int, character: int, inserted: str, data: st.DataObject
) -> None:
    document = Document("untitled:a", text, encoding="utf-32")
    snapshot = document.snapshot(line, character)
    dedent = data.draw(st.integers(0, snapshot.column))
    absorbed = data.draw(st.integers(0, len(snapshot.line_after)))

    left = snapshot.before(len(text))
    left = left[: len(left) - dedent] + inserted
    foreseen = snapshot.edited(dedent, absorbed, inserted)
    document.edit(
        snapshot.line, snapshot.column - dedent, snapshot.line, snapshot.column + absorbed, inserted
    )

    assert foreseen.lines.text() == document.text()
    right = document.text()[len(left) :]
    inside_line_end = left.endswith("\r") and right.startswith("\n")
    assert foreseen.before(len(left)) == (left[:-1] if inside_line_end else left)


@given(texts, st.integers(-3, 30), st.integers(-3, 30))
def test_lines_are_a_sequence(text: str, start: int, stop: int) -> None:
    lines, flat = Lines.of(text), split_lines(text)
    assert len(lines) == len(flat)
    assert list(lines) == flat
    assert [lines[index] for index in range(len(flat))] == flat
    assert list(lines.slice(start, stop)) == flat[max(start, 0) : max(stop, 0)]


@pytest.mark.parametrize(
    ("text", "line", "newline"),
    [("", 0, "\n"), ("a\r\nb", 1, "\r\n"), ("a\rb\nc", 0, "\r"), ("a\r\nb\nc", 1, "\n"), ("a", 0, "\n")],
)
def test_the_line_end_around_the_cursor(text: str, line: int, newline: str) -> None:
    assert Document("untitled:a", text).snapshot(line, 0).newline == newline


def test_snapshots_share_what_did_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    document = Document("untitled:a", "a line of text\n" * 50_000)
    kept = []
    tracemalloc.start()
    try:
        for index in range(100):
            document.edit(25_000, 0, 25_000, 0, "x" if index % 2 else "x\n")
            kept.append(document.snapshot(25_000, 1))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    copies = 100 * 50_000 * 8  # bytes that copying only the pointers to the lines would take
    assert size < copies / 10


def test_a_long_last_line_is_split_in_one_step() -> None:
    """A minified file: a search that begins anew at each character would take longer than anyone waits."""
    text = "x" * 4_000_000
    assert split_lines("first\n" + text) == ["first\n", text]
