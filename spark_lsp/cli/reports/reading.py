"""How a report is read: figures by path, and numbers for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

OURS = "spark-lsp"
"""What this server is called beside others."""

Report = Mapping[str, Any]
"""The JSON object of a benchmark, or a part of it. Any figure of it may be missing."""


MISSING = "–"


def value(data: Any, *path: str) -> float | None:
    """The number at `path`, None where there is none or it is not finite."""
    return amount_of(inside(data, *path))


def amount_of(found: Any) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return found


def inside(data: Any, *path: str) -> Any:
    """What is at `path`, None where nothing is."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def part(data: Any, name: str) -> Report:
    """The object called `name`, empty where there is none."""
    found = inside(data, name)
    return found if isinstance(found, Mapping) else {}


def rows(data: Any, *path: str) -> list[Report]:
    """The list of objects at `path`, empty where there is none."""
    found = inside(data, *path)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list | tuple) else []


def ratio(upper: float | None, lower: float | None) -> float | None:
    return upper / lower if upper is not None and lower else None


def number(amount: float | None) -> str:
    """With as many digits as mean something: three, or all of those before the point."""
    if amount is None:
        return MISSING
    if math.isinf(amount):
        return "∞"
    if amount == int(amount) or abs(amount) >= 100:
        return f"{amount:,.0f}"
    if abs(amount) >= 10:
        return f"{amount:.1f}"
    return f"{amount:.2f}" if abs(amount) >= 0.1 else f"{amount:.2g}"


def percent(share: float | None) -> str:
    if share is None:
        return MISSING
    amount = share * 100
    return f"{amount:.1f}%" if 0 < amount < 10 and amount != int(amount) else f"{amount:.0f}%"
