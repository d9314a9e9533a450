"""What differs between a message that was recorded and the one that came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

ANY = "<any>"
"""In a recording: whatever comes in this place is right."""

VOLATILE = frozenset(("version", "runtimeVersion", "uuid", "solutionId", "arguments"))
"""Keys whose values are not compared: versions, names of suggestions, and what goes with those."""


class Difference(NamedTuple):
    """`where` is the way to it, such as `result.items[0].insertText`; MISSING where there is nothing."""

    where: str
    recorded: Any
    now: Any


MISSING = "(nothing)"


def differences(recorded: Any, now: Any, where: str = "") -> Iterator[Difference]:
    if recorded == ANY:
        return
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key in sorted(recorded.keys() | now.keys()):
            if key in VOLATILE and key in recorded and key in now:
                continue
            below = f"{where}.{key}" if where else key
            yield from differences(recorded.get(key, MISSING), now.get(key, MISSING), below)
    elif isinstance(recorded, list) and isinstance(now, list):
        for index in range(max(len(recorded), len(now))):
            was, came = (each[index] if index < len(each) else MISSING for each in (recorded, now))
            yield from differences(was, came, f"{where}[{index}]")
    elif recorded != now:
        yield Difference(where, recorded, now)
