"""The laws of the prefix cache, against a slow and obvious model of the same contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from spark_lsp.completion.cache import ABOVE, BELOW, STATES_PER_ANCHOR, PrefixCache
from spark_lsp.completion.fit import fit
from spark_lsp.text import Lines, Snapshot, line_body
from spark_lsp.values import Suggestion

LINE = st.text("ab ", max_size=3)
TEXT = st.lists(LINE, min_size=1, max_size=4).map("\n".join)
DOCUMENT = st.lists(LINE, min_size=1, max_size=12).map("\n".join)
URI = st.sampled_from(["file:///a", "file:///b"])


def at(text: str, offset: int, uri: str = "file:///a", language: str = "python") -> Snapshot:
    """The text with a cursor behind its first `offset` characters."""
    head = text[:offset].split("\n")
    return Snapshot(uri, 0, language, Lines.of(text), len(head) - 1, len(head[-1]))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    text = draw(DOCUMENT)
    return at(text, draw(st.integers(0, len(text))), draw(URI))


def surroundings(snapshot: Snapshot) -> tuple[object, ...]:
    """All that makes a state: where it is, and the text around it as far as it counts."""
    bodies = [line_body(line) for line in snapshot.lines]
    line = snapshot.line
    return (
        snapshot.uri,
        snapshot.language,
        bodies[max(line - ABOVE, 0) : line],
        snapshot.line_before,
        snapshot.line_after,
        bodies[line + 1 : line + 1 + BELOW],
    )


@dataclass
class Model:
    """The contract in its plainest form: try every way to have come here."""

    entries: list[tuple[Snapshot, str]] = field(default_factory=list)
    shown: Snapshot | None = None

    def put(self, snapshot: Snapshot, text: str) -> None:
        known = [entry for entry in self.entries if surroundings(entry[0]) != surroundings(snapshot)]
        self.entries = [*known, (snapshot, text)]

    def get(self, now: Snapshot) -> str | None:
        best: tuple[tuple[bool, bool, int], str, Snapshot] | None = None
        for age, (origin, text) in enumerate(self.entries):
            for typed in range(max(len(text), 1)):
                rest = text[typed:]
                if typed and not rest.strip():
                    continue
                if self._leads(origin, text[:typed], now):
                    shown = self.shown is not None and surroundings(self.shown) == surroundings(origin)
                    rank = (bool(rest), shown, age)
                    if best is None or rank > best[0]:
                        best = rank, rest, origin
        if best is None:
            return None
        self.shown = best[2]
        return best[1]

    @staticmethod
    def _leads(origin: Snapshot, typed: str, now: Snapshot) -> bool:
        """The lines above the origin's cursor count, and typing leaves them where they are."""
        bodies = [line_body(line) for line in now.lines]
        first = now.line - typed.count("\n")
        if first < 0:
            return False
        written = "\n".join([*bodies[first : now.line], now.line_before])
        uri, language, above, before, after, below = surroundings(origin)
        return (
            (now.uri, now.language) == (uri, language)
            and bodies[max(first - ABOVE, 0) : first] == above
            and written == f"{before}{typed}"
            and now.line_after == after
            and bodies[now.line + 1 : now.line + 1 + BELOW] == below
        )


@given(st.data(), st.lists(st.tuples(snapshots(), TEXT), max_size=6))
def test_it_finds_what_the_model_finds(data: st.DataObject, puts: list[tuple[Snapshot, str]]) -> None:
    cache, model = PrefixCache(1_000_000), Model()
    for snapshot, text in puts:
        cache.put(snapshot, Suggestion(text))
        model.put(snapshot, text)
    asked = [snapshot.edited(0, 0, text[:typed]) for snapshot, text in puts for typed in range(len(text) + 1)]
    for snapshot in data.draw(st.lists(st.one_of(snapshots(), *map(st.just, asked)), max_size=6)):
        found, expected = cache.get(snapshot), model.get(snapshot)
        assert (None if found is None else found.suggestion.text) == expected


@given(snapshots(), TEXT, st.data())
def test_typing_leaves_the_rest_and_deleting_brings_it_back(
    snapshot: Snapshot, text: str, data: st.DataObject
) -> None:
    assume(text.strip())
    cache = PrefixCache(1_000_000)
    cache.put(snapshot, Suggestion(text))
    for typed in data.draw(st.lists(st.integers(0, len(text.rstrip()) - 1), max_size=8)):
        found = cache.get(snapshot.edited(0, 0, text[:typed]))
        assert found is not None
        assert (found.typed, found.suggestion.text) == (typed, text[typed:])
        assert not found.negative


