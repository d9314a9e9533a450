"""The slots of one server, leased to requests: `routing/slots.py` says who may have one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from spark_lsp.routing.slots import RANKS, Rank, admit, excess


class Lease:
    """The right to one request. A context manager: it ends with the block."""

    def __init__(self, slots: Slots, rank: Rank, taken_back: Callable[[], None]) -> None:
        self.rank = rank
        self._slots = slots
        self._taken_back = taken_back
        self._granted = asyncio.Event()
        self._arrived = False

    def __repr__(self) -> str:
        return f"<Lease {self.rank} {'held' if self.held else 'over'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def held(self) -> bool:
        """False once it is released or taken back."""
        return self in self._slots._held[self.rank]

    def release(self) -> None:
        """The slot is free for the next one. Again, or after it was taken back, it does nothing."""
        self._slots._release(self)


class Slots:
    """`total` slots of one server, however many names it goes by; 0: as many as are wanted."""

    def __init__(self, total: int = 0) -> None:
        self._total = total
        self._held: dict[Rank, dict[Lease, None]] = {rank: {} for rank in RANKS}  # in order of arrival
        self._waiting: dict[Rank, deque[Lease]] = {rank: deque() for rank in RANKS}

    def __repr__(self) -> str:
        waiting = sum(map(len, self._waiting.values()))
        return f"<Slots {self.busy}/{self._total} held, {waiting} waiting>"

    @property
    def busy(self) -> int:
        """Slots that are held. More than there are while people share them."""
        return sum(map(len, self._held.values()))

    def held(self, rank: Rank) -> int:
        return len(self._held[rank])

    def would_wait(self, rank: Rank, beside: int = 0) -> bool:
        """Whether a lease of this rank would not be had at once, with so many others on their way."""
        counts = self._counts()
        counts[rank] += max(beside, 0)
        return not admit(self._total, counts, rank).go

    async def lease(self, rank: Rank, taken_back: Callable[[], None]) -> Lease:
        """Wait for a slot, in order of arrival among those of the same rank.

        `taken_back` is called, at most once and only after this has returned, when a more urgent request
        has got the slot: the holder closes its stream, which is what makes the server stop. It may not raise.
        Whoever is cancelled while waiting leaves nothing behind.
        """
        lease = Lease(self, rank, taken_back)
        if not self._admit(lease):
            self._waiting[rank].append(lease)
            try:
                while not lease.held:  # what was granted may be gone again before the waiter runs
                    await lease._granted.wait()
            except asyncio.CancelledError:
                lease.release()
                raise
        lease._arrived = True
        return lease

    def resize(self, total: int) -> None:
        """The server has another number of slots. What is too much now ends, unless a person waits for it."""
        self._total = total
        while (rank := excess(total, self._counts())) is not None:
            self._take_back(rank)
        self._grant()

    def _counts(self) -> dict[Rank, int]:
        return {rank: len(leases) for rank, leases in self._held.items()}

    def _admit(self, lease: Lease) -> bool:
        verdict = admit(self._total, self._counts(), lease.rank)
        if verdict.go:
            self._held[lease.rank][lease] = None
        if verdict.take_back is not None:
            self._take_back(verdict.take_back)
        return verdict.go

    def _take_back(self, rank: Rank) -> None:
        """The newest one loses the least work."""
        newest, _ = self._held[rank].popitem()
        if newest._arrived:
            newest._taken_back()
        else:
            newest._granted.clear()
            self._waiting[rank].appendleft(newest)

    def _release(self, lease: Lease) -> None:
        if lease.held:
            del self._held[lease.rank][lease]
            self._grant()
        elif lease in self._waiting[lease.rank]:
            self._waiting[lease.rank].remove(lease)

    def _grant(self) -> None:
        """A slot may be free: the most urgent that may have it do."""
        for waiting in self._waiting.values():
            while waiting and self._admit(waiting[0]):
                waiting.popleft()._granted.set()
