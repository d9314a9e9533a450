"""Kind `fake`, and the table of kinds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.backends.fake import FakeBackend
from spark_lsp.backends.oracle import tokens
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, BrokenStream, RateLimited, ServerFault, TimedOut, UsageError
from spark_lsp.values import Prompt

TEXT = "def area(width, height):\n    return width * height\n"
REST = "width * height\n"
ASKED = Prompt(TEXT.removesuffix(REST), "\n")
FIRST = tokens(REST, 1)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "area.py").write_text(TEXT)
    (tmp_path / "binary").write_bytes(b"\x00\xff")
    (tmp_path / ".hidden").write_text(TEXT[:40] + " nothing")
    return tmp_path


def fake(folder: Path, **settings: Any) -> FakeBackend:
    return FakeBackend(BackendSettings(name="fake", kind="fake", oracle=str(folder), **settings))


async def test_it_continues_from_its_folder(folder: Path) -> None:
    deltas = [delta async for delta in fake(folder).stream(ASKED)]
    assert "".join(delta.text for delta in deltas) == REST
    last = deltas[-1]
    assert (last.finish, last.tokens) == ("stop", 0)
    assert last.usage is not None
    assert last.usage.completion_tokens == sum(delta.tokens for delta in deltas) == len(tokens(REST))


@pytest.mark.parametrize(
    ("faults", "text", "kind"),
    [
        ("reset", "", BrokenStream),
        ("close", FIRST, BrokenStream),
        ("stall:headers", "", TimedOut),
        ("stall:mid", FIRST, TimedOut),
        ("error", FIRST, BrokenStream),
        ("garbage:100", REST, BrokenStream),
        ("status503", "", ServerFault),
    ],
)
async def test_faults(folder: Path, faults: str, text: str, kind: type[BackendError]) -> None:
    received = ""

    async def receive() -> None:
        nonlocal received
        async for delta in fake(folder, faults=faults, first_byte_ms=10, stall_ms=10).stream(ASKED):
            received += delta.text

    with pytest.raises(kind):
        await receive()
    assert received == text


async def test_a_limit_is_told_first_and_kept(folder: Path) -> None:
    made = fake(folder, limit="2/60")
    for left in (1, 0):
        first, *_ = [delta async for delta in made.stream(ASKED)]
        assert first.usage is not None
        assert (first.text, first.tokens, first.usage.requests_left) == ("", 0, left)
        assert first.usage.resets_ms == pytest.approx(60_000, rel=0.1)
    with pytest.raises(RateLimited) as raised:
        await anext(made.stream(ASKED))
    assert raised.value.retry_after == pytest.approx(60, rel=0.1)


async def test_a_drip_falls_a_token_a_second(folder: Path) -> None:
    stream = fake(folder, faults="drip").stream(ASKED)
    assert (await anext(stream)).text == FIRST
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(stream)
    await stream.aclose()


async def test_it_can_be_left_at_any_time(folder: Path) -> None:
    stream = fake(folder, ttft=60).stream(ASKED)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(stream)
    await stream.aclose()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "telepathy"}, "unknown kind 'telepathy'; known are anthropic, fake"),
        ({"kind": "fake", "oracle": "/no/such/folder"}, "not a folder"),
        ({"kind": "fake", "faults": "explode"}, "the kinds are"),
        ({"kind": "fake", "limit": "many"}, "not a limit"),
        ({"kind": "fake", "late": "often"}, "how late"),
        ({"kind": "openai-completions"}, "base_url"),
    ],
)
def test_settings_that_make_no_backend(settings: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make(BackendSettings(name="x", **settings))  # type: ignore[arg-type]  # all of these are texts


@pytest.mark.parametrize("kind", ["fake", "openai-completions"])
async def test_what_is_made_is_what_was_set(kind: str) -> None:
    settings = BackendSettings(
        name="x", kind=kind, model="m", fim="qwen", base_url="http://h/v1", lanes=("batch",)
    )
    backend = make(settings)
    assert (backend.name, backend.model, backend.fim, backend.lanes) == ("x", "m", "qwen", ("batch",))
    await backend.aclose()
