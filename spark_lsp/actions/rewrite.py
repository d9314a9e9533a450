"""The new text of some lines, read as it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence

OPENS, CLOSES = "<new-lines>", "</new-lines>"

_OTHER_FORM = re.compile(r"^\s*(?:```(?:diff|patch)|<{5,} |--- |@@ )", re.MULTILINE)
_FENCE = re.compile(r"\s*(?:```|~~~)[\w+#.-]*\s*")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


class RewriteReader:
    """Reads `<new-lines>`, the lines, `</new-lines>`, cut anywhere.

    `written` are the whole lines so far, indented as the `old` ones are; `done` once no more has to be read;
    `other` when the answer is in some other form, which is read from `text` when it is all there.
    """

    def __init__(self, old: Sequence[str]) -> None:
        self.written: list[str] = []
        self.done = False
        self.other = False
        self.text = ""
        self._old = old
        self._begun = False
        self._opening = True
        self._pending = ""
        self._shift: str | None = None
        self._blank: list[str] = []

    def feed(self, text: str) -> bool:
        """Read on; True when there are more whole lines than before."""
        self.text += text
        if self.done or self.other:
            return False
        if not self._begun:
            if not self._begin():
                return False
        else:
            self._pending += text
        return self._take_lines()

    def finish(self, *, complete: bool) -> None:
        """No more comes. `complete` is False when it was cut off: then half a line is none."""
        if self._begun and not self.done and complete:
            self._pending += "\n"
            self._take_lines()
            self.done = True
        self.other = self.other or not self._begun
        ends = next((number for number, line in enumerate(reversed(self._old)) if line.strip()), 0)
        self.written += self._blank[:ends]
        while self.written and _FENCE.fullmatch(self.written[-1]) and "```" not in "".join(self._old):
            self.written.pop()

    def _begin(self) -> bool:
        head = _THOUGHT.sub("", self.text)
        place = head.find(OPENS)
        if place < 0:
            self.other = _OTHER_FORM.search(head) is not None
            return False
        self._begun = True
        self._pending = head[place + len(OPENS) :]
        return True

    def _take_lines(self) -> bool:
        end = self._pending.find(CLOSES)
        if end >= 0:
            self._pending = self._pending[:end]
            self.done = True
            if self._pending and not self._pending.endswith("\n"):
                self._pending += "\n"
        *whole, self._pending = self._pending.split("\n")
        before = len(self.written)
        for line in whole:
            self._add(line.rstrip("\r"))
        return len(self.written) > before

    def _add(self, line: str) -> None:
        opening, self._opening = self._opening, False
        if opening and not line.strip():
            return  # the rest of the line with the tag
        if not self.written and _FENCE.fullmatch(line):
            return
        if not line.strip():
            self._blank.append(line)  # at the end they are more often the model's than the text's
            return
        if self._shift is None:
            self._set_shift(line)
        self.written += self._blank
        self._blank = []
        self.written.append(f"{self._shift}{line}")

    def _set_shift(self, first: str) -> None:
        """Small models drop the indentation of what they rewrite: all lines get back what the first one
        lacks."""
        old = next((line for line in self._old if line.strip()), "")
        indent, had = _indent(first), _indent(old)
        lacks = had[: len(had) - len(indent)] if had.endswith(indent) else ""
        self._shift = lacks


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
