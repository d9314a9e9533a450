"""What was spent today, and whether more may be.

A day is the user's own, as ISO text (`2026-11-23`), told by the caller. What was spent on a later day counts
today too: a clock that is set back must not give the money again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

DAYS = 8  # that are remembered


class Limits(NamedTuple):
    """Of one backend: prices for a million tokens, and the most for a day. 0 is no price, and no limit."""

    price_prompt: float = 0.0
    price_completion: float = 0.0
    tokens_per_day: int = 0
    spend_per_day: float = 0.0


class Spent(NamedTuple):
    """Tokens of one backend on one day."""

    day: str
    name: str
    prompt_tokens: int
    completion_tokens: int


class Spend:
    """What this user spent, by day and backend."""

    def __init__(self) -> None:
        self._days: dict[str, dict[str, tuple[int, int]]] = {}
        self._limits: dict[str, Limits] = {}
        self._total = 0.0
        self._bounded = False
        self._summed: tuple[str, dict[str, tuple[int, int]], float] | None = None

    def __repr__(self) -> str:
        return f"<Spend of {len(self._days)} days>"

    def configure(self, limits: Mapping[str, Limits], spend_per_day: float = 0.0) -> None:
        """Other limits and prices from now on, by name; `spend_per_day` is for all together, 0 for no limit.

        What was spent before counts at the new prices. A backend that is gone keeps its prices: what it
        cost today is spent.
        """
        self._limits |= limits
        self._total = spend_per_day
        self._bounded = spend_per_day > 0 or any(
            limit.tokens_per_day > 0 or limit.spend_per_day > 0 for limit in limits.values()
        )
        self._summed = None

    def note(self, name: str, prompt_tokens: int, completion_tokens: int, day: str) -> None:
        """So many were spent just now."""
        prompt, completion = self._days.get(day, {}).get(name, (0, 0))
        self._put(Spent(day, name, prompt + max(prompt_tokens, 0), completion + max(completion_tokens, 0)))

    def learn(self, rows: Iterable[Spent]) -> None:
        """What was spent in all, by other servers and before; less than is known says nothing."""
        for row in rows:
            prompt, completion = self._days.get(row.day, {}).get(row.name, (0, 0))
            self._put(
                row._replace(
                    prompt_tokens=max(prompt, row.prompt_tokens),
                    completion_tokens=max(completion, row.completion_tokens),
                )
            )

    def tokens(self, name: str, day: str) -> int:
        """That were spent, of prompts and completions together."""
        return sum(self._sums(day)[1].get(name, (0, 0)))

    def cost(self, name: str, day: str) -> float:
        """Of what was spent, in the money of the prices."""
        return self._cost(name, self._sums(day)[1].get(name, (0, 0)))

    def left(self, name: str, day: str) -> bool:
        """Whether it may be asked: no limit is reached."""
        return not self._bounded or not self.why(name, day)

    def why(self, name: str, day: str) -> str:
        """Which limit is reached, and what to do about it: one sentence. Empty when none is."""
        _, tokens, total = self._sums(day)
        spent = tokens.get(name, (0, 0))
        limits = self._limits.get(name, Limits())
        reached = ""
        if 0 < limits.tokens_per_day <= sum(spent):
            reached = f"{sum(spent):,} of {limits.tokens_per_day:,} tokens used today (its tokens_per_day)"
        elif 0 < limits.spend_per_day <= (cost := self._cost(name, spent)):
            reached = f"{_money(cost, limits.spend_per_day)} spent today (its spend_per_day)"
        elif 0 < self._total <= total and _costs(limits):
            reached = f"{_money(total, self._total)} spent today (routing.spend_per_day)"
        return f"{name}: {reached}; back tomorrow, or raise it" if reached else ""

    def _put(self, row: Spent) -> None:
        self._days.setdefault(row.day, {})[row.name] = (row.prompt_tokens, row.completion_tokens)
        while len(self._days) > DAYS:
            del self._days[min(day for day in self._days if day != row.day)]
        self._summed = None

    def _sums(self, day: str) -> tuple[str, dict[str, tuple[int, int]], float]:
        """Tokens by name and the cost of all, of that day and later ones."""
        if self._summed is None or self._summed[0] != day:
            sums: dict[str, tuple[int, int]] = {}
            for then, spent in self._days.items():
                if then >= day:
                    for name, (prompt, completion) in spent.items():
                        before = sums.get(name, (0, 0))
                        sums[name] = (before[0] + prompt, before[1] + completion)
            self._summed = (day, sums, sum(self._cost(name, spent) for name, spent in sums.items()))
        return self._summed

    def _cost(self, name: str, spent: tuple[int, int]) -> float:
        limits = self._limits.get(name, Limits())
        return (spent[0] * limits.price_prompt + spent[1] * limits.price_completion) / 1e6


def _costs(limits: Limits) -> bool:
    """What costs nothing may be asked, however much the others cost."""
    return limits.price_prompt > 0 or limits.price_completion > 0


def _money(spent: float, limit: float) -> str:
    """`2.00 of 2.00`; with more digits where the limit is less than a hundredth."""
    digits = 2 if limit >= 0.01 else 6
    return f"{spent:.{digits}f} of {limit:.{digits}f}"
