"""What became of what was shown, told from the edits that followed.

Some clients say what was taken, some only of whole items, some say nothing. The text always tells. It is
read by its outcome: one accept is the item's range replaced in VS Code, the least difference in Neovim, and
the whole document where a client synchronizes in full.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import takewhile
from typing import Literal, NamedTuple

from spark_lsp.completion.block import Block, plain
from spark_lsp.completion.brackets import OPENERS
from spark_lsp.completion.typed import INSERTED
from spark_lsp.text import Lines, Snapshot, Span
from spark_lsp.values import Offer

Kind = Literal["taken", "part", "typed", "ignored", "undone"]

CONTRADICTED = 3
"""Characters of something else after which a suggestion was ignored: fewer may be a typo."""

AT_ONCE = 2
"""Characters that one key does not bring."""

LONG_LINE = 2_000
"""Code points of the cursor's line past which nothing is watched: each change is compared with it."""

WATCHED = 3
"""The one that is shown, and those before it that were contradicted and not judged yet."""

NAMES = 64
"""Of one suggestion: it gets one at each key typed along."""

REMEMBERED = 3
"""Accepts that may be undone one after the other."""

UNDONE_WITHIN = 50
"""Changes to the lines that were taken, after which that is not undone any more but edited."""

_OPENING = "".join(OPENERS) + "\"'`"
_BEHIND = INSERTED + " \t\n"
"""What an editor puts behind the cursor by itself: closers, and after Enter a line of their own for them."""


class Verdict(NamedTuple):
    """What became of the offer called `name`.

    `taken` and `part`: it, or its beginning up to a word's or line's end, was put there by one change.
    `typed`: it was typed out to its end, which saved nothing. `ignored`: something else was typed. `undone`:
    what was taken last is gone again. `characters` of its text were taken or undone, the last `left` of them
    are not in the document; both in code points, a line end is one.
    """

    name: str
    kind: Kind
    characters: int = 0
    left: int = 0


class Feedback:
    """Watches the suggestions shown in one document. A change costs as much as the lines it touches."""

    def __init__(self) -> None:
        self._watches: list[_Watch] = []
        self._taken: deque[_Taken] = deque(maxlen=REMEMBERED)
        self._ended: deque[_Ended] = deque(maxlen=REMEMBERED)

    def shown(
        self, name: str, snapshot: Snapshot, offer: Offer, origin: Snapshot | None = None
    ) -> list[Verdict]:
        """This offer is on the screen now, in place of the one before.

        With an item selected in the completion menu, `origin` is the text as it is and `snapshot` that with
        the item in it.
        """
        watch = _Watch.of(name, snapshot, offer, origin)
        verdicts: list[Verdict] = []
        watches = [] if watch is None else [watch]
        for other in self._watches:
            if watch is not None and watch.continues(other):
                watch.go_on_from(other)
            elif other.contradicted and other.line != (origin or snapshot).line:
                verdicts.append(Verdict(other.name, "ignored", 0, other.left))
            elif other.contradicted or "\n" in other.astray:
                watches.append(other)
        self._watches = watches[:WATCHED]
        return verdicts

    def changed(self, span: Span, lines: Lines) -> list[Verdict]:
        """One content change touched `span`; `lines` is the text after it. In the order of the changes."""
        if not self._watches and not self._taken:
            return []
        verdicts = self._undone(span, lines)
        for watch in list(self._watches):
            verdict = self._follow(watch, span, lines)
            if verdict is not None:
                verdicts.append(verdict)
        return verdicts

    def told(self, name: str, left: int = 0, size: int = 1) -> int:
        """The client says that all but the last `left` of an offer's `size` characters were taken.

        How many of them are news: those inferred already are not, and these will not be inferred again.
        Editors keep the item of an earlier key while one types along with it: any name of it will do.
        """
        for ended in self._ended:
            if name in ended.names:
                news, ended.untold = ended.untold, 0
                return news
        for watch in self._watches:
            if name in watch.names:
                return watch.count(watch.names[name] - watch.start - left)
        return max(size - left, 0)

    def turned_down(self, name: str) -> bool:
        """The client says that the user does not want it. False where it was taken or typed already."""
        if any(name in ended.names for ended in self._ended):
            return False
        self._watches = [watch for watch in self._watches if name not in watch.names]
        return True

    def _undone(self, span: Span, lines: Lines) -> list[Verdict]:
        verdicts = []
        for taken in list(self._taken):
            kept = taken.follow(span, lines)
            if not kept:
                self._taken.remove(taken)
            if kept is None:
                verdicts.append(Verdict(taken.name, "undone", taken.characters, taken.left))
        return verdicts

    def _follow(self, watch: _Watch, span: Span, lines: Lines) -> Verdict | None:
        before, progress, told = watch.block.text, watch.progress, watch.counted == len(watch.goal)
        kind = watch.judge(span, lines)
        if kind is None:
            return None
        if kind != "part":
            self._watches.remove(watch)
        if kind == "lost":
            return None
        if kind == "ignored":
            return None if told else Verdict(watch.name, kind, 0, watch.left)
        step = watch.progress - max(progress, watch.free)
        if kind != "part":
            self._ended.append(_Ended(watch.names, step if kind == "typed" and not told else 0))
        if kind == "typed":
            return None if told else Verdict(watch.name, kind)
        cursor, left = len(watch.head) + progress, len(watch.goal) - progress
        self._taken.append(_Taken(watch.block.copy(), before, cursor, watch.name, step, left))
        news = watch.count(watch.progress)
        return Verdict(watch.name, kind, news, watch.left) if news else None


