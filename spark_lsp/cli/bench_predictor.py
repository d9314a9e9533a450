"""How often the embedded predictor is exactly right on lines of real code that were held out.

A case is a line of the project and a cursor in it: at a token boundary behind
the line's first token (`mid_line`), or behind its indentation (`line_start`). The
predictor knows the other files, the case's own file up to the cursor, and, as an
editor would, the lines below the cursor to compare with. It does not know the rest of
the line. A prediction is exact when its first line is that rest, blanks at the
end aside.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

from spark_lsp.config import WorkspaceSettings
from spark_lsp.engine.metrics import percentiles
from spark_lsp.errors import UsageError
from spark_lsp.workspace.discover import discover, read
from spark_lsp.workspace.index import Index
from spark_lsp.workspace.predict import predict
from spark_lsp.workspace.tokens import STARTS, Vocabulary, indentation, split

KINDS = ("mid_line", "line_start")
FEWEST_TOKENS = {"mid_line": 4, "line_start": 2}  # of a line that may be held out
NAIVE_MATCH = 4  # tokens: the naive matcher is silent below when it is gated
BINS = 10
WIDTH = 40  # characters of the plot

KNOWN = {
    "predictor": "own file indexed up to the cursor; the text after the cursor's line is compared with",
    "without_after": "own file indexed up to the cursor; nothing known of the text after it",
    "below_indexed": "as in an editor: own file indexed except for the cursor's line",
    "naive": "own file up to the cursor; longest match of tokens, copied to the end of the line; "
    f"gated: the match has {NAIVE_MATCH} tokens or more",
}

_CODE = frozenset(
    f".{name}"
    for name in (
        *("py", "ts", "tsx", "js", "jsx", "mjs", "go", "rs", "java", "kt", "c", "h", "cc", "cpp", "hpp"),
        *("cs", "rb", "php", "swift", "scala", "lua", "sh"),
    )
)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Case:
    """A cursor: 0-based line, column in code points, and the rest of the line that was held out."""

    path: str
    line: int
    column: int
    rest: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer: `confidence` is 0 and `exact` False when there was none."""

    exact: bool
    confidence: float
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Project:
    """The texts of a project by path, their lines, and an index of all of them."""

    lines: Mapping[str, Sequence[str]]
    index: Index
    seconds: float


def main(project: Path, *, cases: int, seed: int, threshold: float, as_json: bool) -> int:
    """Print the report. Raises UsageError when there is nothing to hold out."""
    report = run(project, cases, seed, threshold)
    if as_json:
        print(json.dumps(report))
    else:
        console = Console()
        for table in tables(report):
            console.print(table)
    return 0


def run(project: Path, cases: int, seed: int, threshold: float) -> dict[str, Any]:
    """Everything measured, shares from 0 to 1. `cases` are held out of each kind.

    Raises UsageError when the folder does not exist or has no code to hold out.
    """
    known = learn(project)
    held_out = {kind: hold_out(known.lines, kind, cases, seed) for kind in KINDS}
    ways: dict[str, Callable[[Case], Outcome]] = {
        "predictor": lambda case: ask(known, case),
        "without_after": lambda case: ask(known, case, after=False),
        "below_indexed": lambda case: ask(known, case, below=True),
        "naive": Naive(known.lines).ask,
    }
    outcomes = {
        name: {kind: [way(case) for case in held_out[kind]] for kind in KINDS} for name, way in ways.items()
    }
    own = [outcome for kind in KINDS for outcome in outcomes["predictor"][kind]]
    return {
        "project": project.name,
        "files": known.index.files,
        "tokens": known.index.tokens,
        "index_seconds": round(known.seconds, 2),
        "cases": cases,
        "seed": seed,
        "threshold": threshold,
        **{
            name: {
                "known": KNOWN[name],
                **{
                    kind: score(found, NAIVE_GATE if name == "naive" else threshold)
                    for kind, found in kinds.items()
                },
            }
            for name, kinds in outcomes.items()
        },
        "answer_ms": percentiles(outcome.milliseconds for outcome in own),
        "reliability": reliability(own),
        "calibration_error": calibration_error(own),
    }


