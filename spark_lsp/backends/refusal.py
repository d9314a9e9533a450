"""What a backend's "no" means: status, headers and body, or an error inside a stream, to one of our errors.

Pure: the time is an argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from spark_lsp.backends.limits import duration_ms, limits
from spark_lsp.backends.payload import quote
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

NO_KEY = "set `api_key_env` or `api_key_command`"
"""The advice for a key that was refused, where there is none."""

_NO_MODEL = {"model_not_found", "model_not_available", "invalid_model"}
_NO_MONEY = {"insufficient_quota", "insufficient_balance", "billing_not_active"}
_NO_KEY = {"no_db_connection"}  # LiteLLM's proxy without a database, for any key but its master key
_STATUS_OF_KIND = (  # what vendors write in `type` or `code` where the status line is gone
    ("rate_limit", 429),
    ("too_many", 429),
    ("exhausted", 429),
    ("overloaded", 529),
    ("unavailable", 503),
    ("authentication", 401),
    ("unauth", 401),
    ("api_key", 401),
    ("permission", 403),
    ("forbidden", 403),
    ("invalid_request", 400),
    ("bad_request", 400),
    ("server_error", 500),
    ("internal", 500),
)
_STATUS_OF_WORDS = (  # where nothing else tells
    (re.compile(r"\brate.?limit|\btoo many requests\b", re.I), 429),
    (re.compile(r"\bunauthori[sz]ed\b|\bauthentication (failed|required)\b", re.I), 401),
    (re.compile(r"\bforbidden\b", re.I), 403),
    (re.compile(r"\boverloaded\b|\bservice unavailable\b", re.I), 503),
)
_KEY = re.compile(  # Google has 400 for it
    r"\b(invalid|incorrect|missing|expired|no) api.?key\b"
    r"|\bapi.?key (is |was )?(not valid|invalid|missing|expired)\b",
    re.I,
)
_AGAIN = re.compile(r"\btry again in (\S{1,20})", re.I)  # OpenAI, Groq: "in 7.66s", "in 6m0s"
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")
_WORDS = 1_000  # characters of the server's words that are searched; a message repeats fewer
_ZERO_LIMIT = re.compile(r"\blimit:? 0\b(?!\.\d)", re.I)  # OpenAI: "(TPM): Limit 0, Used 0, Requested 5"
_LIMIT_HEADER = re.compile(r"x-ratelimit-limit-.+|anthropic-ratelimit-.+-limit")


class _Said(NamedTuple):
    """The server's words, its name for the error, and the parameter it blames; "" where it gave none."""

    words: str = ""
    kind: str = ""
    parameter: str = ""
    status: int = 0


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> BackendError:
    """The error that an answer with `status` stands for. Header names are lower case, `now` is Unix time."""
    if 300 <= status < 400:
        return _redirect(status, headers)
    said = _read(body)
    if status < 300:
        return BrokenStream(f"HTTP {status}: an answer without a stream", status=status)
    message = f"HTTP {status}: {quote(said.words)}" if said.words else f"HTTP {status}"
    if status == 429 and (_ZERO_LIMIT.search(said.words) or _allows_nothing(headers)):
        return NoSuchModel(
            message, advice="the plan of this account does not include the model", status=status
        )
    wait = retry_after(headers, now)
    if wait is None and status == 429:
        wait = _until_full(headers, now)
    return _classify(status, said, message, wait)


def stream_error(value: Any) -> BackendError:
    """The error that a stream which began well holds: the `error` member of an event."""
    said = _from_json({"error": value})
    message = quote(said.words) or "the server broke off without a reason"
    status = said.status or _status(said)
    if status < 400 and said.kind not in _NO_MODEL | _NO_MONEY:
        return BrokenStream(message)
    return _classify(status or 400, said, message, None)


def _status(said: _Said) -> int:
    """The status that an error would have had before the stream began, 0 where it is none of those."""
    kind = said.kind.lower()
    if status := next((status for part, status in _STATUS_OF_KIND if part in kind), 0):
        return status
    if _blames_the_model(said.words) or _KEY.search(said.words):
        return 400
    return next((status for words, status in _STATUS_OF_WORDS if words.search(said.words)), 0)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the server wants to hear from us again, None when it did not say."""
    if _NUMBER.fullmatch(milliseconds := headers.get("retry-after-ms", "")):
        return float(milliseconds) / 1000
    if _NUMBER.fullmatch(value := headers.get("retry-after", "")):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _until_full(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until a limit that is used up is there again."""
    left = limits(headers, now)
    used_up = 0 in (left.requests_left, left.tokens_left)
    return left.resets_ms / 1000 if used_up and left.resets_ms is not None else None


