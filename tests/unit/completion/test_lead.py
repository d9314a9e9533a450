"""The indentation that an empty line within a block is led with."""

from __future__ import annotations

import pytest

from spark_lsp.completion.context import Context
from spark_lsp.completion.lead import lead

DOCUMENTED = 'def area(\n    width: int,\n) -> int:\n    """How large.\n\n    def x.\n    """\n'


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("def f():\n    x = 1\n", "\n    return x\n", "    "),
        ("def f():\n    x = 1\n\n", "\n\n    return x\n", "    "),
        ("def f():\n    if x:\n        y()\n", "\n    return x\n", "    "),  # at least so deep
        ("def f():\n    if x:\n        y()\n", "\n    else:\n        z()\n", "        "),
        ("def f():\n    for x in y:\n", "\n    return x\n", "        "),
        (
            "def f():\n    for x in y:\n",
            "\n            z(x)\n",
            "        ",
        ),  # what is missing opens a block, too
        ("def f():\n    x = 1\n", "\n        z(x)\n", "    "),
        ("def f():\n    if x:\n        return 1\n", "\n        return 2\n", "    "),
        ("x = call(\n", "\n        two,\n)\n", "        "),  # as deep as the other arguments
        ("fn main() {\n    let x = 1;\n", "\n    x\n}\n", "    "),
        ("fn main() {\n    if x {\n", "\n    }\n}\n", "        "),
        ("class A:\n\tdef f(self):\n", "\n\tdef g(self):\n", "\t\t"),
        (DOCUMENTED.replace("    def x.\n", ""), "\n", "    "),
        (DOCUMENTED.replace("    def x.\n", ""), "\n\ndef g():\n", "    "),
        # Nothing tells it.
        (DOCUMENTED + "    x = 1\n", "\n", ""),
        ("def f():\n    x = 1\n", "\n", ""),
        ("def f():\n    x = 1\n", "\ndef g():\n", ""),
        ('"""A module."""\n', "\n", ""),
        ("", "\n", ""),
        # The line has something already.
        ("def f():\n    x = 1\n    ", "\n    return x\n", ""),
        ("def f():\n    x = 1\n", "y\n    return x\n", ""),
    ],
)
def test_lead(before: str, after: str, expected: str) -> None:
    indent = "\t" if "\t" in before else "    "
    assert lead(Context("file:///a", "a.py", "python", before, after, indent)) == expected


def test_prose_is_left_alone() -> None:
    assert lead(Context("file:///a", "a.md", "markdown", "- one\n    two\n", "\n    three\n")) == ""
