"""A backend outside of this process, which is sent no secret: the one door for everything that leaves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from spark_lsp.backends.around import Around
from spark_lsp.backends.base import Backend
from spark_lsp.privacy.mask import Restorer
from spark_lsp.privacy.redact import Redacted, Redactor
from spark_lsp.values import Delta, Prompt


class RedactingBackend(Around):
    """Asks `backend` without the secrets, and gives them back in its answer, where `redacts` says so."""

    def __init__(self, backend: Backend, redactor: Redactor, redacts: Callable[[], bool]) -> None:
        super().__init__(backend)
        self._redactor = redactor
        self._redacts = redacts

    def redact(self, prompt: Prompt) -> Redacted:
        """What is sent for this prompt."""
        return self._redactor.redact(prompt) if self._redacts() else Redacted(prompt, {})

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        redacted = self.redact(prompt)
        restorer = Restorer(redacted.secrets)
        async with aclosing(self.asked.stream(redacted.prompt)) as deltas:
            async for delta in deltas:
                if redacted.secrets:
                    text = restorer.feed(delta.text, last=delta.finish is not None)
                    delta = replace(delta, text=text)
                yield delta

    async def prefill(self, prompt: Prompt) -> None:
        await self.asked.prefill(self.redact(prompt).prompt)

    async def aclose(self) -> None:
        await self.asked.aclose()