@given(snapshots(), TEXT, st.text("ab\n", min_size=1, max_size=3))
def test_what_contradicts_is_not_found(snapshot: Snapshot, text: str, typed: str) -> None:
    assume(not text.startswith(typed))
    cache = PrefixCache(1_000_000)
    cache.put(snapshot, Suggestion(text))
    now = snapshot.edited(0, 0, typed)
    assume(surroundings(now) != surroundings(snapshot))
    found = cache.get(now)
    # A line that looks the same further down is the same state: there the text is whole.
    assert found is None or Model([(snapshot, text)]).get(now) is not None


@given(snapshots(), TEXT, DOCUMENT, DOCUMENT)
def test_edits_outside_the_window_keep_it(snapshot: Snapshot, text: str, above: str, below: str) -> None:
    assume(text.strip())
    old = snapshot.lines.text()
    roof, floor = "above\n" * ABOVE, "\nbelow" * BELOW
    offset = sum(map(len, snapshot.lines.slice(0, snapshot.line))) + snapshot.column
    cache = PrefixCache(1_000_000)
    cache.put(at(roof + old + floor, len(roof) + offset), Suggestion(text))
    moved = at(f"{above}\n{roof}{old}{floor}\n{below}", len(above) + 1 + len(roof) + offset)
    found = cache.get(moved)
    assert found is not None
    assert found.suggestion.text == text


@pytest.mark.parametrize("typed", [0, 1])
@pytest.mark.parametrize("line", range(ABOVE + 1 + BELOW))
@pytest.mark.parametrize("edited", ["xine {}", "line {}x"])
def test_edits_inside_the_window_drop_it(line: int, edited: str, typed: int) -> None:
    """Another line above or below, or another side of the cursor's line, is another state."""
    lines = [f"line {number}" for number in range(ABOVE + 1 + BELOW)]
    cache = PrefixCache(1_000_000)
    cache.put(at("\n".join(lines), 0).moved(ABOVE, 4), Suggestion("text"))
    lines[line] = edited.format(line)
    now = at("\n".join(lines), 0).moved(ABOVE, 4).edited(0, 0, "text"[:typed])
    assert cache.get(now) is None


@given(snapshots(), TEXT)
def test_another_file_language_or_generation_never_hits(snapshot: Snapshot, text: str) -> None:
    cache = PrefixCache(1_000_000)
    cache.put(snapshot, Suggestion(text), generation=1)
    lines, line, column = snapshot.lines, snapshot.line, snapshot.column
    assert cache.get(Snapshot("file:///c", 0, "python", lines, line, column), generation=1) is None
    assert cache.get(Snapshot(snapshot.uri, 0, "go", lines, line, column), generation=1) is None
    assert cache.get(snapshot, generation=2) is None
    assert cache.get(snapshot, generation=1) is not None


@given(snapshots(), st.text("ab()\n ", max_size=12), st.data())
@example(at("f()", 2), "a)", None)
def test_an_offer_is_never_empty_and_keeps_what_stands(
    snapshot: Snapshot, text: str, data: st.DataObject | None
) -> None:
    """What is before the cursor stays, but for white space; so does what is behind, said once or left."""
    cache = PrefixCache(1_000_000)
    cache.put(snapshot, Suggestion(text))
    typed = data.draw(st.integers(0, len(text))) if data else 0
    now = snapshot.edited(0, 0, text[:typed])
    found = cache.get(now)
    offer = found and fit(found.suggestion, now, "cached")
    if offer:
        assert offer.text.strip()
        assert not now.line_before[len(now.line_before) - offer.dedent :].strip()
        absorbed = iter(offer.text)
        assert all(character in absorbed for character in now.line_after[: offer.absorbed])


@given(st.lists(st.tuples(snapshots(), TEXT), max_size=20), st.integers(0, 6000))
def test_memory_is_bounded_in_bytes(puts: list[tuple[Snapshot, str]], max_bytes: int) -> None:
    cache = PrefixCache(max_bytes)
    for snapshot, text in puts:
        cache.put(snapshot, Suggestion(text))
        assert cache.size_bytes <= max_bytes
    for uri in ("file:///a", "file:///b"):
        cache.forget(uri)
    assert (len(cache), cache.size_bytes) == (0, 0)


def test_the_least_recently_found_goes_first() -> None:
    states = [at(f"line {number}", 6) for number in range(3)]
    probe = PrefixCache(1_000_000)
    probe.put(states[0], Suggestion("text"))
    cache = PrefixCache(2 * probe.size_bytes)
    cache.put(states[0], Suggestion("text"))
    cache.put(states[1], Suggestion("text"))
    cache.get(states[0])
    cache.put(states[2], Suggestion("text"))
    assert [cache.get(state) is not None for state in states] == [True, False, True]


