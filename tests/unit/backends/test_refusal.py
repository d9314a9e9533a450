"""What servers say when they say no."""

from __future__ import annotations

import pytest

from spark_lsp.backends.refusal import refusal, retry_after
from spark_lsp.errors import (
    BackendError,
    BrokenStream,
    NoSuchModel,
    RateLimited,
    RequestRejected,
    ServerFault,
    TimedOut,
    Unauthorized,
    Unreachable,
)

OPENAI = b'{"error": {"message": "%s", "type": "invalid_request_error", "param": %s, "code": %s}}'


def openai(message: str, param: str = "null", code: str = "null") -> bytes:
    return OPENAI % (message.encode(), param.encode(), code.encode())


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (401, openai("Incorrect API key provided"), Unauthorized, "Incorrect API key"),
        (402, b'{"error":{"message":"Insufficient Balance"}}', Unauthorized, "Insufficient Balance"),
        (403, b'{"detail":"not your model"}', Unauthorized, "not your model"),
        (429, openai("You exceeded your quota", code='"insufficient_quota"'), Unauthorized, "quota"),
        (404, openai("The model `x` does not exist", code='"model_not_found"'), NoSuchModel, "`x`"),
        (
            400,
            b'{"detail":"The \'m\' model is not supported when using Codex with a ChatGPT account."}',
            NoSuchModel,
            "ChatGPT",
        ),
        (
            400,
            b'{"error":{"message":"No connected db.","type":"no_db_connection"}}',
            Unauthorized,
            "No connected",
        ),
        (404, b'{"object":"error","message":"The model x does not exist."}', NoSuchModel, "exist"),
        (400, b'{"error":{"message":"API key not valid.","code":400}}', Unauthorized, "not valid"),
        (202, b"", BrokenStream, "HTTP 202"),
        (204, b"", BrokenStream, "HTTP 204"),
        (404, b'{"error":"model \'x\' not found, try pulling it first"}', NoSuchModel, "pulling"),
        (404, b'{"detail":"Not Found"}', RequestRejected, "Not Found"),
        (404, b"", RequestRejected, "HTTP 404"),
        (400, openai("bad stop", param='"stop"'), RequestRejected, "bad stop"),
        (413, b"<html><title>413 Request Entity Too Large</title></html>", RequestRejected, "Too Large"),
        (422, b'{"detail":[{"loc":["body","stop"],"msg":"Extra inputs"}]}', RequestRejected, "stop: Extra"),
        (501, openai("Infill is not supported by this model"), RequestRejected, "Infill"),
        (408, b"", TimedOut, "HTTP 408"),
        (429, openai("Rate limit reached"), RateLimited, "Rate limit"),
        (429, openai("(TPM): Limit 0, Used 0, Requested 5"), NoSuchModel, "Limit 0"),
        (429, openai("Limit 0.5, Used 0.5"), RateLimited, "Limit 0.5"),
        (407, b"", Unreachable, "HTTP 407"),
        (498, openai("capacity_exceeded"), RateLimited, "capacity"),
        (500, b'{"error": 17}', ServerFault, "HTTP 500"),
        (502, b"<html><head><title>502 Bad\n Gateway</title></head></html>", ServerFault, "502 Bad Gateway"),
        (503, openai("Loading model"), ServerFault, "Loading model"),
        (529, b"upstream connect error", ServerFault, "upstream"),
        (500, b"\xff\xfe\x00", ServerFault, "HTTP 500"),
        (500, b"[1, 2]", ServerFault, "HTTP 500"),
    ],
)
def test_statuses(status: int, body: bytes, kind: type[BackendError], says: str) -> None:
    error = refusal(status, {}, body, now=0.0)
    assert type(error) is kind
    assert says in str(error)
    assert error.status == status


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        (
            openai("Unsupported parameter", param='"stream_options.include_usage"'),
            "stream_options.include_usage",
        ),
        (b'{"detail":[{"loc":["body","stream_options","x"],"msg":"Extra"}]}', "stream_options"),
        (openai("something else"), ""),
        (b"not json", ""),
    ],
)
def test_the_parameter_blamed(body: bytes, parameter: str) -> None:
    error = refusal(400, {}, body, now=0.0)
    assert isinstance(error, RequestRejected)
    assert error.parameter == parameter


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 60.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, 40.0) == seconds
    error = refusal(429, headers, b"", now=40.0)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


USED_UP = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2s"}
LEFT = USED_UP | {"x-ratelimit-remaining-tokens": "9"}


@pytest.mark.parametrize(
    ("words", "headers", "seconds"),
    [
        ("Please try again in 7.66s.", {}, 7.66),
        ("Please try again in 6m0s. Visit us.", {}, 360.0),
        ("Please try again in 20ms (TPM)", {}, 0.02),
        ("Please try again in a while", {}, None),
        ("Please try again in 7s", {"retry-after": "3"}, 3.0),
        ("Slow down", USED_UP, 2.0),
        ("Please try again in 7s", USED_UP, 2.0),
        ("Slow down", LEFT, None),
    ],
)
def test_where_no_header_says_when_to_come_back(
    words: str, headers: dict[str, str], seconds: float | None
) -> None:
    error = refusal(429, headers, openai(words), now=0.0)
    assert isinstance(error, RateLimited)
    assert error.retry_after == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"x-ratelimit-limit-req-minute": "0", "x-ratelimit-remaining-req-minute": "0"}, NoSuchModel),
        ({"anthropic-ratelimit-tokens-limit": "0"}, NoSuchModel),
        ({"x-ratelimit-limit-requests": "50", "x-ratelimit-remaining-requests": "0"}, RateLimited),
    ],
)
def test_a_limit_of_nothing_is_not_one_to_wait_for(headers: dict[str, str], kind: type[BackendError]) -> None:
    assert type(refusal(429, headers, openai("Requests rate limit exceeded"), now=0.0)) is kind


def test_an_overloaded_server_says_when_to_come_back() -> None:
    error = refusal(529, {"retry-after": "7"}, b"", now=0.0)
    assert isinstance(error, ServerFault)
    assert error.retry_after == 7.0


def test_what_is_wrong_may_stand_late_in_long_words() -> None:
    error = refusal(404, {}, openai("word " * 60 + "the model `x` does not exist"), now=0.0)
    assert isinstance(error, NoSuchModel)
    assert len(error.message) < 150


def test_long_words_are_shortened_to_one_line() -> None:
    error = refusal(500, {}, b"word\n\x1b[31m" * 10_000, now=0.0)
    assert len(error.message) < 150
    assert error.message.isprintable()


@pytest.mark.parametrize("piece", [b"<", b"<title", b"<title>", b"<title></"])
def test_a_page_of_brackets_is_read_once(piece: bytes) -> None:
    # The loop waits meanwhile. Read again from each bracket on, this would take minutes.
    assert refusal(502, {}, piece * (1_000_000 // len(piece)), now=0.0).status == 502
