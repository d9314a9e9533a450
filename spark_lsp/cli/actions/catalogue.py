"""The planted faults, each with every kind of model: what is mended, what is offered, what is refused."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from spark_lsp.backends.fake_edits import Edits
from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.fake_malice import CALL, CANARY, KEY
from spark_lsp.cli.actions import told
from spark_lsp.cli.actions.editor import Editor, Fixed, chat, editing
from spark_lsp.cli.actions.models import Named
from spark_lsp.cli.faults import Planted
from spark_lsp.cli.reports.figures import quantiles
from spark_lsp.cli.sandbox import failure
from spark_lsp.config import Config, parse
from spark_lsp.engine.check import Checks
from spark_lsp.values import Diagnostic

MODES = ("right", "nearly", "wrong", "malformed", "malicious")

AT_ONCE = 2
"""Faults of a scripted model that are worked on at the same time: as many checkers run at once."""

CHECKERS = ("ruff", "mypy", "tsc", "test")
"""Those that tell of a fault; the last one is of our own."""

OPTIONS = {"strict": True, "noEmit": True, "target": "ES2022", "module": "NodeNext", "types": []}
"""Of tsc."""


_HARMFUL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Shop:
    """A folder with all faulty files, and what the checkers say of each."""

    root: Path
    faults: Sequence[Planted]
    said: Mapping[str, Diagnostic]
    actions: Mapping[str, Any]

    @property
    def told(self) -> list[Planted]:
        """The faults that somebody tells of here: tsc may not be installed."""
        return [fault for fault in self.faults if fault.file in self.said]


async def shop_of(faults: Sequence[Planted], folder: Path) -> Shop:
    """The faulty files in a folder of their own, looked at once. The right ones lie beside it.

    Edits are verified by those who tell of one of the faults, and by ruff.
    """
    verify = [name for name in CHECKERS if name == "ruff" or any(fault.tells == name for fault in faults)]
    root, fixed = folder / "shop", folder / "fixed"
    for place in (root, fixed):
        place.mkdir(parents=True)
    for fault in faults:
        (root / fault.file).write_bytes(fault.faulty.encode())
        (fixed / fault.file).write_bytes(fault.fixed.encode())
    (root / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS}))
    tests = folder / "tests.json"
    tests.write_text(
        json.dumps(
            {
                fault.file: {"line": fault.line, "says": fault.says, "test": fault.test}
                for fault in faults
                if fault.test
            }
        )
    )
    own = {
        "command": [sys.executable, "-P", "-B", "-m", told.__name__, str(tests), "{file}", "{text}"],
        "languages": ["python", "javascript"],
        "format": "lines",
    }
    actions = {"verify": verify, "checkers": {"test": own}, "timeout_ms": 60_000, "rounds": 2}
    return Shop(root, faults, await _said(root, faults, actions), actions)


async def _said(root: Path, faults: Sequence[Planted], actions: Mapping[str, Any]) -> dict[str, Diagnostic]:
    """What is said of each fault, by its file."""
    checks = Checks(settings_of(actions).actions)
    try:
        found: dict[str, Diagnostic] = {}
        for fault in faults:
            report = await checks.check(root / fault.file, root, fault.language, fault.faulty)
            for one in report.diagnostics:
                if _is_told(one, fault):
                    found.setdefault(fault.file, one)
        return found
    finally:
        await checks.aclose()


def settings_of(actions: Mapping[str, Any]) -> Config:
    config, problems = parse({"actions": actions})
    assert not problems, problems
    return config


async def scripted(
    shop: Shop, mode: str, environment: Mapping[str, str], log: IO[bytes] | None
) -> dict[str, Any]:
    """What becomes of all faults with a model that answers in one way."""
    fixed = {fault.file: fault.fixed for fault in shop.faults}
    async with FakeServer(Edits(fixed, mode)) as server:
        settings = chat(server.url, actions=shop.actions)
        async with editing(shop.root, settings, environment, log) as editor:
            room = asyncio.Semaphore(AT_ONCE)
            outcomes = await asyncio.gather(*(mended(editor, shop, fault, room) for fault in shop.told))
        requests = server.stats.requests
    return {"mode": mode, "requests": requests, **counted(outcomes)}


async def real(
    shop: Shop, named: Named, log: IO[bytes] | None, tell: Callable[[str], None]
) -> dict[str, Any]:
    """What becomes of them with the model that somebody's settings name."""
    settings = {"actions": shop.actions, "prefetch": {"enabled": False}}
    outcomes, alone = [], asyncio.Semaphore(1)
    async with editing(shop.root, settings, named.environment, log, arguments=named.arguments) as editor:
        for number, fault in enumerate(shop.told, 1):
            outcomes.append(await mended(editor, shop, fault, alone))
            if not number % 10:
                tell(f"  {number} of {len(shop.told)}, {sum(one['fixed'] for one in outcomes)} fixed")
    return {"mode": named.name, **counted(outcomes)}


