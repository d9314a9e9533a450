"""Which code actions there are, and which of them fit a place. Data, and the few looks that choose from
it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from spark_lsp.actions.scope import block_of, is_definition
from spark_lsp.actions.suite import FRAMEWORKS, is_test
from spark_lsp.values import Diagnostic

QUICK_FIX = "quickfix"

About = Literal["diagnostic", "kind", "range"]
"""What an action is about: one diagnostic, all of one kind in the file, or a range of the text."""

Where = Literal["any", "selection", "definition", "stub", "subject"]
"""Where an action about a range makes sense: anywhere with code, on several selected lines, in a
definition, where something is not written yet, and in a definition that tests can be written for."""

Form = Literal["blocks", "lines", "text", "file"]
"""What is answered: blocks of lines to search and replace, the new text of the lines, words for a person,
or a new file."""


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of the catalogue.

    `title` and `prompt` may hold the variables of `docs/actions.md`; `prompt` is the name of a file in
    `prompts/`, or with `own` the text itself. No `languages` are all.
    """

    name: str
    title: str
    kind: str
    prompt: str
    about: About = "range"
    where: Where = "any"
    form: Form = "blocks"
    languages: tuple[str, ...] = ()
    own: bool = False


TYPED = ("python", "typescript", "typescriptreact", "php", "ruby")

CATALOG: tuple[Action, ...] = (
    Action("fix", "Fix with Spark: {message}", QUICK_FIX, "fix", "diagnostic"),
    Action("fix-all", "Fix all {code} in this file with Spark", QUICK_FIX, "fix-all", "kind"),
    Action(
        "explain-diagnostic",
        "Explain with Spark: {message}",
        QUICK_FIX,
        "explain-diagnostic",
        "diagnostic",
        form="text",
    ),
    Action("simplify", "Simplify with Spark", "refactor.rewrite", "simplify", form="lines"),
    Action(
        "add-types", "Add types with Spark", "refactor.rewrite", "add-types", form="lines", languages=TYPED
    ),
    Action("handle-errors", "Handle errors with Spark", "refactor.rewrite", "handle-errors", form="lines"),
    Action(
        "extract", "Extract a function with Spark", "refactor.extract.function", "extract", where="selection"
    ),
    Action(
        "complete",
        "Write what is missing here with Spark",
        "refactor.rewrite",
        "complete",
        where="stub",
        form="lines",
    ),
    Action(
        "document", "Document with Spark", "source.document", "document", where="definition", form="lines"
    ),
    Action("tests", "Write tests with Spark", "source.tests", "tests", where="subject", form="file"),
    Action("explain", "Explain with Spark", "source.explain", "explain", form="text"),
)

KINDS = tuple(dict.fromkeys(action.kind for action in CATALOG))
"""The kinds of action that there are."""

REWRITE = Action("rewrite", "{instruction}", "refactor.rewrite", "rewrite", form="lines")
"""A free instruction: offered by no menu, run by the command `spark.rewrite`."""

NEXT_EDIT = Action("next-edit", "", "", "next-edit", form="lines")
"""How a person goes on with their edits: in no menu, asked while they look at the last one."""

_HINT = re.compile(r"pass|\.\.\.|Implemented|implemented|todo!|TODO|FIXME")
"""Stands in every stub: a look at a whole block that is quick to say no."""

_STUB = re.compile(
    r"^\s*(?:pass|\.\.\.|return NotImplemented)\s*(?:#.*)?$|\bNotImplementedError\b"
    r"|\b(?:todo|unimplemented)!\(|[Nn]ot (?:yet )?implemented|(?:#|//|/\*|--|<!--|^\s*\*)\s*(?:TODO|FIXME)\b"
)


