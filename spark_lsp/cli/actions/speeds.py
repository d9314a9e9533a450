"""How fast code actions are: the list, a fix that was asked ahead, and a rewrite beside its raw stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from statistics import median
from typing import IO, Any
from urllib.parse import urlsplit

import orjson

from spark_lsp.backends.fake_edits import Edits
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import tokens
from spark_lsp.cli import fake_process
from spark_lsp.cli.actions.catalogue import Shop
from spark_lsp.cli.actions.editor import QUICK_FIX, Editor, chat, editing
from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.cli.typing.profiles import PROFILES
from spark_lsp.errors import SparkError
from spark_lsp.values import Diagnostic

DIAGNOSTICS = 200
LISTS, QUICK_LISTS = 500, 20

WARMING = 100
"""Lists that are not measured, while a server that has just started loads what it needs."""

READY, QUICK_READY = 20, 3
"""Fixes that are asked ahead."""

ASKING = 20.0
"""Seconds that a fix may take until it is ready."""

REWRITES, QUICK_REWRITES = 15, 2
LINES = 30

PARTIAL = "$/spark/action/partial"


# --- the list


async def lists(
    folder: Path, environment: Mapping[str, str], log: IO[bytes] | None, count: int
) -> dict[str, Any]:
    """Milliseconds of `codeAction` in a file with 200 diagnostics: at a line with one of them, and with all
    of them selected."""
    text = "".join(f"value_{n} = undefined_{n} + {n}\n" for n in range(DIAGNOSTICS))
    said = [
        Diagnostic(n, 0, n, 7, f"Undefined name `undefined_{n}`", "F821", "ruff") for n in range(DIAGNOSTICS)
    ]
    async with FakeServer(Edits({})) as server, editing(folder, chat(server.url), environment, log) as editor:
        uri = editor.open("names.py", text, "python")
        places = [number * 7 % DIAGNOSTICS for number in range(count + WARMING)]
        one = [await _listed(editor, uri, line, [said[line]], 1) for line in places][WARMING:]
        every = [await _listed(editor, uri, line, said, DIAGNOSTICS) for line in places][WARMING:]
        asked = server.stats.requests
    return {
        "diagnostics": DIAGNOSTICS,
        "requests": count,
        "models_asked": asked,
        "one": quantiles(one, 50, 95, 99),
        "all": quantiles(every, 50, 95, 99),
    }


async def _listed(
    editor: Editor, uri: str, line: int, diagnostics: Sequence[Diagnostic], least: int
) -> float:
    began = time.perf_counter()
    menu = await editor.offered(uri, line, diagnostics)
    took = (time.perf_counter() - began) * 1000
    if len(menu) < least:
        raise SparkError(f"{len(menu)} actions are offered for {least} diagnostics")
    return took


# --- asked ahead


async def ready(
    shop: Shop, environment: Mapping[str, str], log: IO[bytes] | None, count: int
) -> dict[str, Any]:
    """Milliseconds that a fix takes to resolve which was generated and verified while the cursor rested."""
    faults = [fault for fault in shop.told if fault.tells == "ruff"]
    took: list[float] = []
    preferred = 0
    profile = PROFILES["spark"]
    async with serving(shop.root.parent / "fixed", profile.ttft, profile.rate, environment, log) as url:
        actions = {**shop.actions, "verify": ["ruff"]}
        budget = {"enabled": True, "tokens_per_minute": 1_000_000}
        settings = chat(url, actions=actions, prefetch=budget)
        async with editing(shop.root, settings, environment, log) as editor:
            for number in range(count):
                fault = faults[number % len(faults)]
                pad = "\n" * (number // len(faults))  # another text: what is known of the first is of no use
                uri = editor.open(fault.file, fault.faulty + pad, fault.language)
                item = await _prefetched(editor, uri, shop.said[fault.file])
                if item is not None:
                    preferred += 1
                    began = time.perf_counter()
                    await editor.client.request("codeAction/resolve", item)
                    took.append((time.perf_counter() - began) * 1000)
                editor.close(uri)
    return {"fixes": count, "ready": preferred, "resolve": quantiles(took, 50, 95, 99)}


async def _prefetched(editor: Editor, uri: str, diagnostic: Diagnostic) -> dict[str, Any] | None:
    """The menu's fix once it is preferred, None when it never is.

    The cursor comes back now and then, as cursors do.
    """
    end = time.monotonic() + ASKING
    while time.monotonic() < end:
        await editor.offered(uri, diagnostic.line, [diagnostic], automatic=True)
        for _ in range(20):
            await asyncio.sleep(0.05)
            for item in await editor.offered(uri, diagnostic.line, [diagnostic], only=[QUICK_FIX]):
                if item.get("isPreferred"):
                    return item
    return None


# --- as it is written


OLD = "\n".join(
    ["def table(rows):"]
    + [f"    column_{n} = [row[{n}] for row in rows if len(row) > {n}]" for n in range(LINES - 2)]
    + ["    return rows"]
)
NEW = OLD.replace("for row in rows if len(row)", "for row in rows if row and len(row)").replace(
    "return rows", "return list(rows)"
)
BESIDE = "\n\n\ndef other():\n    return 1\n"


async def rewrite(
    folder: Path, environment: Mapping[str, str], log: IO[bytes] | None, count: int
) -> dict[str, Any]:
    """A 30-line rewrite on the `spark` profile, beside a bare client that reads the same answer."""
    profile = PROFILES["spark"]
    oracle, root = folder / "rewritten", folder / "rewriting"
    for place, text in ((oracle, NEW), (root, OLD)):
        place.mkdir()
        (place / "table.py").write_text(text + BESIDE)
    message = await _message(root, environment, log)
    ours: list[tuple[float, float, float]] = []
    bare: list[tuple[float, float]] = []
    async with serving(oracle, profile.ttft, profile.rate, environment, log) as url:
        settings = chat(url, actions={"verify": ["ruff"]})
        async with editing(root, settings, environment, log) as editor:
            uri = editor.open("table.py", OLD + BESIDE, "python")
            for number in range(count + 1):
                ours.append(await _rewritten(editor, uri, number))
                bare.append(await _streamed(url, message))
    ours, bare = ours[1:], bare[1:]  # the first ones open connections
    first, end, edit = (median(times) for times in zip(*ours, strict=True))
    bare_first, bare_end = (median(times) for times in zip(*bare, strict=True))
    return {
        "lines": LINES,
        "tokens": len(tokens(NEW)),
        "rewrites": count,
        "bare": {"first_token_ms": round(bare_first, 1), "end_ms": round(bare_end, 1)},
        "ours": {
            "first_edit_ms": round(first, 1),
            "last_line_ms": round(end, 1),
            "checked_edit_ms": round(edit, 1),
        },
        "first_ratio": round(first / bare_first, 3),
        "end_ratio": round(end / bare_end, 3),
        "checked_ratio": round(edit / bare_end, 3),
    }


async def _message(root: Path, environment: Mapping[str, str], log: IO[bytes] | None) -> dict[str, Any]:
    """The body of our own request, which the bare client sends, too."""
    source = _Listener()
    async with FakeServer(source) as server, editing(root, chat(server.url), environment, log) as editor:
        uri = editor.open("table.py", OLD + BESIDE, "python")
        with suppress(SparkError):
            await editor.client.request("workspace/executeCommand", _command(uri, 0))
    return {
        "model": "fake",
        "stream": True,
        "max_tokens": 4_096,
        "messages": [{"role": "user", "content": source.heard[0]}],
    }


class _Listener:
    """Hears what is asked, and says nothing."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def answer(self, prefix: str, suffix: str) -> str:
        self.heard.append(prefix + suffix)
        return ""


