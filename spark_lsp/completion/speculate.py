"""What the user may do next with a suggestion that is shown, and whether it is worth asking ahead for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spark_lsp.completion.block import plain
from spark_lsp.completion.brackets import PROSE, balance
from spark_lsp.completion.context import indent_of, opens_block
from spark_lsp.completion.odds import Odds, Step, situation
from spark_lsp.text import Snapshot
from spark_lsp.values import Offer

DEPTH = 3
"""Steps ahead."""

LEAST = 0.05
"""The smallest probability worth a request: a state that comes one time in 20 has 19 asked for in vain."""

SECONDS_PER_TOKEN = 0.001
"""What a token may cost: a millisecond of somebody's waiting, so that a fast model's time is worth no more
than a user's. 30 tokens from a backend with 120 ms to its first one are worth it from one chance in 5 on,
from one with 400 ms at 40 tokens/s at any above LEAST."""

INDENT_WINDOW = 4000  # characters before the cursor that tell the document's step of indentation

_COMMENT = re.compile(r"\s*(?:#|//|/?\*|--)")
_ENDS_BLOCK = re.compile(r"\s*(?:break|continue|pass|raise|return)\b")


@dataclass(frozen=True, slots=True)
class Branch:
    """A state that the user may come to.

    `goal` is what `step` inserts on the way there, line ends \\n. In front of it `Offer.dedent` code points
    go, and behind it `Offer.absorbed`.
    """

    step: Step
    snapshot: Snapshot
    probability: float
    goal: str


def branches(
    snapshot: Snapshot,
    offer: Offer,
    odds: Odds,
    *,
    after_accept: bool,
    other: Offer | None = None,
    probability: float = 1.0,
) -> list[Branch]:
    """Where an offer that is shown at `snapshot` leads to, the most probable first, none below LEAST.

    `probability` is that of being at `snapshot` at all, `after_accept` whether an accept led there.
    A word or a line that is accepted is a slice of what is known: it leads to no state that needs asking.
    """
    kind = situation(snapshot, offer, after_accept=after_accept)

    def chance(step: Step) -> float:
        return probability * odds.probability(snapshot.language, kind, step)

    found: list[Branch] = []
    if (likely := chance("all")) >= LEAST:
        found.append(_accepted("all", snapshot, offer, likely))
        taken = found[0].snapshot
        # Enter before the rest of a line breaks that line: rarely what is wanted.
        if (likely := chance("newline")) >= LEAST and not taken.line_after.strip():
            ending = f"\n{indent_below(taken)}"
            found.append(_accepted("newline", snapshot, offer, likely, ending))
    if other is not None and other != offer and (likely := chance("other")) >= LEAST:
        found.append(_accepted("other", snapshot, other, likely))
    return sorted(found, key=lambda branch: -branch.probability)


def worth(branch_probability: float, saved: float, tokens: float) -> float:
    """Seconds won by asking ahead: those `saved` when the guess is right, less what `tokens` cost.

    Branches with more go first; those with nothing or less are not asked for.
    """
    return branch_probability * saved - tokens * SECONDS_PER_TOKEN


def indent_below(snapshot: Snapshot) -> str:
    """The indentation that editors begin the next line with when Enter is pressed at the end of this one.

    That of this line; one step more behind what opens a block. In Python one step less behind what ends
    one: VS Code's extension and Vim do so, and an editor that does not is there at the next key, since
    nothing can follow `return` in its block.
    """
    line = snapshot.line_before
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    if snapshot.language in PROSE or _COMMENT.match(line):
        return indent
    if opens_block(line):
        return indent + _step(snapshot)
    if snapshot.language != "python" or not _ENDS_BLOCK.match(line):
        return indent
    left = balance(line, "python")
    if left.opened or left.in_string:
        return indent
    step = _step(snapshot)
    return indent[: -len(step)] if indent.endswith(step) else ""


def _accepted(step: Step, snapshot: Snapshot, offer: Offer, probability: float, ending: str = "") -> Branch:
    text = offer.text + ending.replace("\n", snapshot.newline)
    return Branch(step, snapshot.edited(offer.dedent, offer.absorbed, text), probability, plain(text))


def _step(snapshot: Snapshot) -> str:
    """One level of the document's indentation."""
    return indent_of(plain(snapshot.before(INDENT_WINDOW)), "", snapshot.language)
