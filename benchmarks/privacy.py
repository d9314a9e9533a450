"""What taking secrets out of a prompt costs at each key: `python -m benchmarks privacy`.

Somebody types in the middle of real files. Beside it, in the same run: the rules on a prompt of which no line
is known yet.
"""

from __future__ import annotations

import statistics
import time
from itertools import islice
from pathlib import Path

from spark_lsp.completion.context import gather
from spark_lsp.completion.prompt import render
from spark_lsp.privacy.redact import Redactor
from spark_lsp.privacy.rules import Scanner
from spark_lsp.text import Document
from spark_lsp.values import Prompt

TYPED = "result = total + 1"
FILES = 40


def prompts(file: Path) -> list[Prompt]:
    """The prompts of somebody who types a line in the middle of the file, key by key."""
    text = file.read_text("utf-8", "replace").replace("\r\n", "\n")
    document = Document(file.as_uri(), text, language="python", version=0, encoding="utf-32")
    line = document.lines.count // 2
    made = []
    for column, key in enumerate(TYPED):
        document.edit(line, column, line, column, key)
        context = gather(document.snapshot(line, column + 1), path=file.name)
        made.append(render(context, "qwen", max_tokens=64))
    return made


def main() -> None:
    redactor = Redactor(b"of the benchmark")
    warm, cold = [], []
    files = (
        file for file in sorted(Path(statistics.__file__).parent.glob("*.py")) if file.stat().st_size > 20_000
    )
    for file in islice(files, FILES):
        typed = prompts(file)
        started = time.perf_counter()
        Scanner().scan((typed[0].prefix + typed[0].suffix).split("\n"))
        cold.append((time.perf_counter() - started) * 1000)
        redactor.redact(typed[0])
        for prompt in typed[1:]:
            started = time.perf_counter()
            redactor.redact(prompt)
            warm.append((time.perf_counter() - started) * 1000)
    for name, times in (("at the next key", warm), ("a text never seen", cold)):
        quantiles = statistics.quantiles(times, n=20)
        print(
            f"{name:20} p50 {statistics.median(times):6.3f} ms   p95 {quantiles[-1]:6.3f} ms   {len(times)}"
        )
    print(f"a line that is known saves {statistics.median(cold) / statistics.median(warm):.1f}x")