def _command(uri: str, number: int) -> dict[str, Any]:
    span = {"start": {"line": 0, "character": 0}, "end": {"line": LINES, "character": 0}}
    asked = {
        "uri": uri,
        "range": span,
        "instruction": f"Skip empty rows. ({number})",
        "partialToken": f"p{number}",
    }
    return {"command": "spark.rewrite", "arguments": [asked]}


async def _rewritten(editor: Editor, uri: str, number: int) -> tuple[float, float, float]:
    """Milliseconds until the first lines, the last one, and the edit.

    The edit is not applied, so that the next one is asked the same.
    """
    times: list[float] = []
    edits: list[float] = []
    began = time.perf_counter()

    def since() -> float:
        return (time.perf_counter() - began) * 1000

    def apply(params: Any) -> dict[str, Any]:
        edits.append(since())
        return {"applied": True}

    editor.client.on(PARTIAL, lambda params: times.append(since()))
    editor.client.on("workspace/applyEdit", apply)
    await editor.client.request("workspace/executeCommand", _command(uri, number))
    return times[0], times[-1], edits[0]


async def _streamed(url: str, body: Mapping[str, Any]) -> tuple[float, float]:
    """Milliseconds until the first token and the end, read off a socket by who does nothing else."""
    address = urlsplit(url)
    sent = orjson.dumps(body)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        began = time.perf_counter()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(sent)}\r\n\r\n"
        writer.write(head.encode() + sent)
        first = 0.0
        while b"[DONE]" not in (line := await reader.readline()):
            if not line:
                raise SparkError("the fake server broke off")
            if not first and line.startswith(b"data: "):
                first = (time.perf_counter() - began) * 1000
        return first, (time.perf_counter() - began) * 1000
    finally:
        writer.close()


def serving(
    oracle: Path, ttft: float, rate: float, environment: Mapping[str, str], log: IO[bytes] | None
) -> AbstractAsyncContextManager[str]:
    """The URL of a fake server that gives right edits."""
    options = {"--oracle": oracle, "--ttft": ttft, "--rate": rate, "--edits": "right"}
    return fake_process.serving(options, environment, log)
