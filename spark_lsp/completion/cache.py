"""Suggestions by what surrounds the cursor.

An entry belongs to a state: a document, the lines above and below the cursor,
and the cursor's own line on both sides. Nothing in it is a line number, so
that an edit elsewhere, or a window that scrolled, keeps it without any work.

A lookup asks: could the user have come here by typing along with an entry? It
walks up from the cursor, at most as many lines as the longest entry of this
document has, and asks at each line for the entries that start below the lines
above it. Its cost depends on the length of an answer, not on the size of the
file or of the cache.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from sys import getsizeof
from typing import Literal, NamedTuple

from spark_lsp.completion.typed import INSERTED, only_closers_differ
from spark_lsp.text import Lines, Snapshot, line_body
from spark_lsp.values import Suggestion

ABOVE = 6  # lines
BELOW = 3  # lines
STATES_PER_ANCHOR = 64  # columns and variants of one line; the least recently found goes first
REFUSED = 8  # texts that one state remembers as rejected
OTHERS = 3  # texts beside the one that is shown

_OVERHEAD = 1150  # bytes that an entry takes beside its texts: measured, just after the tables have grown

_Role = Literal["suggestion", "aside", "rejection"]


@dataclass(frozen=True, slots=True)
class Found:
    """What the cache knows about a state.

    `suggestion.text` is what is left of the entry's text after the `typed` characters. It is empty
    when the backend had nothing to say here, and then `negative` is true; `rejected` is true
    when the user has turned this text down here. Neither is to be shown, nor to be asked for again.
    `whole` is that text from its beginning, and `state` is where its entry starts.
    """

    suggestion: Suggestion
    typed: int = 0
    rejected: bool = False
    whole: str = field(default="", compare=False)
    state: _State | None = field(default=None, repr=False, compare=False)

    @property
    def negative(self) -> bool:
        return not self.suggestion.text


def surroundings(snapshot: Snapshot) -> Snapshot:
    """What an entry depends on of a document, as a little document of its own.

    An entry put for it is found where one put for the whole would be: the lines above the cursor and those
    below that count are all there.
    """
    first = max(snapshot.line - ABOVE, 0)
    # A line end behind the last of them makes one more line, which is below what counts.
    text = "".join(snapshot.lines.slice(first, snapshot.line + BELOW + 1))
    line = snapshot.line - first
    return Snapshot(snapshot.uri, snapshot.version, snapshot.language, Lines.of(text), line, snapshot.column)


class _State(NamedTuple):
    """Where an entry starts: `anchor` is a hash of the lines above, `below` of those below.

    One state has at most one entry of each role. `aside` is a text that was shown when another came for
    its state: it stays on the screen for as long as the user types along with it.
    """

    uri: str
    anchor: int
    below: int
    line_before: str
    line_after: str
    role: _Role = "suggestion"


@dataclass(slots=True)
class _Entry:
    """`line_above` is a hash: the line itself would be kept alive, at whatever size, uncounted.

    `refused` are the rejected texts, oldest first, of an entry of that role.
    """

    state: _State
    line_above: int
    suggestion: Suggestion
    born: int
    size: int
    refused: tuple[str, ...] = ()


class _Shelf:
    """The entries of one document, by anchor. `lines_above` counts them by the line directly above.

    A look-up tries one line after the other, and most of them are ruled out by that line, whose hash
    is there already, before an anchor has to be made.
    """

    __slots__ = ("by_anchor", "lines_above", "longest")

    def __init__(self) -> None:
        self.by_anchor: dict[int, dict[_State, _Entry]] = {}
        self.lines_above: Counter[int] = Counter()
        self.longest = 0  # line ends in the longest text


class PrefixCache:
    """A bounded, least-recently-used store of suggestions. Not thread-safe, never does I/O."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size_bytes = 0
        self._entries: OrderedDict[_State, _Entry] = OrderedDict()
        self._shelves: dict[str, _Shelf] = {}
        self._shown: dict[str, _State] = {}
        self._clock = count()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<PrefixCache {len(self)} entries, {self.size_bytes}/{self.max_bytes} bytes>"

    def put(self, snapshot: Snapshot, suggestion: Suggestion, *, generation: int = 0) -> None:
        """Keep a suggestion for the state at which it was asked for.

        Again for the same state replaces: a growing stream is put after each piece. But a text that is
        shown does not go when another one comes that does not continue it.
        `generation` counts changes of settings; what was kept under another one is not found.
        """
        window = _Window(snapshot, 0, generation)
        state = window.state()
        self._keep_shown(state, suggestion)
        self._store(state, window.line_above(0), suggestion)

    def withdraw(self, snapshot: Snapshot, *, generation: int = 0) -> None:
        """Nothing is known about this state after all: its stream broke off. What is on the screen stays."""
        state = _Window(snapshot, 0, generation).state()
        entry = self._entries.get(state)
        if entry is not None and self._shown.get(state.uri) != state:
            self._drop(entry)

    def reject(self, snapshot: Snapshot, text: str, *, generation: int = 0) -> None:
        """The user does not want this text here: not offered again in exactly this state."""
        if not text:
            return
        window = _Window(snapshot, 0, generation)
        state = window.state("rejection")
        old = self._entries.get(state)
        refused = [other for other in old.refused if other != text] if old is not None else []
        self._store(state, window.line_above(0), Suggestion(""), (*refused, text)[-REFUSED:])
        # What was turned down may be known late: by then something else is on the screen, which stays.
        shown = self._shown.get(snapshot.uri)
        if shown is not None and shown._replace(role="rejection") == state:
            del self._shown[snapshot.uri]

    def get(self, snapshot: Snapshot, *, generation: int = 0, peek: bool = False) -> Found | None:
        """What is known about a state, None when nothing is: the best of the entries that lead here.

        The one found last stays first while the user types along with it, so that what is shown
        never flickers; else the newest. `peek` looks without showing: `show` may be told later.
        """
        shelf = self._shelves.get(snapshot.uri)
        if shelf is None:
            return None
        window = _Window(snapshot, shelf.longest, generation)
        exact = window.state()
        shown_at = self._shown.get(snapshot.uri)
        shown = self._entries.get(shown_at) if shown_at is not None else None
        refused = self._refused(exact)
        best: tuple[tuple[bool, bool, int], _Entry, str] | None = None
        for entry, rest in _leading_here(shelf, window, exact):
            # One that is on the screen stays there when it is typed along to where it was turned down before.
            rejected = bool(refused) and entry is not shown and _any_same(refused, rest)
            rank = (bool(rest) and not rejected, entry is shown, entry.born)
            if best is None or rank > best[0]:
                best = rank, entry, rest
        if best is None:
            return None
        (showable, *_), entry, rest = best
        typed = len(entry.suggestion.text) - len(rest)
        suggestion = replace(entry.suggestion, text=rest)
        found = Found(suggestion, typed, bool(rest) and not showable, entry.suggestion.text, entry.state)
        if not peek:
            self.show(found)
        return found

    def show(self, found: Found) -> None:
        """This is on the screen now, and stays first while the user types along with it."""
        entry = self._entries.get(found.state) if found.state is not None else None
        if entry is not None:
            self._used(entry)
            if not found.negative and not found.rejected:
                self._shown[entry.state.uri] = entry.state

    def others(self, snapshot: Snapshot, *, generation: int = 0, besides: str) -> list[Suggestion]:
        """What else could be offered in a state where `besides` is: newest first, at most `OTHERS`.

        None of them begins or continues `besides`, or another of them, or was rejected here. Looks
        without showing.
        """
        shelf = self._shelves.get(snapshot.uri)
        if shelf is None:
            return []
        window = _Window(snapshot, shelf.longest, generation)
        exact = window.state()
        known = [text for text in (besides, *self._refused(exact)) if text]
        others: list[Suggestion] = []
        for entry, rest in sorted(_leading_here(shelf, window, exact), key=lambda led: -led[0].born):
            if len(others) < OTHERS and rest and not _any_same(known, rest):
                known.append(rest)
                others.append(replace(entry.suggestion, text=rest))
        return others

    def forget(self, uri: str) -> None:
        """Drop everything about a document: it was closed, renamed or changed behind our back."""
        shelf = self._shelves.get(uri)
        if shelf is not None:
            for entry in [entry for states in shelf.by_anchor.values() for entry in states.values()]:
                self._drop(entry)
        self._shown.pop(uri, None)

    def _refused(self, state: _State) -> tuple[str, ...]:
        entry = self._entries.get(state._replace(role="rejection"))
        return entry.refused if entry is not None else ()

    def _keep_shown(self, state: _State, suggestion: Suggestion) -> None:
        """Put what is shown for this state aside when the new text is not a later stage of it.

        The predictor's word, say, when the model's first one differs. Once it turns out that it does not, the
        two are one again.
        """
        aside = state._replace(role="aside")
        if (kept := self._entries.get(aside)) is not None and _continues(suggestion, kept.suggestion):
            self._drop(kept)
            if self._shown.get(state.uri) == aside:
                self._shown[state.uri] = state
            return
        old = self._entries.get(state)
        if old is None or self._shown.get(state.uri) != state or _continues(suggestion, old.suggestion):
            return
        self._store(aside, old.line_above, old.suggestion)
        self._shown[state.uri] = aside

    def _store(
        self, state: _State, line_above: int, suggestion: Suggestion, refused: tuple[str, ...] = ()
    ) -> None:
        if (old := self._entries.get(state)) is not None:
            self._drop(old)
        size = _size(state, suggestion, refused)
        entry = _Entry(state, line_above, suggestion, next(self._clock), size, refused)
        if entry.size > self.max_bytes:
            return
        shelf = self._shelves.setdefault(state.uri, _Shelf())
        shelf.longest = max(shelf.longest, suggestion.text.count("\n"))
        states = shelf.by_anchor.setdefault(state.anchor, {})
        states[state] = entry
        shelf.lines_above[line_above] += 1
        self._entries[state] = entry
        self.size_bytes += entry.size
        if len(states) > STATES_PER_ANCHOR:
            self._drop(next(iter(states.values())))
        while self.size_bytes > self.max_bytes:
            self._drop(next(iter(self._entries.values())))

    def _used(self, entry: _Entry) -> None:
        """Found just now: the last to go, of all and of its line."""
        self._entries.move_to_end(entry.state)
        states = self._shelves[entry.state.uri].by_anchor[entry.state.anchor]
        states[entry.state] = states.pop(entry.state)

    def _drop(self, entry: _Entry) -> None:
        state = entry.state
        del self._entries[state]
        self.size_bytes -= entry.size
        shelf = self._shelves[state.uri]
        states = shelf.by_anchor[state.anchor]
        del states[state]
        shelf.lines_above[entry.line_above] -= 1
        if not shelf.lines_above[entry.line_above]:
            del shelf.lines_above[entry.line_above]
        if not states:
            del shelf.by_anchor[state.anchor]
        if not shelf.by_anchor:
            del self._shelves[state.uri]


