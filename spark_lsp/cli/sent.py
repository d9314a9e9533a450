"""`spark-lsp config --show --sent FILE:LINE:COL`: what would leave the machine from there, and to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spark_lsp.cli.complete import LEARNING_LIMIT, opened, parse_target
from spark_lsp.cli.files import read_file
from spark_lsp.engine.sent import Letter, Sent


async def run(argument: str, *, as_json: bool, config_file: Path | None) -> int:
    """Print it; nothing is sent. Raises UsageError for a place that is not there."""
    target = parse_target(argument)
    text = read_file(target.file)
    async with opened(target, text, config_file) as (engine, snapshot):
        await engine.learned(LEARNING_LIMIT)
        sent = await engine.sent(snapshot)
    if as_json:
        print(json.dumps({"place": argument, **_report(sent)}, ensure_ascii=False))
        return 0
    if sent.reason:
        print(f"# {sent.reason}")
    if not sent.letters:
        print(
            "# nothing leaves this process" + ("" if sent.reason else ": no backend outside of it is there")
        )
    for number, letter in enumerate(sent.letters, 1):
        print("\n".join(_lines(number, letter)))
    return 0


def _lines(number: int, letter: Letter) -> Iterator[str]:
    where = "on this machine" if letter.local else "leaves this machine"
    yield f"# {number}. {letter.backend} {letter.model}".rstrip() + f" {letter.url}".rstrip() + f" ({where})"
    if not letter.replaced:
        yield "# replaced: nothing"
    for each in letter.replaced:
        yield f"# replaced: line {each.line + 1}, {each.length} characters ({each.rule})"
    for name, value in letter.body.items():
        for field, text in _texts(name, value):
            yield f"[{field}]"
            yield text


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each text of a request on its own, as it is; the rest as JSON."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _texts(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple) and any(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            yield from _texts(f"{name}.{index}", inner)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _report(sent: Sent) -> dict[str, Any]:
    return {
        "reason": sent.reason or None,
        "sent": [
            {
                "backend": letter.backend,
                "model": letter.model,
                "local": letter.local,
                "url": letter.url or None,
                "body": letter.body,
                "replaced": [
                    {"rule": each.rule, "line": each.line + 1, "length": each.length}
                    for each in letter.replaced
                ],
            }
            for letter in sent.letters
        ],
    }
