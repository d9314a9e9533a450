"""A changed parameter at the calls of real functions: right, wrong and missed, against the syntax tree."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document

NEW = "renamed_parameter"


@dataclass
class Case:
    """A function that the file calls by its name, one of its parameters, and the calls with what they
    give for it."""

    text: str
    function: ast.FunctionDef | ast.AsyncFunctionDef
    index: int
    calls: list[ast.Call]
    file: str = ""

    def within(self, call: ast.Call) -> bool:
        """Whether a call stands in the function itself."""
        return any(node is call for node in ast.walk(self.function))


@dataclass
class Counts:
    right: int = 0
    wrong: int = 0
    missed: int = 0
    cases: int = 0
    shown: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.cases} changes: {self.right} right, {self.wrong} wrong, {self.missed} missed"


def run(files: list[Path], limit: int) -> None:
    pick = random.Random(2)
    counts = {name: Counts() for name in ("removed", "renamed", "moved", "added", "with a default")}
    for file in files:
        for case in _cases(file):
            for kind, each in counts.items():
                _measure(case, kind, each, pick)
        if counts["removed"].cases >= limit:
            break
    for kind, each in counts.items():
        print(f"a parameter {kind}: {each}")
        for line in each.shown[:5]:
            print("   ", line)


def _cases(file: Path) -> Iterator[Case]:
    try:
        text = file.read_bytes().decode("ascii").replace("\r\n", "\n")
        tree = ast.parse(text)
    except (ValueError, SyntaxError):
        return
    calls: dict[str, list[ast.Call]] = {}
    bound: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            calls.setdefault(node.func.id, []).append(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] = bound.get(node.id, 0) + 1
        elif isinstance(node, ast.arg):
            bound[node.arg] = bound.get(node.arg, 0) + 1
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound[node.name] = bound.get(node.name, 0) + 1
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or bound[function.name] > 1:
            continue
        arguments = function.args
        plain = not (arguments.vararg or arguments.kwarg or arguments.posonlyargs or arguments.kwonlyargs)
        own = [call for call in calls.get(function.name, []) if _is_plain(call, len(arguments.args))]
        if plain and own and len(own) == len(calls[function.name]) and 1 < len(arguments.args) < 8:
            for index in range(len(arguments.args)):
                yield Case(text, function, index, own, file.name)


def _is_plain(call: ast.Call, most: int) -> bool:
    return (
        len(call.args) <= most
        and not any(isinstance(each, ast.Starred) for each in call.args)
        and all(each.arg for each in call.keywords)
    )


def _measure(case: Case, kind: str, counts: Counts, pick: random.Random) -> None:
    parameters = _written(case)
    if parameters is None:
        return
    changed, wanted = _change(case, parameters, kind)
    if changed is None:
        return
    counts.cases += 1
    document, edits = Document("file:///a.py", case.text, language="python", encoding="utf-32"), NextEdits()
    first, last = case.function.args.args[0], case.function.args.args[-1]
    end: ast.expr | ast.arg = case.function.args.defaults[-1] if case.function.args.defaults else last
    if (end.end_lineno, end.end_col_offset) < (last.end_lineno, last.end_col_offset):
        end = last
    assert end.end_lineno is not None
    assert end.end_col_offset is not None
    span = (first.lineno - 1, first.col_offset, end.end_lineno - 1, end.end_col_offset)
    _apply(document, edits, span, ", ".join(changed), 0.0)
    made = 0
    while made < 200 and (found := edits.next(document, (0, 0), 9.0)) is not None:
        edit = found[1]
        _apply(document, edits, (edit.line, edit.start, edit.end_line, edit.end), edit.new, 9.0)
        made += 1
    _compare(case, kind, document.text(), wanted, counts)


def _compare(case: Case, kind: str, text: str, wanted: dict[int, str], counts: Counts) -> None:
    """The calls in the order of the text, as they are now, as they were, and as they should be."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        counts.wrong += 1
        counts.shown.append(f"broken: {case.function.name} {error}")
        return
    name = case.function.name
    now = [
        ast.unparse(node)
        for node in _in_order(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]
    for index, (call, is_now) in enumerate(zip(_sorted(case.calls), now, strict=True)):
        if any(
            isinstance(each, ast.Call) and each is not call and each in case.calls for each in ast.walk(call)
        ):
            continue  # one within the other: what they should be is not told one by one
        was, should = ast.unparse(call), wanted[id(call)]
        if is_now == should:
            counts.right += should != was
        elif is_now == was:
            counts.missed += 1
            counts.shown.append(f"missed {was} in line {call.lineno} of {case.file}: {kind} {case.index}")
        else:
            counts.wrong += 1
            counts.shown.append(f"{was} -> {is_now}, not {should} ({index})")


def _in_order(tree: ast.AST) -> list[ast.Call]:
    return sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.Call)),
        key=lambda node: (node.lineno, node.col_offset),
    )


def _sorted(calls: list[ast.Call]) -> list[ast.Call]:
    return sorted(calls, key=lambda node: (node.lineno, node.col_offset))


def _written(case: Case) -> list[str] | None:
    arguments = case.function.args
    bare = len(arguments.args) - len(arguments.defaults)
    texts = []
    for index, one in enumerate(arguments.args):
        text = ast.unparse(one)
        if index >= bare:
            text += f"={ast.unparse(arguments.defaults[index - bare])}"
        texts.append(text)
    return texts


def _change(case: Case, written: list[str], kind: str) -> tuple[list[str] | None, dict[int, str]]:
    """The parameters after the change, and each call as it should be, by the identity of its node."""
    names = [one.arg for one in case.function.args.args]
    at, name = case.index, names[case.index]
    bare = len(names) - len(case.function.args.defaults)
    wanted: dict[int, str] = {}
    if kind == "moved" and (at + 1 >= bare):
        return None, {}
    if kind in ("added", "with a default") and at != len(names) - 1:
        return None, {}
    if kind == "added" and bare < len(names):
        return None, {}
    for call in case.calls:
        args, keywords = (
            [ast.unparse(each) for each in call.args],
            {str(each.arg): ast.unparse(each.value) for each in call.keywords},
        )
        match kind:
            case "removed":
                if at < len(args):
                    del args[at]
                keywords.pop(name, None)
            case "renamed":
                keywords = {NEW if key == name else key: value for key, value in keywords.items()}
            case "moved":
                if at + 1 < len(args):
                    args[at : at + 2] = args[at + 1], args[at]
                elif at < len(args):
                    keywords = {**keywords, name: args.pop(at)}
            case "added":
                # Nothing in scope is called like it, but in the function itself.
                if case.within(call) and not keywords and len(args) == len(names):
                    args.append("nobody_knows_it")
                elif case.within(call):
                    keywords["nobody_knows_it"] = "nobody_knows_it"
        wanted[id(call)] = ast.unparse(
            ast.Call(
                call.func,
                [ast.parse(each, mode="eval").body for each in args],
                [ast.keyword(key, ast.parse(value, mode="eval").body) for key, value in keywords.items()],
            )
        )
    after = list(written)
    match kind:
        case "removed":
            del after[at]
        case "renamed":
            after[at] = NEW + written[at][len(name) :]
        case "moved":
            after[at : at + 2] = after[at + 1], after[at]
        case "added":
            after.append("nobody_knows_it")
        case _:
            after.append("nobody_knows_it=None")
    return after, wanted


def _apply(
    document: Document, edits: NextEdits, change: tuple[int, int, int, int], text: str, now: float
) -> None:
    before = document.lines
    edits.changed(document, before, change, text, document.edit(*change, text), now)
