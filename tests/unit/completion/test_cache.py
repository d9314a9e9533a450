"""The laws of the prefix cache, against a slow and obvious model of the same contract."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from spark_lsp.completion.cache import (
    ABOVE,
    BELOW,
    OTHERS,
    REFUSED,
    STATES_PER_ANCHOR,
    PrefixCache,
    surroundings,
)
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


def surrounding(snapshot: Snapshot) -> tuple[object, ...]:
    """All that makes a state: where it is, and the text around it as far as it counts."""
    bodies = [line_body(line) for line in snapshot.lines]
    line = snapshot.line
    return (
        snapshot.uri,
        snapshot.language,
        tuple(bodies[max(line - ABOVE, 0) : line]),
        snapshot.line_before,
        snapshot.line_after,
        tuple(bodies[line + 1 : line + 1 + BELOW]),
    )


@dataclass
class Held:
    """What the model holds: an entry, or the texts that were rejected at a state."""

    origin: Snapshot
    generation: int
    suggestion: Suggestion
    role: str = "suggestion"
    born: int = 0
    refused: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[object, ...]:
        return (self.role, self.generation, surrounding(self.origin))

    @property
    def text(self) -> str:
        return self.suggestion.text

    @property
    def cost(self) -> int:
        """What it costs a cache that holds nothing else."""
        alone = PrefixCache(1_000_000)
        alone.put(self.origin, self.suggestion)
        if self.role == "rejection":
            alone.forget(self.origin.uri)
            for text in self.refused:
                alone.reject(self.origin, text)
        return alone.size_bytes


@dataclass
class Model:
    """The contract in its plainest form: try every way to have come here, among all there is."""

    max_bytes: int = 1_000_000
    held: list[Held] = field(default_factory=list)  # least recently used first
    shown: dict[str, Held] = field(default_factory=dict)
    clock: int = 0

    def put(self, origin: Snapshot, suggestion: Suggestion, generation: int) -> None:
        new = Held(origin, generation, suggestion)
        shown = self.shown.get(origin.uri)
        aside = self._at(replace(new, role="aside"))
        old = self._at(new)
        if aside is not None and suggestion.text.startswith(aside.text.rstrip()):
            self.held.remove(aside)
            if shown is not None and shown.place == aside.place:
                self.shown[origin.uri] = new
        elif old is not None and self._is_shown(new) and not suggestion.text.startswith(old.text.rstrip()):
            self._hold(replace(old, role="aside"))
            self.shown[origin.uri] = replace(old, role="aside")
        self._hold(new)

    def _is_shown(self, entry: Held) -> bool:
        shown = self.shown.get(entry.origin.uri)
        return shown is not None and shown.place == entry.place

    def reject(self, origin: Snapshot, text: str, generation: int) -> None:
        new = Held(origin, generation, Suggestion(""), "rejection")
        old = self._at(new)
        texts = [other for other in old.refused if other != text] if old else []
        self._hold(replace(new, refused=(*texts, text)[-REFUSED:]))
        shown = self.shown.get(origin.uri)
        if shown is not None and replace(shown, role="rejection").place == new.place:
            del self.shown[origin.uri]

    def get(self, now: Snapshot, generation: int, *, peek: bool) -> tuple[str, bool] | None:
        """(rest, rejected)"""
        shown = self.shown.get(now.uri)
        best: tuple[tuple[bool, bool, int], Held, tuple[str, bool]] | None = None
        for entry, rest in self._leading_to(now, generation):
            last = shown is not None and shown.place == entry.place
            rejected = not last and self._is_refused(now, generation, rest)
            rank = (bool(rest) and not rejected, last, entry.born)
            if best is None or rank > best[0]:
                best = rank, entry, (rest, rejected)
        if best is None:
            return None
        rank, entry, answer = best
        if not peek:
            self.held.append(self.held.pop(self.held.index(entry)))
            if rank[0]:
                self.shown[now.uri] = entry
        return answer

    def others(self, now: Snapshot, generation: int, besides: str) -> list[str]:
        chosen: list[str] = []
        for _, rest in sorted(self._leading_to(now, generation), key=lambda led: -led[0].born):
            known = [text for text in (besides, *chosen) if text]
            beside = not any(rest.startswith(text) or text.startswith(rest) for text in known)
            if rest and beside and not self._is_refused(now, generation, rest):
                chosen.append(rest)
        return chosen[:OTHERS]

    def forget(self, uri: str) -> None:
        self.held = [entry for entry in self.held if entry.origin.uri != uri]
        self.shown.pop(uri, None)

    @property
    def size_bytes(self) -> int:
        return sum(entry.cost for entry in self.held)

    def _hold(self, new: Held) -> None:
        if (old := self._at(new)) is not None:
            self.held.remove(old)
        if new.cost > self.max_bytes:
            return
        self.clock += 1
        self.held.append(replace(new, born=self.clock))
        while self.size_bytes > self.max_bytes:
            self.held.pop(0)

    def _at(self, like: Held) -> Held | None:
        return next((entry for entry in self.held if entry.place == like.place), None)

    def _is_refused(self, now: Snapshot, generation: int, rest: str) -> bool:
        rejection = self._at(Held(now, generation, Suggestion(""), "rejection"))
        refused = rejection.refused if rejection else ()
        return bool(rest) and any(rest.startswith(text) or text.startswith(rest) for text in refused)

    def _leading_to(self, now: Snapshot, generation: int) -> Iterator[tuple[Held, str]]:
        for entry in self.held:
            if entry.role == "rejection" or entry.generation != generation:
                continue
            for typed in range(max(len(entry.text), 1)):
                rest = entry.text[typed:]
                if (rest.strip() or not typed) and self._leads(entry.origin, entry.text[:typed], now):
                    yield entry, rest
                    break

    @staticmethod
    def _leads(origin: Snapshot, typed: str, now: Snapshot) -> bool:
        """The lines above the origin's cursor count, and typing leaves them where they are."""
        bodies = [line_body(line) for line in now.lines]
        first = now.line - typed.count("\n")
        if first < 0:
            return False
        written = "\n".join([*bodies[first : now.line], now.line_before])
        uri, language, above, before, after, below = surrounding(origin)
        return (
            (now.uri, now.language) == (uri, language)
            and tuple(bodies[max(first - ABOVE, 0) : first]) == above
            and written == f"{before}{typed}"
            and now.line_after == after
            and tuple(bodies[now.line + 1 : now.line + 1 + BELOW]) == below
        )