def test_the_shown_one_stays_first_while_one_types_along() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)"))
    assert text_at(cache, start) == "compute(1)"
    cache.put(start.edited(0, 0, "com"), Suggestion("bine(2)"))
    assert text_at(cache, start.edited(0, 0, "comb"), peek=True) == "ine(2)"
    assert text_at(cache, start.edited(0, 0, "com")) == "pute(1)"
    assert text_at(cache, start.edited(0, 0, "comb")) == "ine(2)"


def test_the_newest_wins_where_nothing_was_shown() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)"))
    cache.put(start.edited(0, 0, "com"), Suggestion("bine(2)"))
    assert text_at(cache, start.edited(0, 0, "com"), peek=True) == "bine(2)"


def test_a_growing_stream_replaces_itself() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    for text in ("c", "comp", "compute(1)"):
        cache.put(start, Suggestion(text, complete=False))
    assert len(cache) == 1
    assert text_at(cache, start.edited(0, 0, "co")) == "mpute(1)"


def test_nothing_to_say_holds_for_its_state_alone() -> None:
    start = at("x = 1", 5)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion(""))
    found = cache.get(start)
    assert found is not None
    assert found.negative
    assert cache.get(start.edited(0, 0, "0")) is None


def test_a_rejected_text_is_not_offered_again_there() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)"))
    cache.reject(start, "compute(1)")
    found = cache.get(start)
    assert found is not None
    assert found.rejected
    cache.put(start, Suggestion("compute(1)\ny = 2"))
    assert (again := cache.get(start)) is not None
    assert again.rejected, "the stream it came from has only grown"
    assert text_at(cache, start.edited(0, 0, "comp")) == "ute(1)\ny = 2", "typing it changes one's mind"
    cache.put(start, Suggestion("other(2)"))
    assert (other := cache.get(start)) is not None
    assert not other.rejected


def test_what_else_leads_here_is_offered_instead_of_a_rejected_text() -> None:
    start = at("x = ", 4)
    further = start.edited(0, 0, "com")
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)"))
    cache.put(further, Suggestion("bine(2)"))
    cache.reject(further, "bine(2)")
    assert text_at(cache, further) == "pute(1)"


def test_a_rejected_text_alone_is_no_suggestion() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.reject(start, "compute(1)")
    assert cache.get(start) is None
    assert cache.get(start.edited(0, 0, "comp")) is None


def test_what_is_too_large_drives_nothing_out() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(5000)
    cache.put(start, Suggestion("compute(1)"))
    cache.put(start.edited(0, 0, "y"), Suggestion("z" * 5000))
    assert len(cache) == 1


def test_one_line_has_room_for_so_many_states() -> None:
    line = "x" * 500
    cache = PrefixCache(1_000_000)
    for column in range(500):
        cache.put(at(line, column), Suggestion("y"))
    assert len(cache) == STATES_PER_ANCHOR
    assert cache.get(at(line, 0)) is None
    assert cache.get(at(line, 499)) is not None


def test_closers_that_the_editor_adds_or_lets_be_typed_over() -> None:
    start = at("f", 1)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("([a, b])"))
    assert text_at(cache, at("f([])", 3)) == "a, b])"
    assert text_at(cache, at("f([a, b])", 8)) == ")"
    assert cache.get(at("f([x", 3)) is None


class Counted(dict[int, Any]):
    """A table that counts how often it is asked."""

    asked = 0

    def get(self, key: int, default: Any = None) -> Any:
        Counted.asked += 1
        return super().get(key, default)


@settings(max_examples=10)
@given(st.integers(1, 6), st.integers(50, 400))
def test_a_lookup_asks_once_per_line_of_the_longest_answer(lines: int, entries: int) -> None:
    cache = PrefixCache(100_000_000)
    document = "\n".join(f"line {number}" for number in range(entries))
    for number in range(entries):
        cache.put(at(document, 0).moved(number, 4), Suggestion("x\n" * lines + "x"))
    shelf = cache._shelves["file:///a"]
    shelf.by_anchor = Counted(shelf.by_anchor)
    Counted.asked = 0
    cache.get(at(document, 0).moved(entries - 1, 6))
    assert Counted.asked <= lines + 1


def text_at(cache: PrefixCache, snapshot: Snapshot, *, peek: bool = False) -> str | None:
    found = cache.get(snapshot, peek=peek)
    return None if found is None else found.suggestion.text
