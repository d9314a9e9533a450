"""Documents that an editor has open, and how it changes them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from spark_lsp.engine.query import Query
from spark_lsp.text import Document
from spark_lsp.values import Reach


class Change(NamedTuple):
    """One content change: a range (start line, start character, end line, end character) in client
    units and its new text; no range replaces everything."""

    range: tuple[int, int, int, int] | None
    text: str


@dataclass(slots=True)
class Open:
    """A document that an editor has open.

    `reach` tells how far its text may go: looking that up reads ignore files. `changed_at` is when its
    latest change arrived; `unanswered` until the first answer after it; `erased` when that change only took
    text away; `asked` the latest query since. `resting` prefills where the cursor is when nothing happens.
    """

    document: Document
    path: str
    reach: asyncio.Task[Reach]
    changed_at: float
    unanswered: bool = False
    asked: Query | None = None
    erased: bool = False
    resting: asyncio.TimerHandle | None = None

    async def known_reach(self) -> Reach:
        """`reach` once it is known. Folders and settings that come meanwhile have it looked up anew: what was
        waited for first is not true any more then."""
        while True:
            looking = self.reach
            reach = await asyncio.shield(looking)
            if looking is self.reach:
                return reach
