"""Which lines an action may change and which are shown."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.actions.scope import SHOWN, WIDEST, block_of, definition_of, header_of, scope_of

CASES = {
    "a function, with what decorates it": """\
import os

«@cache
def first():
    return ¦1»


def second():
    return 2
""",
    "from its comment": """\
«# It is ¦said here.
def first():
    return 1»
x = 2
""",
    "the innermost one": """\
class Shop:
    def __init__(self):
        self.open = True

    «def close(self):
        if self.open:
            ¦self.open = False»

    def other(self):
        pass
""",
    "a signature of several lines": """\
«def total(
    orders,
    rate=0.1,
) -> float:
    for order in orders:
        ¦pass
    return rate»


x = total([])
""",
    "braces, and what goes on behind one": """\
«export function total(items: Item[]): number {
  if (items.length) {
    return ¦1;
  } else {
    return 2;
  }
}»

console.log(total([]));
""",
    "an arrow": """\
«const twice = (x: number) => {
  return ¦x * 2;
};»

twice(2);
""",
    "a method": """\
class Shop {
  open = true;

  «close(now: Date): void {
    this.open = ¦false;
  }»
}
""",
    "Go": """\
package main

«func (s *Shop) Close() error {
	return ¦nil
}»

func main() {}
""",
    "Rust, with its attribute": """\
«#[test]
pub fn closes() {
    assert!(¦true);
}»
""",
    "a paragraph where there is no definition": """\
x = 1

«y = ¦2
z = 3»

a = 4
""",
}


def check(text: str) -> None:
    lines = text.split("\n")
    first = next(number for number, line in enumerate(lines) if "«" in line)
    last = next(number for number, line in enumerate(lines) if "»" in line)
    at = next(number for number, line in enumerate(lines) if "¦" in line)
    bare = [re.sub("[«»¦]", "", line) for line in lines]
    assert block_of(bare, at, at + 1) == range(first, last + 1)


@pytest.mark.parametrize("name", CASES)
def test_the_block_around_a_line(name: str) -> None:
    check(CASES[name])


def test_a_paragraph_is_no_definition() -> None:
    lines = ["x = 1", "", "def f():", "    return x"]
    assert definition_of(lines, 0, 1) is None
    assert definition_of(lines, 3, 4) == range(2, 4)


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        ("", 0),
        ("x = 1\n", 0),
        ('"""Words\n\nand more."""\n\nimport os\nfrom a import (\n    b,\n)\n\nx = 1\nimport late', 8),
        ("#!/bin/env node\n// words\nimport { a } from 'b';\nconst c = require('c');\n\nlet x = 1", 4),
        ('package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc main() {}', 6),
        ("#include <stdio.h>\n\nint main() {}", 1),
    ],
)
def test_the_header_ends_with_the_last_import(text: str, stop: int) -> None:
    assert header_of(text.split("\n")) == range(0, stop)


def test_of_a_long_document_the_surroundings_are_shown() -> None:
    lines = ["import os", "", *(f"x_{number} = {number}" for number in range(5_000))]
    scope = scope_of(lines, [header_of(lines), range(2_000, 2_003)])
    assert scope.change == (range(0, 1), range(2_000, 2_003))
    assert scope.shown[0] == range(0, 1)
    [around] = scope.shown[1:]
    assert around.start < 1_900
    assert around.stop > 2_100
    assert sum(len(lines[number]) + 1 for span in scope.shown for number in span) <= SHOWN


LINES = st.lists(
    st.sampled_from(
        ["", "def f():", "    x = (", "    )", "class A {", "}", "  }", "@dec", "# c", "import a", "\ty"]
    ),
    max_size=40,
)


@given(lines=LINES, first=st.integers(-3, 45), length=st.integers(-2, 10))
def test_a_block_holds_its_place_and_stays_in_the_text(lines: list[str], first: int, length: int) -> None:
    lines = lines or [""]
    block = block_of(lines, first, first + length)
    place = min(max(first, 0), len(lines) - 1)
    assert 0 <= block.start <= place < block.stop <= len(lines)
    assert len(block) <= max(WIDEST, length) + 1


@given(lines=LINES, spans=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 10)), max_size=4))
def test_whatever_may_be_changed_is_shown(lines: list[str], spans: list[tuple[int, int]]) -> None:
    change = [range(a, b) for a, n in spans if (b := min(a + n, len(lines))) > a]
    scope = scope_of(lines, change)
    shown = {number for span in scope.shown for number in span}
    assert {number for span in change for number in span} <= shown
    assert {number for span in scope.change for number in span} <= shown
    for spans_of in (scope.change, scope.shown):
        assert all(a.stop < b.start for a, b in pairwise(spans_of))
