"""How far an answer goes: to the end of the block that the cursor is in or opens, told by indentation."""

from __future__ import annotations

import re
from collections.abc import Iterable

from spark_lsp.completion.brackets import PROSE
from spark_lsp.completion.context import Context, opens_block, width_of
from spark_lsp.completion.runs import Verdict

_CLAUSES = ("else", "elif", "except", "finally", "catch", "rescue", "ensure")
_LABELS = ("case", "default")
_ENDS = ("end", "fi", "done", "esac", "then")
_WORDS = (*_CLAUSES, *_LABELS, *_ENDS)

# Words of one language are names in another: `done()` ends nothing, `default = 1` is no label.
_END = rf"(?:{'|'.join(_ENDS)})(?=\s*(?:$|[|<;&),]))"
_CONTINUES = re.compile(
    rf"\s*(?:[)\]}}]|</|(?:{'|'.join(_CLAUSES)})\b|case\b(?!\s*=)|default\s*(?::|[-=]>)|{_END})"
)
_OUTER = re.compile(rf"(?:({'|'.join(_CLAUSES)})\b|[)\]}}]|</|{_END})")
_HEADS = {
    "else": re.compile(r"\s*(?:}\s*)?(?:async\s+)?(?:if|elif|for|while|try|except|case|when|unless)\b"),
    "elif": re.compile(r"\s*(?:if|elif)\b"),
    "except": re.compile(r"\s*(?:try|except)\b"),
    "finally": re.compile(r"\s*(?:}\s*)?(?:try|except|else|catch)\b"),
}

_CLAUSE = re.compile(r"\s*(?:}\s*)?(else if\b|else\b|elif\b|finally\b|except\s*:|except\b|catch\b)")
DEFINES = re.compile(
    r"\s*(?:@|#\[|(?:(?:async|export|public|private|protected|static|pub)\s+)*"
    r"(?:def|class|fn|func|function|impl|struct|enum|trait|interface)\b)"
)
_NOT_BEHIND = {
    "else": ("else", "else if", "elif", "except", "except:"),
    "except:": ("except", "except:"),
    "finally": ("finally", "else", "except", "except:", "catch"),
}
"""What cannot stand behind the clauses that come last."""


def outer_indent(text: str, line_before: str, above: Iterable[str]) -> str | None:
    """The indentation that `else:`, `}` and their like belong at, None where the cursor's is right.

    `above` are the lines above the cursor's, the nearest first.
    """
    match = _OUTER.match(text)
    if match is None or not line_before or line_before.strip():
        return None
    head = _HEADS.get(match[1] or "")
    nearest = cursor = width_of(line_before)
    for line in above:
        width = width_of(line)
        if not line.strip() or width > nearest:
            continue
        if head.match(line) if head else opens_block(line):
            return None if width == cursor else line[: len(line) - len(line.lstrip())]
        nearest = width
    return None


def continues(line: str) -> bool:
    """Whether the line goes on with a statement that began further up, or closes it: `else:`, `}`, `</p>`."""
    return bool(_CONTINUES.match(line))


def clashes(line: str, below: Iterable[str]) -> bool:
    """Whether the line is a clause that the statement has already, `below`: one `else` is enough."""
    clause = _CLAUSE.match(line)
    if clause is None or clause[1] not in _NOT_BEHIND:
        return False
    width = width_of(line)
    meeting = next((other for other in below if other.strip() and width_of(other) <= width), "")
    other = _CLAUSE.match(meeting)
    return other is not None and width_of(meeting) == width and other[1] in _NOT_BEHIND[clause[1]]


def leaves(line: str, said_before: str, context: Context, *, growing: bool) -> Verdict:
    """Whether the answer begins with a definition on a line of its own, further out than the cursor.

    Then the model has left the block that the cursor is in; not so where a block was just opened.
    `said_before` is what it said in front of the line.
    """
    lead = said_before.rpartition("\n")[2]
    margin = width_of(f"{context.line_before}|")
    own_line = "\n" in said_before and not said_before.strip() and not context.line_before.strip()
    if not own_line or width_of(f"{lead}|") >= margin or opens_block(context.before.rstrip()):
        return "keep"
    if DEFINES.match(line):
        return "cut"
    return "wait" if growing and " " not in line.strip() else "keep"


def _may_continue(line: str) -> bool:
    """The same of a line that is still growing: `el` may become `else`, and `else` may become `elsewhere`."""
    begun = line.strip()
    return any(word.startswith(begun) for word in (*_WORDS, "</", "- ")) or continues(line)


def has_block(first: str, context: Context) -> bool:
    """Whether the block that the cursor's line opens stands below already: then only its head is wanted."""
    below = next((line for line in context.after.split("\n")[1:] if line.strip()), "")
    return opens_block(first) and not context.line_after.strip() and width_of(below) > width_of(first)


def closes_block(first: str) -> bool:
    """Whether the answer begins by closing a block: what comes behind a blank line then is another one."""
    return first.lstrip().startswith("}")


def _is_item(line: str) -> bool:
    """Whether the line is an item of a list: the next one does not go on with it."""
    return line.lstrip().startswith("- ")


class Scope:
    """Follows an answer line by line.

    On a blank line the answer is a run of statements at the cursor's indentation; it ends where
    the indentation falls below it, or where a blank line and a return to it follow a deeper
    block: the next function. Behind an opened block it ends with that block. `} else {`,
    `except` and their like carry the statement on, one level further out if need be.
    """

    def __init__(self, first: str, context: Context) -> None:
        """`first` is the cursor's whole line: the text before the cursor and the answer's first line."""
        above = reversed(context.before.split("\n")[:-1])
        outer = outer_indent(first.lstrip(), context.line_before, above)
        self._base = width_of(first if outer is None else outer)
        self._opened = opens_block(first) and (outer is not None or bool(context.line_before.strip()))
        self._has_block = self._opened and has_block(first, context)
        self._went_deeper = closes_block(first)
        self._is_prose = context.language in PROSE
        in_item = context.language == "yaml" and _is_item(context.line_before)
        self._opened = self._opened or in_item
        self._lists_at_base = context.language == "yaml" and not in_item

    def verdict(self, line: str, *, after_blank: bool, growing: bool) -> Verdict:
        """Whether the answer goes on with this line (not blank)."""
        if self._has_block:
            return "cut"
        width = width_of(line)
        if self._is_prose or width > self._base:
            return "keep"
        if width == self._base and not self._opened and not (self._went_deeper and after_blank):
            return "keep"
        if growing and _may_continue(line):
            return "wait"
        listed = self._lists_at_base and width == self._base and line.lstrip().startswith("- ")
        return "keep" if listed or continues(line) else "cut"

    def enter(self, line: str) -> None:
        """The line belongs to the answer."""
        width = width_of(line)
        if width > self._base:
            self._went_deeper = True
        elif width < self._base:
            self._base, self._opened = width, True