class _Ended:
    """A suggestion that was taken or typed to its end.

    The last `untold` characters of it were taken only if the client says so: they may have been one key.
    """

    __slots__ = ("names", "untold")

    def __init__(self, names: dict[str, int], untold: int) -> None:
        self.names = names
        self.untold = untold


class _Taken:
    """A text that was put into the document by one change, and may be undone.

    `before` were its lines, the cursor stood at `cursor` in them.
    """

    __slots__ = ("after", "before", "block", "brought", "changes", "characters", "cursor", "left", "name")

    def __init__(self, block: Block, before: str, cursor: int, name: str, characters: int, left: int) -> None:
        self.block = block
        self.before = before
        self.cursor = cursor
        self.name = name
        self.characters = characters
        self.left = left
        self.after = block.text
        self.changes = 0
        self.brought = _weight(block.text) - _weight(before)

    def follow(self, span: Span, lines: Lines) -> bool | None:
        """True while it may be undone, None when it was now, False when it cannot be any more."""
        was = self.block.text
        if not self.block.follow(span, lines):
            return False
        if self.block.text == was:
            return True
        if self._gone(was, self.block.text):
            return None
        self.block.was_below(was)
        self.changes += 1
        return self.changes < UNDONE_WITHIN

    def _gone(self, was: str, now: str) -> bool:
        if _weight(was) - _weight(now) < self.brought:
            return False  # a backspace
        if now == self.before:
            return True
        # Neovim takes back all that was entered since insert mode began, what was typed before it as well.
        typed, rest = self.before[: self.cursor], self.before[self.cursor :]
        return was == self.after and now.endswith(rest) and typed.startswith(now[: len(now) - len(rest)])


