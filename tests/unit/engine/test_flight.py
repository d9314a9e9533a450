"""Text that was received is seen, however it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from spark_lsp.backends.fake import FakeBackend
from spark_lsp.completion.context import gather
from spark_lsp.completion.trim import Trimmer
from spark_lsp.config import BackendSettings
from spark_lsp.engine.flight import Flight
from spark_lsp.engine.race import Step
from spark_lsp.errors import BackendError, BrokenStream
from spark_lsp.text import Document, Snapshot
from spark_lsp.values import Delta, Prompt, Suggestion

PIECES = ("first", " + ", "sec", "ond ", "+ third")


async def one_packet(then: BackendError | None) -> AsyncGenerator[Step, None]:
    """All pieces at once, then silence, or the end that `then` is."""
    backend = FakeBackend(BackendSettings(name="fake", kind="fake"))
    for piece in PIECES:
        yield Step(backend, Prompt(""), Delta(piece))
    if then is not None:
        raise then
    await asyncio.Event().wait()


def begin(then: BackendError | None, shown: list[str]) -> tuple[Flight, str]:
    """A flight, and the text that it should come to: what the trimmer is sure of, or all when it is over."""
    document = Document("file:///a.py", "total = ", language="python", version=1, encoding="utf-32")
    snapshot = document.snapshot(0, 8)
    context = gather(snapshot, path="a.py", multiline="auto")
    trimmer = Trimmer(context)
    trimmer.feed("".join(PIECES))
    if then is not None:
        trimmer.finish("unknown")

    def fill(_: Snapshot, suggestion: Suggestion) -> None:
        shown.append(suggestion.text)

    return Flight(snapshot, context, one_packet(then), fill), trimmer.text


@pytest.mark.parametrize("then", [None, BrokenStream("cut")])
async def test_a_packet_is_shown_whole_before_the_next_one(then: BackendError | None) -> None:
    shown: list[str] = []
    flight, expected = begin(then, shown)
    assert len(expected) > len("".join(PIECES[:-1]))
    task = asyncio.create_task(flight.fly())
    try:
        for _ in range(200):
            if shown and shown[-1] == expected:
                break
            await asyncio.sleep(0.01)
        assert shown[-1] == expected
        assert len(shown) <= len(PIECES)
    finally:
        task.cancel()
        await asyncio.wait([task])
