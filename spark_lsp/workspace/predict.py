"""Prediction by analogy: places that look like the cursor vote on what comes next.

A place is a position in the same document or in the workspace whose context is
the cursor's, or differs from it only in names. Its vote weighs more the longer the
match, the nearer the place, and the more the line below it is what stands below
the cursor. The votes are followed token by token to the most probable lines; a
logistic model then says how probably each of them is exactly right.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from spark_lsp.workspace.index import Index
from spark_lsp.workspace.rank import Ranked, Surroundings, rank
from spark_lsp.workspace.scene import Scene
from spark_lsp.workspace.search import Root, continuation, lines

LATER_LINES = 0.5
"""Later lines are kept while all of them are at least this probable together, given the first."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What to insert at the cursor: one line or several, joined by \\n, never empty.

    `confidence` is the calibrated probability that the first line is exactly right.
    """

    text: str
    confidence: float


def predict(
    index: Index,
    *,
    path: str,
    before: str,
    after: str,
    max_lines: int,
    now: float,
    line: int | None = None,
) -> Generator[None, None, Prediction | None]:
    """What probably comes next, None when no place knows.

    `before` and `after` are the text on both sides of the cursor, line ends \\n; a few
    thousand characters are enough. `line` is the cursor's line, 0-based, in the
    open document `path`: the index then knows the rest of it. Without, the
    document is what `before` holds. Yields about once per millisecond of work.
    """
    yield from index.settle(path)
    scene = Scene(index, path=path, before=before, after=after, line=line, now=now)
    around = Surroundings(before, after)
    ranked = yield from candidates(scene, around)
    if not ranked:
        return None
    best = ranked[0]
    text = best.text
    if max_lines > 1:
        text += yield from continuation(
            scene, best.line, max_lines=max_lines - 1, floor=LATER_LINES, below=around.next_line
        )
    return Prediction(text, best.confidence)


def candidates(scene: Scene, around: Surroundings) -> Generator[None, None, list[Ranked]]:
    """All lines that were considered, the most probable first."""
    roots = yield from roots_of(scene)
    found = yield from lines(scene, roots)
    return rank(scene, around, found)


def roots_of(scene: Scene) -> Generator[None, None, list[Root]]:
    """The contexts to continue: the typed word as it is, and as the beginning of a longer one."""
    roots = []
    if not scene.stem or scene.stem.strip():
        roots.append(Root(scene.whole, scene.members(scene.whole)))
        yield
    if scene.stem:
        roots.append(Root(scene.partial, scene.members(scene.partial, scene.stem), scene.stem))
        yield
    return roots
