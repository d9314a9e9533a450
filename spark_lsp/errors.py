"""Every exception that crosses a module boundary in spark-lsp.

    SparkError
    ├── UsageError            what was asked cannot be done as written: exit status 2
    │   └── PositionError     a line or column that the document does not have
    ├── MissingExtra          an optional dependency is not installed
    ├── RequestError          a JSON-RPC request that is answered with an error
    ├── StoreError            the file of kept suggestions cannot be used
    ├── ActionFailed          a code action came to nothing that can be offered
    ├── Outdated              the text that was asked about is not there any more
    ├── CheckerError          what a checker said cannot be read
    └── BackendError          a backend could not answer; carries the vendor's words and our advice
        ├── Unreachable       no connection: DNS, refused, TLS, proxy
        ├── Unauthorized      the key is missing, wrong, or may not do this
        ├── NoSuchModel       the model is not served (any more), or not to this account
        ├── RequestRejected   the server understood us and said no (400, 413, 422)
        ├── RateLimited       too many requests or tokens; may say when to come back
        ├── ServerFault       the server broke (5xx), or is still loading
        ├── TimedOut          nothing came for longer than we wait
        └── BrokenStream      the stream ended early or is not what it claims to be

Foreign exceptions (aiohttp, pygls, sqlite) are translated into these where the
foreign library is called, and nowhere else.
"""

from __future__ import annotations


class SparkError(Exception):
    """The root: catch this to catch everything spark-lsp raises on purpose."""


class UsageError(SparkError):
    """The request itself is wrong. The message is one sentence that says what to write instead."""


class PositionError(UsageError):
    """A position that the document does not have."""


class MissingExtra(SparkError):
    """An optional dependency is not installed; the message says what to install."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an extra: pip install 'spark-lsp[{extra}]'")
        self.extra = extra


class RequestError(SparkError):
    """A JSON-RPC request is answered with this error. `code` is the LSP error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class StoreError(SparkError):
    """The file of kept suggestions cannot be read or written. The message names it and says why."""


class ActionFailed(SparkError):
    """A code action came to nothing that can be offered. The message says why, for the user."""


class Outdated(SparkError):
    """The document changed where it was asked about. The message says so, for the user."""


class CheckerError(SparkError):
    """A checker did not run, did not end, or said nothing that can be read. The message is one line: its own
    last words where it had some."""


class BackendError(SparkError):
    """A backend could not answer.

    `message` quotes the server where it said something; `advice` is the one
    thing that the user can do about it, or empty when there is nothing to do.
    Neither ever holds a key.
    """

    def __init__(self, message: str, *, advice: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.status = status


class Unreachable(BackendError):
    """No connection could be made."""


class Unauthorized(BackendError):
    """401, 402 or 403: retrying with the same key cannot help."""


class NoSuchModel(BackendError):
    """The model is not served here, or not to this account."""


class RequestRejected(BackendError):
    """400, 413 or 422. `parameter` names the offending field when the server said which."""

    def __init__(
        self, message: str, *, advice: str = "", status: int | None = None, parameter: str = ""
    ) -> None:
        super().__init__(message, advice=advice, status=status)
        self.parameter = parameter


class RateLimited(BackendError):
    """429 and its relatives. `retry_after` is in seconds, None when the server did not say."""

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, advice=advice, status=status)
        self.retry_after = retry_after


class ServerFault(BackendError):
    """5xx: the server broke, is overloaded, or is still loading its model. `retry_after` as above."""

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, advice=advice, status=status)
        self.retry_after = retry_after


class TimedOut(BackendError):
    """Connect, first byte, or the time between two bytes took longer than allowed."""


class BrokenStream(BackendError):
    """The stream stopped early or its bytes make no sense. Text received before it stays valid."""
