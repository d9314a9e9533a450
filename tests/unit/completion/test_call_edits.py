"""A changed signature at its calls: each case is a text, an edit of its signature, and the text that all
offers make of it."""

from __future__ import annotations

import pytest

from spark_lsp.engine.next_edits import NextEdits
from spark_lsp.text import Document

PYTHON = "python"


def apply(
    document: Document, edits: NextEdits, change: tuple[int, int, int, int], text: str, now: float
) -> None:
    before = document.lines
    edits.changed(document, before, change, text, document.edit(*change, text), now)


def followed(text: str, old: str, new: str, language: str = PYTHON) -> str:
    """The text after `old` became `new` by hand, and every offer that follows was taken."""
    document, edits = Document("file:///shop.py", text, language=language, encoding="utf-32"), NextEdits()
    at = text.index(old)
    line = text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1)
    apply(document, edits, (line, column, line, column + len(old)), new, 0.0)
    now = 10.0
    for _ in range(20):
        found = edits.next(document, (0, 0), now)
        if found is None:
            return document.text()
        edit = found[1]
        apply(document, edits, (edit.line, edit.start, edit.end_line, edit.end), edit.new, now)
        now += 0.01  # an offer that was taken is followed by the next one at once
    raise AssertionError("it offers without end")


def check(text: str, old: str, new: str, after: dict[str, str], language: str = PYTHON) -> None:
    """Beside the signature these lines, and no others, have become what `after` says."""
    wanted = text.replace(old, new, 1)
    for line, becomes in after.items():
        assert line in wanted
        wanted = wanted.replace(line, becomes)
    assert followed(text, old, new, language) == wanted


TOTAL = "def total(rows, tax, rounded=False):\n    return 1\n\n\n"
ARGUMENTS = "rows,  # all of them\n        rate(0.1, 0.2),"
USES = (
    "def main(rows, currency):\n"
    "    total(rows, 0.2)\n"
    "    total(rows, tax=0.2, rounded=True)\n"
    '    print("total(rows, 0.2)")  # total(rows, 0.2)\n'
    "    return total(\n"
    "        rows,  # all of them\n"
    "        rate(0.1, 0.2),\n"
    "    )\n"
)


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        pytest.param(
            "rows, tax, rounded",
            "rows, rounded",
            {
                "    total(rows, 0.2)\n": "    total(rows)\n",
                "rows, tax=0.2, rounded=True": "rows, rounded=True",
                "all of them\n        rate(0.1, 0.2),\n": "all of them\n",
            },
            id="removed",
        ),
        pytest.param("(rows, tax,", "(rows, rate,", {"tax=0.2": "rate=0.2"}, id="renamed: at keywords only"),
        pytest.param(
            "(rows, tax,",
            "(tax, rows,",
            {
                "    total(rows, 0.2)\n": "    total(0.2, rows)\n",
                "total(rows, tax=0.2, rounded=True)": "total(tax=0.2, rounded=True, rows=rows)",
                ARGUMENTS: "rate(0.1, 0.2),\n        rows,  # all of them",
            },
            id="reordered",
        ),
        pytest.param("tax, rounded=False", "tax, rounded=False, places=2", {}, id="added with a default"),
        pytest.param("(rows, tax,", "(rows, discount, tax,", {}, id="added, and nothing known for it"),
        pytest.param(
            "(rows, tax,",
            "(rows, currency, tax,",
            {
                "    total(rows, 0.2)\n": "    total(rows, currency, 0.2)\n",
                "total(rows, tax=0.2, rounded=True)": "total(rows, currency, tax=0.2, rounded=True)",
                "        rate(0.1, 0.2),": "        currency,\n        rate(0.1, 0.2),",
            },
            id="added: the name in scope",
        ),
        pytest.param(
            "rounded=False)",
            "rounded=False, *, currency)",
            {
                "    total(rows, 0.2)\n": "    total(rows, 0.2, currency=currency)\n",
                "rounded=True)": "rounded=True, currency=currency)",
                "        rate(0.1, 0.2),\n": "        rate(0.1, 0.2),\n        currency=currency,\n",
            },
            id="added: by keyword",
        ),
        pytest.param(
            "total(rows, tax, r",
            "grand(rows, tax, r",
            {
                "    total(rows, 0.2)\n": "    grand(rows, 0.2)\n",
                "    total(rows, tax": "    grand(rows, tax",
                "return total(\n": "return grand(\n",
            },
            id="the function renamed",
        ),
        pytest.param("rounded=False)", "rounded=False, )", {}, id="not written to its end"),
    ],
)
def test_the_calls_of_a_function(old: str, new: str, after: dict[str, str]) -> None:
    check(TOTAL + USES, old, new, after)


@pytest.mark.parametrize(
    "uses",
    [
        "def f(total):\n    total(1, 2)\n",
        "def f():\n    total = g\n    total(1, 2)\n",
        "shop.total(1, 2)\n",
        "total(*rows)\n",
        "total(1, 2, 3, 4)\n",
        "total(1, 2, other=3)\n",
        "def total(a, b):\n    pass\n\n\ntotal(1, 2)\n",
    ],
)
def test_what_is_not_surely_its_call_is_left_alone(uses: str) -> None:
    check(TOTAL + uses, "rows, tax, rounded", "rows, rounded", {})


