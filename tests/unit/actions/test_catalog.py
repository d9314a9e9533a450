"""Which actions fit a place."""

from __future__ import annotations

import pytest

from spark_lsp.actions.catalog import KINDS, Action, Offered, Range, offers, titled
from spark_lsp.actions.suite import is_test, suite_of
from spark_lsp.values import Diagnostic

TEXT = [
    "def total(orders):",
    "    return sum(order.price for order in order)",
    "",
    "",
    "def later():",
    "    # TODO: say it",
    "    ...",
    "",
    "",
    "x = 1",
    "",
]
UNDEFINED = Diagnostic(1, 46, 1, 51, "undefined name\n'order'", "F821", "ruff")
OWN = Action("own/rhyme", "Let it rhyme", "refactor.rewrite", "Let {language} rhyme.", own=True)


def names(
    line: int,
    *,
    last: int | None = None,
    language: str = "python",
    path: str = "shop.py",
    diagnostics: tuple[Diagnostic, ...] = (),
    only: tuple[str, ...] = (),
    automatic: bool = False,
) -> list[str]:
    asked = Range(line, line if last is None else last, selected=last is not None)
    found = offers(TEXT, language, path, asked, diagnostics, only=only, automatic=automatic, own=[OWN])
    return [one.action.name for one in found if not one.disabled]


USUAL = ["simplify", "add-types", "handle-errors"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (names(1), [*USUAL, "document", "tests", "explain", "own/rhyme"]),
        (names(5), [*USUAL, "complete", "document", "tests", "explain", "own/rhyme"]),
        (names(8), []),  # a blank line
        (names(9), [*USUAL, "explain", "own/rhyme"]),  # no definition
        (names(0, last=1), [*USUAL, "extract", "document", "tests", "explain", "own/rhyme"]),
        (names(1, language="rust"), ["simplify", "handle-errors", "document", "explain", "own/rhyme"]),
        (names(1, path="tests/test_shop.py"), [*USUAL, "document", "explain", "own/rhyme"]),
        (names(1, only=("source",)), ["document", "tests", "explain"]),
        (names(1, only=("source.doc",)), []),
        (names(1, only=("refactor.rewrite",)), [*USUAL, "own/rhyme"]),
        (names(1, diagnostics=(UNDEFINED,), only=("quickfix",)), ["fix", "fix-all", "explain-diagnostic"]),
        # A lamp that nobody asked for shines for what is wrong, and for what is selected.
        (names(1, automatic=True), []),
        (names(1, automatic=True, diagnostics=(UNDEFINED,)), ["fix", "fix-all", "explain-diagnostic"]),
        (names(0, last=1, automatic=True, only=("refactor.extract",)), ["extract"]),
    ],
)
def test_what_fits(found: list[str], expected: list[str]) -> None:
    assert sorted(found) == sorted(expected)


def quick_fixes(*diagnostics: Diagnostic) -> list[Offered]:
    return list(
        offers(TEXT, "python", "shop.py", Range(0, 0, selected=False), diagnostics, only=("quickfix",))
    )


def test_each_diagnostic_has_its_fix_and_each_code_one_for_all() -> None:
    other = Diagnostic(4, 0, 4, 3, "missing docstring", "D103", "ruff")
    again = Diagnostic(0, 0, 0, 3, "missing docstring", "D103", "ruff")
    found = quick_fixes(UNDEFINED, UNDEFINED, other, again, Diagnostic(0, 0, 0, 1, "no code"))
    assert [one.action.name for one in found].count("fix") == 4
    assert [one.title for one in found if one.action.name == "fix-all"] == [
        "Fix all F821 in this file with Spark",
        "Fix all D103 in this file with Spark",
    ]
    assert found[0].title == "Fix with Spark: undefined name 'order'"


@pytest.mark.parametrize(
    ("diagnostic", "lines"),
    [
        (UNDEFINED, (1, 2)),
        (Diagnostic(0, 0, 2, 0, "ends before the next line"), (0, 2)),
        (Diagnostic(99, 0, 120, 0, "past the end"), (10, 11)),
        (Diagnostic(3, 5, 1, 0, "ends before it begins"), (3, 4)),
    ],
)
def test_the_lines_of_a_diagnostic_are_in_the_text(diagnostic: Diagnostic, lines: tuple[int, int]) -> None:
    assert (quick_fixes(diagnostic)[0].first, quick_fixes(diagnostic)[0].last) == lines


def test_what_a_title_is_filled_with_is_not_looked_at_again() -> None:
    tricky = Diagnostic(0, 0, 0, 1, "{code} " + "x" * 200, "{message}")
    assert titled(quick_fixes(tricky)[0].action, tricky).startswith("Fix with Spark: {code} xxx")
    assert len(titled(quick_fixes(tricky)[0].action, tricky)) == 100


def test_kinds_are_those_of_the_protocol() -> None:
    assert {kind.split(".")[0] for kind in KINDS} == {"quickfix", "refactor", "source"}


@pytest.mark.parametrize(
    ("path", "language", "there", "manifest", "expected"),
    [
        (
            "src/shop/cart.py",
            "python",
            {"tests", "tests/shop"},
            "pytest",
            ("tests/shop/test_cart.py", "pytest"),
        ),
        ("shop/cart.py", "python", set(), "", ("tests/test_cart.py", "pytest")),
        ("cart.py", "python", {"test", "tests/__init__.py"}, "", ("test/test_cart.py", "unittest")),
        (
            "src/cart.ts",
            "typescript",
            set(),
            '{"devDependencies": {"vitest": "*"}}',
            ("src/cart.test.ts", "vitest"),
        ),
        ("src/cart.js", "javascript", {"src/__tests__"}, "", ("src/__tests__/cart.test.js", "node:test")),
        ("cart.ts", "typescript", {"tests"}, '{"jest": {}}', ("tests/cart.test.ts", "jest")),
        ("shop/cart.go", "go", set(), "", ("shop/cart_test.go", "testing")),
    ],
)
def test_where_tests_belong(
    path: str, language: str, there: set[str], manifest: str, expected: tuple[str, str]
) -> None:
    suite = suite_of(path, language, there.__contains__, manifest)
    assert (suite.path, suite.framework) == expected
    assert not suite.exists
    assert suite_of(path, language, {*there, suite.path}.__contains__, manifest).exists
    assert is_test(suite.path)
