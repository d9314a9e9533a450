"""Text that was received is seen, however it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.fake import FakeBackend
from spark_lsp.completion.context import gather
from spark_lsp.completion.seam import resumed
from spark_lsp.completion.trim import Trimmer
from spark_lsp.config import BackendSettings
from spark_lsp.engine.flight import Flight, State
from spark_lsp.engine.runner import Step
from spark_lsp.engine.tally import Tally
from spark_lsp.errors import BackendError, BrokenStream
from spark_lsp.text import Document, Snapshot
from spark_lsp.values import Delta, Prompt, Suggestion

PIECES = ("first", " + ", "sec", "ond ", "+ third")


async def one_packet(then: BackendError | None) -> AsyncGenerator[Step, None]:
    """All pieces at once, then silence, or the end that `then` is."""
    backend = FakeBackend(BackendSettings(name="fake", kind="fake"))
    for piece in PIECES:
        yield Step(backend, Prompt(""), Delta(piece))
    if then is not None:
        raise then
    await asyncio.Event().wait()


def begin(then: BackendError | None, shown: list[str]) -> tuple[Flight, str]:
    """A flight, and the text that it should come to: what the trimmer is sure of, or all when it is over."""
    document = Document("file:///a.py", "total = ", language="python", version=1, encoding="utf-32")
    snapshot = document.snapshot(0, 8)
    context = gather(snapshot, path="a.py", multiline="auto")
    trimmer = Trimmer(context)
    trimmer.feed("".join(PIECES))
    if then is not None:
        trimmer.finish("unknown")

    def fill(_: Snapshot, suggestion: Suggestion) -> None:
        shown.append(suggestion.text)

    return Flight(State(snapshot, context), one_packet(then), fill), trimmer.text


@pytest.mark.parametrize("then", [None, BrokenStream("cut")])
async def test_a_packet_is_shown_whole_before_the_next_one(then: BackendError | None) -> None:
    shown: list[str] = []
    flight, expected = begin(then, shown)
    flight.shown = True
    assert len(expected) > len("".join(PIECES[:-1]))
    task = asyncio.create_task(flight.fly())
    try:
        for _ in range(200):
            if shown and shown[-1] == expected:
                break
            await asyncio.sleep(0.01)
        assert shown[-1] == expected
        assert len(shown) <= len(PIECES)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def broken(pieces: Sequence[str], turns: Sequence[str]) -> AsyncGenerator[Step, None]:
    """The pieces, then those of another backend for each of `turns`, and then the line is dead."""
    backend = FakeBackend(BackendSettings(name="fake", kind="fake"))
    for piece in pieces:
        yield Step(backend, Prompt(""), Delta(piece))
    said = "".join(pieces)
    for turn, text in enumerate(turns):
        yield Step(backend, Prompt("", said=said), Delta(text), turn + 1)
        said += text
    raise BrokenStream("cut")


@pytest.mark.parametrize(
    ("pieces", "turns", "seen", "left"),
    [
        (["first", " = sec"], [], False, ""),
        (["first", " = sec"], [], True, "first = sec"),
        (["first = 1\n", "    second"], [], False, "first = 1"),
        (["first = 1\n", "    second"], [], True, "first = 1\n    second"),
        (["first ="], [" 1\n    sec"], False, "first = 1"),
        (["first = 1\n    second"], [" = 2\n    th"], True, "first = 1\n    second = 2\n    th"),
    ],
)
async def test_what_nobody_goes_on_with_is_its_whole_lines(
    pieces: list[str], turns: list[str], seen: bool, left: str
) -> None:
    document = Document("file:///a.py", "def f():\n    ", language="python", version=1, encoding="utf-32")
    snapshot = document.snapshot(1, 4)
    cache: dict[Snapshot, str] = {}

    def fill(at: Snapshot, suggestion: Suggestion) -> None:
        cache[at] = suggestion.text

    def withdraw(at: Snapshot) -> None:
        cache.pop(at, None)

    state = State(snapshot, gather(snapshot, path="a.py"))
    flight = Flight(state, broken(pieces, turns), fill, withdraw=withdraw)
    flight.shown = seen
    await flight.fly()
    assert (flight.suggestion.text, flight.suggestion.complete) == (left, False)
    assert cache == ({snapshot: left} if left else {})


@pytest.mark.parametrize(
    ("says", "seen", "left"),
    [
        ("one + 1", False, "first = one + 1"),
        ("one + 1", True, "first = one + 1"),
        ("two", False, "first = two"),
        ("two", True, "first = one"),
    ],
)
async def test_what_was_seen_stands_when_the_next_one_says_something_else(
    says: str, seen: bool, left: str
) -> None:
    async def steps() -> AsyncGenerator[Step, None]:
        backend = FakeBackend(BackendSettings(name="fake", kind="fake"))
        yield Step(backend, Prompt(""), Delta("first = one"))
        await asyncio.sleep(0.01)
        assert flight.handed_over() == "first ="
        yield Step(backend, Prompt("", said="first ="), Delta(f" {says}", finish="stop"), 1)

    document = Document("file:///a.py", "def f():\n    ", language="python", version=1, encoding="utf-32")
    snapshot = document.snapshot(1, 4)
    cache: list[str] = []
    state = State(snapshot, gather(snapshot, path="a.py"))
    flight = Flight(state, steps(), lambda _, suggestion: cache.append(suggestion.text))
    flight.shown = seen
    await flight.fly()
    assert (flight.suggestion.text, cache[-1]) == (left, left)
    assert not seen or all(later.startswith(earlier) for earlier, later in pairwise(cache))


async def test_what_waits_to_be_trimmed_is_handed_over_too() -> None:
    flight, expected = begin(None, [])
    task = asyncio.create_task(flight.fly())
    await asyncio.sleep(0)
    assert flight.handed_over() == resumed(expected)
    task.cancel()
    await asyncio.wait([task])


BODY = "first = 1\n    second = 2\n    third = 3\n"


class Purse:
    """An allowance of `limit` tokens that remembers what was spent."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.spent = 0
        self.renewed = 0

    def spend(self, tokens: int) -> bool:
        self.spent += tokens
        return self.spent < self.limit

    def renew(self) -> None:
        self.renewed += 1


