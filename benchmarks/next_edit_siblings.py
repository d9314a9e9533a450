"""A change of some lines made at two of several like statements of real files: right, wrong and missed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from spark_lsp.completion.next_edit.renames import WINDOW
from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document

Change = Callable[[str, ast.Assign], list[str]]
"""A statement's line, to the lines that take its place."""


def _name(statement: ast.Assign) -> str:
    return ast.unparse(statement.targets[0])


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _behind(line: str, statement: ast.Assign) -> list[str]:
    return [line, f"{_indent(line)}check_it({_name(statement)})"]


def _in_front(line: str, statement: ast.Assign) -> list[str]:
    return [f"{_indent(line)}announce_it({_name(statement)}=None)", line]


def _wrapped(line: str, statement: ast.Assign) -> list[str]:
    head = line[: statement.value.col_offset]
    return [f"{head}keep_it(", f"{_indent(line)}    {line[len(head) :]}", f"{_indent(line)})"]


def _deleted(line: str, statement: ast.Assign) -> list[str]:
    return []


CHANGES: Mapping[str, Change] = {
    "a line behind": _behind,
    "a line in front": _in_front,
    "a call wrapped": _wrapped,
    "a line deleted": _deleted,
}


def run(files: list[Path], limit: int) -> None:
    for kind, change in CHANGES.items():
        cases = right = wrong = missed = 0
        shown: list[str] = []
        for file in files:
            for text, group in _groups(file):
                cases += 1
                good, bad, left = _measure(text, group, change, shown)
                right, wrong, missed = right + good, wrong + bad, missed + left
            if cases >= limit:
                break
        print(f"{kind}: {cases} groups: {right} right, {wrong} wrong, {missed} missed")
        for line in shown[:5]:
            print("   ", line)


def _groups(file: Path) -> Iterator[tuple[str, list[ast.Assign]]]:
    """Assignments of calls of one name that are the same tree but for their names and constants."""
    try:
        text = file.read_bytes().decode("ascii").replace("\r\n", "\n")
        tree = ast.parse(text)
    except (ValueError, SyntaxError):
        return
    groups: dict[str, list[ast.Assign]] = {}
    lines = text.split("\n")
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and isinstance(node.targets[0], ast.Name)
            and len(node.targets) == 1
            and node.lineno == node.end_lineno
            and lines[node.lineno - 1][: node.col_offset].strip() == ""
            and lines[node.lineno - 1][node.end_col_offset :].strip() == ""
        ):
            groups.setdefault(_shape(node), []).append(node)
    for group in groups.values():
        group.sort(key=lambda node: node.lineno)
        near = [node for node in group if node.lineno - group[0].lineno < WINDOW // 2]
        targets = {_name(node) for node in near}
        if 4 <= len(near) == len(targets) <= 20 and len(near) == len(group):
            yield text, near


def _shape(node: ast.Assign) -> str:
    call = node.value
    assert isinstance(call, ast.Call)

    def shape(part: ast.AST) -> str:
        if isinstance(part, ast.Name):
            return "name"
        if isinstance(part, ast.Constant):
            return type(part.value).__name__
        fields = ",".join(
            str(value)
            if not isinstance(value, ast.AST | list)
            else shape(value)
            if isinstance(value, ast.AST)
            else "[" + ",".join(shape(one) for one in value if isinstance(one, ast.AST)) + "]"
            for name, value in ast.iter_fields(part)
        )
        return f"{type(part).__name__}({fields})"

    return f"{ast.unparse(call.func)} {[shape(one) for one in (*call.args, *call.keywords)]}"


def _measure(text: str, group: list[ast.Assign], change: Change, shown: list[str]) -> tuple[int, int, int]:
    document, edits = Document("file:///a.py", text, language="python", encoding="utf-32"), NextEdits()
    before = text.split("\n")
    grown = 0
    for number, statement in enumerate(group[:2]):
        line = statement.lineno - 1 + grown
        new = change(before[statement.lineno - 1], statement)
        _apply(document, edits, (line, 0, line + 1, 0), "".join(f"{one}\n" for one in new), 9.0 * number)
        grown += len(new) - 1
    wanted = list(before)
    for statement in reversed(group):
        wanted[statement.lineno - 1 : statement.lineno] = change(before[statement.lineno - 1], statement)
    offers = 0
    while offers < 200 and (found := edits.next(document, (0, 0), 99.0)) is not None:
        edit = found[1]
        _apply(document, edits, (edit.line, edit.start, edit.end_line, edit.end), edit.new, 99.0)
        offers += 1
    right = _made(document.text().split("\n"), before, group[2:], change)
    if offers > right:
        shown.append(f"{before[group[0].lineno - 1].strip()[:70]}: {offers} offers, {right} right")
    return right, offers - right, len(group) - 2 - right


def _made(now: list[str], before: list[str], group: list[ast.Assign], change: Change) -> int:
    """At how many of the statements the change was made."""
    made, text = 0, "\n" + "\n".join(now) + "\n"
    for statement in group:
        line = before[statement.lineno - 1]
        new = change(line, statement)
        if new:
            made += "\n" + "\n".join(new) + "\n" in text
        else:
            made += before.count(line) > now.count(line)
    return made


def _apply(
    document: Document, edits: NextEdits, change: tuple[int, int, int, int], text: str, now: float
) -> None:
    before = document.lines
    edits.changed(document, before, change, text, document.edit(*change, text), now)
