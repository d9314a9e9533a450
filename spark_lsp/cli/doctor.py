"""`spark-lsp doctor`: every known and configured backend, how fast it is, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from spark_lsp.backends.discovery import Found, discover
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.recording import keep
from spark_lsp.cli.files import settings_in_force
from spark_lsp.completion.gate import Gate
from spark_lsp.config import BackendSettings, Config
from spark_lsp.config.backend import LANES
from spark_lsp.config.presets import PRESETS
from spark_lsp.engine.checkup import TOKENS, Checkup, check
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.explain import Outlook
from spark_lsp.engine.notebook import Notebook, Notes, notebook_path
from spark_lsp.engine.store import Store, store_path

COLUMNS = 100
"""Of what is printed where there is no terminal."""


async def run(
    *, explain: bool, as_json: bool, yes: bool, record: Path | None, config_file: Path | None
) -> int:
    """Check everything, print it. Returns 1 when nothing but `workspace` can be used."""
    config = settings_in_force(config_file, Path.cwd())
    backends = await _backends(config)
    asked = _may_spend(backends, yes=yes)

    def kept(backend: HttpBackend, kind: str, body: bytes) -> Path:
        assert record is not None
        return keep(record, backend, kind, body)

    def recorded(settings: BackendSettings) -> BackendSettings:
        # A recording is of the event stream over HTTP, which has what tests are made of.
        return settings if record is None else replace(settings, websocket=False)

    checkups = await asyncio.gather(
        *(
            check(
                recorded(found.settings),
                found.how,
                spend=not found.settings.metered or found.settings.name in asked,
                record=None if record is None else kept,
            )
            for found in backends
        )
    )
    today = date.today().isoformat()
    outlook = Outlook(config, checkups, await _remembered(config), now=time.monotonic(), day=today)
    report = _report(config, checkups, outlook)
    if explain:
        report["explain"] = outlook.report() | {"gate": await _gate(config)}
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print(report)
    return 0 if any(checkup.usable for checkup in checkups) else 1


async def _remembered(config: Config) -> Notes:
    """What the servers of this user have measured and spent."""
    path = notebook_path()
    if not path.exists():
        return Notes({}, 0.0, [])
    notebook = Notebook(path, lambda problem: print(problem, file=sys.stderr))
    try:
        notes = await notebook.load()
    finally:
        await notebook.aclose()
    return notes if config.routing.remember else notes._replace(measurements={})


async def _gate(config: Config) -> dict[str, Any] | None:
    """What was learned of this person and kept; None where nothing is kept."""
    if not config.cache.persist or not store_path().exists():
        return None
    store = Store(store_path(), config.cache.max_bytes, lambda problem: print(problem, file=sys.stderr))
    try:
        return Gate.restored(await store.odds()).learned()
    finally:
        await store.aclose()


async def _backends(config: Config) -> list[Found]:
    """Those in the settings, or else those that are found by themselves."""
    if config.backends:
        return [Found(backend, "in the settings") for backend in config.backends if backend.kind != NAME]
    return list(await discover(os.environ)) if config.routing.discover else []


def _may_spend(backends: Iterable[Found], *, yes: bool) -> set[str]:
    """The names of the metered backends that may be asked. Asks whoever sits at the terminal."""
    metered = [found.settings.name for found in backends if found.settings.metered]
    if yes or not metered:
        return set(metered)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return set()
    print(
        f"{', '.join(metered)}: measuring takes one completion of {TOKENS} tokens each, which costs money.",
        file=sys.stderr,
    )
    print("Spend it? [y/N] ", end="", file=sys.stderr, flush=True)
    return set(metered) if sys.stdin.readline().strip().lower() in ("y", "yes") else set()


def _report(config: Config, checkups: Sequence[Checkup], outlook: Outlook) -> dict[str, Any]:
    backends = [_row(checkup) for checkup in checkups]
    if config.workspace.enabled:
        backends.append(
            {
                "name": NAME,
                "kind": NAME,
                "found": "always here",
                "state": "ok",
                "usable": True,
                "model": "longest-match",
                "lanes": ["instant"],
                "metered": False,
                "advice": "",
            }
        )
    known = {checkup.settings.preset for checkup in checkups}
    absent = [] if config.backends else [_absent(name) for name in PRESETS if name not in known]
    return {
        "usable": any(checkup.usable for checkup in checkups),
        "backends": backends,
        "lanes": {lane: list(outlook.case(lane).route.names) for lane in LANES},
        "not_found": absent,
    }


def _row(checkup: Checkup) -> dict[str, Any]:
    settings, speed = checkup.settings, checkup.speed
    return {
        "name": settings.name,
        "kind": settings.kind,
        "preset": settings.preset,
        "url": settings.base_url,
        "found": checkup.found,
        "state": checkup.state,
        "reachable": checkup.state != "unreachable",
        "authorized": checkup.state not in ("unreachable", "unauthorized"),
        "usable": checkup.usable,
        "model": checkup.model,
        "models": list(checkup.models),
        "lanes": list(settings.lanes),
        "metered": settings.metered,
        "ttft_ms": None if speed is None else round(speed.ttft_ms, 1),
        "tokens_per_s": None if speed is None or speed.tokens_per_s is None else round(speed.tokens_per_s, 1),
        "problem": checkup.problem,
        "advice": checkup.advice,
        "recorded": checkup.recorded,
    }


def _absent(name: str) -> dict[str, str]:
    preset = PRESETS[name]
    if preset.ports:
        ports = " or ".join(map(str, preset.ports))
        needs, way, how = "ports", f"{preset.title} on {ports}", f"start it on port {ports}"
    else:
        key = preset.settings["api_key_env"]
        needs, way, how = "key", f"{key} ({preset.title})", f"set {key}"
    return {"preset": name, "title": preset.title, "advice": how, "needs": needs, "way": way}


def _print(report: dict[str, Any]) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=COLUMNS)
    table = Table("backend", "found", "state", "model", "first token", "tokens/s", box=None, pad_edge=False)
    for row in report["backends"]:
        rate, ttft = row.get("tokens_per_s"), row.get("ttft_ms")
        table.add_row(
            row["name"],
            row["found"],
            row["state"],
            row["model"],
            "" if ttft is None else f"{ttft:.0f} ms",
            "" if rate is None else f"{rate:.0f}",
        )
    console.print(table)
    for row in report["backends"]:
        if row.get("problem") or row["advice"]:
            words = ". ".join(part for part in (row.get("problem", ""), row["advice"]) if part)
            console.print(f"\n{row['name']}: {words}", highlight=False, markup=False, soft_wrap=True)
        if row.get("recorded"):
            console.print(f"{row['name']}: recorded in {row['recorded']}", markup=False, soft_wrap=True)
    console.print()
    if "explain" in report:
        _print_explained(console, report["explain"])
    else:
        for lane, names in report["lanes"].items():
            console.print(f"{lane}: {', '.join(names) or 'nobody'}", highlight=False, markup=False)
    for line in _what_else(report):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _what_else(report: Mapping[str, Any]) -> Iterator[str]:
    """What could be used, and what it takes."""
    absent = report["not_found"]
    if len(report["backends"]) == 1 and report["backends"][0]["name"] == NAME:
        yield "\nNo model yet: the embedded predictor answers, from the files of your workspace. For a model,"
    elif absent:
        yield "\nNot found:"
    for what, key in (("set a key", "key"), ("or start a server on this machine", "ports")):
        ways = ", ".join(row["way"] for row in absent if row["needs"] == key)
        if ways:
            yield f"  {what}: {ways}"
    if absent:
        yield "or name one in the settings: docs/backends.md has all of them."


def _print_explained(console: Console, explained: dict[str, Any]) -> None:
    def line(words: str) -> None:
        console.print(words, highlight=False, markup=False)

    line(explained["formula"])
    line(
        f"Forecasts are for a prompt of {explained['prompt_characters']:,} characters. Where little was "
        "observed, they are near to what is usual anywhere."
    )
    for case in explained["cases"]:
        line(f"\n{case['about']}: {', '.join(case['order']) or 'nobody'}")
        if case["candidates"]:
            console.print(_forecasts(case["candidates"]))
        for one in case["candidates"]:
            line(f"  {one['name']}: {one['why']}")
        for name, why in case["left_out"].items():
            line(f"  not asked: {name} {why}")
    if (gate := explained["gate"]) is not None:
        few = "" if gate["enough"] else ", too few to refuse anything"
        line(f"\nThe gate has learned from {gate['seen']} suggestions{few}. Odds that one is taken:")
        for one in gate["reasons"]:
            line(f"  {one['reason']}: times {one['odds']:.2f}")


def _forecasts(candidates: Iterable[dict[str, Any]]) -> Table:
    heads = ("first token", "its p90", "tokens/s", "first line", "edit", "costs", "observations")
    table = Table("", "", *heads, box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for one in candidates:
        times = (one["ttft_p50_ms"], one["ttft_p90_ms"], one["first_line_ms"], one["edit_ms"])
        p50, p90, first_line, edit = (f"{time:.0f} ms" for time in times)
        cost = "unknown" if one["edit_cost"] is None else f"{one['edit_cost']:.2g}"
        observations = f"{one['observations']:.1f}" if one["observations"] else "a guess"
        table.add_row(
            "", one["name"], p50, p90, f"{one['tokens_per_s']:.0f}", first_line, edit, cost, observations
        )
    return table
