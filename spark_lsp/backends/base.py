"""What a backend is: a name, a model, and a stream of deltas for a prompt."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from spark_lsp.values import Delta, Lane, Prompt


class Backend(Protocol):
    """One place that generations come from.

    `stream` yields deltas; the last one has `finish`. Closing the generator
    (`aclose`) closes the socket at once, so that the server stops generating.
    Raises `errors.BackendError` and nothing else; what was yielded before stays valid.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def fim(self) -> str:
        """A template's name, "suffix" where the wire has a field for it, "" for what the model is used to."""
        ...

    @property
    def lanes(self) -> tuple[Lane, ...]: ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]: ...

    async def connect(self) -> None:
        """Open a connection ahead of the first request. Never raises; costs no tokens."""
        ...

    async def aclose(self) -> None: ...
