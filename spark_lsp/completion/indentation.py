"""How the lines of an answer are indented: as deep as the model meant it, with what the document uses."""

from __future__ import annotations

import re

from spark_lsp.completion.brackets import PROSE
from spark_lsp.completion.context import Context, opens_block, width_of
from spark_lsp.completion.scope import DEFINES, continues, outer_indent

_DECORATOR = re.compile(r"\s*(?:@\w|#\[)")
_GOES_ON = re.compile(r"[,(\[{:\\=+\-*/&|.?]\s*$|\b(?:and|or|in|not|else|do|then)\s*$")
_JUMP = re.compile(r"\s*(?:return|raise|throw|break|continue|pass|exit|panic)\b")


class Indentation:
    """What a model left out of its indentation, or wrote differently; found out once and kept to."""

    def __init__(self, context: Context) -> None:
        self._line_before = context.line_before
        self._before = context.before
        self._unit = context.indent
        self._is_prose = context.language in PROSE
        self._missing: str | None = None
        self._left_out = ""
        self._step: int | None = None  # spaces that stand for a tab

    def first_behind(self, lead: str) -> None:
        """The model began a line for its first line, behind `lead`: so deep does it mean the cursor to be."""
        if not self._line_before.strip() and not lead.strip() and self._line_before.endswith(lead):
            self._left_out = self._line_before[: len(self._line_before) - len(lead)]

    def of(self, line: str, above: str | None, *, after_blank: bool = False) -> str:
        """The answer's next line as it belongs into the document.

        `above` is the line above it there, None while that is not settled: nothing is concluded then.
        """
        if self._is_prose:
            return line
        if self._missing is None and above is not None:
            self._missing = self._behind_clause(above, line) or missing(
                above, line, self._line_before, self._left_out, after_blank=after_blank
            )
        return self._in_units(f"{self._missing or ''}{line}", above)

    def _behind_clause(self, first: str, second: str) -> str:
        """What is missing below `else:` and the like, which may belong further out than the cursor is."""
        if self._line_before.strip() or not (opens_block(first) and continues(first)):
            return ""
        outer = outer_indent(first.lstrip(), self._line_before, reversed(self._before.split("\n")[:-1]))
        base = self._line_before if outer is None else outer
        return base if 0 < width_of(second) <= width_of(f"{base}|") else ""

    def _in_units(self, line: str, above: str | None) -> str:
        body = line.lstrip(" \t")
        indent = line[: len(line) - len(body)]
        if self._unit != "\t":
            return indent.replace("\t", self._unit) + body
        if not indent.startswith(" "):
            return line
        step = self._step or _step(above or "", len(indent))
        if above is not None:
            self._step = step
        return "\t" * (len(indent) // step) + " " * (len(indent) % step) + body


def missing(
    first: str, second: str, line_before: str, left_out: str = "", *, after_blank: bool = False
) -> str:
    """What the model left out of every line's indentation.

    It wrote the first line without any. When that opens a block and the second line does not
    stand deeper than it, the model counts from the cursor and not from the margin. (Not so behind
    `else:`, which belongs further out than a cursor that is indented too far.) `left_out` is what the first
    line lacks of the cursor's indentation, where it stood on a line of its own: in a fence, say.
    """
    if line_before.strip():
        return ""
    width, margin = width_of(second), width_of(line_before)
    if opens_block(first) and not continues(first) and 0 < width <= margin:
        return left_out or line_before
    if width >= margin or second.lstrip().startswith((")", "]", "}")):
        return ""
    if _belong_together(first, second):
        return line_before
    own = margin - width_of(f"{left_out}|")
    return "" if _counts_from_margin(first, second, own, after_blank=after_blank) else left_out


def _belong_together(first: str, second: str) -> bool:
    """Whether they stand at one indentation: a decorator and what it decorates, the stars of a comment."""
    if _DECORATOR.match(first):
        return width_of(second) == 0
    return first.lstrip().startswith("*") and second.lstrip().startswith("*")


def _counts_from_margin(first: str, second: str, own: int, *, after_blank: bool) -> bool:
    """Whether the second line has all of its indentation, though the first one stands at `own`.

    Deeper than a line that opens nothing, or behind one that nothing follows, it is a line of another block.
    """
    if width_of(second) > own and not _GOES_ON.search(first):
        return True
    defines = bool(DEFINES.match(second)) and not DEFINES.match(first)
    return after_blank and (defines or bool(_JUMP.match(first)))


def _step(above: str, width: int) -> int:
    """How many spaces a model means by one level, when it indents by `width` below a line in tabs."""
    depth = len(above) - len(above.lstrip("\t")) + opens_block(above)
    if depth and width % depth == 0 and width // depth in (2, 3, 4, 8):
        return width // depth
    return 4
