"""What files define and import, by language; Python's own parser as the judge of Python."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

from spark_lsp.text import split_lines
from spark_lsp.workspace.outline import Definition, imports, outline, told

CASES = {
    "a.py": ("class A:\n    x: int\n    async def f(self):\n        pass\n\nLIMIT: int = 3\n", "A f LIMIT"),
    "a.ts": (
        "export interface Shape {\n  area(): number;\n}\nexport const make = (n: number) => n;\n"
        "export default class Box {\n  private size = 1;\n"
        "  async open(way: string): Promise<void> {\n    if (way) {\n    }\n  }\n}\ntype Id = string;\n",
        "Shape make Box open Id",
    ),
    "a.go": (
        "type Box struct {\n\tn int\n}\n\nfunc (b *Box) Open(way string) error {\n\treturn nil\n}\n",
        "Box Open",
    ),
    "a.rs": (
        "pub(crate) struct Box { n: u8 }\nimpl Box {\n    pub async fn open(&self) {}\n}\n"
        "const LIMIT: u8 = 3;\nmacro_rules! make { () => {} }\n",
        "Box open LIMIT make",
    ),
    "A.java": (
        "public final class Box<T> {\n    private int n = 1;\n"
        "    public List<T> open(String way) throws E {\n        return other(way);\n    }\n}\n",
        "Box open",
    ),
    "a.cpp": (
        "#define LIMIT 3\nstruct Box;\nstd::string Box::open(const char *way) {\n"
        "  if (way) {\n  }\n  return call(way);\n}\n",
        "LIMIT Box open",
    ),
    "a.rb": ("module M\n  class Box\n    def self.open!(way)\n    end\n  end\nend\n", "M Box open!"),
    "a.php": ("<?php\nabstract class Box {\n  public function open($way) {\n  }\n}\n", "Box open"),
    "a.lua": ("local function open(way)\nend\n", "open"),
    "notes.md": ("# A title\n\nSome text about a class of its own.\n", "of"),
}


@pytest.mark.parametrize("path", CASES)
def test_definitions(path: str) -> None:
    text, names = CASES[path]
    assert [one.name for one in outline(split_lines(text), path)] == names.split()


def test_where_a_definition_ends() -> None:
    f, g = "    def f(self):\n        return {\n            1\n        }\n", "    def g(self): ...\n"
    text = f"class A:\n{f}\n{g}\n\nx = 1\n"
    assert outline(split_lines(text), "a.py") == [
        Definition("A", 0, 7),
        Definition("f", 1, 5),
        Definition("g", 6, 7),
        Definition("x", 9, 10),
    ]
    braces = "func f() {\n\tg()\n}\n\nfunc h() {\n}\n"
    assert outline(split_lines(braces), "a.go") == [Definition("f", 0, 3), Definition("h", 4, 6)]


@pytest.mark.parametrize(
    "name", ["argparse", "dataclasses", "typing", "pathlib", "json/decoder", "asyncio/tasks"]
)
def test_nearly_all_that_python_finds_is_found(name: str) -> None:
    text = (Path(statistics.__file__).parent / f"{name}.py").read_text()
    kinds = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
    right = {(node.name, node.lineno - 1) for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)}
    found = {(one.name, one.line) for one in outline(split_lines(text), f"{name}.py")}
    assert right <= found


@pytest.mark.parametrize(
    ("text", "parts", "names"),
    [
        ("from a.b import c, d as e\n", "a b", "c d e"),
        ("from . import views\n", "", "views"),
        ("from a import (\n    b,\n    c,\n)\nd = 1\n", "a", "b c"),
        ("import a.b as c\n", "a b", ""),
        ("import { f, g as h } from '../lib/box';\n", "lib box", "f g h"),
        ("const { f } = require('./box.js')\n", "box", "f"),
        ("use crate::shape::Box;\n", "crate shape Box", ""),
        ('#include "lib/box.h"\n', "lib box", ""),
        ('import (\n\t"example.com/lib/box"\n)\n', "example com lib box", ""),
        ("import static com.shop.Box;\n", "com shop Box", ""),
    ],
)
def test_imports(text: str, parts: str, names: str) -> None:
    [one] = imports(split_lines(text))
    assert (one.parts, one.names) == (tuple(parts.split()), frozenset(names.split()))


def test_a_long_class_is_told_by_its_heads() -> None:
    body = "".join(f"        self.value_{n} = {n}\n" for n in range(9))
    text = (
        f'class Box:\n    """Holds things.\n\n    Many.\n    """\n\n    size: int = 0\n\n'
        f"    def open(\n        self, way: str\n    ) -> None:\n{body}"
    )
    lines = split_lines(text)
    box, *inner = outline(lines, "a.py")
    head = 'class Box:\n    """Holds things."""\n    size: int = 0\n'
    expected = f"{head}    def open(\n        self, way: str\n    ) -> None:"
    assert told(lines, box, inner) == expected


def test_a_short_function_is_told_whole_and_without_its_indentation() -> None:
    lines = split_lines("class A:\n    @property\n    def f(self):\n        return 1\n")
    _, f = outline(lines, "a.py")
    assert told(lines, f, []) == "@property\ndef f(self):\n    return 1"