Step = tuple[str, int, int, Suggestion, int]
"""What is done, at which snapshot, after how many characters typed, with what, in which generation."""

STEP = st.tuples(
    st.sampled_from(["put", "put", "get", "get", "peek", "others", "reject", "forget"]),
    st.integers(0, 2),
    st.integers(0, 4),
    st.builds(Suggestion, st.text("ab \n", max_size=5), complete=st.booleans()),
    st.sampled_from([0, 0, 0, 1]),
)


@settings(max_examples=400)
@given(
    st.lists(snapshots(), min_size=1, max_size=3),
    st.lists(STEP, max_size=25),
    st.sampled_from([1_000_000, 1_000_000, 4000, 2500]),
)
def test_it_does_what_the_model_does(origins: list[Snapshot], steps: list[Step], max_bytes: int) -> None:
    """Whatever was put, found, rejected and forgotten before, and also when room is short."""
    cache, model = PrefixCache(max_bytes), Model(max_bytes)
    said = ["ab"]
    for what, index, typed, suggestion, generation in steps:
        # After something that was said here, so that most states are those of typing along.
        now = origins[index % len(origins)].edited(0, 0, said[index % len(said)][:typed])
        if what == "put":
            said.append(suggestion.text)
            cache.put(now, suggestion, generation=generation)
            model.put(now, suggestion, generation)
        elif what == "reject":
            cache.reject(now, suggestion.text or "a", generation=generation)
            model.reject(now, suggestion.text or "a", generation)
        elif what == "forget" and typed == 0:
            cache.forget(now.uri)
            model.forget(now.uri)
        elif what == "others":
            others = cache.others(now, generation=generation, besides=suggestion.text)
            assert [other.text for other in others] == model.others(now, generation, suggestion.text)
        else:
            found = cache.get(now, generation=generation, peek=what == "peek")
            answer = found and (found.suggestion.text, found.rejected)
            assert answer == model.get(now, generation, peek=what == "peek")
        assert (len(cache), cache.size_bytes) == (len(model.held), model.size_bytes)


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
    assume(surrounding(now) != surrounding(snapshot))
    found = cache.get(now)
    # A line that looks the same further down is the same state: there the text is whole.
    assert found is None or list(Model(held=[Held(snapshot, 0, Suggestion(text))])._leading_to(now, 0))


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