@dataclass(frozen=True, slots=True)
class Offered:
    """An action for a place: `title` as a person reads it, the `diagnostic` that it is about if any, the
    lines that it is about (the end is exclusive), and why it cannot be had, "" when it can."""

    action: Action
    title: str
    first: int
    last: int
    diagnostic: Diagnostic | None = None
    disabled: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A range of a text that somebody asks for actions for, in 0-based lines, both ends included, and whether
    anything is selected in it."""

    first: int
    last: int
    selected: bool


def offers(
    lines: Sequence[str],
    language: str,
    path: str,
    asked: Range,
    diagnostics: Sequence[Diagnostic],
    *,
    only: Sequence[str] = (),
    automatic: bool = False,
    own: Iterable[Action] = (),
) -> Iterator[Offered]:
    """What can be done there, quick fixes first.

    `only` are kinds, each with all below it; `automatic` is a lamp that nobody asked for: it shines for
    what is wrong, and for what was selected.
    """
    catalog = (*CATALOG, *own)
    wanted = [action for action in catalog if _is_wanted(action, language, only)]
    for action in wanted:
        if action.about == "diagnostic":
            for one in _told_apart(diagnostics):
                yield Offered(action, titled(action, one), *_lines_of(one, len(lines)), diagnostic=one)
        elif action.about == "kind":
            for one in _repeated(diagnostics):
                yield Offered(action, titled(action, one), 0, len(lines), diagnostic=one)
    if automatic and not asked.selected and not only:
        return
    first, last = min(asked.first, len(lines) - 1), min(asked.last + 1, len(lines))
    if not any(line.strip() for line in lines[first:last]):
        return
    around = block_of(lines, asked.first, asked.last + 1)
    place = _Place(lines[around.start : around.stop], language, path, asked.selected)
    for action in wanted:
        if action.about == "range" and (reason := place.against(action)) is not None:
            yield Offered(action, action.title, first, last, disabled=reason)


def titled(action: Action, diagnostic: Diagnostic | None = None, instruction: str = "") -> str:
    """The title of an action, in one line."""
    values = {"instruction": instruction}
    if diagnostic is not None:
        values |= {"message": diagnostic.message, "code": diagnostic.code or diagnostic.source}
    return shortened(filled(action.title, values), 100)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with `{name}` replaced where `values` has it. What is put in is not looked at again."""
    return re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], name[0]), text)


def shortened(text: str, most: int) -> str:
    """One line of a text, at most so long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _is_wanted(action: Action, language: str, only: Sequence[str]) -> bool:
    if action.languages and language not in action.languages:
        return False
    return not only or any(action.kind == kind or action.kind.startswith(f"{kind}.") for kind in only)


class _Place:
    """What the actions about a range look at: each thing once, as all of them are asked."""

    def __init__(self, block: Sequence[str], language: str, path: str, selected: bool) -> None:
        self._block = block
        self._is_definition = is_definition(block)
        self._language = language
        self._path = path
        self._selected = selected

    def against(self, action: Action) -> str | None:
        """Why it cannot be had here, "" when it can, None where nobody would look for it."""
        match action.where:
            case "selection":
                return "" if self._selected else None
            case "definition":
                return "" if self._is_definition else None
            case "stub":
                hinted = _HINT.search("\n".join(self._block)) is not None
                return "" if hinted and any(map(_STUB.search, self._block)) else None
            case "subject":
                if not self._is_definition or is_test(self._path):
                    return None
                known = self._language in FRAMEWORKS
                return "" if known else f"where tests of {self._language or 'this'} belong is not known"
            case _:
                return ""


def _told_apart(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Each once: two tools may say the same of one place."""
    return iter(dict.fromkeys(diagnostics))


def _repeated(diagnostics: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """One for each code: whether there are more of it in the file, the checker will say."""
    seen: set[tuple[str, str]] = set()
    for one in diagnostics:
        if one.code and (one.source, one.code) not in seen:
            seen.add((one.source, one.code))
            yield one


def _lines_of(diagnostic: Diagnostic, count: int) -> tuple[int, int]:
    """The lines that a diagnostic is about. One past the end of the text is about its last line."""
    first = min(max(diagnostic.line, 0), max(count - 1, 0))
    ends_before = diagnostic.end_column == 0 and diagnostic.end_line > diagnostic.line
    last = min(max(diagnostic.end_line + (not ends_before), first + 1), max(count, first + 1))
    return first, last
