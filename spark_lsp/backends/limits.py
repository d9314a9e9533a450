"""What rate limits still allow, as the headers of an answer say it. Pure: the time is an argument."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

_WINDOWS = ("", "-minute", "-hour", "-day", "-month")
_FAMILIES = (  # the stem of a name, what it counts, the stem's forms
    ("x-ratelimit-{}-requests", "requests", _WINDOWS),  # OpenAI, Groq, SambaNova, LiteLLM; Cerebras's windows
    ("x-ratelimit-{}-tokens", "tokens", _WINDOWS),
    ("x-ratelimit-{}-req", "requests", _WINDOWS[1:]),  # Mistral
    ("anthropic-ratelimit-requests-{}", "requests", ("",)),
    ("anthropic-ratelimit-tokens-{}", "tokens", ("",)),
    ("anthropic-ratelimit-input-tokens-{}", "tokens", ("",)),
    ("anthropic-ratelimit-output-tokens-{}", "tokens", ("",)),
)
_NAMES = tuple(
    (counted, *(stem.format(part) + window for part in ("remaining", "limit", "reset")))
    for stem, counted, windows in _FAMILIES
    for window in windows
)

_COUNT = re.compile(r"\d{1,15}", re.ASCII)
_SECONDS = re.compile(r"\d{1,15}(?:\.\d{1,20})?", re.ASCII)
_PART = r"(\d{1,9}(?:\.\d{1,20})?)(ms|us|µs|ns|[dhms])"
_DURATION = re.compile(f"(?:{_PART})+", re.ASCII)
_UNITS = {
    "d": 86_400_000.0,
    "h": 3_600_000.0,
    "m": 60_000.0,
    "s": 1000.0,
    "ms": 1.0,
    "us": 1e-3,
    "µs": 1e-3,
    "ns": 1e-6,
}
_YEARS = 1e9  # seconds: no limit lasts so long, so a larger number is a point in time
_YEARS_MS = 1e12


class Limits(NamedTuple):
    """The least of what all limits leave; None where the headers do not say.

    `resets_ms` is when the tightest of them is full again: the one that has the least share left.
    """

    requests_left: int | None = None
    tokens_left: int | None = None
    resets_ms: float | None = None


class _Limit(NamedTuple):
    counted: str
    left: int
    share: float
    resets_ms: float | None


def limits(headers: Mapping[str, str], now: float) -> Limits:
    """The tightest limits in `headers`, whose names are lower case. `now` is Unix time, in seconds."""
    named = {name: value.strip() for name, value in headers.items() if "ratelimit" in name}
    found = list(_read(named, now)) if named else []
    if not found:
        return Limits()
    return Limits(
        min((limit.left for limit in found if limit.counted == "requests"), default=None),
        min((limit.left for limit in found if limit.counted == "tokens"), default=None),
        min(found, key=lambda limit: limit.share).resets_ms,
    )


def _read(headers: Mapping[str, str], now: float) -> Iterator[_Limit]:
    for counted, remaining, limit, reset in _NAMES:
        if _COUNT.fullmatch(value := headers.get(remaining, "")):
            left = int(value)
            whole = int(most) if _COUNT.fullmatch(most := headers.get(limit, "")) else 0
            share = left / whole if whole else float(left > 0)  # a limit of 0: the plan has none of this
            yield _Limit(counted, left, share, _milliseconds(headers.get(reset, ""), now))


def duration_ms(value: str) -> float | None:
    """Milliseconds, from "6m0s" or "12ms"; None for what is no such text."""
    if _DURATION.fullmatch(value):
        return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, value, re.ASCII))
    return None


def _milliseconds(value: str, now: float) -> float | None:
    """From "1.5" (seconds), "6m0s", "12ms", a date of RFC 3339, or Unix time in seconds or milliseconds."""
    if _SECONDS.fullmatch(value):
        number = float(value)
        if number < _YEARS:
            return number * 1000
        return max(0.0, number * (1.0 if number >= _YEARS_MS else 1000.0) - now * 1000)
    if (duration := duration_ms(value)) is not None:
        return duration
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date.timestamp() - now) * 1000)