class _Window:
    """The lines around a cursor, read once: enough above it to go back `reach` lines.

    Those above are hashed as they stand, line ends included: a string keeps its hash, a copy
    without its line end would be hashed anew at every key.
    """

    __slots__ = ("_back", "_cursor", "_generation", "_lines", "_written", "reach", "snapshot")

    def __init__(self, snapshot: Snapshot, reach: int, generation: int) -> None:
        first = max(snapshot.line - reach - ABOVE, 0)
        self.snapshot = snapshot
        self.reach = min(reach, snapshot.line)
        self._lines = tuple(snapshot.lines.slice(first, snapshot.line + BELOW + 2))
        self._cursor = snapshot.line - first
        self._generation = generation
        self._written, self._back = snapshot.line_before, 0

    def line_above(self, back: int) -> int:
        """The hash of the line directly above the line `back` lines above the cursor."""
        end = self._cursor - back
        return hash(self._lines[end - 1]) if end else 0

    def anchor(self, back: int) -> int:
        """The hash of all the lines above that line which an entry depends on."""
        end = self._cursor - back
        return hash((self._generation, self.snapshot.language, *self._lines[max(end - ABOVE, 0) : end]))

    def written(self, back: int) -> str:
        """The text from the start of that line to the cursor, line ends \\n. Asked for upwards only."""
        so_far = self._cursor - self._back
        lines = map(line_body, self._lines[self._cursor - back : so_far])
        self._written = "\n".join((*lines, self._written))
        self._back = back
        return self._written

    def below(self, skip: int = 0) -> int:
        """The hash of the lines below the cursor's, without the first `skip` of them."""
        start = self._cursor + 1 + skip
        # The last line of a document gets its line end only when something comes behind it.
        return hash(tuple(map(line_body, self._lines[start : start + BELOW])))

    def first_below(self) -> str:
        return line_body(self._lines[self._cursor + 1]) if self._cursor + 1 < len(self._lines) else ""

    def state(self, role: _Role = "suggestion") -> _State:
        return _State(
            self.snapshot.uri,
            self.anchor(0),
            self.below(),
            self.snapshot.line_before,
            self.snapshot.line_after,
            role,
        )


