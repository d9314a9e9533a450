"""Who may hold the slots of a server: those that somebody waits for first, and nobody in their way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Rank = Literal["instant", "interactive", "batch", "ahead"]
"""What a request is for: its lane, or `ahead`: nobody waits for it yet."""

RANKS: tuple[Rank, ...] = ("instant", "interactive", "batch", "ahead")
"""The most urgent first."""

TAKEN_BACK: tuple[Rank, ...] = ("ahead", "batch")
"""What ends for a more urgent request, the first that there is one of. Nobody sits and waits for these."""


class Verdict(NamedTuple):
    """Whether it may start now, and of which rank one ends at once for it, if any."""

    go: bool
    take_back: Rank | None = None


GO = Verdict(True)
WAIT = Verdict(False)


def admit(total: int, held: Mapping[Rank, int], rank: Rank) -> Verdict:
    """What becomes of a request for one of `total` slots (0: no limit), of which so many are `held` by rank.

        rank         its share                                      within it, where no slot is free
        instant      all                                            ends ahead, then batch; else goes anyway
        interactive  all but one                                    ends ahead, then batch; else waits
        batch        all but two; with interactive all but one      ends ahead; else waits
        ahead        leaves one free                                waits

    Beyond its share a request waits. A share is at least one slot: where there is a single one, each may
    have it while nobody above needs it.

    What would only wait in the server's own queue waits here instead, where an instant request can still
    pass it. That one waits nowhere: when people hold every slot, the server shares itself between them.
    """
    if not total:
        return GO
    if _share_is_used(total, held, rank):
        return WAIT
    if sum(held.values()) < total:
        return GO
    for lower in TAKEN_BACK:
        if held[lower] and RANKS.index(lower) > RANKS.index(rank):
            return Verdict(True, lower)
    return GO if rank == "instant" else WAIT


def excess(total: int, held: Mapping[Rank, int]) -> Rank | None:
    """Of which rank one ends because more are held than there are; None when no such one is left."""
    if not total or sum(held.values()) <= total:
        return None
    return next((rank for rank in TAKEN_BACK if held[rank]), None)


def _share_is_used(total: int, held: Mapping[Rank, int], rank: Rank) -> bool:
    all_but_one, all_but_two = max(total - 1, 1), max(total - 2, 1)
    match rank:
        case "instant":
            return False
        case "interactive":
            return held["interactive"] >= all_but_one
        case "batch":
            return held["batch"] >= all_but_two or held["interactive"] + held["batch"] >= all_but_one
        case "ahead":
            return sum(held.values()) >= all_but_one
