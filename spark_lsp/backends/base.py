"""What a backend is: a name, a model, and a stream of deltas for a prompt."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from spark_lsp.values import Delta, Lane, Prompt


class Backend(Protocol):
    """One place that generations come from.

    `stream` yields deltas; the last one has `finish`. The first may be news, which is there before any
    text: empty, of 0 tokens, its `usage` with what rate limits leave and how long a new connection took.
    Closing the generator (`aclose`) closes the socket at once, so that the server stops generating.
    Raises `errors.BackendError` and nothing else; what was yielded before stays valid.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str:
        """The model that is asked, "" while that is the server's choice. A refusal may change it."""
        ...

    @property
    def fim(self) -> str:
        """A template's name, "suffix" where the wire has a field for it, "chat" for a model that is told
        what to do, "" for what the model is used to."""
        ...

    @property
    def lanes(self) -> tuple[Lane, ...]: ...

    @property
    def server(self) -> str:
        """Who answers, as HOST:PORT where that is known: the same for two names of one server. "" in this
        process."""
        ...

    @property
    def local(self) -> bool:
        """What it is sent stays on this machine."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]: ...

    async def connect(self, *, anew: bool = False) -> None:
        """Connect ahead of the first request, and settle on a model. Never raises; costs no tokens.

        `anew`: after sleep, or when the network was away, what idles is not trusted, and a new connection
        is made.
        """
        ...

    async def models(self) -> tuple[str, ...]:
        """What is served here to whoever has this key: the sign of life that costs no tokens.

        Empty where the server serves what it serves and has no names. Raises BackendError.
        """
        ...

    async def prefill(self, prompt: Prompt) -> None:
        """Have the server read a prompt ahead, where that is cheap; else nothing. Never raises."""
        ...

    async def aclose(self) -> None: ...
