"""What many measurements come to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def quantiles(values: Iterable[float], *shares: int) -> dict[str, float | None]:
    """{p50, p95} or those asked for, by nearest rank; None for each when there is no value."""
    ordered = sorted(values)
    return {f"p{share}": _quantile(ordered, share) for share in shares or (50, 95)}


def _quantile(ordered: Sequence[float], share: int) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 3)
