"""The models that are asked: each behind one backend that all policies share, and that counts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from spark_lsp.backends.around import Around
from spark_lsp.backends.base import Backend
from spark_lsp.backends.registry import make
from spark_lsp.cli.files import settings_in_force
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, UsageError
from spark_lsp.values import Delta, Prompt

PREDICTOR = "workspace"

PATIENCE = 600_000
"""Milliseconds: a model that is slow here may be right."""


@dataclass(slots=True)
class Count:
    """What it was asked and said since it was last taken. `read` are tokens of prompts whose server told;
    `told` the characters of those prompts."""

    requests: int = 0
    characters: int = 0
    read: int = 0
    told: int = 0
    generated: int = 0
    said: list[str] = field(default_factory=list)
    error: str = ""


class Counting(Around):
    """A backend that many ask and that nobody of them closes. `open` are the streams that go on."""

    def __init__(self, settings: BackendSettings, asked: Backend) -> None:
        self.settings = settings
        super().__init__(asked)
        self.open = 0
        self._count = Count()

    def taken(self) -> Count:
        """What was counted until now; from here on it begins again."""
        count, self._count = self._count, Count()
        return count

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        count = self._count
        size = len(prompt.instructions) + len(prompt.text) + (0 if prompt.rendered else len(prompt.suffix))
        count.requests += 1
        count.characters += size
        count.said.append("")
        self.open += 1
        try:
            async with aclosing(self.asked.stream(prompt)) as deltas:
                async for delta in deltas:
                    count.said[-1] += delta.text
                    count.generated += delta.tokens if delta.text else 0
                    if delta.usage is not None and delta.usage.prompt_tokens is not None:
                        count.read, count.told = count.read + delta.usage.prompt_tokens, count.told + size
                    yield delta
        except BackendError as error:
            count.error = str(error)
            raise
        finally:
            self.open -= 1

    async def prefill(self, prompt: Prompt) -> None:
        await self.asked.prefill(prompt)

    async def aclose(self) -> None:
        """Not by those who ask."""


def named(files: Sequence[Path], backends: Sequence[str], config: Path | None) -> list[BackendSettings]:
    """The models of the command line. Raises UsageError for a file or a backend that is not there."""
    found = [_local(file) for file in files]
    if backends:
        known = {one.name: one for one in settings_in_force(config, None).backends}
        for name in backends:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise UsageError(f"--backend {name}: the settings have no such backend ({listed})")
            found.append(known[name])
    return found


def _local(file: Path) -> BackendSettings:
    if not file.is_file():
        raise UsageError(f"--model {file}: there is no such file; it takes a model in GGUF")
    file = file.resolve()
    return BackendSettings(
        name=file.stem, kind="local", model_file=str(file), first_byte_ms=PATIENCE, stall_ms=PATIENCE
    )


@asynccontextmanager
async def opened(settings: BackendSettings) -> AsyncIterator[Counting]:
    """A backend that answers. Raises BackendError when it does not, UsageError or MissingExtra when it
    cannot be made."""
    backend = make(settings)
    try:
        await backend.connect()
        async with aclosing(backend.stream(Prompt("#", rendered="#", max_tokens=1))) as deltas:
            async for _ in deltas:
                pass
        yield Counting(settings, backend)
    finally:
        await backend.aclose()
