"""The signature of a function, told from its text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from spark_lsp.completion.next_edit.brackets import Item, Listed, listed
from spark_lsp.completion.next_edit.code import KEYWORDS, indent

Kind = Literal["plain", "positional", "keyword", "rest", "keywords"]

HEADERS_BACK = 30
"""Lines of a signature."""

PYTHON = ("python",)
SCRIPT = ("javascript", "typescript", "javascriptreact", "typescriptreact")
NAMED_FIRST = ("go", "rust", *SCRIPT, *PYTHON)
"""Languages in which a parameter's name comes before its type."""

_PYTHON = re.compile(r"\s*(?:async\s+)?def\s+(\w+)\s*(?:\[[^\]]*\])?\s*\(")
_SCRIPT = re.compile(
    r"\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?function\s*\*?\s*(\w+)\s*(?:<[^()]*>)?\s*\("
    r"|\s*(?:export\s+)?(?:const|let)\s+(\w+)\s*=\s*(?:async\s*)?\((?=[^()]*\)\s*(?::[^=]+)?=>|[^()]*$)"
    r"|\s*(?:(?:public|private|protected|static|async|override)\s+)*(\w+)\s*(?:<[^()]*>)?\((?=[^()]*\)[^()=;]*\{\s*$)"
)
_GO = re.compile(r"func\s+(\w+)\s*(?:\[[^\]]*\])?\s*\(")
_RUST = re.compile(
    r"\s*(?:pub(?:\([^)]*\))?\s+)?(?:(?:const|async|unsafe)\s+)*fn\s+(\w+)\s*(?:<[^()]*>)?\s*\("
)
_TYPED = re.compile(r"\s*(?:[\w<>\[\],.&*:?]+\s+)+[&*]*(\w+)\s*\((?=[^()]*\)[^();=]*\{?\s*$)")
_FORMS = {"go": _GO, "rust": _RUST, **dict.fromkeys(PYTHON, _PYTHON), **dict.fromkeys(SCRIPT, _SCRIPT)}
_FORMS |= dict.fromkeys(("java", "c", "cpp", "csharp"), _TYPED)

_CLASS = re.compile(
    r"\s*(?:export\s+|default\s+|public\s+|final\s+|abstract\s+|pub\s+)*(?:class|impl(?:<[^>]*>)?|struct)\s+(\w+)"
)
_NAME_FIRST = re.compile(r"(?:(?:public|private|protected|readonly|mut|ref)\s+|\.\.\.|&)*(\w+)")
_NAME_LAST = re.compile(r"(\w+)\s*(?:\[\])*\s*(?:=.*)?\Z", re.DOTALL)
_DEFAULT = re.compile(r"(?<![=!<>:])=(?![=>])")


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    default: bool = False
    kind: Kind = "plain"


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's. `owner` is the class that it is a method of, "" when it is none; a method's receiver
    is no parameter. `static`: the class is called, too. `line` is where it begins, `last` where its brackets
    close, `end` the column of its name there."""

    name: str
    owner: str
    static: bool
    parameters: tuple[Parameter, ...]
    line: int
    column: int
    last: int
    width: int
    dangling: bool


def signatures(
    lines: Sequence[str], code: Sequence[str], first: int, last: int, language: str
) -> list[Signature]:
    """Those that the lines `first` to `last` (exclusive) have a part of."""
    found = []
    for index in range(max(first - HEADERS_BACK, 0), min(last, len(code))):
        one = signature(lines, code, index, language)
        if one is not None and one.last >= first:
            found.append(one)
    return found


def begins_signature(line: str, language: str) -> bool:
    """Whether a line looks like the first of a signature."""
    form = _FORMS.get(language)
    return form is not None and form.match(line) is not None


def signature(lines: Sequence[str], code: Sequence[str], index: int, language: str) -> Signature | None:
    """The one that begins at a line, None where none does or it is not understood."""
    form = _FORMS.get(language)
    match = form.match(code[index]) if form is not None else None
    if match is None:
        return None
    name = next(group for group in match.groups() if group is not None)
    if name in KEYWORDS or (form is _TYPED and re.match(r"\s*(?:return|new|else|throw|case)\b", code[index])):
        return None
    inside = listed(lines, code, index, match.end() - 1, types=language not in PYTHON)
    if inside is None:
        return None
    owner = _owner(code, index)
    parameters = _parameters(inside, language)
    if parameters is None:
        return None
    static = not owner or any(word in code[index] for word in (" static ",)) or _decorated(code, index)
    if owner and language in PYTHON and not _decorated(code, index, "staticmethod"):
        parameters = parameters[1:]
    if language == "rust":
        static = not (parameters and parameters[0].name == "self")
        parameters = tuple(each for each in parameters if each.name != "self")
    return Signature(
        name,
        owner,
        static,
        parameters,
        index,
        code[index].index(name, match.start()),
        inside.end[0],
        indent(code[index]),
        inside.dangling,
    )


def _owner(code: Sequence[str], index: int) -> str:
    width = indent(code[index])
    for above in range(index - 1, -1, -1):
        line = code[above]
        if line.strip() and indent(line) < width and line.lstrip()[0] not in ")]}":
            match = _CLASS.match(line)
            return match[1] if match else ""
    return ""


def within_function(code: Sequence[str], index: int) -> int | None:
    """The line of the block around a definition that is no class, None for one of the module or a class."""
    width = indent(code[index])
    for above in range(index - 1, -1, -1):
        line = code[above]
        if line.strip() and indent(line) < width and line.lstrip()[0] not in ")]}":
            return None if _CLASS.match(line) else above
    return None


def _decorated(code: Sequence[str], index: int, *names: str) -> bool:
    for above in range(index - 1, max(index - 8, -1), -1):
        line = code[above].strip()
        if not line.startswith("@"):
            return False
        if line[1:] in (names or ("staticmethod", "classmethod")):
            return True
    return False


def _parameters(inside: Listed, language: str) -> tuple[Parameter, ...] | None:
    found: list[Parameter] = []
    kind: Kind = "plain"
    for item in inside.items:
        text = item.code.strip()
        if language in PYTHON and text == "/":
            found = [Parameter(each.name, each.default, "positional") for each in found]
        elif language in PYTHON and text == "*":
            kind = "keyword"
        else:
            one = _parameter(item, language, kind)
            if one is None:
                return None
            found.append(one)
            kind = "keyword" if one.kind == "rest" else kind
    names = [each.name for each in found]
    return tuple(found) if len(set(names)) == len(names) else None


def _parameter(item: Item, language: str, kind: Kind) -> Parameter | None:
    text = item.code.strip()
    if language in PYTHON:
        match = re.match(r"(\*{0,2})\s*([^\W\d]\w*)", text)
        if match is None:
            return None
        kinds: dict[str, Kind] = {"*": "rest", "**": "keywords"}
        return Parameter(match[2], _DEFAULT.search(text) is not None, kinds.get(match[1], kind))
    pattern = _NAME_FIRST.match if language in NAMED_FIRST else _NAME_LAST.search
    match = pattern(text)
    if match is None:
        return None
    default = _DEFAULT.search(text) is not None or re.match(r"\w+\s*\?", text) is not None
    return Parameter(match[1], default, "rest" if "..." in text else "plain")
