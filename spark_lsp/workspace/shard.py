"""Parts of files in a block of memory, with hash chains through them.

A shard holds up to 65,535 tokens. For each kind of context in `ORDERS` it has a
table of heads and a list of links: all places with the same hash, latest first,
at four bytes per token and kind. A hash may lie, so whoever reads compares.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

CAPACITY = 0xFFFF  # tokens: a place must fit in two bytes
SHORT, LONG, SHAPE = 0, 1, 2
ORDERS = (3, 6, 4)  # how many tokens before a place its hash covers, by kind; the last over shapes

_BITS = 15
_MASK = (1 << _BITS) - 1
_FACTOR = 0x9E3779B1


def context_hash(codes: Iterable[int]) -> int:
    """The hash of a context, oldest token first."""
    value = 0
    for code in codes:
        value = (value * _FACTOR + code + 1) & 0xFFFFFFFF
    return (value ^ (value >> 15)) & _MASK


def context_hashes(codes: Sequence[int], order: int) -> array[int]:
    """`context_hash` of the `order` tokens before each place, from place `order` on, up to the end."""
    values = [code + 1 for code in codes[: max(len(codes) - order + 1, 0)]]
    for shift in range(1, order):
        values = [
            (value * _FACTOR + code + 1) & 0xFFFFFFFF
            for value, code in zip(values, codes[shift:], strict=False)
        ]
    return array("H", [(value ^ (value >> 15)) & _MASK for value in values])


class Part(NamedTuple):
    """A piece of a file: its codes and, for each kind, the hashes of its places from `ORDERS[kind]` on."""

    codes: str
    hashes: tuple[array[int], ...]


class Place(NamedTuple):
    """A position in a part: `codes[at]` is the token that follows the context."""

    codes: str
    at: int
    path: str


class Shard:
    """Grows by appending; what is dropped stays as a gap until the shard is given up."""

    __slots__ = ("_codes", "_heads", "_links", "_paths", "_starts", "live", "size")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._codes: list[str] = []
        self._paths: list[str] = []
        self._heads = tuple(array("H", bytes(2 << _BITS)) for _ in ORDERS)
        self._links = tuple(array("H") for _ in ORDERS)
        self.size = 0
        self.live = 0

    def append(self, path: str, part: Part) -> None:
        """Add a part, for which there must be room: 0.3 ms per 1,000 tokens."""
        base, length = self.size, len(part.codes)
        self._starts.append(base)
        self._codes.append(part.codes)
        self._paths.append(path)
        self.size += length
        self.live += length
        for kind, order in enumerate(ORDERS):
            heads, links = self._heads[kind], self._links[kind]
            links.extend(bytes(min(order, length)))
            for place, value in enumerate(part.hashes[kind][: max(length - order, 0)], base + order):
                links.append(heads[value])
                heads[value] = place

    def drop(self, path: str) -> None:
        for number, owner in enumerate(self._paths):
            if owner == path:
                self._clear(number)

    def pop(self) -> tuple[str, str] | None:
        """Take one live part out: (path, codes). None when there is none."""
        for number, path in enumerate(self._paths):
            if path:
                codes = self._codes[number]
                self._clear(number)
                return path, codes
        return None

    def _clear(self, number: int) -> None:
        self.live -= len(self._codes[number])
        self._codes[number] = self._paths[number] = ""

    def parts(self) -> Iterator[tuple[str, str]]:
        """(path, codes) of each live part."""
        return ((path, codes) for path, codes in zip(self._paths, self._codes, strict=True) if path)

    def collect(self, kind: int, value: int, context: str, found: list[Place], limit: int, steps: int) -> int:
        """Add the places with this hash that stand behind `context`, latest first, until `found` has `limit`.

        Follows at most `steps` links. Returns how many of them are left.
        """
        links, starts, parts, paths = self._links[kind], self._starts, self._codes, self._paths
        size = len(context)
        place = self._heads[kind][value]
        while place and steps:
            steps -= 1
            number = bisect_right(starts, place) - 1
            codes, at = parts[number], place - starts[number]
            # A part that was dropped is empty: it has no place.
            if at < len(codes) and codes.startswith(context, at - size):
                found.append(Place(codes, at, paths[number]))
                if len(found) >= limit:
                    return 0
            place = links[place]
        return steps

    @property
    def size_bytes(self) -> int:
        """An estimate: tables, links, codes at four bytes, string headers."""
        tables = sum(
            2 * (len(heads) + len(links)) for heads, links in zip(self._heads, self._links, strict=True)
        )
        return tables + sum(4 * len(codes) + 200 for codes in self._codes)
