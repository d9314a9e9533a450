"""The machine a benchmark ran on, and how busy it was, as Linux tells it."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any


def machine(busy: float | None) -> dict[str, Any]:
    """What a report says of it; `busy` is of `busy_since`."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": sys.platform,
        "busy": busy,
    }


def busy_and_total() -> tuple[int, int] | None:
    """Ticks of all processors since the machine started: those that were used, and all."""
    try:
        ticks = list(map(int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]))
    except (OSError, ValueError):
        return None
    return sum(ticks) - sum(ticks[3:5]), sum(ticks)


def busy_since(before: tuple[int, int] | None) -> float | None:
    """The share of all processors' time that was used since: figures of a machine that is full say little."""
    now = busy_and_total()
    if before is None or now is None or now[1] == before[1]:
        return None
    return round((now[0] - before[0]) / (now[1] - before[1]), 2)