async def said(text: str, size: int) -> AsyncGenerator[Step, None]:
    """So many characters at a time, as slowly as the loop turns, and then silence."""
    backend = FakeBackend(BackendSettings(name="fake", kind="fake"))
    for start in range(0, len(text), size):
        yield Step(backend, Prompt(""), Delta(text[start : start + size]))
        await asyncio.sleep(0.005)
    await asyncio.Event().wait()


def follow(_: object, state: State, text: str, rest: str) -> tuple[State, str]:
    """The state behind what was said, as it is after an accept."""
    after = state.snapshot.edited(0, 0, text)
    return State(after, gather(after, path="a.py", after_accept=True)), rest


def one_line(purse: Purse, filled: dict[str, Suggestion], *, ahead: bool = False) -> Flight:
    """A flight for the rest of one line, whose stream goes on below it."""
    document = Document("file:///a.py", "def f():\n    x = ", language="python", version=1, encoding="utf-32")
    snapshot = document.snapshot(1, 8)

    def fill(origin: Snapshot, suggestion: Suggestion) -> None:
        filled[origin.line_before] = suggestion

    state = State(snapshot, gather(snapshot, path="a.py"))
    return Flight(state, said(BODY, 4), fill, follow=follow, allowance=purse, ahead=ahead)


async def flown(flight: Flight, until: object) -> None:
    assert callable(until)
    task = asyncio.create_task(flight.fly())
    try:
        for _ in range(400):
            if until():
                break
            await asyncio.sleep(0.01)
        assert until()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_is_said_behind_the_text_is_for_the_state_after_it() -> None:
    filled: dict[str, Suggestion] = {}
    purse = Purse(1_000)
    flight = one_line(purse, filled)
    await flown(flight, lambda: "third" in filled.get("    x = first = 1", Suggestion("")).text)
    assert filled["    x = "].text == "first = 1"
    assert filled["    x = "].complete
    assert not filled["    x = "].speculative
    behind = filled["    x = first = 1"]
    assert behind.speculative
    assert BODY[len("first = 1") :].startswith(behind.text)
    # Only what came behind the text was ahead of need.
    assert 0 < purse.spent < len(BODY) / 4


@pytest.mark.parametrize(("ahead", "limit"), [(False, 3), (True, 5)])
async def test_an_allowance_ends_what_nobody_asked_for(ahead: bool, limit: int) -> None:
    filled: dict[str, Suggestion] = {}
    purse = Purse(limit)
    flight = one_line(purse, filled, ahead=ahead)
    await flown(flight, lambda: flight.landed)
    assert purse.spent == limit


async def test_a_user_who_comes_there_makes_it_wanted() -> None:
    filled: dict[str, Suggestion] = {}
    purse = Purse(1_000)
    flight = one_line(purse, filled)
    await flown(flight, lambda: flight.reads_on)
    assert flight.handed_over() is None, "nobody asked for what comes: nobody else is asked for it"
    here = flight.reached.edited(0, 0, "first = 1")
    flight.want(here)
    assert not flight.reads_on
    assert flight.reached.line_before == here.line_before
    assert purse.renewed == 1


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1), st.data())
def test_the_parts_of_a_stream_have_all_its_tokens(
    pieces: list[tuple[int, int]], data: st.DataObject
) -> None:
    tally = Tally()
    for characters, tokens in pieces:
        tally.add(characters, tokens)
    cut = data.draw(st.integers(0, tally.characters))
    whole = sum(tokens for _, tokens in pieces)
    assert tally.within(0, cut) + tally.within(cut, tally.characters - cut) == pytest.approx(whole)
    if cut:
        assert tally.within(0, cut) > 0
