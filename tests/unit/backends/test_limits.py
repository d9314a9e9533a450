"""Rate-limit headers of every vendor that sends some."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.limits import Limits, limits

NOW = 1_790_000_000.0
RESET = "x-ratelimit-reset-requests"


def check(headers: Mapping[str, str], requests: int | None, tokens: int | None, resets: float | None) -> None:
    found = limits(headers, NOW)
    assert (found.requests_left, found.tokens_left) == (requests, tokens)
    assert found.resets_ms == (None if resets is None else pytest.approx(resets))


OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-remaining-tokens": "14984",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-reset-tokens": "6m0s",
}
GROQ = {
    "x-ratelimit-limit-requests": "14400",
    "x-ratelimit-limit-tokens": "18000",
    "x-ratelimit-remaining-requests": "14370",
    "x-ratelimit-remaining-tokens": "17997",
    "x-ratelimit-reset-requests": "2m59.56s",
    "x-ratelimit-reset-tokens": "7.66s",
}
CEREBRAS = {
    "x-ratelimit-limit-requests-day": "14400",
    "x-ratelimit-limit-tokens-minute": "60000",
    "x-ratelimit-remaining-requests-day": "13693",
    "x-ratelimit-remaining-tokens-minute": "1000",
    "x-ratelimit-reset-requests-day": "33011.382867",
    "x-ratelimit-reset-tokens-minute": "11.382867",
}
SAMBANOVA = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "42",
    "x-ratelimit-reset-requests": "30",
    "x-ratelimit-limit-requests-day": "1000",
    "x-ratelimit-remaining-requests-day": "20",
    "x-ratelimit-reset-requests-day": str(int(NOW) + 3600),
}
MISTRAL = {
    "x-ratelimit-limit-req-minute": "60",
    "x-ratelimit-limit-tokens-minute": "50000",
    "x-ratelimit-limit-tokens-month": "4000000",
    "x-ratelimit-remaining-req-minute": "59",
    "x-ratelimit-remaining-tokens-minute": "47196",
    "x-ratelimit-remaining-tokens-month": "3950246",
    "x-ratelimit-tokens-query-cost": "2804",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-09-21T14:13:21Z",
    "anthropic-ratelimit-input-tokens-limit": "50000",
    "anthropic-ratelimit-input-tokens-remaining": "40000",
    "anthropic-ratelimit-input-tokens-reset": "2026-09-21T16:13:22+02:00",
    "anthropic-ratelimit-output-tokens-limit": "10000",
    "anthropic-ratelimit-output-tokens-remaining": "1000",
    "anthropic-ratelimit-output-tokens-reset": "2026-09-21T14:13:25Z",
}


@pytest.mark.parametrize(
    ("headers", "requests", "tokens", "resets"),
    [
        ({}, None, None, None),
        (OPENAI, 59, 14984, 360_000),
        (GROQ, 14370, 17997, 179_560),
        (CEREBRAS, 13693, 1000, 11_382.867),
        (SAMBANOVA, 20, None, 3_600_000),
        (MISTRAL, 59, 47196, None),
        (ANTHROPIC, 49, 1000, 5_000),
        ({"x-ratelimit-limit-req-minute": "0", "x-ratelimit-remaining-req-minute": "0"}, 0, None, None),
        ({"x-ratelimit-remaining-requests": " 41 ", "x-ratelimit-remaining-tokens": ""}, 41, None, None),
        (
            {"x-ratelimit-remaining-requests": "-1", "x-ratelimit-remaining-tokens": "9" * 5000},
            None,
            None,
            None,
        ),
    ],
)
def test_vendors(
    headers: Mapping[str, str], requests: int | None, tokens: int | None, resets: float | None
) -> None:
    check(headers, requests, tokens, resets)


@pytest.mark.parametrize(
    ("reset", "resets"),
    [
        ("12ms", 12),
        ("6m0s", 360_000),
        ("2m59.56s", 179_560),
        ("1.5", 1_500),
        ("1d2h", 93_600_000),
        ("250µs", 0.25),
        ("0", 0),
        (str(int(NOW) + 9), 9_000),
        (str(int(NOW + 9) * 1000), 9_000),
        (str(int(NOW) - 9), 0),
        ("2026-09-21T14:13:25Z", 5_000),
        ("2026-09-21T14:13:25.250Z", 5_250),
        ("2026-09-21T14:13:25", 5_000),
        ("2020-01-01T00:00:00Z", 0),
        ("soon", None),
        ("6m0", None),
        ("-3s", None),
        ("nan", None),
        ("１２", None),
    ],
)
def test_resets(reset: str, resets: float | None) -> None:
    check({"x-ratelimit-remaining-requests": "1", RESET: reset}, 1, None, resets)


@given(
    st.dictionaries(st.sampled_from(sorted(OPENAI | CEREBRAS | MISTRAL | ANTHROPIC)), st.text(max_size=30))
)
def test_garbage_is_ignored(headers: dict[str, str]) -> None:
    found = limits(headers, NOW)
    assert all(value is None or 0 <= value < float("inf") for value in found)


@given(st.text(alphabet="0123456789.-:+TZdhmsµun", max_size=40))
def test_any_reset_is_a_wait_or_nothing(reset: str) -> None:
    _, _, resets = limits({"x-ratelimit-remaining-requests": "1", RESET: reset}, NOW)
    assert resets is None or 0 <= resets < float("inf")


def test_nothing_said_is_nothing_known() -> None:
    assert limits({"content-type": "text/event-stream", "x-ratelimit-limit-requests": "9"}, NOW) == Limits()
