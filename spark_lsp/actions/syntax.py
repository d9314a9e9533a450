"""Whether an edit breaks a text's syntax: tree-sitter, where its grammar is installed (extra `syntax`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

GRAMMARS: Mapping[str, tuple[str, str]] = {
    "python": ("tree_sitter_python", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "javascriptreact": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "json": ("tree_sitter_json", "language"),
    "html": ("tree_sitter_html", "language"),
    "css": ("tree_sitter_css", "language"),
    "shellscript": ("tree_sitter_bash", "language"),
}
"""By language id: the package of its grammar, one of those that the tree-sitter project itself keeps, and the
function in it."""

LONGEST = 1_000_000
"""Characters: a longer text is not parsed."""

LOOKED_AT = 50_000
"""Nodes of a tree that are looked at for errors."""


def worse(language: str, before: str, after: str) -> str:
    """What is wrong with the syntax of a text that was not before, "" when nothing, or when nobody can
    tell."""
    parser = _parser(language)
    if parser is None or len(after) > LONGEST:
        return ""
    had, has = (list(_errors(parser, text)) for text in (before, after))
    if len(has) <= len(had):
        return ""
    return f"the result is no valid {language}: line {has[0] + 1}"


def _errors(parser: Parser, text: str) -> Iterator[int]:
    """The lines of what the parser could make no sense of."""
    root = parser.parse(text.encode("utf-8", "replace")).root_node
    waiting: list[Node] = [root] if root.has_error else []
    for _ in range(LOOKED_AT):
        if not waiting:
            return
        node = waiting.pop()
        if node.is_error or node.is_missing:
            yield node.start_point.row
        waiting += [child for child in reversed(node.children) if child.has_error or child.is_missing]


@cache
def _parser(language: str) -> Parser | None:
    if language not in GRAMMARS:
        return None
    package, function = GRAMMARS[language]
    try:
        from tree_sitter import Language, Parser

        return Parser(Language(getattr(import_module(package), function)()))
    except ImportError:
        return None
