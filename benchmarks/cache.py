"""What a lookup in the prefix cache costs, beside a scan of all entries: `python -m benchmarks cache`.

The entries are those of somebody who went through real files: one at every line, with the next
lines as the suggestion. The lookups are states of typing along with one of them, and states that
no entry leads to.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spark_lsp.completion.cache import STATES_PER_ANCHOR, PrefixCache
from spark_lsp.completion.context import gather
from spark_lsp.completion.fit import fit
from spark_lsp.completion.trim import Trimmer
from spark_lsp.text import Lines, Snapshot
from spark_lsp.values import Suggestion

LINES_PER_SUGGESTION = 5
LOOKUPS = 2000


def states(count: int) -> Iterator[tuple[Snapshot, str]]:
    """Places in the standard library, and what stands behind them as the suggestion."""
    folder = Path(statistics.__file__).parent
    for path in sorted(folder.glob("*.py")):
        lines = Lines.of(path.read_text("utf-8", "replace"))
        uri = path.as_uri()
        for line in range(lines.count - LINES_PER_SUGGESTION):
            if count == 0:
                return
            indent = len(lines[line]) - len(lines[line].lstrip(" "))
            if not lines[line].strip():
                continue
            count -= 1
            rest = "".join(lines.slice(line, line + LINES_PER_SUGGESTION))[indent:].rstrip("\n")
            before = lines.splice(line, line + LINES_PER_SUGGESTION, [lines[line][:indent] + "\n"])
            yield Snapshot(uri, 0, "python", before, line, indent), rest


class Scan:
    """The plain way: the text before the cursor against that of every entry, the newest first."""

    def __init__(self, entries: Sequence[tuple[Snapshot, str]]) -> None:
        self._entries = [(now.uri, now.before(500)[-500:], text) for now, text in reversed(entries)]

    def get(self, now: Snapshot) -> str | None:
        here = now.before(2000)
        for uri, before, text in self._entries:
            if uri == now.uri and (start := here.rfind(before)) >= 0:
                rest = here[start + len(before) :]
                if text.startswith(rest):
                    return text[len(rest) :]
        return None


def microseconds(work: Callable[[Snapshot], object], asked: Sequence[Snapshot]) -> tuple[float, float]:
    """(p50, p99) of one call."""
    times = []
    for snapshot in asked:
        start = time.perf_counter()
        work(snapshot)
        times.append(1e6 * (time.perf_counter() - start))
    cuts = statistics.quantiles(times, n=100)
    return cuts[49], cuts[98]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[100, 1000, 10_000])
    random.seed(0)
    print("| entries | MB | hit p50 us | hit p99 us | miss p50 us | miss p99 us | scan p50 us |")
    print("|---|---|---|---|---|---|---|")
    for count in parser.parse_args(arguments).entries:
        entries = list(states(count))
        cache = PrefixCache(1 << 30)
        for snapshot, text in entries:
            cache.put(snapshot, Suggestion(text))
        chosen = random.choices(entries, k=LOOKUPS)
        along = [snapshot.edited(0, 0, text[: random.randrange(len(text))]) for snapshot, text in chosen]
        beside = [snapshot.edited(0, 0, "\x00") for snapshot in along]
        hit, miss = microseconds(cache.get, along), microseconds(cache.get, beside)
        found = sum(cache.get(snapshot) is not None for snapshot in along)
        scanned, _ = microseconds(Scan(entries).get, along[:100])
        row = [f"{value:.1f}" for value in (*hit, *miss)]
        megabytes = cache.size_bytes / 1e6
        print(f"| {len(cache)} | {megabytes:.1f} | {' | '.join(row)} | {scanned:.0f} |", flush=True)
        assert found > 0.95 * LOOKUPS, found
    print()
    for name, cache, asked in hard_cases():
        assert cache.get(asked[0]) is not None, name
        p50, p99 = microseconds(cache.get, asked)
        others, _ = microseconds(lambda now, cache=cache: cache.others(now, besides="-"), asked)  # type: ignore[misc]
        print(f"{name}: p50 {p50:.1f} us, p99 {p99:.1f} us, others {others:.1f} us")
    print()
    around(list(states(500)))


def hard_cases() -> Iterator[tuple[str, PrefixCache, list[Snapshot]]]:
    """Where a lookup has most to look at, and where it has most around it."""
    line = "value = " + "x" * STATES_PER_ANCHOR
    crowded = PrefixCache(1 << 30)
    for column in range(8, len(line)):
        crowded.put(
            Snapshot("a", 0, "python", Lines.of(line[:column]), 0, column), Suggestion(line[column:] + "y")
        )
    end = Snapshot("a", 0, "python", Lines.of(line), 0, len(line))
    yield f"{len(crowded)} states of one line", crowded, [end] * LOOKUPS

    alike = PrefixCache(1 << 30)
    lines = Lines.of("}\n" * 200)
    for number in range(100):
        alike.put(Snapshot("a", 0, "c", lines, number, 0), Suggestion("}\n" * 60))
    yield (
        "lines that are all alike, 60 of them in an answer",
        alike,
        [Snapshot("a", 0, "c", lines, 90, 1)] * LOOKUPS,
    )

    for size in (100, 100_000):
        lines = Lines.of("".join(f"line {number}\n" for number in range(size)))
        middle = Snapshot("a", 0, "python", lines, size // 2, 4)
        sized = PrefixCache(1 << 30)
        sized.put(middle, Suggestion("text\nand more\nand more"))
        yield f"a file of {size:,} lines", sized, [middle.edited(0, 0, "text\nand")] * LOOKUPS


def around(entries: Sequence[tuple[Snapshot, str]]) -> None:
    """The rest of the way, per call: gathering the context, trimming a whole answer, fitting it."""
    context, _ = microseconds(lambda now: gather(now, path="f.py"), [now for now, _ in entries])
    answers = {id(now): text for now, text in entries}

    def trim(now: Snapshot) -> None:
        trimmer = Trimmer(gather(now, path="f.py"))
        text = answers[id(now)]
        for start in range(0, len(text), 4):
            trimmer.feed(text[start : start + 4])
        trimmer.finish("stop")

    pieces = statistics.mean(len(text) / 4 for text in answers.values())
    trimmed, _ = microseconds(trim, [now for now, _ in entries])
    fitted, _ = microseconds(
        lambda now: fit(Suggestion(answers[id(now)]), now, "cached"), [now for now, _ in entries]
    )
    trimming = (trimmed - context) / pieces
    print(f"context {context:.0f} us, trimming {trimming:.0f} us a piece, fit {fitted:.0f} us")


if __name__ == "__main__":
    main()