class _Watch:
    """A suggestion on the screen. Between `head` and `tail` of its line stands what was typed of it.

    `goal` is the text that would appear there, `final` its lines once it was accepted, `astray` what was
    typed that does not belong to it. `free` code points of the goal are those of a completion menu's item.
    What comes after `counted` in the goal was neither typed nor taken yet, as far as verdicts were given or
    the client has told. `names` holds those of the keys before as well, each with where its text ends,
    counted as `start` is, where the goal begins.
    """

    __slots__ = (
        "astray",
        "block",
        "contradicted",
        "counted",
        "final",
        "free",
        "goal",
        "head",
        "name",
        "names",
        "progress",
        "start",
        "tail",
    )

    def __init__(self, name: str, line: int, head: str, tail: str, goal: str, final: str, free: int) -> None:
        self.name = name
        self.names = {name: len(goal)}
        self.start = 0
        self.block = Block(line, 1, head + tail)
        self.head = head
        self.tail = tail
        self.goal = goal
        self.final = final
        self.free = free
        self.progress = 0
        self.astray = ""
        self.contradicted = False
        self.counted = free

    @classmethod
    def of(cls, name: str, snapshot: Snapshot, offer: Offer, origin: Snapshot | None) -> _Watch | None:
        """None where it could not be followed."""
        now = origin or snapshot
        head, tail, reached = now.line_before, now.line_after, snapshot.line_before
        if len(head) + len(tail) > LONG_LINE or not reached.startswith(head):
            return None
        if origin is not None and snapshot.line_after != tail:
            return None
        text = plain(offer.text)
        final = reached[: len(reached) - offer.dedent] + text + tail[offer.absorbed :]
        chosen = reached[len(head) :]
        goal = chosen + (text.lstrip(" \t") if offer.dedent else text)
        return cls(name, now.line, head, tail, goal, final, len(chosen))

    @property
    def line(self) -> int:
        """Where its cursor is, as far as it was typed along."""
        return self.block.first + self.goal.count("\n", 0, self.progress)

    @property
    def left(self) -> int:
        return len(self.goal) - self.progress

    def count(self, reached: int) -> int:
        """How many characters up to there are news."""
        news = max(reached - self.counted, 0)
        self.counted += news
        return news

    def continues(self, other: _Watch) -> bool:
        """Whether this is what is left of the other, or that grown by what the model has said since."""
        if self.block.first != other.line or other.contradicted:
            return False
        rest = other.goal[other.progress :]
        return self.goal.startswith(rest) or rest.startswith(self.goal)

    def go_on_from(self, other: _Watch) -> None:
        self.start = other.start + other.progress
        self.counted = max(other.counted - other.progress, self.counted)
        self.names = other.names
        self.names[self.name] = self.start + len(self.goal)
        if len(self.names) > NAMES:
            del self.names[next(iter(self.names))]

    def judge(self, span: Span, lines: Lines) -> Kind | Literal["lost"] | None:
        """Follow one change. None as long as nothing can be said."""
        before = self.block.text
        if not self.block.follow(span, lines):
            return "lost"
        if self.block.text == before:
            return None
        said = self._said()
        if (said is None or not self.goal.startswith(said)) and self.block.was_below(before):
            return None
        if said is None:
            return "lost"
        brought = _weight(self.block.text) - _weight(before)
        step = self._advance(said)
        at_once = brought >= AT_ONCE and not _one_key(step)
        if not self.left:
            return "taken" if at_once else "typed"
        if self.contradicted:
            return self._contradiction()
        if not at_once:
            self.counted = max(self.counted, self.progress)
        elif self.progress > self.free and not _in_word(self.goal, self.progress):
            return "part"
        return None

    def _said(self) -> str | None:
        """What stands between head and tail now."""
        text, head, tail = self.block.text, self.head, self.tail
        if text == self.final:
            return self.goal
        if len(text) < len(head) + len(tail) or not (text.startswith(head) and text.endswith(tail)):
            return None
        return text[len(head) : len(text) - len(tail)]

    def _advance(self, said: str) -> str:
        """The part of the goal that has come with the last change."""
        before = self.progress
        self.progress = _shared(said, self.goal)
        if self.progress < before:
            self.counted = min(self.counted, max(self.progress, self.free))
        self.astray = said[self.progress :]
        self.contradicted = bool(self.astray.strip(_BEHIND))
        return self.goal[before : self.progress]

    def _contradiction(self) -> Kind | Literal["lost"] | None:
        if not self.block.inside:
            # What a whole new document has in this place need not have been typed here.
            return "lost"
        left_line = "\n" in self.astray
        return "ignored" if left_line or len(self.astray.rstrip(_BEHIND)) >= CONTRADICTED else None


def _one_key(step: str) -> bool:
    """Whether one key can have brought this: a bracket with its partner, Enter with what it repeats, Tab."""
    if len(step) < AT_ONCE or step.isspace():
        return True
    if step[0] == "\n":
        return not any(map(str.isalnum, step))
    return step[0] in _OPENING and not step[1:].strip(INSERTED)


def _in_word(text: str, index: int) -> bool:
    return re.match(r"\w\w", text[index - 1 : index + 1]) is not None


def _shared(said: str, goal: str) -> int:
    """How many characters both begin with."""
    if goal.startswith(said):
        return len(said)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(said, goal, strict=False)))


def _weight(text: str) -> int:
    """Its length, the first indentation apart: an offer may bring less of that than there is."""
    return len(text.lstrip())
