"""The decoders: the same events for every chunking, and the grammar of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.backends.sse import Decoder, Event, JsonLines, ServerSentEvents, WholeBody
from spark_lsp.errors import BrokenStream

LIMIT = 40
PIECES = st.sampled_from(
    [
        b"data:",
        b" ",
        b"x",
        b"\n",
        b"\r",
        b"\r\n",
        b":",
        b"event: e",
        "é🎉\u2028".encode(),
        b"\xef\xbb\xbf",
        b"y" * 25,
    ]
)
BODIES = st.lists(PIECES, max_size=40).map(b"".join)
DECODERS: list[Callable[[], Decoder]] = [
    lambda: ServerSentEvents(LIMIT),
    lambda: JsonLines(LIMIT),
    lambda: WholeBody(LIMIT),
]


def decode(decoder: Decoder, chunks: Iterable[bytes]) -> tuple[list[Event], bool]:
    """All events, and whether the decoder gave up."""
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += decoder.feed(chunk)
        events += decoder.end()
    except BrokenStream:
        return events, True
    return events, False


@pytest.mark.parametrize("make", DECODERS)
@given(BODIES, st.data())
def test_chunking_changes_nothing(make: Callable[[], Decoder], body: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    bounds = [0, *cuts, len(body)]
    chunks = [body[start:end] for start, end in pairwise(bounds)]
    whole = decode(make(), [body])
    assert decode(make(), chunks) == whole
    assert decode(make(), [body[i : i + 1] for i in range(len(body))]) == whole


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1, max_size=8), max_size=5
    )
)
@example(["\u2028", "\x85", "\f", "\x1c"])
def test_only_the_three_line_ends_cut(lines: list[str]) -> None:
    body = "".join(f"data: {line}\r\n\r\n" for line in lines).encode()
    events, broken = decode(ServerSentEvents(), [body])
    assert not broken
    assert [event.data.decode() for event in events] == lines


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\ndata: b\ndata:  c\n\n", [("", b"a\nb\n c")]),
        (b"event: delta\ndata: a\n\ndata: b\n\n", [("delta", b"a"), ("", b"b")]),
        (b"event: ping\n\ndata: a\n\n", [("", b"a")]),
        (b": keep-alive\n\n\n:\ndata: a\n\n", [("", b"a")]),
        (b"data\n\ndata:\n\n", [("", b""), ("", b"")]),
        (b"id: 1\nretry: 9\nother: x\ndata: a\n\n", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n", [("", b"a")]),
        (b"data: a\n\ndata: b", [("", b"a"), ("", b"b")]),
        (b"data: a: b\n\n", [("", b"a: b")]),
        (b'data: a\n\n{"b": 1}\n\ndata: c\n\n', [("", b"a"), ("", b"c")]),
        (b'\n{"a":\n\n1}\n\n', [("", b'{"a":\n\n1}\n')]),
    ],
)
def test_server_sent_events(body: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert decode(ServerSentEvents(), [body]) == (expected, False)


def test_an_event_is_out_as_soon_as_its_blank_line_is_in() -> None:
    decoder = ServerSentEvents()
    assert decoder.feed(b"data: a\r\n") == []
    assert decoder.feed(b"\r") == [("", b"a")]


def test_json_lines_drop_blank_ones() -> None:
    assert decode(JsonLines(), [b'{"a":1}\n\n \r\n{"b":2}']) == ([("", b'{"a":1}'), ("", b'{"b":2}')], False)


@pytest.mark.parametrize("make", DECODERS)
def test_a_line_without_end_is_given_up(make: Callable[[], Decoder]) -> None:
    decoder = make()
    decoder.feed(b"data: " + b"x" * (LIMIT - 6))
    with pytest.raises(BrokenStream, match="over 40 bytes"):
        decoder.feed(b"x")
    with pytest.raises(BrokenStream):
        decoder.feed(b"\n\ndata: a\n\n")


def test_an_event_of_many_lines_is_given_up() -> None:
    events, broken = decode(ServerSentEvents(LIMIT), [b"data: a\n\n" + b"data: 12345678\n" * 6])
    assert (events, broken) == ([("", b"a")], True)
