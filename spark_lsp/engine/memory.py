"""What is remembered over restarts, when the settings say so: suggestions, and how often they are taken."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING

from spark_lsp.completion.gate import Gate
from spark_lsp.completion.odds import Odds
from spark_lsp.config import Config
from spark_lsp.engine.embedded import NAME
from spark_lsp.text import Snapshot
from spark_lsp.values import Suggestion

if TYPE_CHECKING:
    from spark_lsp.engine.store import Store


class Memory:
    """The store of one session, or none. `complain` is told why nothing can be kept."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._store: Store | None = None
        self._fingerprint = ""

    async def configure(self, config: Config, odds: Odds, gate: Gate) -> tuple[Odds, Gate]:
        """Open or close the store as the settings say. Returns the odds and the gate to go on with."""
        self._fingerprint = _fingerprint(config)
        if not config.cache.persist:
            await self.aclose(odds, gate)
        elif self._store is None:
            # Imported when it is wanted: SQLite would cost every server's start a few milliseconds.
            from spark_lsp.engine.store import Store, store_path

            self._store = Store(store_path(), config.cache.max_bytes, self._complain)
            report = await self._store.odds()
            return Odds.restored(report), Gate.restored(report)
        return odds, gate

    async def restored(self, uri: str, language: str) -> list[tuple[Snapshot, Suggestion]]:
        """What was kept of a document, the newest last."""
        return [] if self._store is None else await self._store.load(uri, language, self._fingerprint)

    def forget(self, uri: str) -> None:
        """Drop what was kept of a document: it is private now."""
        if self._store is not None:
            self._store.forget(uri)

    def keep(self, snapshot: Snapshot, suggestion: Suggestion) -> None:
        """Keep what a model said. The predictor says it again in no time, and may know better by then."""
        if self._store is not None and suggestion.backend != NAME:
            self._store.keep(snapshot, suggestion, self._fingerprint)

    async def aclose(self, odds: Odds, gate: Gate) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.keep_odds(odds.report() | gate.report())
            await store.aclose()


def _fingerprint(config: Config) -> str:
    """Of all settings that what is suggested depends on: under others it is not offered."""
    backends = [(b.kind, b.base_url, b.model, b.models, b.fim, b.body) for b in config.backends]
    return sha256(repr((config.inline, backends)).encode()).hexdigest()
