"""What a process, and the machine, has used so far, as Linux tells it; None elsewhere."""

from __future__ import annotations

import os
from pathlib import Path


def cpu_ms(pid: int) -> float | None:
    """Milliseconds of CPU over all threads, exactly: /proc/PID/stat counts in hundredths of a second."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return total / 1e6


def peak_mb(pid: int) -> float | None:
    """The most memory it ever held, in MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return None


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
