"""Which of the possible lines to offer, and how probably it is exactly right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log

from spark_lsp.workspace.scene import Scene
from spark_lsp.workspace.search import FAINT, Line
from spark_lsp.workspace.weights import CALIBRATION, RANK

_ABOVE, _BELOW = 12, 8  # lines that a prediction is compared with
_ABOVE_CHARACTERS, _BELOW_CHARACTERS = 3000, 1500
_OPENERS, _CLOSERS = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A line with the text it inserts and its features; `confidence` is a probability."""

    line: Line
    text: str
    features: dict[str, float]
    confidence: float


class Surroundings:
    """The text around the cursor, as far as whole lines of it are compared."""

    def __init__(self, before: str, after: str) -> None:
        *above, self.head = before[-_ABOVE_CHARACTERS:].split("\n")
        above = above[-_ABOVE:]
        below = [line for line in after[:_BELOW_CHARACTERS].split("\n")[1:] if line.strip()][:_BELOW]
        self.above = [line.strip() for line in above if line.strip()]
        self.below = [line.strip() for line in below]
        self.next_line = below[0].rstrip() if below else ""
        self.opening = not self.head.strip()
        self.inside_brackets = brackets("\n".join(above))[0] > 0
        indent = len(self.head) - len(self.head.lstrip())
        next_indent = len(below[0]) - len(below[0].lstrip()) if below else indent
        self.deeper_below = next_indent > indent
        self.shallower_below = next_indent < indent
        self.continued = bool(self.above) and self.above[-1].endswith(("(", "[", "{", ","))


def brackets(text: str) -> tuple[int, int]:
    """How many brackets stay open, and how many closers have none."""
    depth = lowest = 0
    for character in text:
        if character in _OPENERS:
            depth += 1
        elif character in _CLOSERS:
            depth -= 1
            lowest = min(lowest, depth)
    return depth - lowest, -lowest


def rank(scene: Scene, around: Surroundings, lines: Sequence[Line]) -> list[Ranked]:
    """The lines as texts, the most probable first. What inserts nothing visible is left out."""
    ranked: dict[str, Ranked] = {}
    for line in lines:
        text = scene.vocabulary.decode(line.codes)[len(line.root.stem) :]
        if not text.strip() or text in ranked:
            continue
        rivals = [other.probability for other in lines if other is not line]
        rival = max(*rivals, FAINT * line.probability, 0.0)
        features = _features(scene, around, line, text, rival)
        ranked[text] = Ranked(line, text, features, calibrated(_confidence(features)))
    return sorted(ranked.values(), key=lambda each: -each.confidence)


def _confidence(features: dict[str, float]) -> float:
    return 1 / (1 + exp(-sum(RANK[name] * value for name, value in features.items())))


def calibrated(confidence: float) -> float:
    """What the regression says, as the share of such lines that were exactly right elsewhere."""
    for (low, least), (high, most) in pairwise(CALIBRATION):
        if confidence <= high:
            return least + (most - least) * (confidence - low) / (high - low)
    return confidence


def _features(scene: Scene, around: Surroundings, line: Line, text: str, rival: float) -> dict[str, float]:
    whole = (around.head + text).strip()
    last, opening = whole[-1], float(around.opening)
    opened, unmatched = brackets(whole)
    kinds = [scene.kind(token) for token in line.codes if scene.vocabulary.is_word(ord(token))]
    probability = log(line.probability + 1e-9)
    length = log(len(line.codes) + 1)
    longest = max((member.exact for member in line.members), default=0) / 8
    return {
        "one": 1.0,
        "opening": opening,
        "probability": probability,
        "probability, opening": probability * opening,
        "lead": probability - log(rival + 1e-9),
        "length": length,
        "length, opening": length * opening,
        "voters": log(len(line.members) + 1),
        "longest match": longest,
        "longest match, opening": longest * opening,
        "new words": min(kinds.count(5), 2),
        "far words": min(kinds.count(4), 2),
        "words below": min(kinds.count(1) + kinds.count(3), 2),
        "closes nothing": float(unmatched > 0 and not around.inside_brackets),
        "leaves open": float(opened > 0),
        "ends open": float(opened > 0 and last in _OPENERS),
        "odd quotes": float(whole.count('"') % 2),
        "odd apostrophes": float(whole.count("'") % 2),
        "stands above": float(whole in around.above),
        "stands below": float(whole in around.below),
        "stands below, opening": float(whole in around.below) * opening,
        "is the next line": float(bool(around.below) and whole == around.below[0]),
        "opens a block": float(around.deeper_below and last in ":([{"),
        "opens no block": float(around.deeper_below and last not in ":([{"),
        "colon, no block": float(not around.deeper_below and last == ":"),
        "bracket, no block": float(not around.deeper_below and last in _OPENERS),
        "comma at the end": float(around.shallower_below and last == ","),
        "comma in a list": float(around.continued and last == ","),
        "no comma in a list": float(around.continued and last not in ",)]}"),
    }