def learn(project: Path) -> Project:
    """Read and index a project as the server would, except that nothing is ignored."""
    settings = WorkspaceSettings()
    if not project.is_dir():
        raise UsageError(f"{project} is no folder: --project names a folder of code")
    index = Index(settings.max_index_bytes)
    lines: dict[str, list[str]] = {}
    started = time.perf_counter()
    for found in discover(
        project,
        ignore_files=(),
        max_files=settings.max_files,
        max_bytes=settings.max_file_bytes,
        stop=lambda: False,
    ):
        text = read(found.path, settings.max_file_bytes)
        if text is not None:
            index.install(index.prepare(str(found.path), text))
            lines[str(found.path)] = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Project(lines, index, time.perf_counter() - started)


def hold_out(texts: Mapping[str, Sequence[str]], kind: str, count: int, seed: int) -> list[Case]:
    """Lines of the project's main language, each as likely as any other. Raises UsageError without any.

    A line that may be held out has `FEWEST_TOKENS` of its kind or more, and a letter or digit.
    """
    sizes = Counter[str]()
    for path, lines in texts.items():
        if Path(path).suffix in _CODE:
            sizes[Path(path).suffix] += len(lines)
    if not sizes:
        raise UsageError("the project holds no code: --project names a folder with source files in it")
    main_language = max(sizes, key=sizes.__getitem__)
    lines_of = [
        (path, number)
        for path in texts
        if Path(path).suffix == main_language
        for number in range(len(texts[path]))
    ]
    random = Random(f"{seed} {kind}")
    random.shuffle(lines_of)
    cases: list[Case] = []
    for path, number in lines_of:
        if len(cases) == count:
            break
        line = texts[path][number].rstrip()
        indent = indentation(line)
        tokens = split(line[len(indent) :])
        if len(tokens) < FEWEST_TOKENS[kind] or not any(map(str.isalnum, line)):
            continue
        kept = random.randrange(1, len(tokens)) if kind == "mid_line" else 0
        column = len(indent) + sum(map(len, tokens[:kept]))
        cases.append(Case(path, number, column, line[column:]))
    if not cases:
        raise UsageError(
            f"no line of the project has {FEWEST_TOKENS[kind]} tokens: --project names a folder of code"
        )
    return cases


def ask(project: Project, case: Case, *, after: bool = True, below: bool = False) -> Outcome:
    """The predictor's answer, timed without the reading of a file just opened."""
    lines, index = project.lines[case.path], project.index
    head = lines[case.line][: case.column]
    rest = list(lines[case.line + 1 :])
    document = [*(line + "\n" for line in lines[: case.line]), head]
    index.open(
        case.path, [*document[:-1], head + "\n", *(line + "\n" for line in rest)] if below else document
    )
    try:
        finish(index.settle(case.path))
        started = time.perf_counter()
        prediction = finish(
            predict(
                index,
                path=case.path,
                before="".join(document)[-8000:],
                after="\n".join(["", *rest])[:8000] if after else "",
                max_lines=1,
                now=0.0,
                line=case.line,
            )
        )
        milliseconds = (time.perf_counter() - started) * 1000
    finally:
        index.close(case.path)
    if prediction is None:
        return Outcome(False, 0.0, milliseconds)
    return Outcome(prediction.text.rstrip() == case.rest, prediction.confidence, milliseconds)


class Naive:
    """The longest run of tokens before the cursor that stands anywhere else, and what follows it there."""

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self._vocabulary = vocabulary = Vocabulary(1 << 40)
        end = vocabulary.start("", "")
        self._lines = {path: vocabulary.lines(lines) for path, lines in texts.items()}
        self._codes = {path: "".join(lines) + end for path, lines in self._lines.items()}
        self._texts = texts

    def ask(self, case: Case) -> Outcome:
        """Its answer; the confidence is the length of the match in tokens over `NAIVE_FULL`."""
        started = time.perf_counter()
        query = self._query(case)
        match, length = self._longest(case, query)
        text = ""
        if match:
            end = next((at for at, token in enumerate(match) if ord(token) < STARTS), len(match))
            text = self._vocabulary.decode(match[:end])
        milliseconds = (time.perf_counter() - started) * 1000
        return Outcome(bool(text) and text.rstrip() == case.rest, length / NAIVE_FULL, milliseconds)

    def _query(self, case: Case) -> str:
        lines = self._texts[case.path]
        line = lines[case.line]
        indent = indentation(line)
        above = next((indentation(other) for other in reversed(lines[: case.line]) if other.strip()), "")
        body = self._vocabulary.body(line[len(indent) : case.column])
        return "".join(self._lines[case.path][: case.line]) + self._vocabulary.start(above, indent) + body

    def _longest(self, case: Case, query: str) -> tuple[str, int]:
        """What follows the longest match, the latest in the own file before others, and its length."""
        candidates = [query[:-1], *(codes for path, codes in self._codes.items() if path != case.path)]
        best, best_length = "", 0
        for length in range(1, NAIVE_FULL + 1):
            context = query[-length:]
            found = [
                (codes, at) for codes in candidates if (at := codes.rfind(context, 0, len(codes) - 1)) >= 0
            ]
            if not found or length > len(query):
                break
            candidates = [codes for codes, _ in found]
            codes, at = found[0]
            best, best_length = codes[at + length : at + length + 200], length
        return best, best_length


