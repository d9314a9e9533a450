"""What the embedded predictor costs with Python's standard library as workspace: time, memory, answers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from spark_lsp.cli.pipe import Editor, Pipe
from spark_lsp.engine.metrics import percentiles

LIMIT = 300.0  # seconds that the first index may take before it is reported as not ready
EVERY = 0.02  # seconds from request to request while the workspace is learned

LEFT_OUT = ("test", "idle_test", "site-packages", "dist-packages", "__pycache__")

_LINE = re.compile(r"^[ \t]*\w+(?:[^\w\n]+\w+){2,}.*$", re.MULTILINE)
_PLACE = re.compile(r"\w[^\w]")


def measure(ours: Sequence[str], cases: int, folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Seconds of the first index, ms of requests meanwhile, MB resident after it, ms of `cases` answers."""
    root = standard_library(folder / "library")
    config = folder / "workspace.json"
    config.write_text('{"backend": [{"name": "workspace", "kind": "workspace"}]}', encoding="utf-8")
    with Pipe([*ours, "--config", str(config)], env=environment) as pipe:
        pipe.initialize(root)
        started = time.perf_counter()
        meanwhile = _wait_for_index(pipe, root, started + LIMIT)
        index_s = time.perf_counter() - started
        workspace = pipe.request("spark/metrics", {}).result["workspace"]
        resident, peak = memory_mb(pipe.pid)
        answers = _answers(pipe, root, cases)
        return {
            **workspace,
            "index_s": round(index_s, 2),
            "while_indexing_ms": {**percentiles(meanwhile), "worst": round(max(meanwhile), 3)},
            "requests_while_indexing": len(meanwhile),
            "resident_mb": resident,
            "peak_mb": peak,
            **answers,
            "resident_after_answers_mb": memory_mb(pipe.pid)[0],
        }


def standard_library(folder: Path) -> Path:
    """A copy of the standard library's Python files, without tests and installed packages."""
    library = Path(sysconfig.get_path("stdlib"))

    def ignored(parent: str, names: list[str]) -> set[str]:
        return {
            name
            for name in names
            if name in LEFT_OUT or (not name.endswith(".py") and not (Path(parent) / name).is_dir())
        }

    shutil.copytree(library, folder, ignore=ignored)
    return folder.resolve()


def memory_mb(pid: int) -> tuple[float, float | None]:
    """Resident memory now, and at most so far where the system tells."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        fields = dict(re.findall(r"^(Vm\w+):\s+(\d+) kB", status.read_text(), re.MULTILINE))
        return round(int(fields["VmRSS"]) / 1024, 1), round(int(fields["VmHWM"]) / 1024, 1)
    resident = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True, text=True
    )
    return round(int(resident.stdout) / 1024, 1), None


def _wait_for_index(pipe: Pipe, root: Path, limit: float) -> list[float]:
    """Type into a new file until the workspace is learned. Returns the ms of each key's answer."""
    editor = Editor(pipe, (root / "unsaved.py").as_uri())
    editor.open("import asyncio\n\n\ndef main():\n    ")
    times = []
    ready = False
    while not ready and time.perf_counter() < limit:
        for key in "return asyncio.":
            times.append(editor.type(key).seconds * 1000)
            time.sleep(EVERY)
        editor.type("\n    ")
        ready = pipe.request("spark/metrics", {}).result["workspace"]["ready"]
    return times


def _answers(pipe: Pipe, root: Path, cases: int) -> dict[str, Any]:
    """One key in the middle of a line, the rest of that line gone, in files at random.

    The first question about a file just opened waits until the file is learned: it is counted apart.
    """
    random = Random(0)
    files = sorted(path for path in root.rglob("*.py") if 2_000 < path.stat().st_size < 200_000)
    first, later, shown = [], [], 0
    for path in random.sample(files, min(cases, len(files))):
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = list(_LINE.finditer(text))
        if not lines:
            continue
        line = random.choice(lines)
        cursor = line.start() + random.choice([match.end() for match in _PLACE.finditer(line[0])])
        editor = Editor(pipe, path.as_uri())
        editor.open(text[: cursor - 1], text[line.end() :])
        before = _computed(pipe)
        first.append(editor.ask(above=1).seconds * 1000)
        computed = _computed(pipe)
        answer = editor.type(text[cursor - 1])
        # What the first question brought may have gone on to here: then nothing was computed.
        if _computed(pipe) > computed > before:
            later.append(answer.seconds * 1000)
            shown += bool(answer.result["items"])
    return {
        "answers": len(later),
        "shown_share": round(shown / max(len(later), 1), 3),
        "first_answer_ms": percentiles(first),
        "answer_ms": percentiles(later),
    }


def _computed(pipe: Pipe) -> int:
    """How many answers did not come from the cache, once all that was sent is done."""
    hits = pipe.request("spark/metrics", {}).result["hits"]
    computed: int = hits["workspace"] + hits["none"]
    return computed
