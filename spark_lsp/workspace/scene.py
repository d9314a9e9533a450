"""The cursor as the predictor sees it: the codes around it, and the places that look like it."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import islice
from os.path import dirname

from spark_lsp.workspace.index import MARGIN, Index
from spark_lsp.workspace.shard import LONG, ORDERS, SHAPE, SHORT
from spark_lsp.workspace.tokens import BLANK, PARTIAL, STARTS, UNKNOWN, indentation

MATCHED = 16  # tokens: a longer match is no better
ALIGNED = 20  # tokens compared before a place
RENAMED = 4  # names that may differ
AGREED = 6  # tokens of the lines below that are compared
_NOTHING_BELOW = 2  # what counts as agreed where the document ends: neither for nor against a place

NEAREST_FOLDER, ELSEWHERE, RECENT = 8, 9, 10  # tiers; below them, distances in the same document
_RECENT_S = 1800.0

_LINES_ABOVE, _LINES_BELOW = 4000, 2000  # of the same document
_SHAPED_LINES = 100  # of those above, which are searched by shape
_NEAR = 600  # tokens above the cursor that count as near
_AFTER_CHARACTERS = 1000
_QUERY = 40  # tokens of context kept
_HEAD_CHARACTERS = 500  # of a long line

_LINE_START = re.compile(f"[\x00-{chr(UNKNOWN - 1)}]")

_PAIR, _SINGLE, _SHAPED, _LONG, _SHORT, _ALIKE, _ABOVE_SAME = 40, 15, 20, 20, 40, 30, 12
"""How many places each way of looking may bring."""

_FEW = 8  # members below which shorter contexts are tried
_PARTS = 100


class Member:
    """A place that votes. `codes[at]` is what followed there.

    `exact` tokens before it are as before the cursor; beyond those, up to
    `ALIGNED`, `same` more are and `renamed` are other names, as `names` maps them.
    `agree` tokens of the line below are as below the cursor.
    """

    __slots__ = ("agree", "at", "codes", "exact", "names", "renamed", "same", "tier", "weights")

    def __init__(
        self,
        codes: str,
        at: int,
        tier: int,
        exact: int,
        same: int,
        renamed: int,
        agree: int,
        names: dict[int, int] | None,
    ) -> None:
        self.codes = codes
        self.at = at
        self.tier = tier
        self.exact = exact
        self.same = same
        self.renamed = renamed
        self.agree = agree
        self.names = names
        self.weights: dict[int, float] = {}


class Scene:
    """Everything about one cursor that does not change while a prediction is made.

    `stem` is what was typed of a token that may still grow: a space, a word, or
    both. `whole` is the context if the stem is a token of its own, `partial`
    the context before it.
    """

    def __init__(
        self, index: Index, *, path: str, before: str, after: str, line: int | None, now: float
    ) -> None:
        self.index = index
        self.vocabulary = vocabulary = index.vocabulary
        self.path = path
        self._now = now
        self._folder = dirname(path)
        self._shards = index.near(path)
        self._tiers: dict[str, int] = {}
        self._kinds: dict[str, int] = {}
        self._same_below: list[tuple[str, int, int]] | None = None
        self._growing: dict[str, bool] = {}
        head = before[before.rfind("\n") + 1 :][-_HEAD_CHARACTERS:]
        self.indent = indentation(head)
        above, lines_above = self._read_document(before, line)
        body = head[len(self.indent) :]
        found = PARTIAL.search(body)
        self.stem = found[0] if found else ""
        start = (MARGIN + self.above)[-_QUERY:] + vocabulary.start(above, self.indent)
        self.partial = start + vocabulary.body(body[: len(body) - len(self.stem)])
        self.whole = start + vocabulary.body(body) if self.stem.strip() else self.partial
        next_lines = after[:_AFTER_CHARACTERS].split("\n")[1:]
        self.after = (
            "".join(vocabulary.lines(next_lines, self.indent)) if any(map(str.strip, next_lines)) else ""
        )
        self._near = self.above[-_NEAR:] + self.whole[-_QUERY:]
        self._shapes = "".join([vocabulary.shapes(codes) for codes in lines_above[-_SHAPED_LINES:]])

    def _read_document(self, before: str, line: int | None) -> tuple[str, list[str]]:
        """Set what stands above and below. Returns the indentation of the line above and all codes above."""
        live = self.index.live(self.path)
        if live is not None and line is not None:
            above = list(live.codes.slice(line - _LINES_ABOVE, line))
            self.below = "".join(live.codes.slice(line + 1, line + _LINES_BELOW))
            indent = live.indentation_above(line)
        else:
            lines = before.split("\n")[:-1]
            above = self.vocabulary.lines(lines)
            self.below = ""
            indent = next((indentation(other) for other in reversed(lines) if other.strip()), "")
        self.above = "".join(above)
        return indent, above

    # --- what a word is to this document

    def kind(self, token: str) -> int:
        """Where a word stands: 1 near, above and below, 2 near above, 3 below, 4 further up, 5 nowhere."""
        kind = self._kinds.get(token)
        if kind is None:
            twin = chr(ord(token) ^ 1)
            near = token in self._near or twin in self._near
            below = token in self.after or twin in self.after
            if near:
                kind = 1 if below else 2
            elif below:
                kind = 3
            else:
                kind = 4 if token in self.above or twin in self.above else 5
            self._kinds[token] = kind
        return kind

    # --- places

    def members(self, query: str, stem: str = "") -> list[Member]:
        """The places worth asking what follows `query`, each once.

        With a `stem`, only those where the token begins with it, or may do so renamed.
        """
        space = int(stem.startswith(" "))
        renaming = bool(stem) and any(self.grows(chr(ord(token) & ~1 | space), stem) for token in query)
        seen: set[tuple[int, int]] = set()
        members: list[Member] = []
        for source in (self._places, self._in_parts):
            for codes, at, tier in source(query):
                key = (id(codes), at)
                if key in seen or at >= len(codes):
                    continue
                seen.add(key)
                token = codes[at]
                if not stem or self.grows(token, stem) or (renaming and self.vocabulary.is_word(ord(token))):
                    members.append(self._member(codes, at, tier, query))
            if len(members) >= _FEW:
                break
        return members

    def grows(self, token: str, stem: str) -> bool:
        """Whether a token begins with `stem`, or is it."""
        grows = self._growing.get(token)
        if grows is None:
            code = ord(token)
            text = self.vocabulary.text(code) if code >= STARTS else ""
            grows = self._growing[token] = text.startswith(stem)
        return grows

    def _places(self, query: str) -> Iterator[tuple[str, int, int]]:
        yield from self._in_document(query)
        yield from self._in_files(query)
        yield from self._above_the_same(query)

    def _in_document(self, query: str) -> Iterator[tuple[str, int, int]]:
        found = 0
        for order, limit in ((2, _PAIR), (1, _SINGLE)):
            for place in self._occurrences(query[-order:], limit):
                found += 1
                yield place
            if found > 20:
                break
        shapes = "".join([chr(self.vocabulary.shape(ord(token))) for token in query[-3:]])
        offset = len(self.above) - len(self._shapes) + 3
        for at in _backwards(self._shapes, shapes, _SHAPED):
            yield self.above, at + offset, self._distance(at + offset)

    def _occurrences(self, context: str, limit: int) -> Iterator[tuple[str, int, int]]:
        size = len(context)
        for at in _backwards(self.above, context, limit):
            yield self.above, at + size, self._distance(at + size)
        at = self.below.find(context)
        while at >= 0 and limit:
            limit -= 1
            yield self.below, at + size, min(at.bit_length() >> 1, 7)
            at = self.below.find(context, at + 1)

    def _distance(self, at: int) -> int:
        return min((len(self.above) - at).bit_length() >> 1, 7)

    def _in_files(self, query: str) -> Iterator[tuple[str, int, int]]:
        frequent = yield from self._lookup(SHORT, query[-ORDERS[SHORT] :], _SHORT)
        if frequent:
            yield from self._lookup(LONG, query[-ORDERS[LONG] :], _LONG)
        yield from self._lookup(SHAPE, query[-ORDERS[SHAPE] :], _ALIKE)

    def _lookup(self, kind: int, context: str, limit: int) -> Generator[tuple[str, int, int], None, bool]:
        """Places behind `context`, or one of its shape. Returns whether there may be more than `limit`."""
        if len(context) < ORDERS[kind]:
            return False
        points = list(map(ord, context))
        if kind == SHAPE:
            points, context = list(map(self.vocabulary.shape, points)), ""
        places = self.index.places(self._shards, kind, points, context, limit)
        for codes, at, path in places:
            if path != self.path:
                yield codes, at, self._tier(path)
        return len(places) == limit

    def _in_parts(self, query: str) -> Iterator[tuple[str, int, int]]:
        """Places behind the last two tokens, or the last one, in the nearest files: no hash covers so few."""
        parts = [part for part in islice(self.index.parts(self._shards), _PARTS) if part[0] != self.path]
        for order in (2, 1):
            found = 0
            for path, codes in parts:
                at = codes.rfind(query[-order:], 0, len(codes) - 1)
                if at >= 0:
                    found += 1
                    yield codes, at + order, self._tier(path)
            if found >= _FEW:
                return

    def _above_the_same(self, query: str) -> Iterator[tuple[str, int, int]]:
        """Places in lines that stand above what stands below the cursor."""
        if self._same_below is None:
            self._same_below = list(self._like_below())
        for codes, start, tier in self._same_below:
            at = _line_above(codes, start, query[-1])
            if at:
                yield codes, at, tier

    def _like_below(self) -> Iterator[tuple[str, int, int]]:
        """Where the same lines begin as below the cursor."""
        frequent = yield from self._beginnings(SHORT)
        if frequent:
            yield from self._beginnings(LONG)

    def _beginnings(self, kind: int) -> Generator[tuple[str, int, int], None, bool]:
        order = ORDERS[kind]
        context = self.after[:order]
        if len(context) < order:
            return False
        for codes, end, tier in self._occurrences(context, _ABOVE_SAME):
            yield codes, end - order, tier
        found = 0
        for codes, end, tier in self._lookup(kind, context, _ABOVE_SAME):
            found += 1
            yield codes, end - order, tier
        return found == _ABOVE_SAME

    def _tier(self, path: str) -> int:
        tier = self._tiers.get(path)
        if tier is None:
            touched = self.index.touched(path)
            if touched is not None and self._now - touched < _RECENT_S:
                tier = RECENT
            else:
                tier = NEAREST_FOLDER if dirname(path) == self._folder else ELSEWHERE
            self._tiers[path] = tier
        return tier

    def _member(self, codes: str, at: int, tier: int, query: str) -> Member:
        limit = min(at, len(query), ALIGNED)
        exact = 0
        while exact < limit and codes[at - exact - 1] == query[-exact - 1]:
            exact += 1
        same = renamed = 0
        names: dict[int, int] | None = None
        is_word = self.vocabulary.is_word
        for back in range(exact + 1, limit + 1):
            theirs, ours = codes[at - back], query[-back]
            if theirs == ours:
                same += 1
                continue
            their, our = ord(theirs), ord(ours)
            if (their ^ our) & 1 or not (is_word(their) and is_word(our)):
                break
            if names is None:
                names = {}
            # One name here for one name there; the first binding is the nearest.
            if names.setdefault(their & ~1, our & ~1) != our & ~1:
                break
            renamed += 1
            if renamed == RENAMED:
                break
        return Member(
            codes, at, tier, min(exact, MATCHED), min(same, 8), renamed, self._agreement(codes, at), names
        )

    def _agreement(self, codes: str, at: int) -> int:
        if not self.after:
            return _NOTHING_BELOW
        end = _LINE_START.search(codes, at)
        if end is None:
            return 0
        start, agree = end.start(), 0
        while (
            agree < AGREED and codes[start + agree : start + agree + 1] == self.after[agree : agree + 1] != ""
        ):
            agree += 1
        return agree


def _backwards(codes: str, context: str, limit: int) -> Iterator[int]:
    """The last `limit` places where `context` begins in `codes` and something follows it."""
    at = codes.rfind(context, 0, len(codes) - 1)
    while at >= 0 and limit:
        yield at
        limit -= 1
        at = codes.rfind(context, 0, at + len(context) - 1)


def _line_above(codes: str, end: int, last: str) -> int:
    """In the line with text that ends before `end`: the place behind its last `last`; 0 for none."""
    start = end
    for start in range(end - 1, max(end - 50, -1), -1):
        code = ord(codes[start])
        if code == BLANK:
            end = start
        elif code < STARTS:
            break
    else:
        return 0
    if ord(last) < STARTS:
        return start + 1 if start + 1 < end else 0
    return codes.rfind(last, start, end) + 1