@given(snapshots(), TEXT, DOCUMENT, DOCUMENT, st.data())
def test_its_surroundings_are_all_that_an_entry_depends_on(
    snapshot: Snapshot, text: str, above: str, below: str, data: st.DataObject
) -> None:
    """An entry that is restored is found where the one it was made of would be, and nowhere else."""
    whole, restored = PrefixCache(1_000_000), PrefixCache(1_000_000)
    inside = at(f"{above}\n{snapshot.lines.text()}\n{below}", 0).moved(
        snapshot.line + above.count("\n") + 1, snapshot.column
    )
    origin = data.draw(st.sampled_from([snapshot, inside]))
    whole.put(origin, Suggestion(text))
    restored.put(surroundings(origin), Suggestion(text))
    assert surroundings(origin).lines.count <= ABOVE + 1 + BELOW + 1
    for now in [snapshot, inside, data.draw(snapshots())]:
        for typed in range(len(text) + 1):
            there = now.edited(0, 0, text[:typed])
            assert restored.get(there, peek=True) == whole.get(there, peek=True)


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


@given(
    st.text("xy ", max_size=6),
    st.sampled_from(["", ")", "])", "]);", " + tail)", " # tail"]),
    st.sampled_from(["below", "    below()", "}"]),
    st.booleans(),
)
def test_an_offer_never_says_again_what_stands_behind(
    new: str, rest: str, below: str, all_of_it: bool
) -> None:
    """The model says the rest of the line, or the line below, once more: the document has it once."""
    assume(len(new.split()) and len("".join(new.split())) > 1)
    text = new + rest if all_of_it else f"{new}{rest}\n{below}"
    opened = "f([" if rest.startswith("]") else "f(" if ")" in rest else "f = "
    now = at(f"{opened}{rest}\n{below}\nend\n", len(opened))
    cache = PrefixCache(1_000_000)
    cache.put(now, Suggestion(text))
    found = cache.get(now)
    assert found is not None
    offer = fit(found.suggestion, now, "cached")
    assert offer is not None
    taken = now.edited(offer.dedent, offer.absorbed, offer.text).lines.text()
    assert taken == f"{opened}{new}{rest}".rstrip() + f"\n{below}\nend\n"


@given(st.lists(st.tuples(snapshots(), TEXT), max_size=20), st.integers(0, 6000))
def test_memory_is_bounded_in_bytes(puts: list[tuple[Snapshot, str]], max_bytes: int) -> None:
    cache = PrefixCache(max_bytes)
    for snapshot, text in puts:
        cache.put(snapshot, Suggestion(text))
        assert cache.size_bytes <= max_bytes
    for uri in ("file:///a", "file:///b"):
        cache.forget(uri)
    assert (len(cache), cache.size_bytes) == (0, 0)


@pytest.mark.parametrize("text", ["x", "value = compute(1)\n" * 100])
@pytest.mark.parametrize("rejected", [False, True])
def test_the_bytes_it_counts_are_those_it_takes(text: str, *, rejected: bool) -> None:
    document = at("\n".join(f"line {number}" for number in range(2000)), 0)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        cache = PrefixCache(1 << 30)
        for line in range(2000):
            # A suggestion from a stream shares nothing with another.
            cache.put(document.moved(line, 4), Suggestion(f"{line}{text}"))
            if rejected:
                cache.reject(document.moved(line, 4), f"{line}{text}")
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.6 * cache.size_bytes < taken < 1.05 * cache.size_bytes


def test_a_long_line_above_is_not_kept_alive() -> None:
    cache = PrefixCache(1_000_000)
    tracemalloc.start()
    try:
        cache.put(at("x" * 5_000_000 + "\nf", 5_000_002), Suggestion("(1)"))
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
    assert len(cache) == 1


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


@given(
    snapshots(),
    st.lists(
        st.one_of(
            st.integers(1, 3),  # characters typed along
            st.tuples(st.integers(0, 3), st.text("ab\n", max_size=5)),  # so far back, this is said
        ),
        max_size=12,
    ),
)
@example(at("x = ", 4), [(0, "ab"), 1, (0, "ba"), (1, "bb"), (1, "aba"), 1])
def test_what_is_shown_only_grows_while_one_types_along(
    start: Snapshot, steps: list[int | tuple[int, str]]
) -> None:
    """Whatever else is said meanwhile, here or for a state before, by whichever backend."""
    cache = PrefixCache(1_000_000)
    typed, shown = "", ""
    for step in steps:
        if isinstance(step, int):
            if not shown[step:].strip():
                continue
            typed, shown = typed + shown[:step], shown[step:]
        else:
            back, text = step
            cache.put(start.edited(0, 0, typed[: max(len(typed) - back, 0)]), Suggestion(text))
        found = cache.get(start.edited(0, 0, typed))
        assert found is None or not found.rejected
        now = found.suggestion.text if found else ""
        assert now.startswith(shown.rstrip())
        shown = now


