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
