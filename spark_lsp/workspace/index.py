"""What the predictor has read: files in shards, open documents as they are now."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from os.path import dirname

from spark_lsp.text import split_lines
from spark_lsp.workspace.live import Live
from spark_lsp.workspace.shard import (
    CAPACITY,
    LONG,
    ORDERS,
    SHAPE,
    SHORT,
    Part,
    Place,
    Shard,
    context_hash,
    context_hashes,
)
from spark_lsp.workspace.tokens import BLANK, Vocabulary, indentation

PART_TOKENS = 4000  # a longer file is cut: hashing or linking one part takes about two milliseconds
MARGIN = chr(BLANK) * max(ORDERS)  # what stands above the first line
_LINES_AT_ONCE = 64
_REMEMBERED = 200  # paths whose last touch is known
_STEPS = 1500  # of a chain, at most, in one lookup: about half a millisecond


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file ready to be installed."""

    path: str
    parts: tuple[Part, ...]


class Index:
    """Files and open documents, bounded by about `max_bytes`: the oldest shard gives way.

    `prepare` may run in any thread. Everything else belongs to one thread.
    """

    def __init__(self, max_bytes: int) -> None:
        self.vocabulary = Vocabulary(max_bytes // 2)
        self._max_bytes = max_bytes
        self._shards: tuple[Shard, ...] = ()
        self._homes: dict[str, set[Shard]] = {}
        self._lives: dict[str, Live] = {}
        self._touched: dict[str, float] = {}
        self._near: dict[str, tuple[Shard, ...]] = {}

    # --- files

    def prepare(self, path: str, text: str) -> Prepared:
        """Cut a file into tokens and hash its contexts: about 30 ms per 100 kB, in small pieces."""
        lines = split_lines(text)
        codes: list[str] = []
        above = ""
        for start in range(0, len(lines), _LINES_AT_ONCE):
            chunk = lines[start : start + _LINES_AT_ONCE]
            codes += self.vocabulary.lines(chunk, above)
            above = next((indentation(line) for line in reversed(chunk) if line.strip()), above)
        return Prepared(path, tuple(self._parts("".join(codes))))

    def _parts(self, codes: str) -> Iterator[Part]:
        # So that the first tokens have a context, and the end of the last line is learned.
        codes = MARGIN + codes + self.vocabulary.start("", "")
        for start in range(0, len(codes), PART_TOKENS):
            yield self._part(codes[start : start + PART_TOKENS])

    def _part(self, codes: str) -> Part:
        points = list(map(ord, codes))
        shapes = list(map(self.vocabulary.shape, points))
        kinds = ((SHORT, points), (LONG, points), (SHAPE, shapes))
        return Part(codes, tuple(context_hashes(tokens, ORDERS[kind]) for kind, tokens in kinds))

    def install(self, prepared: Prepared) -> None:
        """Put a prepared file in place of that path's former content: a millisecond for 4,000 tokens."""
        for _ in self.installing(prepared):
            pass

    def installing(self, prepared: Prepared) -> Generator[None, None, None]:
        """`install` in steps of a millisecond or two, for a file that is large."""
        self.drop(prepared.path)
        for part in prepared.parts:
            self._append(prepared.path, part)
            yield
        self._clean()

    def _append(self, path: str, part: Part) -> None:
        shard = self._shards[-1] if self._shards else None
        if shard is None or shard.size + len(part.codes) > CAPACITY:
            shard = Shard()
            self._shards = (*self._shards, shard)
            while self.size_bytes > self._max_bytes and len(self._shards) > 1:
                self._give_up(self._shards[0])
        shard.append(path, part)
        self._homes.setdefault(path, set()).add(shard)
        self._near.clear()

    def _give_up(self, shard: Shard) -> None:
        self._shards = tuple(other for other in self._shards if other is not shard)
        self._near.clear()
        for path in [path for path, homes in self._homes.items() if shard in homes]:
            self._homes[path].discard(shard)
            if not self._homes[path]:
                del self._homes[path]

    def _clean(self) -> None:
        """Move one part out of a shard that is more than half gaps; give the shard up when none is left."""
        for shard in self._shards[:-1]:
            if 2 * shard.live < shard.size:
                moved = shard.pop()
                if moved is None:
                    self._give_up(shard)
                else:
                    path, codes = moved
                    self._append(path, self._part(codes))
                return

    def drop(self, path: str) -> None:
        """Forget a file on disk. An open document stays until it is closed."""
        for shard in self._homes.pop(path, ()):
            shard.drop(path)

    def touch(self, path: str, now: float) -> None:
        """Note that a file was opened or edited: it counts for more for a while."""
        self._touched.pop(path, None)
        self._touched[path] = now
        if len(self._touched) > _REMEMBERED:
            del self._touched[next(iter(self._touched))]

    def touched(self, path: str) -> float | None:
        """When the file was last touched, as far as that is remembered."""
        return self._touched.get(path)

    # --- open documents

    def open(self, path: str, lines: Sequence[str]) -> None:
        """Begin to follow a document in an editor. Its lines are read at the next prediction in it."""
        self._lives[path] = Live(lines)

    def edit(self, path: str, first: int, removed: int, added: Sequence[str]) -> None:
        """From line `first`, `removed` lines became `added`. Raises KeyError if the document is not open."""
        self._lives[path].edit(first, removed, added)

    def close(self, path: str) -> None:
        """Stop following a document; what was installed for its path counts again."""
        self._lives.pop(path, None)

    def live(self, path: str) -> Live | None:
        """The open document of that path."""
        return self._lives.get(path)

    def settle(self, path: str) -> Generator[None, None, None]:
        """Bring the open document `path` up to date, and install what was edited in the others."""
        live = self._lives.get(path)
        if live is not None:
            live.settled = False
            yield from live.encode(self.vocabulary)
        for other, document in list(self._lives.items()):
            if other == path or document.settled:
                continue
            document.settled = True
            yield from document.encode(self.vocabulary)
            parts = []
            for part in self._parts(document.codes.text()):
                parts.append(part)
                yield
            yield from self.installing(Prepared(other, tuple(parts)))

    # --- lookup

    def near(self, path: str) -> tuple[Shard, ...]:
        """All shards, those with files of the same folder first, then the latest first."""
        folder = dirname(path)
        known = self._near.get(folder)
        if known is not None:
            return known
        homes = {
            shard for other, shards in self._homes.items() if dirname(other) == folder for shard in shards
        }
        latest = self._shards[::-1]
        ordered = (*filter(homes.__contains__, latest), *(shard for shard in latest if shard not in homes))
        self._near[folder] = ordered
        return ordered

    def places(
        self, shards: Sequence[Shard], kind: int, codes: Sequence[int], context: str, limit: int
    ) -> list[Place]:
        """At most `limit` places behind `context`, latest first in each shard.

        `codes` are what the chains of `kind` are hashed over: those of the context, or
        shapes. An empty context takes every place with that hash.
        """
        value = context_hash(codes)
        found: list[Place] = []
        steps = _STEPS
        for shard in shards:
            steps = shard.collect(kind, value, context, found, limit, steps)
            if not steps:
                break
        return found

    def codes_of(self, path: str) -> list[str]:
        """The codes of a file's parts, as they were installed."""
        homes = self._homes.get(path, ())
        return [
            codes
            for shard in self._shards
            if shard in homes
            for owner, codes in shard.parts()
            if owner == path
        ]

    def parts(self, shards: Sequence[Shard]) -> Iterator[tuple[str, str]]:
        """(path, codes) of what the shards hold."""
        for shard in shards:
            yield from shard.parts()

    @property
    def size_bytes(self) -> int:
        """An estimate of what the index holds; open documents are not included."""
        return self.vocabulary.size_bytes + sum(shard.size_bytes for shard in self._shards)

    @property
    def files(self) -> int:
        return len(self._homes)

    @property
    def tokens(self) -> int:
        return sum(shard.live for shard in self._shards)
