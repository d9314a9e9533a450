"""A person who types a known text with suggestions: which key they press next, and when. Pure: told the time.

The keys come at human intervals; some are wrong, and taken back. What is shown is looked at: a right text is
taken after the time that it takes to see that it is right, whether one goes on typing meanwhile or not.
"""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from random import Random
from string import ascii_lowercase
from typing import Literal

INTERVALS = (
    (0.0, 30),
    (0.05, 57),
    (0.25, 105),
    (0.5, 152),
    (0.75, 230),
    (0.9, 496),
    (0.95, 901),
    (1.0, 2_000),
)
"""Quantiles of the time between two keys, in ms, of 132,470 measured; the slowest 5% end at two seconds."""

REACTION = 0.3
"""Seconds from the first sight of a right suggestion to the key that takes it."""

LEAST = 4
"""Visible characters that are worth looking at."""

INDENT = "    "

IGNORED = 0.1
ALL, LINE = 0.7, 0.15  # of what is not ignored; the rest is taken by a word
TYPO, TYPO_IN_WORD = 0.025, 0.3
AWAY, BACK_A_LINE, UNDONE = 0.006, 0.004, 0.03

HELD = 0.09
"""Seconds from one repetition of a key that is held down to the next."""

BEGINNING = 0.8
"""Seconds before the first key of a function."""

# Their keys do more than one thing, in editors that close them by themselves.
_BRACKET = re.compile(r"[\n()\[\]{}]")
_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)")

Part = Literal["all", "line", "word"]


@dataclass(frozen=True, slots=True)
class Insert:
    """One key enters `text`, in place of `erased` blanks before the cursor that the editor had put there."""

    text: str
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Erase:
    """One key takes so many characters before the cursor away."""

    count: int


@dataclass(frozen=True, slots=True)
class Take:
    """Take this much of what is shown."""

    text: str
    part: Part


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back what was taken last."""


@dataclass(frozen=True, slots=True)
class Move:
    """The cursor goes to the end of the line so many lines above."""

    up: int


@dataclass(frozen=True, slots=True)
class Return:
    """The cursor goes back to where it was."""


Action = Insert | Erase | Take | Undo | Move | Return

Planned = tuple[Action, float]
"""A key, and the seconds after it."""


def interval(random: Random) -> float:
    """Seconds between two keys: straight lines between the quantiles of their logarithms."""
    share = random.random()
    for (low, fast), (high, slow) in pairwise(INTERVALS):
        if share <= high:
            return fast * math.pow(slow / fast, (share - low) / (high - low)) / 1000
    return INTERVALS[-1][1] / 1000


def indentation(line_before: str) -> str:
    """What an editor puts before the cursor on the line after this one."""
    indent = line_before[: len(line_before) - len(line_before.lstrip(" "))]
    return indent + INDENT if line_before.rstrip().endswith((":", "(", "[", "{")) else indent


def first_line(text: str) -> str:
    """The part that taking a line takes: to the end of the first line with something on it."""
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    return text if end < 0 else text[: end + 1]


def first_word(text: str) -> str:
    match = _WORD.match(text)
    return match[0] if match else text


def shared(one: str, other: str) -> str:
    """The beginning that both have."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return one[:index]
    return min(one, other, key=len)


