"""The decoder: the same messages however the bytes were cut, and one bad frame costs one message."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.errors import RequestError
from spark_lsp.lsp.framing import Decoder, decode, encode, frame

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
messages = st.dictionaries(st.text(), values, max_size=4)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def decoded(pieces: list[bytes]) -> list[Any]:
    decoder = Decoder()
    return [message for piece in pieces for message in decoder.feed(piece)]


@given(st.lists(messages, max_size=5), st.lists(st.integers(0, 40), max_size=20))
def test_every_cut_gives_the_same_messages(sent: list[dict[str, Any]], sizes: list[int]) -> None:
    assert decoded(cut(b"".join(map(frame, sent)), sizes)) == sent


@given(messages, st.binary(max_size=200), st.lists(st.integers(0, 40), max_size=20))
def test_after_a_frame_of_anything_the_next_is_read(
    message: dict[str, Any], body: bytes, sizes: list[int]
) -> None:
    broken = b"Content-Length: %d\r\n\r\n" % len(body) + body
    assert decoded(cut(broken + frame(message), sizes))[-1] == message


@given(messages, st.integers(1, 60))
def test_a_truncated_frame_costs_itself_only(message: dict[str, Any], missing: int) -> None:
    whole = frame({"text": "x" * 100})
    first, *rest = decoded([whole[:-missing] + frame(message) * 4])
    assert isinstance(first, RequestError)
    assert rest[-1] == message


@given(st.binary(max_size=20_000))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    for message in decoded([data]):
        assert message is None or isinstance(message, RequestError | dict | list | str | int | float | bool)


@given(st.text(st.characters(exclude_categories=())))
def test_half_a_surrogate_pair_survives(text: str) -> None:
    message = {"text": text}
    assert decode(encode(message)) == message
    assert decode(json.dumps(message).encode()) == message
