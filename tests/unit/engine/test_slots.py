"""Leases of a server's slots: granted in order, taken back, given up, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spark_lsp.engine.slots import Lease, Slots
from spark_lsp.routing.slots import RANKS, Rank, admit

PEOPLE: tuple[Rank, ...] = ("instant", "interactive")


class Request:
    """Wants a slot. `order`: when it came; `lease` once it has one; `taken` how often that was taken back."""

    def __init__(self, slots: Slots, rank: Rank, order: int = 0) -> None:
        self.rank = rank
        self.order = order
        self.lease: Lease | None = None
        self.taken = 0
        self._slots = slots
        self.task = asyncio.ensure_future(self._want())

    def __repr__(self) -> str:
        return f"<{self.rank} {self.order} {self.lease or 'waiting'}>"

    async def _want(self) -> None:
        self.lease = await self._slots.lease(self.rank, self._lose)

    def _lose(self) -> None:
        assert self.lease is not None, "taken back before it was there"
        self.taken += 1

    @property
    def holds(self) -> bool:
        return self.lease is not None and not self.taken


async def settled() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def asked(slots: Slots, *ranks: Rank) -> list[Request]:
    requests = []
    for rank in ranks:
        requests.append(Request(slots, rank))
        await settled()
    return requests


async def test_a_lease_ends_once() -> None:
    slots = Slots(2)
    with await slots.lease("instant", lambda: None) as lease:
        assert (slots.busy, slots.held("instant"), lease.held) == (1, 1, True)
        lease.release()
        other = await slots.lease("instant", lambda: None)
    lease.release()
    assert (slots.busy, other.held, lease.held) == (1, True, False)


async def test_the_newest_of_the_least_urgent_is_taken_back() -> None:
    slots = Slots(4)
    first, second, third = await asked(slots, "ahead", "ahead", "batch")
    await asked(slots, "instant", "instant")
    assert [first.taken, second.taken, third.taken] == [0, 1, 0]
    await asked(slots, "instant", "instant")
    assert [first.taken, second.taken, third.taken] == [1, 1, 1]
    assert slots.busy == slots.held("instant") == 4
    assert second.lease is not None
    second.lease.release()
    assert slots.busy == 4


async def test_the_most_urgent_is_next_and_each_rank_in_its_order() -> None:
    slots = Slots(1)
    [now] = await asked(slots, "instant")
    late = await asked(slots, "ahead", "batch", "batch", "interactive", "interactive")
    order = [late[3], late[4], late[1], late[2], late[0]]
    for one, following in zip([now, *order], [*order, None], strict=True):
        assert one.lease is not None
        one.lease.release()
        await settled()
        assert [request for request in late if request.lease and request.lease.held] == (
            [following] if following else []
        )


async def test_a_slot_that_comes_free_as_its_waiter_is_cancelled_goes_to_the_next() -> None:
    slots = Slots(1)
    now, waiter, following = await asked(slots, "batch", "batch", "batch")
    assert now.lease is not None
    now.lease.release()
    waiter.task.cancel()
    await settled()
    assert waiter.task.cancelled()
    assert following.holds
    assert slots.busy == 1


async def test_what_is_taken_back_before_it_arrived_is_first_in_line_again() -> None:
    slots = Slots(1)
    now, waiter, following = await asked(slots, "batch", "batch", "batch")
    assert now.lease is not None
    now.lease.release()  # the waiter has it, and has not run yet
    with await slots.lease("instant", lambda: None):
        await settled()
        assert (slots.held("batch"), waiter.lease, following.lease) == (0, None, None)
    await settled()
    assert (waiter.holds, waiter.taken, following.lease) == (True, 0, None)


@pytest.mark.parametrize(
    ("total", "taken", "arrived"),
    [(6, [0, 0, 0, 0], 1), (5, [0, 0, 0, 0], 0), (3, [1, 0, 0, 0], 0), (1, [1, 1, 0, 0], 0), (0, [0] * 4, 2)],
)
async def test_another_number_of_slots(total: int, taken: list[int], arrived: int) -> None:
    slots = Slots(4)
    holders = await asked(slots, "ahead", "batch", "interactive", "instant")
    waiting = await asked(slots, "ahead", "ahead")
    slots.resize(total)
    await settled()
    assert [request.taken for request in holders] == taken
    assert sum(request.holds for request in waiting) == arrived


class Leases(RuleBasedStateMachine):
    """Requests come, are granted, taken back, released and cancelled, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.slots = Slots(2)
        self.total = 2
        self.came = 0
        self.requests: list[Request] = []

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    async def _ask(self, ranks: list[Rank]) -> None:
        for rank in ranks:
            self.came += 1
            self.requests.append(Request(self.slots, rank, self.came))
        await settled()

    async def _release(self, chosen: Request, following: Rank | None, cancelled: Request | None) -> None:
        """What comes in the same turn of the loop sees a granted waiter that has not run yet."""
        assert chosen.lease is not None
        chosen.lease.release()
        self.requests.remove(chosen)
        if cancelled is not None and cancelled is not chosen:
            self._give_up(cancelled)
        if following is not None:
            await self._ask([following])
        await settled()

    def _give_up(self, chosen: Request) -> None:
        chosen.task.cancel()
        if chosen.lease is not None:
            chosen.lease.release()
        self.requests.remove(chosen)

    async def _cancel(self, chosen: Request) -> None:
        self._give_up(chosen)
        await settled()

    async def _resize(self, total: int) -> None:
        self.total = total
        self.slots.resize(total)
        await settled()

    @rule(ranks=st.lists(st.sampled_from(RANKS), min_size=1, max_size=3))
    def ask(self, ranks: list[Rank]) -> None:
        self.run(self._ask(ranks))

    @precondition(lambda self: any(request.lease for request in self.requests))
    @rule(data=st.data(), following=st.none() | st.sampled_from(RANKS), also_cancel=st.booleans())
    def release(self, data: st.DataObject, following: Rank | None, also_cancel: bool) -> None:
        chosen = data.draw(st.sampled_from([request for request in self.requests if request.lease]))
        cancelled = data.draw(st.sampled_from(self.requests)) if also_cancel else None
        self.run(self._release(chosen, following, cancelled))

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.run(self._cancel(data.draw(st.sampled_from(self.requests))))

    @rule(total=st.integers(0, 5))
    def resize(self, total: int) -> None:
        self.run(self._resize(total))

    @invariant()
    def the_slots_know_who_holds_them(self) -> None:
        for rank in RANKS:
            assert self.slots.held(rank) == sum(one.holds for one in self.requests if one.rank == rank)

    @invariant()
    def each_is_taken_back_once_at_most_and_no_person_ever(self) -> None:
        for request in self.requests:
            assert request.taken <= (0 if request.rank in PEOPLE else 1)
            assert request.lease is None or request.lease.held == request.holds

    @invariant()
    def more_than_there_are_is_held_by_people_only(self) -> None:
        if self.total and self.slots.busy > self.total:
            assert self.slots.busy == sum(map(self.slots.held, PEOPLE))

    @invariant()
    def nobody_waits_who_could_go(self) -> None:
        held = {rank: self.slots.held(rank) for rank in RANKS}
        for request in self.requests:
            assert request.lease or not admit(self.total, held, request.rank).go

    @invariant()
    def each_rank_goes_in_its_order(self) -> None:
        for rank in RANKS:
            got = [request.lease is not None for request in self.requests if request.rank == rank]
            assert got == sorted(got, reverse=True)

    def teardown(self) -> None:
        for request in list(self.requests):
            self.run(self._cancel(request))
        assert self.slots.busy == 0
        assert "0 waiting" in repr(self.slots)
        self.loop.close()


Leases.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
test_any_order_of_events = Leases.TestCase