def test_the_shown_one_stays_first_while_one_types_along() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)"))
    assert text_at(cache, start) == "compute(1)"
    cache.put(start.edited(0, 0, "com"), Suggestion("bine(2)"))
    assert text_at(cache, start.edited(0, 0, "comb"), peek=True) == "ine(2)"
    assert text_at(cache, start.edited(0, 0, "com")) == "pute(1)"
    assert text_at(cache, start.edited(0, 0, "comb")) == "ine(2)"


def test_a_text_that_differs_from_what_is_shown_waits_for_its_turn() -> None:
    """The predictor has spoken, and then the model says something else."""
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)", backend="workspace"))
    assert text_at(cache, start) == "compute(1)"
    for text in ("c", "comb", "combine(2)"):
        cache.put(start, Suggestion(text, backend="remote", complete=False))
        assert text_at(cache, start) == "compute(1)"
    assert text_at(cache, start.edited(0, 0, "comb")) == "ine(2)"
    assert text_at(cache, start) == "combine(2)", "what was typed along with last comes first"


def test_a_text_that_comes_to_continue_what_is_shown_takes_its_place() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)", backend="workspace"))
    assert text_at(cache, start) == "compute(1)"
    for text in ("c", "compute(1", "compute(1)", "compute(1)\ny = 2"):
        cache.put(start, Suggestion(text, backend="remote", complete=False))
    assert text_at(cache, start) == "compute(1)\ny = 2"
    assert len(cache) == 1


@pytest.mark.parametrize("stages", [["compute(1)"], ["c", "compute(1)"]])
def test_what_grows_stays_the_shown_one(stages: list[str]) -> None:
    """Also when nobody looks between two stages, and it is the only entry there is."""
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute("))
    assert text_at(cache, start) == "compute("
    for text in stages:
        cache.put(start, Suggestion(text))
    cache.put(start.edited(0, 0, "com"), Suggestion("bine(2)"))
    assert text_at(cache, start.edited(0, 0, "com")) == "pute(1)"


def test_a_stream_that_takes_back_its_unfinished_end_takes_nothing_off_the_screen() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)\ny = unfini", complete=False))
    assert text_at(cache, start) == "compute(1)\ny = unfini"
    cache.put(start, Suggestion("compute(1)", complete=False))
    assert text_at(cache, start.edited(0, 0, "com")) == "pute(1)\ny = unfini"


def test_what_was_said_at_several_lines_leads_here() -> None:
    start = at("def f():\n", 9)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("a\nb\nc(1)"))
    cache.put(start.edited(0, 0, "a\n"), Suggestion("b\nd(2)"))
    now = start.edited(0, 0, "a\nb\n")
    assert text_at(cache, now) == "d(2)"
    assert [other.text for other in cache.others(now, besides="d(2)")] == ["c(1)"]


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


@pytest.mark.parametrize("typed", ["ab", "ab ", "ab \n"])
def test_nothing_is_left_of_what_was_typed_to_its_end(typed: str) -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("ab \n"))
    assert cache.get(start.edited(0, 0, typed)) is None


def test_nothing_to_say_holds_for_its_state_alone() -> None:
    start = at("x = 1", 5)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion(""))
    found = cache.get(start)
    assert found is not None
    assert found.negative
    assert cache.get(start.edited(0, 0, "0")) is None


def test_nothing_to_say_leaves_what_was_said_before() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1)"))
    cache.put(start.edited(0, 0, "com"), Suggestion(""))
    assert text_at(cache, start.edited(0, 0, "com")) == "pute(1)"


@pytest.mark.parametrize("rejected_first", [False, True])
def test_a_text_that_is_not_shown_is_not_set_aside(*, rejected_first: bool) -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    if rejected_first:
        cache.reject(start, "compute(1)")
    cache.put(start, Suggestion("compute(1)"))
    cache.get(start)
    if not rejected_first:
        cache.reject(start, "compute(1)")
    cache.put(start, Suggestion("other(2)"))
    assert len(cache) == 2, "the rejection, and the other text"


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


def test_each_text_that_was_rejected_at_a_state_stays_rejected() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    for text in ("compute(1)", "other(2)"):
        cache.put(start, Suggestion(text))
        cache.reject(start, text)
    for text in ("compute(1)", "other(2)"):
        cache.put(start, Suggestion(text))
        assert (found := cache.get(start)) is not None
        assert found.rejected
    cache.reject(start, "")
    cache.put(start, Suggestion("third(3)"))
    assert text_at(cache, start) == "third(3)"


def test_what_a_state_remembers_as_rejected_is_bounded() -> None:
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    for number in range(REFUSED + 1):
        cache.reject(start, f"{number}")
    cache.put(start, Suggestion(f"{REFUSED}"))
    assert (newest := cache.get(start)) is not None
    assert newest.rejected
    cache.put(start, Suggestion("0"))
    assert (oldest := cache.get(start)) is not None
    assert not oldest.rejected