def test_a_keyword_at_a_call_is_no_name_of_its_function() -> None:
    text = "def main(tax):\n    total(rows, tax=tax)\n    return tax\n"
    check(text, "tax=tax", "rate=tax", {})


SHOP = (
    "class Shop:\n"
    "    def __init__(self, name, place):\n"
    "        self.total(1, 2)\n"
    "        other.total(1, 2)\n"
    "\n"
    "    def total(self, rows, tax):\n"
    "        return self.total(rows, tax)\n"
    "\n"
    "\n"
    "class Other:\n"
    "    def total(self, rows, tax):\n"
    "        return self.total(3, tax)\n"
    "\n"
    "\n"
    'shop = Shop("a", "b")\n'
    "shop.total(1, 2)\n"
)


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        pytest.param("def total(self, rows, tax)", "def total(self, rows)", {
            "        self.total(1, 2)\n": "        self.total(1)\n",
            "self.total(rows, tax)": "self.total(rows)",
            "shop.total(1, 2)": "shop.total(1)",
        }, id="a method's"),
        pytest.param("name, place", "name", {'Shop("a", "b")': 'Shop("a")'}, id="a class's"),
    ],
)  # fmt: skip
def test_the_calls_of_a_class(old: str, new: str, after: dict[str, str]) -> None:
    check(SHOP, old, new, after)


@pytest.mark.parametrize(
    ("language", "text", "old", "new", "after"),
    [
        ("typescript", "function f(a: Map<string, number>, b?: string) {\n}\nf(m, 'x');\ng.f(m, 'x');\n",
         ", b?: string", "", {"\nf(m, 'x')": "\nf(m)"}),
        ("typescript", "class A {\n  f(a: number, b: number) {\n    this.f(1, 2);\n  }\n}\n",
         "a: number, b: number", "b: number, a: number", {"this.f(1, 2)": "this.f(2, 1)"}),
        ("javascript", "const f = (a, b) => a;\nf(1, x => x);\n", "a, b", "b", {"f(1, x => x)": "f(x => x)"}),
        ("go", "func add(a, b int) int {\n\treturn a\n}\n\nfunc g(c int) {\n\tadd(1, 2)\n}\n",
         "a, b int", "a, b, c int", {"add(1, 2)": "add(1, 2, c)"}),
        ("rust", "fn add(a: u8, b: Vec<u8>) -> u8 {\n    a\n}\nfn g() { add(1, vec![2, 3]); }\n",
         "a: u8, b: Vec<u8>", "b: Vec<u8>", {"add(1, vec![2, 3])": "add(vec![2, 3])"}),
        ("java", "class A {\n  int add(int a, Map<B, Integer> b) {\n    return this.add(1, b);\n  }\n}\n",
         "int a, Map", "Map", {"this.add(1, b)": "this.add(b)"}),
    ],
)  # fmt: skip
def test_other_languages(language: str, text: str, old: str, new: str, after: dict[str, str]) -> None:
    check(text, old, new, after, language)


def test_a_name_is_not_offered_while_it_is_typed() -> None:
    text = "def f(a, number):\n    return number + count_all\n"
    document, edits = Document("file:///a.py", text, language=PYTHON, encoding="utf-32"), NextEdits()
    apply(document, edits, (0, 9, 0, 15), "", 0.0)
    for index, key in enumerate("count"):
        apply(document, edits, (0, 9 + index, 0, 9 + index), key, 1.0 + index)
        at = (0, 10 + index)
        assert edits.next(document, at, 1.1 + index) is None
        assert edits.next(document, at, 1.9 + index) is None or not "count_all".startswith(
            "count"[: index + 1]
        )
    assert edits.next(document, (1, 0), 5.1) is None
    assert edits.next(document, (1, 0), 5.3) is not None, "the cursor has left it"


def test_calls_in_another_document() -> None:
    shop = Document("file:///shop.py", TOTAL, language=PYTHON, encoding="utf-32")
    uses = Document(
        "file:///main.py", "from shop import total, x\n\ntotal(1, 2)\nx.total(1, 2)\n", language=PYTHON
    )
    others = Document("file:///b.py", "import shop\n\nshop.total(1, 2)\ntotal(1, 2)\n", language=PYTHON)
    edits, known = NextEdits(), {each.uri: each for each in (shop, uses, others)}
    apply(shop, edits, (0, 14, 0, 19), "", 0.0)
    assert edits.next(shop, (3, 0), 5.0, known) is None, "only where it was asked about"
    made = []
    while (found := edits.next(shop, (3, 0), 5.0, known, far=True)) is not None:
        edit = found[1]
        made.append((edit.uri, edit.line, edit.old))
        apply(known[edit.uri], edits, (edit.line, edit.start, edit.end_line, edit.end), edit.new, 5.0)
    assert made == [("file:///main.py", 2, ", 2"), ("file:///b.py", 2, ", 2")]