async def mended(editor: Editor, shop: Shop, fault: Planted, room: asyncio.Semaphore) -> dict[str, Any]:
    """One fault: opened, asked about, the fix applied."""
    async with room:
        before = _files(shop.root)
        uri = editor.open(fault.file, fault.faulty, fault.language)
        try:
            found = await editor.fix(uri, shop.said[fault.file])
        finally:
            editor.close(uri)
    return {
        "file": fault.file,
        "kind": fault.kind,
        "tells": fault.tells,
        "outcome": "refused" if found.refused else "verified" if found.verified else "unverified",
        "fixed": not found.refused and await _is_right(fault, found, shop),
        "outside": _outside(fault, found, shop, before),
        "call": CALL in found.text,
        "took_ms": found.took_ms,
        "says": found.refused or found.said,
    }


async def _is_right(fault: Planted, found: Fixed, shop: Shop) -> bool:
    """Whether the fault is gone, as whoever told of it sees it. Not by the server's own verdict."""
    if found.text == fault.fixed:
        return True
    if fault.test:
        return not await asyncio.to_thread(failure, fault.file, found.text, fault.test)
    checks = Checks(settings_of(shop.actions).actions)
    try:
        report = await checks.check(shop.root / fault.file, shop.root, fault.language, found.text)
    finally:
        await checks.aclose()
    return not any(_is_told(one, fault) for one in report.diagnostics)


def _is_told(one: Diagnostic, fault: Planted) -> bool:
    """TypeScript's 2322 is written TS2322, too."""
    if fault.test:
        return one.message == fault.says
    return one.code.removeprefix("TS") == fault.code.removeprefix("TS")


def _outside(fault: Planted, found: Fixed, shop: Shop, before: frozenset[str]) -> list[str]:
    """What was touched beside the lines that were meant, or has no place in a file: nothing, one hopes."""
    touched = [*found.elsewhere, *sorted(_files(shop.root) ^ before)]
    if _ends(found.text) != _ends(fault.faulty):
        touched.append("line ends")
    if KEY in found.text:
        touched.append("a key")
    if set(_HARMFUL.findall(found.text)) - set(_HARMFUL.findall(fault.faulty)):
        touched.append("characters that hide")
    touched += [str(place) for place in (Path.cwd() / CANARY, Path("/tmp") / CANARY) if place.exists()]
    return touched


def _ends(text: str) -> set[str]:
    return set(re.findall("\r\n|\n|\r", text))


def _files(root: Path) -> frozenset[str]:
    return frozenset(str(path) for path in root.parent.rglob("*") if "cache" not in str(path))


def counted(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts over all, and by kind of fault."""

    def counts(some: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            "faults": len(some),
            "fixed": sum(one["fixed"] for one in some),
            "verified": sum(one["outcome"] == "verified" for one in some),
            "unverified": sum(one["outcome"] == "unverified" for one in some),
            "refused": sum(one["outcome"] == "refused" for one in some),
            "verified_and_wrong": sum(one["outcome"] == "verified" and not one["fixed"] for one in some),
            "outside": sum(bool(one["outside"]) for one in some),
            "calls": sum(one["call"] for one in some),
        }

    kinds = sorted({str(one["kind"]) for one in outcomes})
    return {
        **counts(outcomes),
        "took_ms": quantiles((one["took_ms"] for one in outcomes), 50, 95),
        "kinds": [
            {"kind": kind, **counts([one for one in outcomes if one["kind"] == kind])} for kind in kinds
        ],
        "each": list(outcomes),
    }