def _leading_here(shelf: _Shelf, window: _Window, exact: _State) -> Iterator[tuple[_Entry, str]]:
    """The entries from whose state one comes to the cursor by typing their text, with the rest of it."""
    belows = {exact.below}
    # Enter between two brackets: the editor put the closing one on a line of its own.
    if _closers_only(window.first_below()):
        belows.add(window.below(skip=1))
    for back in range(window.reach + 1):
        if window.line_above(back) not in shelf.lines_above:
            continue
        states = shelf.by_anchor.get(window.anchor(back))
        if states is None:
            continue
        written = window.written(back)
        for state, entry in states.items():
            if state.role == "rejection" or not written.startswith(state.line_before):
                continue
            text, typed = entry.suggestion.text, written[len(state.line_before) :]
            if not typed:
                if (state.below, state.line_after) == (exact.below, exact.line_after):
                    yield entry, text
            elif (
                text.startswith(typed)
                and state.below in belows
                and only_closers_differ(state.line_after, exact.line_after)
                and (rest := text[len(typed) :])
                and not rest.isspace()
            ):
                yield entry, rest


def _closers_only(line: str) -> bool:
    return bool(line.strip()) and not line.strip().strip(INSERTED + ";,")


def _any_same(known: Iterable[str], rest: str) -> bool:
    """Whether `rest` is one of these texts, or an earlier or later stage of a stream that said it."""
    return bool(rest) and any(rest.startswith(text) or text.startswith(rest) for text in known)


def _continues(new: Suggestion, old: Suggestion) -> bool:
    """Whether the new text begins with the old one, but for white space at its end."""
    return new.text.startswith(old.text.rstrip())


def _size(state: _State, suggestion: Suggestion, refused: tuple[str, ...]) -> int:
    texts = (suggestion.text, state.line_before, state.line_after, *refused)
    return _OVERHEAD + sum(map(getsizeof, texts))
