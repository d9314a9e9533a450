"""Cases of `bench quality`: what is held out is nowhere in what is open, or learned."""

from __future__ import annotations

import ast
import gzip
import json
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.cli.quality import infilling, packages
from spark_lsp.cli.quality.case import INFILLING, PACKAGE
from spark_lsp.cli.quality.packages import Package
from spark_lsp.cli.sandbox import failure
from spark_lsp.errors import UsageError

ROW = {
    "task_id": "SingleLineInfilling/HumanEval/0/L1",
    "entry_point": "area",
    "prompt": "def area(width, height):\n",
    "suffix": "    return found\n",
    "canonical_solution": "    found = width * height\n",
    "test": "def check(candidate):\n    assert candidate(2, 3) == 6\n",
}


def module(number: int) -> str:
    """A text of which no line stands in another one's."""
    return f'''"""Module {number}."""

import module_{number}_a


class Shop{number}:
    """What is sold."""

    def price_{number}(self, item_{number}, count_{number}):
        """The price.

        Of all, {number} times.
        """
        single_{number} = self.table_{number}.lookup(item_{number}, {number})
        return single_{number} * count_{number}


def total_{number}(shop_{number}, items_{number}):
    found_{number} = 0
    for item in items_{number}:
        found_{number} += shop_{number}.price_{number}(item, 1{number})
    return found_{number}
'''


PACKAGE_OF_SIX = Package("shop", "1.0", {PurePosixPath(f"shop/m{n}.py"): module(n) for n in range(6)})


@settings(max_examples=30)
@given(most=st.integers(0, 6), seed=st.integers(0, 50))
def test_what_is_held_out_is_in_no_workspace(most: int, seed: int) -> None:
    groups = packages.groups([PACKAGE_OF_SIX], most, seed)
    cases = [case for group in groups for case in group.cases]
    assert [sum(case.kind == kind for case in cases) for kind in PACKAGE] == [most or 6] * len(PACKAGE)
    for group in groups:
        assert len({case.path for case in group.cases}) == len(group.cases)
        for case in group.cases:
            whole = PACKAGE_OF_SIX.files[case.path]
            assert case.before + case.truth + case.after == whole
            assert case.truth
            assert group.files[case.path] == case.text == case.before + case.after
            line = whole.split("\n")[case.line]
            assert case.line_before + case.truth.split("\n")[0] == line[: len(case.line_before)] + (
                line[len(case.line_before) :] if case.kind != "call" else case.truth
            )
            if case.kind in (
                "line start",
                "block",
            ):  # of the others a part is still there, or stands elsewhere
                assert not any(case.truth in text for text in group.files.values())


@settings(max_examples=30)
@given(seed=st.integers(0, 200))
def test_where_the_cursor_stands(seed: int) -> None:
    for group in packages.groups([PACKAGE_OF_SIX], 0, seed):
        for case in group.cases:
            assert not case.before.endswith('"""')
            if case.kind == "line start":
                assert not case.line_before.strip()
                assert not case.line_after
            if case.kind == "mid-line":
                assert case.line_before.strip()
            if case.kind == "mid-word":
                assert (case.line_before[-1] + case.truth[0]).isidentifier()
            if case.kind == "call":
                assert case.line_before.endswith("(")
                assert case.line_after.startswith(")")
            if case.kind == "block":
                assert case.before.rstrip().endswith((":", '"""'))
                assert "\n" in case.truth
            ast.parse(case.before + case.truth + case.after)


def test_packages_that_are_installed() -> None:
    [package] = packages.installed(["pluggy"], 1)
    assert package.version
    assert PurePosixPath("pluggy/_hooks.py") in package.files
    chosen = packages.installed([], 1)
    assert [one.name for one in chosen] == [one.name for one in packages.installed([], 1)]
    assert all(len(one.files) >= packages.FEWEST_FILES for one in chosen)
    assert "spark-lsp" not in {one.name for one in chosen}
    with pytest.raises(UsageError, match="no such package"):
        packages.installed(["not-installed-here"], 1)


def packed(folder: Path, name: str, *rows: dict[str, str]) -> None:
    with gzip.open(folder / name, "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def test_infilling_is_read(tmp_path: Path) -> None:
    for name in infilling.FILES:
        packed(tmp_path, name, ROW, ROW | {"task_id": "x"})
    groups = infilling.groups(tmp_path, 1, 1)
    assert [group.cases[0].kind for group in groups] == list(INFILLING)
    assert len(infilling.groups(tmp_path, 0, 1)) == 6
    [case] = groups[0].cases
    assert not groups[0].files
    assert (case.line_before, case.line_after) == ("", "")
    assert case.truth == "    found = width * height"
    assert case.test is not None
    assert not failure("p.py", case.before + case.truth + case.after, case.test.code)
    assert failure("p.py", case.before + "    found = 0" + case.after, case.test.code)


def test_a_span_is_left_as_it_is() -> None:
    row = ROW | {"canonical_solution": " * height\n    return", "prompt": "x = width", "suffix": " x\n"}
    case = infilling.case_of(row, "random span")
    assert (case.before, case.truth, case.after) == ("x = width", " * height\n    return", " x\n")


def test_what_is_not_infilling(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds none of"):
        infilling.groups(tmp_path, 0, 1)
    packed(tmp_path, "single-line.jsonl.gz", {"task_id": "x"})
    with pytest.raises(UsageError, match="is not human-eval-infilling"):
        infilling.groups(tmp_path, 0, 1)