def test_others_are_what_else_leads_here() -> None:
    start = at("x = ", 4)
    now = start.edited(0, 0, "compu")
    cache = PrefixCache(1_000_000)
    for typed, rest in [
        ("", "compute(1)"),
        ("c", "ompu.a"),
        ("co", "mpu.ab"),
        ("com", "puter"),
        ("comp", "u.b"),
    ]:
        cache.put(start.edited(0, 0, typed), Suggestion(rest, model=f"after {typed}"))
    cache.put(now, Suggestion("t"))
    assert text_at(cache, now) == "t"
    others = cache.others(now, besides="t")
    assert [(other.text, other.model) for other in others] == [(".b", "after comp"), (".ab", "after co")]
    assert [other.text for other in cache.others(now, besides="")] == ["t", ".b", ".ab"]
    cache.reject(now, ".ab")
    assert [other.text for other in cache.others(now, besides="t")] == [".b"]
    cache.put(now, Suggestion(""))
    assert cache.others(start, besides="compute(1)") == []


def test_others_are_few_and_looking_at_them_shows_none() -> None:
    start = at("x = ", 4)
    now = start.edited(0, 0, "abcdef")
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("abcdef0"))
    assert text_at(cache, now) == "0"
    for typed in range(1, OTHERS + 2):
        cache.put(start.edited(0, 0, "abcdef"[:typed]), Suggestion("abcdef"[typed:] + f"{typed}"))
    newest = [f"{typed}" for typed in range(OTHERS + 1, 1, -1)]
    assert [other.text for other in cache.others(now, besides="0")] == newest
    assert text_at(cache, now) == "0"


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
    oldest = 500 - STATES_PER_ANCHOR
    assert cache.get(at(line, oldest)) is not None
    cache.put(at(line, 0), Suggestion("y"))
    assert cache.get(at(line, oldest)) is not None, "it was found just now"
    assert cache.get(at(line, oldest + 1)) is None


def test_closers_that_the_editor_adds_or_lets_be_typed_over() -> None:
    start = at("f", 1)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("([a, b])"))
    assert text_at(cache, at("f([])", 3)) == "a, b])"
    assert text_at(cache, at("f([a, b])", 8)) == ")"
    assert cache.get(at("f([x", 3)) is None


def test_enter_between_brackets_puts_the_closing_one_on_a_line_of_its_own() -> None:
    cache = PrefixCache(1_000_000)
    cache.put(at("f(", 2), Suggestion("\n    a,\n)"))
    assert text_at(cache, at("f(\n    \n)", 7)) == "a,\n)"
    assert cache.get(at("f(\n    \nb", 7)) is None


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
    Counted.asked = 0
    cache.get(at(document.replace("line", "other"), 0).moved(entries - 1, 6))
    assert Counted.asked == 0, "no line above it is one that an entry starts below"


def text_at(cache: PrefixCache, snapshot: Snapshot, *, peek: bool = False) -> str | None:
    """What would be shown."""
    found = cache.get(snapshot, peek=peek)
    return None if found is None or found.rejected else found.suggestion.text


def test_a_rejection_takes_nothing_else_off_the_screen() -> None:
    """It may be known late only: three characters on, when another text is shown."""
    start = at("x = ", 4)
    cache = PrefixCache(1_000_000)
    cache.put(start, Suggestion("compute(1) + 2"))
    typed = start.edited(0, 0, "com")
    assert text_at(cache, typed) == "pute(1) + 2"
    cache.put(start.edited(0, 0, "comp"), Suggestion("ile()"))
    cache.reject(at("y = ", 4), "another()")
    assert text_at(cache, start.edited(0, 0, "comp")) == "ute(1) + 2"
    cache.reject(start.edited(0, 0, "compu"), "te(1) + 2")
    assert text_at(cache, start.edited(0, 0, "compu")) == "te(1) + 2"


@pytest.mark.parametrize("shown", [False, True])
def test_what_is_withdrawn_is_not_known_unless_somebody_sees_it(shown: bool) -> None:
    cache = PrefixCache(100_000)
    here, elsewhere = at("def f():\n    ", 13), at("def f():\n    \n", 14)
    for place in (here, elsewhere):
        cache.put(place, Suggestion("return", complete=False))
    if shown:
        cache.get(here)
    cache.withdraw(here)
    assert (cache.get(here, peek=True) is not None) == shown
    assert cache.get(elsewhere, peek=True) is not None
    cache.withdraw(at("nothing is known here", 3))
