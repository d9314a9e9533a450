"""What it is worth to end a prompt before the word that is half typed: lines of real code.

    python -m benchmarks.healing --model FILE [--fim STYLE] [--project DIR] [--cases N] [--json]

A case is a line of the project and a cursor in it: within a word, behind a blank, behind an operator or a
bracket, behind the indentation. The model (a GGUF file, extra `local`) is told what stands before the cursor,
and by a FIM style the lines below. It is exact when it says the rest of the line.

`whole`: the prompt ends at the cursor. `healed`: it ends before what is half typed; a model that begins with
other words is asked again with all of it, and the tokens are those of both. `constrained`: a grammar makes it
begin with what was typed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import rich

from spark_lsp.backends.base import Backend
from spark_lsp.backends.local import LocalBackend
from spark_lsp.completion.context import Context
from spark_lsp.completion.healing import Healing
from spark_lsp.completion.prompt import render, template_for
from spark_lsp.config import BackendSettings
from spark_lsp.values import Prompt

ABOVE, BELOW = 800, 300  # characters
MAX_TOKENS = 24
PLACES: Mapping[str, str] = {
    "in a word": r"(?<=\w)(?=\w)",
    "behind a blank": r"(?<=\S )(?=\S)",
    "behind an operator": r"(?<=[^\w\s])(?=\S)",
    "behind the indentation": r"^\s+",
    "in the first word": r"^\s+\w+?(?=\w)",
}
POLICIES = ("whole", "healed", "constrained")


@dataclass(frozen=True, slots=True)
class Case:
    place: str
    context: Context
    rest: str


@dataclass(slots=True)
class Score:
    """Sums over cases. `again`: of those that were asked twice; seconds are those of the whole answer."""

    cases: int = 0
    exact: int = 0
    again: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def report(self) -> dict[str, float]:
        share = max(self.cases, 1)
        return {
            "cases": self.cases,
            "exact": round(self.exact / share, 3),
            "again": round(self.again / share, 3),
            "tokens": round(self.tokens / share, 1),
            "ms": round(self.seconds / share * 1000),
        }


def cases(project: Path, count: int, seed: int) -> Iterator[Case]:
    """`count` of each place, in turn."""
    random = Random(seed)
    files = [path for path in sorted(project.rglob("*.py")) if path.stat().st_size > 2_000]
    for number in range(count * len(PLACES)):
        place = list(PLACES)[number % len(PLACES)]
        while True:
            lines = random.choice(files).read_text("utf-8", "replace").split("\n")
            index = random.randrange(len(lines))
            line = lines[index].rstrip()
            cursors = [
                found.end() for found in re.finditer(PLACES[place], line) if _inside(line, found.end())
            ]
            if cursors and len(line.strip()) >= 8:
                break
        cursor = random.choice(cursors)
        before = "\n".join((*lines[:index], line[:cursor]))[-ABOVE:]
        after = "\n".join(("", *lines[index + 1 :]))[:BELOW]
        context = Context("file:///a.py", "a.py", "python", before, after, multiline=False)
        yield Case(place, context, line[cursor:])


def _inside(line: str, cursor: int) -> bool:
    return len(line) - len(line.lstrip()) <= cursor < len(line)


async def run(backend: Backend, fim: str, held_out: Sequence[Case]) -> dict[str, dict[str, Score]]:
    scores = {policy: {place: Score() for place in PLACES} for policy in POLICIES}
    for number, case in enumerate(held_out):
        for policy in POLICIES:
            began = time.perf_counter()
            text, tokens, again = await _answer(backend, fim, case.context, policy)
            score = scores[policy][case.place]
            score.cases += 1
            score.exact += text.partition("\n")[0].rstrip() == case.rest
            score.again += again
            score.tokens += tokens
            score.seconds += time.perf_counter() - began
        print(f"\r{number + 1} of {len(held_out)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return scores


async def _answer(backend: Backend, fim: str, context: Context, policy: str) -> tuple[str, int, bool]:
    prompt = render(context, fim, max_tokens=MAX_TOKENS, heals=policy != "whole")
    asked = prompt if policy == "constrained" else replace(prompt, typed="")
    text, tokens, contradicted = await _heard(backend, asked, Healing(prompt.typed))
    if contradicted:
        text, more, _ = await _heard(backend, prompt.unhealed, Healing(""))
        tokens += more
    return text, tokens, contradicted


async def _heard(backend: Backend, prompt: Prompt, healing: Healing) -> tuple[str, int, bool]:
    text, tokens = "", 0
    async with aclosing(backend.stream(prompt)) as deltas:
        async for delta in deltas:
            tokens += delta.tokens if delta.text else 0
            text += healing.feed(delta.text, final=delta.finish is not None)
            if healing.contradicted:
                return "", tokens, True
    return text, tokens, False


async def measured(options: argparse.Namespace) -> dict[str, Any]:
    settings = BackendSettings(
        "measured", kind="local", model_file=str(options.model), context_tokens=2048, threads=options.threads
    )
    backend = LocalBackend(settings)
    fim = options.fim or template_for(options.model.name)
    try:
        scores = await run(backend, fim, list(cases(options.project, options.cases, options.seed)))
    finally:
        await backend.aclose()
    report: dict[str, Any] = {"model": options.model.name, "fim": fim, "project": options.project.name}
    for policy, places in scores.items():
        report[policy] = {place: score.report() for place, score in places.items()}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--fim", default="", help="the style; else what the model's name says")
    parser.add_argument("--project", type=Path, default=Path(rich.__file__).parent)
    parser.add_argument("--cases", type=int, default=20, help="of each place")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report = asyncio.run(measured(options))
    if options.json:
        print(json.dumps(report))
        return
    print(f"{report['model']}, {report['fim']}, {options.cases} lines of {report['project']} for each place")
    for place in PLACES:
        for policy in POLICIES:
            row = report[policy][place]
            print(
                f"{place:24}{policy:13}exact {row['exact']:6.1%}  again {row['again']:6.1%}"
                f"  tokens {row['tokens']:5.1f}  {row['ms']:5} ms"
            )


if __name__ == "__main__":
    main()
