"""The LiteLLM proxy in front of llama.cpp: what it passes on, and what it refuses."""

from __future__ import annotations

import os
from contextlib import aclosing

import pytest

from spark_lsp.backends.base import Backend
from spark_lsp.backends.discovery import discover
from spark_lsp.backends.registry import make
from spark_lsp.errors import NoSuchModel, RateLimited, RequestRejected, Unauthorized
from spark_lsp.values import Prompt
from tests.e2e.asking import CHAT, CONTINUED, answer, backend
from tests.e2e.servers import Server


@pytest.mark.parametrize(
    ("kind", "group", "prompt"),
    [("openai-chat", "smol", CHAT), ("openai-completions", "smol-text", CONTINUED)],
)
async def test_it_streams(litellm: Server, kind: str, group: str, prompt: Prompt) -> None:
    async with backend(kind, litellm, model=group) as asked:
        assert group in await asked.models()
        given = await answer(asked, prompt)
    assert given.text.strip()
    assert prompt is CHAT or given.text.startswith(" a - b")
    assert given.finish in ("stop", "length")


async def test_its_preset(litellm: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address and a key in the environment are all that the preset needs."""
    monkeypatch.setenv("LITELLM_PROXY_API_BASE", litellm.url.removesuffix("/v1"))
    monkeypatch.setenv("LITELLM_PROXY_API_KEY", litellm.key)
    [found] = [one for one in await discover(os.environ, patience=5) if one.settings.name == "litellm"]
    async with aclosing(make(found.settings)) as asked:
        await asked.connect()
        assert asked.model == "smol"
        assert (await answer(asked, CHAT)).text.strip()


KINDS = ["openai-chat", "openai-completions"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_key(litellm: Server, kind: str) -> None:
    """Without a database, where it keeps other keys than its master's, LiteLLM says so and not 401."""
    async with backend(kind, Server(litellm.url, "sk-wrong-0123456789"), model="smol") as asked:
        with pytest.raises(Unauthorized, match="No connected db"):
            await answer(asked, CONTINUED)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_model(litellm: Server, kind: str) -> None:
    async with backend(kind, litellm, model="no-such-model") as asked:
        with pytest.raises((NoSuchModel, RequestRejected)):
            await answer(asked, CONTINUED)


async def test_its_rate_limit(litellm: Server) -> None:
    async with backend("openai-completions", litellm, model="rare") as asked:
        assert (await answer(asked, CONTINUED)).text.startswith(" a - b")
        with pytest.raises(RateLimited):
            await several(asked)


async def several(asked: Backend) -> None:
    """A minute may turn between two requests, not between each of four."""
    for _ in range(3):
        await answer(asked, CONTINUED)
