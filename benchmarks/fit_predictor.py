"""Fits the numbers of the embedded predictor and writes `spark_lsp/workspace/weights.py`.

    python -m benchmarks.fit_predictor [--calibrate] FOLDER...

Each folder is a project of its own, best one that is not measured afterwards.
First the kernel: for cursors at random, the places that vote on the next token, right
or wrong; the factors maximize the probability of the token that follows, by AdaGrad on
its logarithm. Then, with that kernel, the ranking: a logistic regression of "this line is exactly
right" over all lines considered. Last the calibration: what it says against how often that is right, of the
lines that are offered; with `--calibrate` that alone. The same folders and seed give the same numbers.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import exp, log, sqrt
from pathlib import Path
from random import Random
from textwrap import fill

from spark_lsp.cli.bench_predictor import KINDS, Case, Project, finish, hold_out, learn
from spark_lsp.workspace import predict as prediction
from spark_lsp.workspace import rank as ranking
from spark_lsp.workspace import search, weights
from spark_lsp.workspace.rank import Surroundings
from spark_lsp.workspace.scene import MATCHED, NEAREST_FOLDER, RECENT, Member, Scene
from spark_lsp.workspace.search import END, choices
from spark_lsp.workspace.tokens import STARTS, split
from spark_lsp.workspace.weights import Kernel

SIZES = {field.name: len(getattr(weights.INSIDE, field.name)) for field in fields(Kernel)}
RECENT_BONUS = 1.5  # an edited file against one of the same folder: no corpus of edits to fit it on

Features = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """The tables and rows that a vote's weight is made of, and whether its token is what followed."""

    features: Features
    right: bool


@dataclass(frozen=True, slots=True)
class Election:
    """All votes at one cursor. `longest` is the row of the silence."""

    opening: bool
    longest: int
    votes: list[Vote]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--cursors", type=int, default=500, help="cursors and lines per folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calibrate", action="store_true", help="keep the other numbers")
    options = parser.parse_args()
    projects = [learn(folder) for folder in options.folders]
    if not options.calibrate:
        _fit_weights(projects, options.cursors, options.seed)
    kernels = {name: getattr(weights, name) for name, _ in _KERNELS}
    _write(kernels, weights.RANK, IDENTITY)
    _reload()
    offered = [one for project in projects for one in _offered(project, options.cursors, options.seed + 2)]
    _write(kernels, weights.RANK, fit_calibration(offered))


def _fit_weights(projects: Sequence[Project], cursors: int, seed: int) -> None:
    elections = [election for project in projects for election in _elections(project, cursors, seed)]
    kernels = {name: fit_kernel([e for e in elections if e.opening == opening]) for name, opening in _KERNELS}
    _write(kernels, weights.RANK, IDENTITY)
    _reload()
    examples = [example for project in projects for example in _examples(project, cursors, seed)]
    _write(kernels, fit_rank(examples), IDENTITY)
    _reload()


def _reload() -> None:
    for module in (weights, search, ranking, prediction):
        importlib.reload(module)


IDENTITY = ((0.0, 0.0), (1.0, 1.0))
WIDTH = 0.05  # of a bin
DOUBT = 4.0  # lines in each bin that were as right as they were said to be
_KERNELS = (("INSIDE", False), ("OPENING", True))


def _cursors(project: Project, count: int, seed: int) -> Iterator[Case]:
    """Cursors at any token boundary of a line, its end included, every third at the line's start."""
    random = Random(seed)
    for case in hold_out(project.lines, "line_start", count, seed):
        tokens = split(case.rest)
        kept = random.randrange(len(tokens) + 1) if random.random() < 2 / 3 else 0
        column = case.column + sum(map(len, tokens[:kept]))
        yield Case(case.path, case.line, column, "".join(tokens[kept:]))


def _scene(project: Project, case: Case) -> tuple[Scene, Surroundings]:
    lines = project.lines[case.path]
    head = lines[case.line][: case.column]
    project.index.open(case.path, [*(line + "\n" for line in lines[: case.line]), head])
    finish(project.index.settle(case.path))
    before = "\n".join([*lines[max(case.line - 200, 0) : case.line], head])
    after = "\n".join(["", *lines[case.line + 1 : case.line + 200]])
    scene = Scene(project.index, path=case.path, before=before, after=after, line=case.line, now=0.0)
    project.index.close(case.path)
    return scene, Surroundings(before, after)


def _elections(project: Project, count: int, seed: int) -> Iterator[Election]:
    for case in _cursors(project, count, seed):
        scene, _ = _scene(project, case)
        following = scene.vocabulary.body(case.rest)[:1] or END
        members = scene.members(scene.whole)
        votes = [
            Vote(_features(member, kind), token == following)
            for member in members
            for token, kind in choices(scene, member, member.codes[member.at])
        ]
        if votes:
            longest = min(max(member.exact for member in members), SIZES["silence"] - 1)
            yield Election(ord(scene.whole[-1]) < STARTS, longest, votes)


def _features(member: Member, kind: int) -> Features:
    return (
        ("exact" if member.tier < NEAREST_FOLDER else "exact_elsewhere", min(member.exact, MATCHED)),
        ("same", member.same),
        ("renamed", member.renamed),
        ("tier", member.tier),
        ("agree", member.agree),
        ("kind", kind),
    )