def _named_wait(words: str) -> float | None:
    """Seconds, where the message says when to come back: inside a stream there is no header for it."""
    named = _AGAIN.search(words)
    wait = duration_ms(named[1].rstrip(".,;)")) if named else None
    return None if wait is None else wait / 1000


def _classify(status: int, said: _Said, message: str, wait: float | None) -> BackendError:
    if said.kind in _NO_MODEL or (status in (400, 404) and _blames_the_model(said.words)):
        return NoSuchModel(message, advice="set `model` to one that the server lists", status=status)
    if said.kind in _NO_MONEY or status == 402:
        return Unauthorized(message, advice="the account has no credit left", status=status)
    if status in (401, 403) or said.kind in _NO_KEY or (status == 400 and _KEY.search(said.words)):
        return Unauthorized(message, advice=NO_KEY, status=status)
    if status in (429, 498):
        wait = _named_wait(said.words) if wait is None else wait
        return RateLimited(message, advice="wait, or use another backend", status=status, retry_after=wait)
    if status == 407:
        advice = "write http://USER:PASSWORD@HOST:PORT into the variable that names the proxy"
        return Unreachable(message, advice=advice, status=status)
    if status == 408:
        return TimedOut(message, status=status)
    if (status < 500 and status != 424) or status == 501:  # 424: TGI failed while it generated
        advice = {
            404: "there is no such endpoint: check `base_url`, which usually ends in /v1",
            413: "the prompt is too long for this server",
        }.get(status, "")
        return RequestRejected(message, advice=advice, status=status, parameter=said.parameter)
    advice = "it may still be loading" if status == 503 else ""
    return ServerFault(message, advice=advice, status=status, retry_after=wait)


def _redirect(status: int, headers: Mapping[str, str]) -> BackendError:
    # Followed by nobody: the request carries a key, and the place it was meant for is in the settings.
    host = urlsplit(headers.get("location", "")).netloc.rpartition("@")[2]
    where = quote(host) if host else "another address"
    return RequestRejected(
        f"HTTP {status}: a redirect to {where}, which is not followed",
        advice="set `base_url` to where the server really is, if you trust it",
        status=status,
    )


def _allows_nothing(headers: Mapping[str, str]) -> bool:
    """A limit of 0 is not one to wait for. Mistral has it for the models that a plan does not include."""
    return any(value.strip() == "0" and _LIMIT_HEADER.fullmatch(name) for name, value in headers.items())


def _blames_the_model(words: str) -> bool:
    return bool(
        re.search(
            r"\bmodel\b.*\b(not (found|exist|available|supported when)|does ?n[o']t exist|unknown)\b",
            words,
            re.I,
        )
        or re.search(r"\b(unknown|no such|invalid) model\b", words, re.I)
    )


def _read(body: bytes) -> _Said:
    try:
        return _from_json(orjson.loads(body))
    except orjson.JSONDecodeError:
        return _Said(_from_html(body))


def _from_html(body: bytes) -> str:
    """A proxy's page says what matters in its title."""
    text = body.decode("utf-8", "replace")
    title = re.search(r"<title[^<>]*>([^<]*)</title>", text, re.I)
    if title:
        return quote(title[1], _WORDS)
    return quote(re.sub(r"<[^<>]*>", " ", text) if text.lstrip().startswith("<") else text, _WORDS)


def _from_json(value: Any) -> _Said:
    """The shapes in use: {error: {message, type, code, param}}, {error: "..."}, {message}, {detail: ...}."""
    if not isinstance(value, dict):
        return _Said(quote(value, _WORDS) if isinstance(value, str) else "")
    error = value.get("error")
    if isinstance(error, str) and error:
        return _Said(quote(error, _WORDS), _string(value.get("error_type") or value.get("type")))
    fields = error if isinstance(error, dict) else value
    code = fields.get("code")
    detail = fields.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return _from_validation(detail[0])
    words = next((w for w in (fields.get("message"), detail, fields.get("title")) if isinstance(w, str)), "")
    kind = code if isinstance(code, str) and code and not code.isdecimal() else fields.get("type")
    # Longer numbers are no status: Mistral has its own, such as "3505".
    status = int(str(code)) if re.fullmatch(r"[45]\d\d", str(code), re.ASCII) else 0
    return _Said(quote(words, _WORDS), _string(kind), _string(fields.get("param")), status)


def _from_validation(problem: dict[str, Any]) -> _Said:
    """FastAPI and its kin: {loc: ["body", "stop"], msg: "..."}."""
    location = problem.get("loc")
    names = [part for part in location if isinstance(part, str)] if isinstance(location, list) else []
    parameter = names[1] if len(names) > 1 else ""
    words = quote(_string(problem.get("msg")), _WORDS)
    return _Said(f"{quote(parameter)}: {words}" if parameter else words, parameter=parameter)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
