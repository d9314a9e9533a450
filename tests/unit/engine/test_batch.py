"""Text is gathered for a few milliseconds, and none of it is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.batch import INTERVAL, Batch


@given(st.lists(st.tuples(st.text("ab\n", max_size=3), st.floats(0, 3 * INTERVAL))))
def test_what_is_taken_is_what_was_added_in_time(pieces: list[tuple[str, float]]) -> None:
    batch, now, taken, waits_since = Batch(), 100.0, "", 0.0
    for text, passed in pieces:
        now += passed
        if batch.add(text, now):
            taken += batch.take(now)
            waits_since = now
        else:
            assert now - waits_since < INTERVAL
            assert "\n" not in text
    assert taken + batch.take(now) == "".join(text for text, _ in pieces)


def test_a_slow_stream_is_never_held_back() -> None:
    batch = Batch()
    for beat in range(5):
        assert batch.add("x", beat * INTERVAL)
        assert batch.take(beat * INTERVAL) == "x"
