"""What is predicted where. In a case, ^ is the cursor, and the rest of its line is not known."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.workspace.index import Index
from spark_lsp.workspace.predict import Prediction, candidates, predict
from spark_lsp.workspace.rank import Surroundings
from spark_lsp.workspace.scene import Scene
from spark_lsp.workspace.tokens import split

ROOM = 64 << 20
PATH = "/project/open.py"
Files = Mapping[str, str]
Result = TypeVar("Result")

SHAPES = """\
class Circle(Shape):
    def __init__(self, radius: float) -> None:
        super().__init__()
        self.radius = radius

    def area(self) -> float:
        return math.pi * self.radius ** 2


class Square(Shape):
    def __init__(self, side: float) -> None:
        super().__init__()
        self.side = side

    def area(self) -> float:
        return self.side ** 2
"""

BANK = """\
func (a *Account) Deposit(amount int) error {
\tif amount <= 0 {
\t\treturn ErrAmount
\t}
\ta.balance += amount
\treturn nil
}
"""


def ask(marked: str, files: Files, *, max_lines: int = 1, opened: bool = True) -> Prediction | None:
    index = Index(ROOM)
    for name, text in files.items():
        index.install(index.prepare(f"/project/{name}", text))
    before, _, after = marked.partition("^")
    line = before.count("\n")
    if opened:
        index.open(PATH, (before + after).splitlines(keepends=True))
    steps = predict(
        index,
        path=PATH,
        before=before,
        after=after,
        max_lines=max_lines,
        now=0.0,
        line=line if opened else None,
    )
    return finish(steps)


def finish(steps: Generator[None, None, Result]) -> Result:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def check(marked: str, files: Files, expected: str | None, *, max_lines: int = 1) -> None:
    """This text and no other, whether the document is followed or comes with the question."""
    for opened in (True, False):
        prediction = ask(marked, files, max_lines=max_lines, opened=opened)
        assert (prediction and prediction.text) == expected


CASES: dict[str, tuple[str, Files, str | None]] = {
    "nothing is known": ("x = ^", {}, None),
    "another file": ("def area(self) ^", {"shapes.py": SHAPES}, "-> float:"),
    "this document": (SHAPES + "\n\nclass Oval(Shape):\n    def area(self) ->^", {}, " float:"),
    "half a word": ("super().__in^", {"shapes.py": SHAPES}, "it__()"),
    "half a word that is a whole one": ("    return math.p^", {"shapes.py": SHAPES}, "i * self.radius ** 2"),
    "other names": (
        SHAPES + "\n\nclass Cube(Shape):\n    def __init__(self, edge: float) -> None:\n"
        "        super().__init__()\n        self.edge = ^",
        {},
        "edge",
    ),
    "half of another name": (
        SHAPES + "\n\nclass Cube(Shape):\n    def __init__(self, edge: float) -> None:\n"
        "        super().__init__()\n        self.ed^",
        {},
        "ge = edge",
    ),
    "a name never seen before": (
        "class Tri(Shape):\n    def __init__(self, base_line: float) -> None:\n        super().__init__()\n"
        "        self.base_line =^",
        {"shapes.py": SHAPES},
        " base_line",
    ),
    "another language": ("func (a *Account) Withdraw(amount int) ^", {"bank.go": BANK}, "error {"),
    "tabs": (
        "func (b *Box) Put(amount int) error {\n\tif amount <= 0 {\n\t\treturn ^",
        {"bank.go": BANK},
        "ErrAmount",
    ),
    "\\r\\n in the file": ("super().__init^", {"shapes.py": SHAPES.replace("\n", "\r\n")}, "__()"),
}


@pytest.mark.parametrize("name", CASES)
def test_predicts(name: str) -> None:
    marked, files, expected = CASES[name]
    check(marked, files, expected)


def test_the_line_below_decides() -> None:
    files = {
        "a.py": "begin()\nopen_door()\nwalk_in()\n",
        "b.py": "begin()\nopen_window()\nclimb_in()\n",
    }
    check("begin()\n^\nwalk_in()\n", files, "open_door()")
    check("begin()\n^\nclimb_in()\n", files, "open_window()")


def test_the_cursor_does_not_learn_from_its_own_line() -> None:
    prediction = ask("value = ^unheard_of(thing)\n", {})
    assert prediction is None or "unheard_of" not in prediction.text


def test_an_open_document_counts_instead_of_its_file() -> None:
    check("old = ^\n", {"open.py": "old = former(text)\n"}, None)


HEAD = "package bank\n\nfunc (a *Account) Deposit(amount"


def test_several_lines_while_the_places_agree() -> None:
    prediction = ask(HEAD + "^", {"bank.go": BANK, "till.go": BANK}, max_lines=10)
    assert prediction is not None
    assert HEAD + prediction.text == "package bank\n\n" + BANK.rstrip("\n")


def test_later_lines_end_where_the_document_goes_on() -> None:
    rest = BANK[BANK.index("\ta.balance") :]
    prediction = ask(HEAD + "^\n" + rest, {"bank.go": BANK, "till.go": BANK}, max_lines=10)
    assert prediction is not None
    assert HEAD + prediction.text + "\n" + rest == "package bank\n\n" + BANK


def test_no_more_lines_than_asked_for() -> None:
    prediction = ask(HEAD + "^", {"bank.go": BANK}, max_lines=3)
    assert prediction is not None
    assert prediction.text.count("\n") == 2


def test_later_lines_end_where_the_places_differ() -> None:
    other = BANK.replace("a.balance += amount", "a.log(amount)")
    prediction = ask(HEAD + "^", {"bank.go": BANK, "log.go": other}, max_lines=10)
    assert prediction is not None
    assert HEAD + prediction.text == "package bank\n\n" + BANK[: BANK.index("\n\ta.balance")]


def test_a_lone_place_is_less_sure_than_many() -> None:
    once = ask("assert total == ^", {"a.py": "assert total == expected\n"})
    often = ask("assert total == ^", {f"{n}.py": "assert total == expected\n" for n in range(20)})
    assert once is not None
    assert often is not None
    assert once.text == often.text == "expected"
    assert 0 < once.confidence < often.confidence < 1


def test_a_recently_edited_file_counts_for_more() -> None:
    for recent, other in (("a.py", "b.py"), ("b.py", "a.py")):
        index = Index(ROOM)
        for name in ("a.py", "b.py"):
            index.install(index.prepare(f"/{name}/{name}", f"colour = pick({name[0]})\n"))
        index.touch(f"/{recent}/{recent}", 50.0)
        steps = predict(index, path=PATH, before="colour = pick(", after="", max_lines=1, now=60.0)
        prediction = finish(steps)
        assert prediction is not None
        assert prediction.text == f"{recent[0]})", other


CUBE = """

