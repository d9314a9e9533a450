"""Every kind's reader, and refusals, keep the law of `tests/fuzz/law.py`, whatever a server sends."""

from __future__ import annotations

import re
from functools import cache, partial

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.registry import KINDS as REGISTERED
from spark_lsp.backends.sse import LIMIT, Decoder
from tests.fuzz.law import (
    DECODERS,
    KINDS,
    NARROW,
    backend,
    check_decoder,
    check_reader,
    check_refusal,
    cut,
    fixtures,
)

BODIES = [body for body in fixtures().values() if len(body) < 10_000]
EVENTS = sorted({event for body in BODIES for event in re.split(rb"\r?\n\r?\n", body) if event})
NAMES = sorted({name.decode() for body in BODIES for name in re.findall(rb'"(\w{1,40})"\s*:', body)})
TEXTS = sorted({name.decode() for body in BODIES for name in re.findall(rb':\s*"(\w{1,20})"', body)})

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-1, 2**53)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(TEXTS)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=5).map(orjson.dumps)
pieces = st.one_of(
    st.sampled_from(EVENTS),
    objects,
    objects.map(lambda data: b"data: " + data),
    st.binary(max_size=12),
    st.sampled_from([b"data: [DONE]", b"event: error", b'data: "\\ud83d"', b": ", b"\xef\xbb\xbf"]),
)
ends = st.sampled_from([b"\n\n", b"\n\n", b"\n", b"\r\n\r\n", b"\r", b""])
made = st.lists(st.tuples(pieces, ends).map(b"".join), max_size=8).map(b"".join)


@st.composite
def chunked(draw: st.DrawFn) -> list[bytes]:
    """A body that is like an answer, or was one, in chunks."""
    body = draw(made | st.sampled_from(BODIES))
    if body and draw(st.booleans()):
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at + draw(st.integers(0, 3)) :]
    if draw(st.booleans()):
        return [body[place : place + 1] for place in range(len(body))]
    return cut(body, draw(st.lists(st.integers(0, len(body)), max_size=8)))


def test_every_kind_over_http_is_here() -> None:
    assert set(KINDS) == REGISTERED.keys() - {"local", "fake", "replay"}


AFTER_THE_END = b"data: " + b"x" * 2 * NARROW


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("kind", KINDS)
@given(chunks=chunked(), limit=st.sampled_from([LIMIT, NARROW]))
@example([b"data: [DONE]\n\n", AFTER_THE_END], NARROW)
@example([b'data: {"stop":true,"content":""}\n\n', AFTER_THE_END], NARROW)
@example([b'{"a":' * 5_000], LIMIT)  # deeper than a parser goes
@example([b'data: {"error":{"code":"' + b"9" * 5_000 + b'"}}\n\n'], LIMIT)  # longer than an int is read
@settings(max_examples=40)
def test_readers(kind: str, decoder: type[Decoder], chunks: list[bytes], limit: int) -> None:
    limited = partial(decoder, limit)
    check_decoder(limited, chunks)
    check_reader(_known(kind), limited, chunks)


@given(st.sampled_from([302, 400, 401, 404, 422, 429, 498, 503]), made | st.binary() | objects)
@example(422, b'{"detail":[{"loc":["body","\\n' + b"x" * 2_000 + b'"],"msg":"no"}]}')
def test_refusals(status: int, body: bytes) -> None:
    check_refusal(status, body)


@cache
def _known(kind: str) -> HttpBackend:
    """One backend for all examples: its readers share nothing."""
    return backend(kind)