def fit_kernel(elections: Sequence[Election], *, epochs: int = 12, rate: float = 0.15) -> Kernel:
    """The factors that make what followed most probable."""
    logs = {name: [0.0] * size for name, size in SIZES.items()}
    for name in ("exact", "exact_elsewhere"):
        logs[name] = [0.5 * length for length in range(SIZES[name])]
    squares = {name: [1e-3] * size for name, size in SIZES.items()}

    def step(name: str, row: int, slope: float) -> None:
        squares[name][row] += slope * slope
        logs[name][row] -= rate * slope / sqrt(squares[name][row])

    order = list(elections)
    random = Random(0)
    for _ in range(epochs):
        random.shuffle(order)
        loss = 0.0
        for election in order:
            masses = [exp(sum(logs[name][row] for name, row in vote.features)) for vote in election.votes]
            silence = exp(logs["silence"][election.longest])
            total = sum(masses) + silence
            right = sum(mass for mass, vote in zip(masses, election.votes, strict=True) if vote.right)
            known = right > 0
            loss -= log((right if known else silence) / total)
            slopes: dict[tuple[str, int], float] = {}
            for mass, vote in zip(masses, election.votes, strict=True):
                slope = mass / total - (mass / right if vote.right else 0.0)
                for feature in vote.features:
                    slopes[feature] = slopes.get(feature, 0.0) + slope
            slopes["silence", election.longest] = silence / total - (0.0 if known else 1.0)
            for (name, row), slope in slopes.items():
                step(name, row, slope)
        print(f"kernel: {len(order)} cursors, mean loss {loss / len(order):.4f}")
    logs["tier"][RECENT] = max(logs["tier"][NEAREST_FOLDER], logs["tier"][NEAREST_FOLDER + 1]) + log(
        RECENT_BONUS
    )
    return Kernel(
        **{name: tuple(float(f"{exp(value):.3g}") for value in table) for name, table in logs.items()}
    )


def _examples(project: Project, count: int, seed: int) -> Iterator[tuple[dict[str, float], bool]]:
    for kind in KINDS:
        for case in hold_out(project.lines, kind, count, seed + 1):
            scene, around = _scene(project, case)
            for each in finish(prediction.candidates(scene, around)):
                yield each.features, each.text.rstrip() == case.rest


def fit_rank(
    examples: Sequence[tuple[dict[str, float], bool]], *, epochs: int = 12, rate: float = 0.05
) -> dict[str, float]:
    """Logistic regression by AdaGrad, the mean of the last half of the epochs."""
    names = list(examples[0][0])
    factors = dict.fromkeys(names, 0.0)
    squares = dict.fromkeys(names, 1e-3)
    means = dict.fromkeys(names, 0.0)
    order = list(examples)
    random = Random(0)
    for epoch in range(epochs):
        random.shuffle(order)
        loss = 0.0
        for features, right in order:
            sure = 1 / (1 + exp(-sum(factors[name] * value for name, value in features.items())))
            loss -= log(sure if right else 1 - sure)
            for name, value in features.items():
                if value:
                    slope = (sure - right) * value
                    squares[name] += slope * slope
                    factors[name] -= rate * slope / sqrt(squares[name])
        if epoch >= epochs // 2:
            for name in names:
                means[name] += factors[name] / (epochs - epochs // 2)
        print(f"rank: {len(order)} lines, mean loss {loss / len(order):.4f}")
    return {name: float(f"{value:.3g}") for name, value in means.items()}


def _offered(project: Project, count: int, seed: int) -> Iterator[tuple[float, bool]]:
    for kind in KINDS:
        for case in hold_out(project.lines, kind, count, seed):
            scene, around = _scene(project, case)
            for best in finish(prediction.candidates(scene, around))[:1]:
                yield best.confidence, best.text.rstrip() == case.rest


def fit_calibration(offered: Sequence[tuple[float, bool]]) -> tuple[tuple[float, float], ...]:
    """Points of a line that never falls, from what is said to what is so: neighbouring bins are joined where
    the higher one is less often right (isotonic regression)."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for one in offered:
        bins.setdefault(int(one[0] / WIDTH), []).append(one)
    pools: list[tuple[float, float, float]] = []  # weight, sum of what was said, sum of what was right
    for number in sorted(bins):
        said = sum(each for each, _ in bins[number])
        weight = len(bins[number])
        right = sum(right for _, right in bins[number])
        pool = (weight + DOUBT, said * (1 + DOUBT / weight), right + DOUBT * said / weight)
        while pools and pools[-1][2] / pools[-1][0] >= pool[2] / pool[0]:
            below = pools.pop()
            pool = (below[0] + pool[0], below[1] + pool[1], below[2] + pool[2])
        pools.append(pool)
    points = [(said / weight, right / weight) for weight, said, right in pools]
    print(f"calibration: {len(offered)} lines")
    return ((0.0, 0.0), *((round(said, 3), round(right, 3)) for said, right in points), (1.0, 1.0))


def _write(
    kernels: dict[str, Kernel], rank: dict[str, float], calibration: Sequence[tuple[float, float]]
) -> None:
    """Replace the numbers below the class in `weights.py`, the rest of the module stays."""
    path = Path(weights.__file__)
    head, _, _ = path.read_text(encoding="utf-8").partition("# The tables are read")
    parts = [head.rstrip() + "\n\n\n# The tables are read across.\n# fmt: off\n"]
    for name, kernel in kernels.items():
        tables = "".join(_table(field.name, getattr(kernel, field.name)) for field in fields(Kernel))
        parts.append(f"{name} = Kernel(\n{tables})\n\n")
    parts.append(
        "RANK = {\n" + "".join(f'    "{name}": {value!r},\n' for name, value in rank.items()) + "}\n\n"
    )
    points = "".join(f"    {point!r},\n" for point in calibration)
    parts.append(f"CALIBRATION = (\n{points})\n")
    path.write_text("".join(parts), encoding="utf-8")


def _table(name: str, values: Sequence[float]) -> str:
    return fill(f"{name}={values!r},", 105, initial_indent="    ", subsequent_indent="        ") + "\n"


if __name__ == "__main__":
    main()
