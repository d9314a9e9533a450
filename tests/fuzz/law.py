"""What every reader keeps to, whatever a server sends and however the network cuts it.

It raises no error but a BackendError; its deltas and its error depend on the bytes alone, not on the chunks
they came in; no text holds half a surrogate pair; the last delta, and no other, has `finish`, and there is
none beside an error; an error is fit to be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.refusal import refusal
from spark_lsp.backends.registry import make
from spark_lsp.backends.sse import Decoder, Event, JsonLines, ServerSentEvents, WholeBody
from spark_lsp.config import BackendSettings
from spark_lsp.config.backend import NEEDS
from spark_lsp.errors import BackendError, BrokenStream
from spark_lsp.values import Delta

STREAMS = Path(__file__).parents[2] / "fixtures" / "streams"

KINDS = tuple(kind for kind, needed in NEEDS.items() if needed == "base_url")
"""Those that ask over HTTP, each with a reader."""

DECODERS: tuple[type[Decoder], ...] = (ServerSentEvents, JsonLines, WholeBody)
ENDINGS = (".sse", ".ndjson", ".json")
"""The ends of fixtures' names, in the order of their decoders."""

NARROW = 96  # bytes: a limit that short bodies exceed, too
WORDS = 1_000  # characters of a message that a person is shown


class Reading(NamedTuple):
    """What was made of a body: deltas, and the error that ended it."""

    deltas: list[Delta]
    error: tuple[type[BackendError], str] | None


def backend(kind: str) -> HttpBackend:
    """A backend that asks nobody, for its reader."""
    made = make(BackendSettings(name=kind, kind=kind, base_url="http://127.0.0.1:1"))
    assert isinstance(made, HttpBackend)
    return made


def check_decoder(decoder: Callable[[], Decoder], chunks: Sequence[bytes]) -> None:
    """The law for a decoder alone: the same events."""
    assert _decoded(decoder(), chunks) == _decoded(decoder(), [b"".join(chunks)])


def check_reader(asked: HttpBackend, decoder: Callable[[], Decoder], chunks: Sequence[bytes]) -> None:
    """The law for a reader."""
    whole = _read(asked, decoder(), [b"".join(chunks)])
    assert _read(asked, decoder(), chunks) == whole
    for delta in whole.deltas:
        delta.text.encode()  # refuses half a pair
        assert delta.tokens >= 0
    finishes = [delta.finish is not None for delta in whole.deltas]
    if whole.error is None:
        assert finishes == [False] * (len(finishes) - 1) + [True]
        check_usage(whole.deltas[-1])
    else:
        assert not any(finishes)
        check_words(whole.error[1])


def check_refusal(status: int, body: bytes) -> None:
    """The law for an answer that is no stream: it is an error of ours, whatever the server sent."""
    check_words(refusal(status, {}, body, now=0.0).message)


def check_words(message: str) -> None:
    """One line, not too long, for a person."""
    assert message
    assert message.isprintable()
    assert len(message) <= WORDS


def check_usage(last: Delta) -> None:
    """Counts are whole and times are finite, and neither is below zero."""
    for name in type(last.usage).__slots__ if last.usage is not None else ():
        value = getattr(last.usage, name)
        assert value is None or 0 <= value < float("inf"), (name, value)
        assert value is None or name.endswith("_ms") or type(value) is int, (name, value)


def cut(body: bytes, places: Iterable[int]) -> list[bytes]:
    """The body in chunks that begin at these places, all of them within it."""
    return [body[start:end] for start, end in pairwise([0, *sorted(places), len(body)])]


def fixtures() -> Mapping[Path, bytes]:
    """All recorded or written streams."""
    return {path: path.read_bytes() for path in sorted(STREAMS.glob("*/*")) if path.suffix in ENDINGS}


def _decoded(decoder: Decoder, chunks: Iterable[bytes]) -> tuple[list[Event], str]:
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += decoder.feed(chunk)
        events += decoder.end()
    except BrokenStream as error:
        return events, error.message
    return events, ""


def _read(asked: HttpBackend, decoder: Decoder, chunks: Iterable[bytes]) -> Reading:
    """As `HttpBackend.stream` does it: no further than `done`."""
    reader = asked.reader(decoder, {})
    deltas: list[Delta] = []
    try:
        for chunk in chunks:
            if reader.done:
                break
            deltas.extend(reader.feed(chunk))  # keeps those before an error
        deltas.extend(reader.end())
    except BackendError as error:
        return Reading(deltas, (type(error), error.message))
    return Reading(deltas, None)
