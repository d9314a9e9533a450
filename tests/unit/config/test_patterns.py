"""Patterns of .gitignore: what git says of a path is what we say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.config.patterns import pattern, patterns, verdict


def check(lines: Sequence[str], taken: Sequence[str], left: Sequence[str]) -> None:
    """Of these paths, each looked at by itself, the first are taken and the others are not."""
    rules = patterns(lines)
    assert [path for path in (*taken, *left) if verdict(rules, path)] == list(taken)


CASES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "a name, wherever it is": (["a"], ["a", "a/", "b/a"], ["ab", "a/b", "A"]),
    "a folder, and no file of that name": (["a/"], ["a/", "b/a/"], ["a", "a/b"]),
    "from the root": (["/a", "b/c"], ["a", "b/c"], ["x/a", "x/b/c"]),
    "a star stays within its part": (["x/*.py"], ["x/a.py", "x/.py"], ["x/y/a.py", "a.py"]),
    "folders in between, or none": (["a/**/b"], ["a/b", "a/x/b", "a/x/y/b"], ["ab", "xa/b"]),
    "folders in front, or none": (["**/a/b"], ["a/b", "x/a/b"], ["xa/b"]),
    "what is in a folder, not the folder": (["a/**"], ["a/b", "a/b/c"], ["a", "a/", "x/a/b"]),
    "two stars that are not between slashes": (["a**b"], ["ab", "axb", "x/axb"], ["a/b"]),
    "one character": (["?.c"], ["a.c"], ["ab.c", ".c", "a/.c"]),
    "sets": (
        ["[a-c]", "[!x]y", "[]]", "[[:digit:]-]z", r"[\]q]w"],
        ["b", "ay", "]", "1z", "-z", "qw"],
        ["d", "xy"],
    ),
    "a set holds no slash": (["a[!b]c"], ["axc"], ["a/c", "abc"]),
    "signs that stand for themselves": (
        [r"\!a", r"\#b", r"c\*\*\*\*", "d+(e)"],
        ["!a", "#b", "c****", "d+(e)"],
        ["cx", "dd"],
    ),
    "the last one counts": (["*.py", "!a.py", "x/a.py"], ["b.py", "x/a.py"], ["a.py", "y/a.py"]),
    "folders brought back, not their files": (["*", "!*/", "!*.py"], ["a", "b/c"], ["b/", "b/c.py"]),
    "spaces at the end": (["a  ", r"b\ "], ["a", "b "], ["a  ", "b"]),
    "nothing that says anything": (
        ["", "#a", "!", "/", "a[", "b\\", "[[:no:]]"],
        [],
        ["#a", "a[", "b", "n", "!"],
    ),
    "many stars": (
        ["report.[0-9]*.[0-9]*.[0-9]*.[0-9]*.json", "**/x*y/**/z*"],
        ["report.20181126.091102.8480.0.001.json", "x1y/z", "a/xy/b/c/zz"],
        ["report.20181126.x.8480.0.json", "x1y/b", "a/x/z"],
    ),
    "what would never end": (
        ["*a*a*a*a*a*b", "**/a*a" * 9, "**/*a*a*a*c", "a" * 5000],
        [],
        ["a" * 250, "a" * 4000, "a" * 5000],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cases(case: tuple[list[str], list[str], list[str]]) -> None:
    check(*case)


signs = st.text("ab/*?[]!^-\\#.: \n", max_size=12) | st.text(max_size=5)


@given(signs, signs)
def test_any_line_and_any_path_are_understood(line: str, path: str) -> None:
    said = verdict(patterns([line]), path)
    assert said in (None, not line.startswith("!"))
    assert pattern(line) is not None or said is None


@given(st.text("ab/*?[]!^\\ ", min_size=1, max_size=8).filter(lambda name: name != "/" and "//" not in name))
def test_a_name_that_is_escaped_stands_for_itself(name: str) -> None:
    name = name.strip("/")
    literal = "".join(f"\\{sign}" if sign in "*?[]!\\ " else sign for sign in name)
    assert not name or verdict(patterns([f"/{literal}"]), name)
