"""An editor without a screen that asks for code actions and applies what it gets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from spark_lsp.cli.bench_overhead import SERVER
from spark_lsp.cli.client import CAPABILITIES, Client
from spark_lsp.errors import RequestError, SparkError
from spark_lsp.text import Document
from spark_lsp.values import Diagnostic

ABLE: Mapping[str, Any] = {
    **CAPABILITIES,
    "textDocument": {
        **CAPABILITIES["textDocument"],
        "codeAction": {
            "codeActionLiteralSupport": {
                "codeActionKind": {"valueSet": ["", "quickfix", "refactor", "source"]}
            },
            "isPreferredSupport": True,
            "disabledSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
        },
    },
    "workspace": {
        **CAPABILITIES["workspace"],
        "applyEdit": True,
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create"],
            "changeAnnotationSupport": {},
        },
    },
}

QUICK_FIX = "quickfix"
PATIENCE = 120.0
"""Seconds for one answer: a small model on a processor takes a minute for two rounds."""

OPENING = 100
"""How often the menu of a document is asked for, 50 ms apart, until something is offered."""

INVOKED, AUTOMATIC = 1, 2
ACCEPTED = "accepted by "


@dataclass(frozen=True, slots=True)
class Fixed:
    """What came of asking for a fix: the document's text, unchanged where it was `refused`, who accepted it
    or why nobody did (`said`), and whatever else it would have touched."""

    text: str
    said: str = ""
    refused: str = ""
    elsewhere: tuple[str, ...] = ()
    took_ms: float = 0.0

    @property
    def verified(self) -> bool:
        return self.said.startswith(ACCEPTED)


class Editor:
    """One session with the real server, over stdio."""

    def __init__(self, client: Client, root: Path) -> None:
        self.client = client
        self.root = root
        self._texts: dict[str, str] = {}

    def open(self, name: str, text: str, language: str) -> str:
        """Open a file of the root folder; its URI."""
        uri = (self.root / name).as_uri()
        self._texts[uri] = text
        self.client.open(uri, text, language=language, version=1)
        return uri

    def close(self, uri: str) -> None:
        self.client.close(uri)

    async def offered(
        self,
        uri: str,
        line: int,
        diagnostics: Sequence[Diagnostic],
        *,
        automatic: bool = False,
        only: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """What the menu of a line holds."""
        place = {"line": line, "character": 0}
        context: dict[str, Any] = {
            "diagnostics": [plain(one) for one in diagnostics],
            "triggerKind": AUTOMATIC if automatic else INVOKED,
        }
        if only:
            context["only"] = list(only)
        params = {"textDocument": {"uri": uri}, "range": {"start": place, "end": place}, "context": context}
        return await self.client.request("textDocument/codeAction", params) or []

    async def fix(self, uri: str, diagnostic: Diagnostic) -> Fixed:
        """Choose the quick fix of a diagnostic and apply its edit. Raises SparkError when none is offered."""
        chosen = await self._offered_fix(uri, diagnostic)
        began = time.monotonic()
        try:
            resolved = await self.client.request("codeAction/resolve", chosen)
        except RequestError as error:
            return Fixed(self._texts[uri], refused=str(error), took_ms=_since(began))
        return self._applied(uri, resolved["edit"], _since(began))

    async def _offered_fix(self, uri: str, diagnostic: Diagnostic) -> dict[str, Any]:
        """The menu's first fix. Of a document just opened it is not known for a moment who may see it."""
        menu: list[dict[str, Any]] = []
        for _ in range(OPENING):
            menu = await self.offered(uri, diagnostic.line, [diagnostic], only=[QUICK_FIX])
            for item in menu:
                if "data" in item and "disabled" not in item:
                    return item
            await asyncio.sleep(0.05)
        reasons = [item["disabled"]["reason"] for item in menu if "disabled" in item]
        raise SparkError(f"no fix is offered: {', '.join(reasons[:1]) or 'the menu is empty'}")

    def _applied(self, uri: str, edit: Mapping[str, Any], took_ms: float) -> Fixed:
        document, elsewhere = Document(uri, self._texts[uri]), []
        for change in edit["documentChanges"]:
            if change.get("textDocument", {}).get("uri") != uri:
                elsewhere.append(str(change.get("uri") or change.get("textDocument")))
                continue
            for one in reversed(change["edits"]):
                start, end = one["range"]["start"], one["range"]["end"]
                document.edit(
                    start["line"], start["character"], end["line"], end["character"], one["newText"]
                )
        said = "; ".join(note.get("description", "") for note in edit.get("changeAnnotations", {}).values())
        return Fixed(document.text(), said, elsewhere=tuple(elsewhere), took_ms=took_ms)


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)


@asynccontextmanager
async def editing(
    root: Path,
    settings: Mapping[str, Any],
    environment: Mapping[str, str],
    log: IO[bytes] | None = None,
    *,
    arguments: Sequence[str] = (),
) -> AsyncIterator[Editor]:
    """An editor on a folder. Raises SparkError when the server does not start."""
    client = await Client.start(
        (*SERVER, *arguments), env=environment, stderr=log, patience=PATIENCE, cwd=root
    )
    async with client:
        await client.initialize(root, settings, capabilities=ABLE)
        yield Editor(client, root)


def plain(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as an editor sends it. Columns are those of plain ASCII lines."""
    return {
        "range": {
            "start": {"line": diagnostic.line, "character": diagnostic.column},
            "end": {"line": diagnostic.end_line, "character": diagnostic.end_column},
        },
        "severity": 1,
        "code": diagnostic.code,
        "source": diagnostic.source,
        "message": diagnostic.message,
    }


def chat(url: str, **more: Any) -> dict[str, Any]:
    """Settings of a session whose only model is the fake server at `url`."""
    backend = {"name": "fake", "kind": "openai-chat", "base_url": url, "model": "fake", "slots": 8}
    return {
        "backend": [backend],
        "workspace": {"enabled": False},
        "routing": {"discover": False},
        "prefetch": {"enabled": False},
        **more,
    }
