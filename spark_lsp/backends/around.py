"""A backend around another one: what it says of itself is what that one says."""

from __future__ import annotations

from spark_lsp.backends.base import Backend
from spark_lsp.values import Lane


class Around:
    """Passes on what is the same for both. What is asked is for those who build on it."""

    def __init__(self, asked: Backend) -> None:
        self.asked = asked

    @property
    def name(self) -> str:
        return self.asked.name

    @property
    def model(self) -> str:
        return self.asked.model

    @property
    def fim(self) -> str:
        return self.asked.fim

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return self.asked.lanes

    @property
    def server(self) -> str:
        return self.asked.server

    @property
    def local(self) -> bool:
        return self.asked.local

    async def connect(self, *, anew: bool = False) -> None:
        await self.asked.connect(anew=anew)

    async def models(self) -> tuple[str, ...]:
        return await self.asked.models()
