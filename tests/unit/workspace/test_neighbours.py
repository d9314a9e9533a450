"""What is found for a cursor among files, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.text import split_lines
from spark_lsp.workspace.index import Index
from spark_lsp.workspace.neighbours import Neighbours, neighbours, tell
from spark_lsp.workspace.outline import imports
from spark_lsp.workspace.survey import Surveys

FILES = {
    "/w/shop/basket.py": (
        "class Basket:\n    def total_price(self, discount):\n        return 1\n\n"
        "def unused_thing():\n    return 2\n"
    ),
    "/w/other/basket.py": "def total_price():\n    return 3\n",
    "/w/shop/rows.py": (
        "def load_rows(path):\n    rows = []\n    with open_table(path) as table:\n"
        "        for row in table.each_row():\n"
        "            rows.append(parse_row(row, strict=True))\n    return sorted_by_day(rows)\n"
    ),
    "/w/shop/__init__.py": "",
    "/w/tests/test_order.py": "def test_order_is_paid():\n    assert pay_order(3)\n",
}


def world(files: Mapping[str, str], max_bytes: int = 1 << 20) -> tuple[Index, Surveys]:
    index = Index(1 << 24)
    surveys = Surveys(index.vocabulary, max_bytes)
    for path, text in files.items():
        learn(index, surveys, path, text)
    return index, surveys


def learn(index: Index, surveys: Surveys, path: str, text: str) -> None:
    prepared = index.prepare(path, text)
    index.install(prepared)
    surveys.enter(surveys.look(path, text, prepared))


def look(text: str, path: str = "/w/shop/order.py", files: Mapping[str, str] = FILES) -> Neighbours:
    index, surveys = world(files)
    lines = split_lines(text)
    index.open(path, lines)
    for _ in index.settle(path):
        pass
    steps = neighbours(index, surveys, path, len(lines) - 1, imports(lines))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Neighbours = end.value
            return found


@pytest.mark.parametrize(
    "imported",
    [
        "from shop.basket import Basket",
        "from .basket import Basket",
        "from shop import basket",
        "import shop.basket",
    ],
)
def test_an_import_leads_to_its_file(imported: str) -> None:
    found = look(f"{imported}\n\nx = total_price(")
    wanted = {(one.path, one.name) for one in found.wanted if one.worth > 0.2}
    assert ("/w/shop/basket.py", "total_price") in wanted
    assert next(one.path for one in found.wanted if one.name == "total_price") == "/w/shop/basket.py"


def test_a_files_test_belongs_to_it() -> None:
    assert "/w/tests/test_order.py" in look("pay_order = 1\n").files
    surveys = world({**FILES, "/w/shop/order.py": "def pay_order(): ...\n"})[1]
    assert surveys.counterpart("/w/tests/test_order.py") == "/w/shop/order.py"


def test_lines_like_those_at_the_cursor_are_found_with_what_follows() -> None:
    found = look(
        "def load_days(path):\n    days = []\n    with open_table(path) as table:\n        for row in table."
    )
    best = found.alike[0]
    assert best.path == "/w/shop/rows.py"
    assert "    return sorted_by_day(rows)" in best.text.split("\n")


def test_what_is_in_sight_is_not_told() -> None:
    found = look("def total_price():\n    return 1\n\nx = total_price(")
    lines = {"/w/shop/order.py": split_lines("def total_price():\n    return 1\n\nx = total_price(")}
    assert not [
        one for one in tell(found.wanted, lines.get, "/w/shop/order.py", range(4)) if "order" in one.path
    ]


files = st.dictionaries(
    st.sampled_from([f"/w/{name}.py" for name in "abcdef"]),
    st.lists(st.sampled_from(["def one(): ...", "def two(): ...", "x = one(two)", "y = 2"]), max_size=5).map(
        "\n".join
    ),
)


@given(st.lists(files, min_size=1, max_size=5))
def test_what_was_learned_last_counts(rounds: list[Mapping[str, str]]) -> None:
    index, surveys = world({})
    now: dict[str, str] = {}
    for each in rounds:
        for path in now.keys() - each.keys():
            surveys.drop(path)
        now = dict(each)
        for path, text in each.items():
            learn(index, surveys, path, text)
    for name in ("one", "two"):
        code = index.vocabulary.find(name)
        assert sorted(surveys.defining(code)) == sorted(
            p for p, text in now.items() if f"def {name}(" in text
        )
    assert len(surveys) == len(now)


def test_memory_is_bounded_and_given_back() -> None:
    index, surveys = world({}, max_bytes=200_000)
    for number in range(600):
        text = "\n".join(f"def name_{number}_{each}(): ..." for each in range(20))
        learn(index, surveys, f"/w/f{number}.py", text)
    assert 10 < len(surveys) < 600
    assert surveys.size_bytes < 220_000
    for number in range(600):
        surveys.drop(f"/w/f{number}.py")
    assert len(surveys) == 0
    assert surveys.size_bytes < 60_000
