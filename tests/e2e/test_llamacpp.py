"""llama.cpp's real server with a real small model: real completions by every endpoint that it can serve."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from spark_lsp.errors import RequestRejected, Unauthorized
from spark_lsp.values import Prompt
from tests.e2e.asking import ADD, CHAT, CONTINUED, answer, backend
from tests.e2e.servers import Counter, Server
from tests.unit.backends.strict import first_text

LONG = "".join(f"def number_{i}():\n    return {i}\n\n\n" for i in range(60))  # about 900 tokens
BOTH_SIDES = Prompt(ADD, "\n\n\nprint(subtract(3, 1))\n", max_tokens=8)


@pytest.mark.parametrize(
    ("kind", "path", "prompt"),
    [
        ("openai-completions", "/v1", CONTINUED),
        ("openai-chat", "/v1", CHAT),
        ("llamacpp", "", CONTINUED),
    ],
)
async def test_every_endpoint_completes(llama: Server, kind: str, path: str, prompt: Prompt) -> None:
    async with backend(kind, llama, path) as asked:
        await asked.connect()
        assert asked.model
        given = await answer(asked, prompt)
    assert given.text.strip()
    assert prompt is CHAT or given.text.startswith(" a - b")
    assert given.finish in ("stop", "length")
    assert given.usage is not None
    assert given.usage.prompt_tokens
    assert 0 < (given.usage.completion_tokens or 0) <= prompt.max_tokens


@pytest.mark.parametrize(("kind", "path"), [("openai-completions", "/v1"), ("llamacpp", "")])
async def test_a_wrong_key_is_named(llama: Server, kind: str, path: str) -> None:
    async with backend(kind, Server(llama.url, "wrong"), path) as asked:
        with pytest.raises(Unauthorized):
            await answer(asked, CONTINUED)


async def test_infill_is_given_up_for_a_model_without_fim(llama: Server) -> None:
    counter = Counter(llama.url)
    async with counter.listen() as url, backend("llamacpp", Server(url, llama.key), fim="suffix") as asked:
        with pytest.raises(RequestRejected):
            await answer(asked, BOTH_SIDES)
        assert asked.fim == "prefix"
        assert (await answer(asked, CONTINUED)).text.startswith(" a - b")
    posts = [path for path in counter.paths if path in ("/infill", "/completion")]
    assert posts == ["/infill", "/completion"]


@pytest.mark.parametrize("typed", [" retu", ' x["ab', " +=", "\\n", " π中", "'", "\t[^", " pri"])
async def test_the_answer_begins_with_what_was_left_out_of_the_prompt(llama: Server, typed: str) -> None:
    """The real grammar, whatever characters are in it; the answer goes on behind them."""
    head = "def add(a, b):\n   "
    prompt = Prompt(head + typed, rendered=head, max_tokens=16, typed=typed, typed_at=len(head))
    async with backend("llamacpp", llama) as asked:
        given = await answer(asked, prompt)
    assert given.text.startswith(typed)
    assert len(given.text) > len(typed)


async def test_a_prompt_read_ahead_is_not_read_again(llama: Server) -> None:
    prompt = Prompt(LONG, rendered=LONG + "def number_60():\n    return", max_tokens=4)
    async with backend("llamacpp", llama) as asked:
        await asked.prefill(prompt)
        usage = (await answer(asked, prompt)).usage
    assert usage is not None
    assert (usage.cached_tokens or 0) > 500


async def test_a_closed_stream_frees_its_slot(llama: Server) -> None:
    endless = replace(CONTINUED, rendered=LONG, max_tokens=1500)
    async with backend("openai-completions", llama, "/v1") as asked:
        stream = asked.stream(endless)
        await first_text(stream)
        assert await busy(llama) == 1
        await stream.aclose()
        for _ in range(100):
            if not await busy(llama):
                break
            await asyncio.sleep(0.02)
        assert not await busy(llama)


async def test_two_at_once(llama: Server) -> None:
    long = replace(CONTINUED, max_tokens=40)
    async with backend("openai-completions", llama, "/v1") as asked:
        streams = [asked.stream(long), asked.stream(long)]
        firsts = await asyncio.gather(*(first_text(stream) for stream in streams))
        assert await busy(llama) == 2
        rests = [[delta.text async for delta in stream] for stream in streams]
    texts = [first + "".join(rest) for first, rest in zip(firsts, rests, strict=True)]
    assert all(text.startswith(" a - b") for text in texts)


async def busy(server: Server) -> int:
    """How many slots are at work."""
    async with (
        aiohttp.ClientSession(headers=server.headers) as client,
        client.get(f"{server.url}/slots") as answer,
    ):
        slots = await answer.json()
    return sum(slot["is_processing"] for slot in slots)