NAIVE_FULL = 40  # tokens: longer matches are not told apart
NAIVE_GATE = NAIVE_MATCH / NAIVE_FULL


def score(outcomes: Sequence[Outcome], threshold: float) -> dict[str, float]:
    """`exact` of all, `shown` of all with the gate, and `exact_of_shown`."""
    shown = [outcome for outcome in outcomes if outcome.confidence >= threshold]
    return {
        "exact": _share(outcome.exact for outcome in outcomes),
        "shown": round(len(shown) / len(outcomes), 4),
        "exact_of_shown": _share(outcome.exact for outcome in shown),
    }


def reliability(outcomes: Sequence[Outcome]) -> list[dict[str, float]]:
    """Confidence against what was observed, in bins of equal width."""
    rows = []
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = [each for each in outcomes if low <= each.confidence < high or each.confidence == high == 1]
        if inside:
            mean = sum(each.confidence for each in inside) / len(inside)
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "cases": len(inside),
                    "confidence": round(mean, 4),
                    "exact": _share(each.exact for each in inside),
                }
            )
    return rows


def calibration_error(outcomes: Sequence[Outcome]) -> float:
    """How far confidence is from what was observed, on average over the answers that were given."""
    rows = reliability([each for each in outcomes if each.confidence])
    cases = sum(row["cases"] for row in rows)
    return round(sum(row["cases"] * abs(row["exact"] - row["confidence"]) for row in rows) / max(cases, 1), 4)


def finish(steps: Generator[None, None, _Result]) -> _Result:
    """The result of a generator that only yields to let others work."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result


def plotted(said: float, so: float) -> str:
    """One line of a plot: `o` at what was said, `x` at what was so, `*` where both are."""
    places = [" "] * WIDTH
    places[round(said * (WIDTH - 1))] = "o"
    at = round(so * (WIDTH - 1))
    places[at] = "*" if places[at] == "o" else "x"
    return "".join(places)


def _share(values: Iterable[bool]) -> float:
    flags = list(values)
    return round(sum(flags) / len(flags), 4) if flags else 0.0


def tables(report: Mapping[str, Any]) -> list[Table]:
    """The report for people."""
    title = f"{report['project']}: {report['files']} files, {report['cases']} held-out lines of each kind"
    scores = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("", "", "exact", "shown", "exact of shown"):
        scores.add_column(column, justify="left" if not column else "right")
    for name in KNOWN:
        for kind in KINDS:
            row = report[name][kind]
            shares = (f"{row[share]:.1%}" for share in ("exact", "shown", "exact_of_shown"))
            scores.add_row(name.replace("_", " "), kind.replace("_", " "), *shares)
    scores.caption = "\n".join(f"{name.replace('_', ' ')}: {known}" for name, known in KNOWN.items())
    scores.caption_justify = "left"
    times = report["answer_ms"]
    title = f"confidence and truth; answers p50 {times['p50']} ms, p95 {times['p95']} ms"
    trust = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("confidence", "cases", "mean", "exact"):
        trust.add_column(column, justify="right")
    trust.add_column(f"{'0':<{WIDTH // 2}}{'1':>{WIDTH // 2}}")
    for row in report["reliability"]:
        trust.add_row(
            f"{row['from']:.1f}-{row['to']:.1f}",
            str(row["cases"]),
            f"{row['confidence']:.2f}",
            f"{row['exact']:.2f}",
            plotted(row["confidence"], row["exact"]),
        )
    trust.caption = f"o what it said, x what was so; on average {report['calibration_error']:.3f} apart"
    trust.caption_justify = "left"
    return [scores, trust]