class Cube(Shape):
    def __init__(self, edge: float) -> None:
        super().__init__()
        self.edge = edge
"""


@given(st.integers(0, len(CUBE)))
def test_no_candidate_contradicts_what_was_typed(cursor: int) -> None:
    """Neither the best nor any other, also where a name is called differently at the places that vote."""
    before = SHAPES + CUBE[:cursor]
    index = Index(ROOM)
    scene = Scene(index, path=PATH, before=before, after="", line=None, now=0.0)
    head = before[before.rfind("\n") + 1 :]
    known = {token.strip() for token in split(SHAPES + CUBE)} | {token.strip() for token in split(head)}
    for candidate in finish(candidates(scene, Surroundings(before, ""))):
        assert {token.strip() for token in split(head + candidate.text)} <= known


@given(st.integers(0, len(SHAPES)), st.integers(1, 4))
def test_what_was_typed_is_never_contradicted(cursor: int, max_lines: int) -> None:
    """At any cursor in a copy: an answer that shows something, whose word at the cursor is a known one."""
    before = SHAPES[:cursor]
    prediction = ask(before + "^", {"shapes.py": SHAPES}, max_lines=max_lines)
    if prediction is None:
        return
    first = prediction.text.split("\n")[0]
    assert first.strip()
    assert first == first.rstrip()
    assert prediction.text.count("\n") < max_lines
    assert 0 < prediction.confidence < 1
    line_start = before.rfind("\n") + 1
    known = set(split(SHAPES))
    assert {token.strip() for token in split(before[line_start:] + first)} <= {
        token.strip() for token in known
    }
