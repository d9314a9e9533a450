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
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from sys import getsizeof
from typing import NamedTuple

from spark_lsp.completion.typed import INSERTED, only_closers_differ
from spark_lsp.text import Snapshot, line_body
from spark_lsp.values import Suggestion

ABOVE = 6  # lines
BELOW = 3  # lines
STATES_PER_ANCHOR = 128  # columns and variants of one line; the oldest goes first

_OVERHEAD = 750  # bytes that one entry takes beside its text, measured


@dataclass(frozen=True, slots=True)
class Found:
    """What the cache knows about a state.

    `suggestion.text` is what is left of the entry's text after the `typed` characters. It is empty
    when the backend had nothing to say here, and then `negative` is true; `rejected` is true
    when the user has turned this text down here. Neither is to be shown, nor to be asked for again.
    """

    suggestion: Suggestion
    typed: int = 0
    rejected: bool = False

    @property
    def negative(self) -> bool:
        return not self.suggestion.text


class _State(NamedTuple):
    """Where an entry starts: `anchor` is a hash of the lines above, `below` of those below."""

    uri: str
    anchor: int
    below: int
    line_before: str
    line_after: str
    rejection: bool = False


@dataclass(slots=True)
class _Entry:
    state: _State
    line_above: str
    suggestion: Suggestion
    born: int
    size: int


class _Shelf:
    """The entries of one document, by anchor. `lines_above` counts them by the line directly above.

    A look-up tries one line after the other, and most of them are ruled out by that line, whose hash
    is there already, before an anchor has to be made.
    """

    __slots__ = ("by_anchor", "lines_above", "longest")

    def __init__(self) -> None:
        self.by_anchor: dict[int, dict[_State, _Entry]] = {}
        self.lines_above: Counter[str] = Counter()
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

        Again for the same state replaces: a growing stream is put after each piece.
        `generation` counts changes of settings; what was kept under another one is not found.
        """
        window = _Window(snapshot, 0, generation)
        self._store(window.state(), window.line_above(0), suggestion)

    def reject(self, snapshot: Snapshot, text: str, *, generation: int = 0) -> None:
        """The user does not want this text here: not offered again in exactly this state."""
        window = _Window(snapshot, 0, generation)
        self._store(window.state(rejection=True), window.line_above(0), Suggestion(text))
        if self._shown.get(snapshot.uri):
            del self._shown[snapshot.uri]

    def get(self, snapshot: Snapshot, *, generation: int = 0, peek: bool = False) -> Found | None:
        """What is known about a state, None when nothing is: the best of the entries that lead here.

        The one found last stays first while the user types along with it, so that what is shown
        never flickers; else the newest. `peek` looks without showing.
        """
        shelf = self._shelves.get(snapshot.uri)
        if shelf is None:
            return None
        window = _Window(snapshot, shelf.longest, generation)
        exact = window.state()
        shown = self._shown.get(snapshot.uri)
        refused = self._entries.get(exact._replace(rejection=True))
        best: tuple[tuple[bool, bool, int], _Entry, Found] | None = None
        for entry, rest in _leading_here(shelf, window, exact):
            rejected = refused is not None and _same(refused.suggestion.text, rest)
            rank = (bool(rest) and not rejected, entry.state == shown, entry.born)
            if best is None or rank > best[0]:
                typed = len(entry.suggestion.text) - len(rest)
                best = rank, entry, Found(replace(entry.suggestion, text=rest), typed, rejected)
        if best is None:
            return None
        _, entry, found = best
        if not peek:
            self._entries.move_to_end(entry.state)
            self._shown[snapshot.uri] = entry.state
        return found

    def forget(self, uri: str) -> None:
        """Drop everything about a document: it was closed, renamed or changed behind our back."""
        shelf = self._shelves.get(uri)
        if shelf is not None:
            for entry in [entry for states in shelf.by_anchor.values() for entry in states.values()]:
                self._drop(entry)
        self._shown.pop(uri, None)

    def _store(self, state: _State, line_above: str, suggestion: Suggestion) -> None:
        if (old := self._entries.get(state)) is not None:
            self._drop(old)
        entry = _Entry(state, line_above, suggestion, next(self._clock), _size(state, suggestion))
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
            self._shown.pop(state.uri, None)


class _Window:
    """The lines around a cursor, read once: enough above it to go back `reach` lines.

    Those above are hashed as they stand, line ends included: a string keeps its hash, a copy
    without its line end would be hashed anew at every key.
    """

    __slots__ = ("_cursor", "_generation", "_lines", "reach", "snapshot")

    def __init__(self, snapshot: Snapshot, reach: int, generation: int) -> None:
        first = max(snapshot.line - reach - ABOVE, 0)
        self.snapshot = snapshot
        self.reach = min(reach, snapshot.line)
        self._lines = tuple(snapshot.lines.slice(first, snapshot.line + BELOW + 2))
        self._cursor = snapshot.line - first
        self._generation = generation

    def line_above(self, back: int) -> str:
        """The line directly above the line `back` lines above the cursor."""
        end = self._cursor - back
        return self._lines[end - 1] if end else ""

    def anchor(self, back: int) -> int:
        """The hash of all the lines above that line which an entry depends on."""
        end = self._cursor - back
        return hash((self._generation, self.snapshot.language, *self._lines[max(end - ABOVE, 0) : end]))

    def written(self, back: int) -> str:
        """The text from the start of that line to the cursor, line ends \\n."""
        if not back:
            return self.snapshot.line_before
        lines = map(line_body, self._lines[self._cursor - back : self._cursor])
        return "\n".join((*lines, self.snapshot.line_before))

    def below(self, skip: int = 0) -> int:
        """The hash of the lines below the cursor's, without the first `skip` of them."""
        start = self._cursor + 1 + skip
        # The last line of a document gets its line end only when something comes behind it.
        return hash(tuple(map(line_body, self._lines[start : start + BELOW])))

    def first_below(self) -> str:
        return line_body(self._lines[self._cursor + 1]) if self._cursor + 1 < len(self._lines) else ""

    def state(self, *, rejection: bool = False) -> _State:
        return _State(
            self.snapshot.uri,
            self.anchor(0),
            self.below(),
            self.snapshot.line_before,
            self.snapshot.line_after,
            rejection,
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
            if state.rejection:
                continue
            if state == exact:
                yield entry, entry.suggestion.text
            elif written.startswith(state.line_before):
                typed = written[len(state.line_before) :]
                text = entry.suggestion.text
                if (
                    typed
                    and text.startswith(typed)
                    and state.below in belows
                    and only_closers_differ(state.line_after, exact.line_after)
                    and (rest := text[len(typed) :]).strip()
                ):
                    yield entry, rest


def _closers_only(line: str) -> bool:
    return bool(line.strip()) and not line.strip().strip(INSERTED + ";,")


def _same(refused: str, rest: str) -> bool:
    """Whether `rest` is the refused text, or an earlier or later stage of the stream that it came from."""
    return bool(rest) and (rest.startswith(refused) or refused.startswith(rest))


def _size(state: _State, suggestion: Suggestion) -> int:
    return _OVERHEAD + getsizeof(suggestion.text) + getsizeof(state.line_before) + getsizeof(state.line_after)