class Person:
    """Types `target` at the cursor, from `now` on. `pace` is a factor on all intervals.

    Two persons of one seed have the same habits and press the same keys as long as they see the same.
    """

    def __init__(self, target: str, seed: str, now: float, *, pace: float = 1.0) -> None:
        self._target = target
        self._pace = pace
        self._parts = True
        # One stream of chance for each habit: what is shown must not change when the next typo comes.
        self._times, self._slips, self._tastes = (
            Random(f"{seed}{kind}") for kind in ("time", "slip", "taste")
        )
        self._at = 0
        self._surplus = 0
        self._plan: deque[Planned] = deque()
        self._key_at = now + BEGINNING * pace
        self._take_at = inf
        self._identity = 0
        self._part: Part | None = None
        self._right_since = inf
        self._ghost = ""

    @property
    def rest(self) -> str:
        """What is still to come."""
        return self._target[self._at :]

    @property
    def on_path(self) -> bool:
        """Whether what stands there is what is meant, as far as it goes."""
        return not self._plan and not self._surplus

    @property
    def done(self) -> bool:
        return self.on_path and self._at == len(self._target)

    @property
    def due(self) -> float:
        """When the next key is pressed if nothing changes."""
        return min(self._key_at, self._take_at)

    def sees(self, ghost: str, identity: int, now: float, *, parts: bool = True) -> None:
        """This is shown now, "" for nothing. A text that shrinks or grows keeps its `identity`, above 0.

        Without `parts` all of it can be taken, or nothing.
        """
        self._ghost = ghost
        self._parts = parts
        right = self._right(ghost) if self.on_path else ""
        if len("".join(right.split())) < LEAST:
            self._take_at = inf
            if not ghost:
                self._identity = 0
            return
        if identity != self._identity:
            self._identity, self._right_since, self._part = identity, now, self._chosen()
        if self._part is not None and self._part_of(ghost, self._part):
            self._take_at = max(self._right_since + REACTION * self._pace, now)
        else:
            self._take_at = inf

    def act(self, now: float, line_before: str) -> Action:
        """The key that is pressed now. `line_before` is what stands before the cursor on its line."""
        if self._take_at <= now and self._take_at <= self._key_at and self.on_path and self._part is not None:
            part = self._part_of(self._ghost, self._part)
            if part:
                return self._take(part, now)
        self._take_at = inf
        action, pause = self._plan.popleft() if self._plan else self._typed(line_before)
        self._key_at = now + pause * self._pace
        return action

    # --- taking

    def _chosen(self) -> Part | None:
        if self._tastes.random() < IGNORED:
            return None
        draw = self._tastes.random()
        if draw < ALL:
            return "all"
        return "line" if draw < ALL + LINE else "word"

    def _right(self, ghost: str) -> str:
        """The part of what is shown that is meant: all of it, or whole lines, or whole words."""
        right = shared(ghost, self.rest)
        if len(right) == len(ghost):
            return right
        lines = right[: right.rfind("\n") + 1]
        if not self._parts:
            return ""
        return lines if lines.strip() else "".join(_WORD.findall(right)[:-1])

    def _part_of(self, ghost: str, part: Part) -> str:
        """What is taken of what is shown by somebody who prefers `part`; "" when that would not be right.

        A single character is typed as fast as taken.
        """
        right = self._right(ghost)
        whole = right == ghost
        if not self._parts:
            taken = right
        elif part == "all":
            taken = ghost if whole else first_line(right) if "\n" in right.lstrip() else ""
        elif part == "line" and (whole or "\n" in right.lstrip()):
            taken = first_line(right)
        else:
            taken = first_word(right)
        return taken if len(taken) > 1 else ""

    def _take(self, part: str, now: float) -> Take:
        kind: Part = "all" if part == self._ghost else "line" if part == first_line(self._ghost) else "word"
        self._at += len(part)
        self._take_at, self._identity = inf, 0
        pause = interval(self._times)
        if self._slips.random() < UNDONE:
            self._plan.append((Undo(), interval(self._times)))
            self._at -= len(part)
            pause += REACTION
        self._key_at = now + pause * self._pace
        return Take(part, kind)

    # --- typing

    def _typed(self, line_before: str) -> Planned:
        if self.on_path:
            planned = self._excursion() or self._slip()
            if planned:
                self._plan.extend(planned)
                return self._plan.popleft()
        return self._next(line_before), interval(self._times)

    def _next(self, line_before: str) -> Action:
        rest = self.rest
        if rest.startswith("\n"):
            return self._enter(line_before)
        if self._surplus:
            count = min(self._surplus, len(INDENT))
            self._surplus -= count
            return Erase(count)
        text = rest[0]
        if not line_before.strip() and text == " ":
            text = rest[: len(rest) - len(rest.lstrip(" "))]
        self._at += len(text)
        return Insert(text)

    def _enter(self, line_before: str) -> Insert:
        """Enter, and the indentation that the editor adds, which may be more than is meant."""
        erased, self._surplus = self._surplus, 0
        indent = indentation(line_before)
        meant = self.rest[1:]
        meant = meant[: len(meant) - len(meant.lstrip(" "))]
        kept = len(shared(indent, meant))
        self._at += 1 + kept
        self._surplus = len(indent) - kept
        return Insert(f"\n{indent}", erased)

    def _slip(self) -> list[Planned]:
        """One or two wrong keys, seen after one to three, and taken back."""
        if self._slips.random() >= TYPO or not self.rest or _BRACKET.match(self.rest) or self.rest[0] == " ":
            return []
        wrong = self._slips.choice((1, 1, 2))
        meant = _BRACKET.split(self.rest[: wrong + self._slips.randrange(0, 4 - wrong)])[0]
        slips = [self._other(character) for character in meant[:wrong]]
        keys = [Insert(character) for character in slips + list(meant[wrong:])]
        planned: list[Planned] = [(key, interval(self._times)) for key in keys]
        # A moment to see it, and then the key is held down.
        planned[-1] = keys[-1], interval(self._times) + 0.1
        line = self._target[: self._at].rpartition("\n")[2]
        word = len(line) - len(line.rstrip("_" + ascii_lowercase))
        if word and self._slips.random() < TYPO_IN_WORD:
            self._at -= word
            return [*planned, (Erase(len(keys) + word), interval(self._times))]
        held: list[Planned] = [(Erase(1), HELD)] * (len(keys) - 1)
        return [*planned, *held, (Erase(1), interval(self._times))]

    def _other(self, character: str) -> str:
        return self._slips.choice([letter for letter in ascii_lowercase if letter != character])

    def _excursion(self) -> list[Planned]:
        """A look elsewhere, or a line above that is touched, and back."""
        draw = self._slips.random()
        if draw < AWAY:
            return [(Move(self._slips.randrange(2, 12)), 3 * REACTION), (Return(), interval(self._times))]
        if draw < AWAY + BACK_A_LINE:
            touched: list[Action] = [Move(1), Insert("x"), Erase(1), Return()]
            return [(action, interval(self._times)) for action in touched]
        return []
