"""What the cache and the odds keep over restarts, when `cache.persist` is on.

A thread of its own (`sqlite_thread.py`) has the file (`store_file.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from spark_lsp.completion.cache import surroundings
from spark_lsp.engine.sqlite_thread import SqliteThread
from spark_lsp.engine.store_file import Kept, Row, StoreFile, forgetting, keeping, keeping_odds, using
from spark_lsp.text import Lines, Snapshot, line_body
from spark_lsp.values import Suggestion


def store_path() -> Path:
    # Imported here, as for the models' lists: most sessions need no place for this.
    from platformdirs import user_cache_path

    return user_cache_path("spark-lsp", appauthor=False) / "completions.sqlite"


class Store:
    """The file at `path`, of at most `max_bytes` but for its log. `aclose` writes what waits.

    Made on a running loop. Nothing is touched before the first call. `complain` is called on the loop,
    once, with a sentence for the user, when the file cannot be used; from then on nothing is kept or found.
    """

    def __init__(self, path: Path, max_bytes: int, complain: Callable[[str], None]) -> None:
        self._thread = SqliteThread(
            StoreFile(path, max_bytes),
            lambda reason: complain(f"Suggestions are not kept over restarts (cache.persist): {reason}"),
        )

    def __repr__(self) -> str:
        return f"<Store {self._thread}>"

    async def load(self, uri: str, language: str, fingerprint: str) -> list[tuple[Snapshot, Suggestion]]:
        """What was kept of a document under these settings, the newest last.

        Each snapshot is the little document around its cursor: what `completion.cache.surroundings` makes.
        """
        nothing: list[tuple[Snapshot, Suggestion]] = []
        entries = await self._thread.ask(
            lambda file: _entries(uri, language, file.load(uri, language, fingerprint)), nothing
        )
        if entries:
            self._thread.write(using(uri, language, fingerprint))
        return entries

    def keep(self, snapshot: Snapshot, suggestion: Suggestion, fingerprint: str) -> None:
        """Keep a complete suggestion for what stands around the cursor; others are not kept.

        It is in the file within a second. What was kept for the same place before is replaced.
        """
        if suggestion.complete and suggestion.text:
            around = surroundings(snapshot)
            kept = Kept(
                around.uri, around.language, fingerprint, around.lines.text(), around.line, around.column
            )
            self._thread.write(keeping(kept, suggestion))

    def forget(self, uri: str) -> None:
        """Drop what was kept of a document."""
        self._thread.write(forgetting(uri))

    async def odds(self) -> dict[str, list[float]]:
        """The report that was kept last, empty when there is none."""
        return await self._thread.ask(StoreFile.odds, {})

    def keep_odds(self, report: dict[str, list[float]]) -> None:
        """Keep what is known of the user's choices; the last server to say it is right."""
        self._thread.write(keeping_odds(report))

    async def aclose(self) -> None:
        """Write what waits and close the file, in two seconds or not at all."""
        await self._thread.aclose()


def _entries(uri: str, language: str, rows: Sequence[Row]) -> list[tuple[Snapshot, Suggestion]]:
    restored = (_restored(uri, language, row) for row in reversed(rows))
    return [entry for entry in restored if entry is not None]


def _restored(uri: str, language: str, row: Row) -> tuple[Snapshot, Suggestion] | None:
    """None for a row that none of us has written."""
    around, line, column, text, backend, model, tokens, confidence = row
    if not all(isinstance(value, str) for value in (around, text, backend, model)):
        return None
    if not all(isinstance(value, int) for value in (line, column, tokens)):
        return None
    lines = Lines.of(around)
    if not 0 <= line < lines.count or not 0 <= column <= len(line_body(lines[line])):
        return None
    confidence = confidence if isinstance(confidence, float) else None
    suggestion = Suggestion(text, backend, model, tokens, confidence=confidence)
    return Snapshot(uri, 0, language, lines, line, column), suggestion
