"""A model's lines with the document's indentation: as deep as they are meant, with what is used there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

Pair = tuple[str, str]  # the indentation of one line: as the model has it, as the document has it

_INDENT = re.compile(r"[ \t]*")


def indent_of(line: str) -> str:
    """The white space that a line begins with."""
    match = _INDENT.match(line)
    return match.group() if match else ""


class Indentation:
    """What the model's indentation is in the document, learnt from lines that both have."""

    def __init__(self, pairs: Iterable[Pair], document: Sequence[str]) -> None:
        """`document`: the lines around, which tell whether tabs or spaces are used."""
        self._known = dict(reversed(list(pairs)))  # the first pair counts
        used = {indent_of(line)[:1] for line in document if line.strip()} - {""}
        self._mark = used.pop() if len(used) == 1 else ""
        self._unit = _unit(document, self._mark)
        self._from, self._to = self._step()

    def of(self, line: str) -> str:
        """The line as it belongs into the document; one of nothing but white space is empty."""
        indent = indent_of(line)
        if len(indent) == len(line):
            return ""
        return self._mapped(indent) + line[len(indent) :]

    def marked(self, line: str) -> str:
        """The line as it is, but for tabs where the document uses spaces only, or the other way round."""
        indent = indent_of(line)
        if not self._mark or indent[:1] in ("", self._mark) or len(indent) == len(line):
            return line
        return self._mapped(indent) + line[len(indent) :]

    def _mapped(self, indent: str) -> str:
        if (known := self._known.get(indent)) is not None:
            return known
        base = max((other for other in self._known if indent.startswith(other)), key=len, default=None)
        if base is not None:
            return self._known[base] + self._converted(indent[len(base) :])
        base = min((other for other in self._known if other.startswith(indent)), key=len, default=None)
        if base is not None:  # further out than any line that is known
            less = self._converted(base[len(indent) :])
            return self._known[base][: max(len(self._known[base]) - len(less), 0)]
        return self._converted(indent)

    def _converted(self, rest: str) -> str:
        """Some more indentation, in the document's steps."""
        step, step_there = self._from, self._to
        if self._mark and rest[:1] not in ("", self._mark, step[:1]):
            step, step_there = self._usual()
        if rest and set(rest) == set(step):
            size = len(rest) * len(step_there)
            if size % len(step) == 0:
                return step_there[:1] * (size // len(step))
        return rest

    def _step(self) -> Pair:
        """Some indentation of the model's, and the same of the document's."""
        pairs = sorted(self._known.items(), key=lambda pair: len(pair[0]))
        for (mine, theirs), (deeper, deeper_there) in pairwise(pairs):
            step, step_there = deeper[len(mine) :], deeper_there[len(theirs) :]
            if deeper.startswith(mine) and deeper_there.startswith(theirs) and step_there:
                return step, step_there
        for mine, theirs in pairs:
            if mine and theirs and mine[0] != theirs[0]:
                return mine, theirs
        return self._usual()

    def _usual(self) -> Pair:
        return ("    ", "\t") if self._mark == "\t" else ("\t", self._unit)


def _unit(document: Sequence[str], mark: str) -> str:
    if mark == "\t":
        return "\t"
    widths = {len(indent_of(line)) for line in document if line.strip()} - {0}
    return " " * (min(widths) if widths and min(widths) in (2, 3, 4, 8) else 4)
