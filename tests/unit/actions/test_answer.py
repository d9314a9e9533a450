"""Models' answers in all the forms they come in, and what may never come of one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.actions import answer as subject
from spark_lsp.actions.answer import AnswerReader, NewFile
from spark_lsp.actions.edits import apply, minimal

TEXT = """\
import os

class Cart:
    def total(self, items):
        total = 0
        for item in items:
            total += item.price
        return total

    def count(self, items):
        # how many
        return len(items)
"""
LINES = TEXT.split("\n")
SPANS = [range(3, 8)]  # total
PATH = "shop/cart.py"

PRICE = """\
<<<<<<< SEARCH
            total += item.price
=======
            total += item.price * item.count
>>>>>>> REPLACE
"""
PRICED = TEXT.replace("item.price", "item.price * item.count")
SUMMED = "\n".join([*LINES[:4], "        return sum(item.price for item in items)", *LINES[8:]])
DIFF = """\
--- a/shop/cart.py
+++ b/shop/cart.py
@@ -1,4 +1,4 @@
         for item in items:
-            total += item.price
+            total += item.price * item.count
         return total
"""
TOTAL = "def total(self, items):\n    return sum(item.price for item in items)\n"


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def read(
    answer: str,
    lines: Sequence[str] = LINES,
    spans: Sequence[range] = SPANS,
    *,
    size: int = 4,
    complete: bool = True,
    newfile: bool = False,
) -> AnswerReader:
    reader = AnswerReader(PATH, lines, spans, near=4, newfile=newfile)
    found = []
    for start in range(0, len(answer), size):
        found += reader.feed(answer[start : start + size])
    found += reader.finish(complete=complete)
    assert sorted(found, key=lambda change: (change.first, change.last)) == list(reader.replacements)
    assert reader.done
    return reader


def check(answer: str, text: str = TEXT, refusals: Sequence[str] = (), *, whole: bool = True) -> None:
    """The document after `answer` is `text`; each refusal has the words given for it."""
    reader = read(answer, complete=whole)
    assert "\n".join(apply(LINES, reader.replacements)) == text
    assert len(reader.refusals) == len(refusals), reader.refusals
    for said, expected in zip(reader.refusals, refusals, strict=True):
        assert expected in said


@pytest.mark.parametrize(
    "answer",
    [
        PRICE + "<done>",
        PRICE.rstrip("\n"),
        PRICE.replace("\n", "\r\n"),
        f"```python\n{PRICE}```\n",
        f"{PATH}\n```\n{PRICE}```\nThat is all.\n",
        f"```\n{PATH}\n{PRICE}```\n",
        f"**`{PATH}`**\n{PRICE}",
        f"<think>\n{block('x', 'y')}</think>\nThe price is per piece.\n\n{PRICE}",
        f"It is wrong.\n</think>\n{PRICE}",
        f"<think>It is wrong.</think>{PRICE}",
        f"<your-answer>\n{PRICE}</your-answer>",
        PRICE.replace("SEARCH", "ORIGINAL").replace("REPLACE", "UPDATED"),
        PRICE.replace("<<<<<<<", "<<<<<").replace("=======", "=====").replace(">>>>>>>", ">>>>>"),
        PRICE + PRICE,
        block("def total(self, items):\n  total = 0\n  for item in items:\n    total += item.price",
              "def total(self, items):\n  total = 0\n  for item in items:\n"
              "    total += item.price * item.count"),
        block("\n".join(LINES[2:8]), "\n".join(LINES[2:8]).replace("price", "price * item.count")),
        block("for item in items:\n\ttotal += item.cost",
              "for item in items:\n\ttotal += item.price * item.count"),
        DIFF,
        DIFF.partition("@@")[1] + DIFF.partition("@@")[2],
        f"Here it is:\n```diff\n{DIFF}```\nDone.",
        f"diff --git a/{PATH} b/{PATH}\nindex 12..34 100644\n{DIFF}<done>\n",
        DIFF.replace("@@ -1,4 +1,4 @@", "@@ -907,4 +917,4 @@ class Cart:"),
        "```python\n" + "\n".join(LINES[3:8]).replace("price", "price * item.count") + "\n```",
        "```python\n" + PRICED + "```\n",
        f"```python:{PATH}\n{PRICED}```\n<done>",
        "\n".join(LINES[3:8]).replace("price", "price * item.count"),
    ],
)  # fmt: skip
def test_every_form_of_the_same_change(answer: str) -> None:
    check(answer, PRICED)


@pytest.mark.parametrize(
    "answer",
    [
        f"```python\n{TOTAL}```",
        f"Sure:\n~~~\n{TOTAL}~~~\nIt is shorter.",
        f"{TOTAL}<done>",
        f"Here is the function:\n\n{TOTAL}",
        block("\n".join(LINES[4:8]), "        return sum(item.price for item in items)"),
    ],
)
def test_a_whole_function_is_taken_for_its_place(answer: str) -> None:
    check(answer, SUMMED)


@pytest.mark.parametrize(
    ("answer", "text", "refusal"),
    [
        (block("import os", "import sys"), TEXT, "Line 1, `import os`, is outside"),
        (block("        # how many", ""), TEXT, "is outside of the lines"),
        (block("\n".join(LINES[2:5]), "class B:\n" + "\n".join(LINES[3:5])), TEXT, "`class Cart:`, is out"),
        (f"other.py\n{PRICE}", TEXT, "'other.py' is not the file"),
        (f"```\n../../{PATH}\n{PRICE}```", TEXT, "is not the file"),
        (f"/etc/{PATH}\n{PRICE}", TEXT, "is not the file"),
        (DIFF.replace(PATH, "shop/other.py"), TEXT, "'shop/other.py' is not the file"),
        (DIFF.replace(f"b/{PATH}", "/dev/null"), TEXT, "is not the file"),
        (f"```python other.py\n{TOTAL}```", TEXT, "'other.py' is not the file"),
        ("```python\n" + PRICED.replace("import os", "import sys") + "```", PRICED, "`import os`, is out"),
        (block("\n".join(LINES[3:8]), ""), TEXT, "deletes nearly all"),
        (PRICE.replace("* item", "*\x1b[2K item"), TEXT, "control character U+001B"),
        (PRICE.replace("* item", "*\u202e item"), TEXT, "U+202E"),
        (PRICE.replace("* item", "* 'sk-0a1b2c3d4e5f6g7h8i9j' * item"), TEXT, "a key"),
        (PRICE.replace(" * item.count", " * item\rcount"), TEXT, "control character U+000D"),
        (PRICE.replace(" * item.count", "\ud800"), TEXT, "control character U+D800"),
        (block("\n".join(LINES[4:8]), "        total = 0\n        # ... rest unchanged ..."), TEXT, "leaves"),
        (PRICE.replace("=======\n", ""), TEXT, "has no ======="),
        (PRICE[:30] + "\n" + PRICE, PRICED, "begins in the middle"),
        (block("", "x = 1"), TEXT, "searches for nothing"),
        (block("no = such(lines)", "x"), TEXT, "do not stand in the file"),
        (PRICE + block("            total += item.price", "            x = 1"), PRICED, "than one block"),
        ("```python\ndef other(a, b, c):\n    while a: print(b)\n```", TEXT, "not like any lines"),
        ("I cannot do that.", TEXT, "holds no edit"),
        ("", TEXT, "holds no edit"),
        ('<new-file path="tests/test_cart.py">\nx\n</new-file>\n', TEXT, "was not asked for"),
    ],
)  # fmt: skip
def test_what_is_refused(answer: str, text: str, refusal: str) -> None:
    check(answer, text, [refusal])


def test_a_refused_block_does_not_take_the_others_along() -> None:
    check(block("import os", "") + PRICE + "<done>", PRICED, ["is outside"])
    check(PRICE + "Then the import:\n" + block("import os", ""), PRICED, ["is outside"])


@pytest.mark.parametrize(
    "form", [PRICE, f"```\n{PRICE}", DIFF, f"```python\n{TOTAL}", f"<new-file path='x.py'>\n{TOTAL}"]
)
def test_half_a_block_is_left_out(form: str) -> None:
    whole = form.rindex("\n", 0, -1) + 1  # without its last line
    check(form[: whole - 3], TEXT, ["that block is left out"], whole=False)


@pytest.mark.parametrize(
    ("answer", "nothing"),
    [
        ("<done>", True),
        ("No changes are needed.", True),
        ("The code is already correct.\n<done>", True),
        (block(LINES[6], LINES[6]), True),
        ("", False),
        ("Let me see.", False),
        (PRICE, False),
    ],
)
def test_nothing_to_change_is_an_answer(answer: str, nothing: bool) -> None:
    reader = read(answer)
    assert reader.nothing is nothing
    assert not (nothing and reader.refusals)


def test_an_edit_is_out_as_soon_as_its_last_line_is() -> None:
    reader = AnswerReader(PATH, LINES, SPANS, near=4)
    assert reader.feed(PRICE[:-1]) == []
    assert reader.feed("\n") == list(reader.replacements) != []
    assert not reader.done
    assert reader.feed("<don") == []
    assert not reader.done
    reader.feed("e>")
    assert reader.done


def test_prose_behind_the_last_block_ends_it() -> None:
    reader = AnswerReader(PATH, LINES, SPANS, near=4)
    reader.feed(f"Some words before, {'which may be many ' * 20}.\n{PRICE}The second one:\n")
    assert not reader.done
    for word in (
        "This is better because the price is the one of a single piece of each of the items. " * 3
    ).split(" "):
        reader.feed(f"{word} ")
    assert reader.done


def test_duplicates_are_told_apart_by_the_hint_and_by_turns() -> None:
    lines = ["x = 1", "y = 2", "x = 1"]
    twice = block("x = 1", "x = 3")
    reader = AnswerReader(PATH, lines, [range(3)], near=2)
    reader.feed(twice)
    assert apply(lines, reader.replacements) == ["x = 1", "y = 2", "x = 3"]
    reader.feed(twice)
    assert apply(lines, reader.replacements) == ["x = 3", "y = 2", "x = 3"]
    reader.feed(twice)
    assert apply(lines, reader.replacements) == ["x = 3", "y = 2", "x = 3"]


def test_tabs_stay_tabs() -> None:
    lines = [body.replace("    ", "\t") for body in LINES]
    for answer in (
        block("for item in items:\n    total += item.price",
              "for item in items:\n    if item:\n        total += item.price"),
        block("\t\tfor item in items:\n\t\t\ttotal += item.price",
              "\t\tfor item in items:\n            if item:\n                total += item.price"),
    ):  # fmt: skip
        reader = read(answer, lines)
        assert apply(lines, reader.replacements)[6:8] == ["\t\t\tif item:", "\t\t\t\ttotal += item.price"]


def test_marks_that_are_the_documents_own() -> None:
    lines = ["<<<<<<< HEAD", "x = 1", "=======", "x = 2", ">>>>>>> theirs", "Title", "=======", "text"]
    reader = read(block("\n".join(lines[:5]), "x = 2"), lines, [range(8)])
    assert apply(lines, reader.replacements) == ["x = 2", *lines[5:]]
    reader = read(block("Title\n=======", "Other\n======="), lines, [range(8)])
    assert apply(lines, reader.replacements) == [*lines[:5], "Other", *lines[6:]]
    reader = read(block("text", "more text"), lines, [range(8)])
    assert apply(lines, reader.replacements)[-1] == "more text"


def test_few_lines_may_all_go_but_not_the_file() -> None:
    lines = ["import os", "", "x = 1"]
    assert apply(lines, read(block("import os\n", ""), lines, [range(2)]).replacements) == ["", "x = 1"]
    reader = read(block("x = 1", ""), ["x = 1", ""], [range(1)])
    assert reader.replacements == ()
    assert "empties the file" in reader.refusals[0]


def test_code_goes_where_nothing_stands() -> None:
    for answer in (block("", "x = 1"), "```python\nx = 1\n```"):
        assert apply([""], read(answer, [""], [range(1)]).replacements)[0] == "x = 1"


def test_new_files() -> None:
    answer = '<new-file path="tests/test_cart.py">\n```python\nassert True\n```\n</new-file>\n<done>'
    assert read(answer, spans=[], newfile=True).files == (NewFile("tests/test_cart.py", "assert True\n"),)
    for path in (
        "../x.py",
        "/x.py",
        "C:/x.py",
        "a\\b.py",
        ".git/hooks/x",
        "a/.vscode/x",
        "a//x",
        "~/x",
        "",
        PATH,
        " a",
    ):
        reader = read(f'<new-file path="{path}">\nx\n</new-file>', newfile=True)
        assert reader.files == ()
        assert len(reader.refusals) == 1
    assert len(read(answer + "\n" + answer, newfile=True).files) == 1


def test_there_are_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = "".join(block(f"no{number}", "x") for number in range(60))
    assert any("more than 50 blocks" in reason for reason in read(blocks).refusals)
    monkeypatch.setattr(subject, "MAX_CHARACTERS", 300)
    reader = read(PRICE + "x" * 500)
    assert len(reader.replacements) == 1
    reader = read("<<<<<<< SEARCH\n" + "x\n" * 500)
    assert "The answer is too long: the rest is left out." in reader.refusals


@pytest.mark.parametrize(
    "line", ["*", "`", " ", "a.", "<", ">", "a ", "```" + " " * 99_999 + "`", "... ", "--- a", "@@ -"]
)
@pytest.mark.parametrize("form", ["{}", "```\n{}", PRICE[:50] + "{}", PRICE + "{}", "@@\n-{}", "@@\n+{}"])
def test_a_line_without_end_takes_no_longer_than_it_is(line: str, form: str) -> None:
    read(form.format(line * (100_000 // len(line))), size=3 if len(form) < 8 else 1000)


PIECES = [
    *PRICE.splitlines(True), *DIFF.splitlines(True), *TEXT.splitlines(True), *TOTAL.splitlines(True),
    "<done>", "```\n", "```python\n", "~~~\n", "<think>\n", "</think>\n", '<new-file path="a/b.py">\n',
    "</new-file>\n", "other.py\n", "\n", "\r\n", "prose ", "\x00", "\u202e", "😀", "@@\n", "+x\n",
    "-        total = 0\n", "--- a/x.py\n",
    "<<<<<<< SEARCH\n=======\n", "        x = 1\n", "=======\n", ">>>>>>> REPLACE", "\t", " ",
]  # fmt: skip
answers = st.lists(st.one_of(st.sampled_from([PRICE, DIFF, *PIECES]), st.text(max_size=5)), max_size=40).map(
    "".join
)


@given(answers, st.lists(st.integers(1, 30), min_size=1), st.booleans())
def test_however_it_is_cut_it_is_the_same_answer(answer: str, sizes: list[int], complete: bool) -> None:
    whole = read(answer, size=len(answer) + 1, complete=complete, newfile=True)
    reader = AnswerReader(PATH, LINES, SPANS, near=4, newfile=True)
    at = turn = 0
    while at < len(answer):
        size = sizes[turn % len(sizes)]
        reader.feed(answer[at : at + size])
        at, turn = at + size, turn + 1
    reader.finish(complete=complete)
    assert (reader.replacements, reader.files, reader.refusals, reader.nothing) == (
        whole.replacements,
        whole.files,
        whole.refusals,
        whole.nothing,
    )


@given(answers, st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=3))
def test_nothing_outside_changes_whatever_comes(answer: str, ends: list[tuple[int, int]]) -> None:
    spans = [range(min(pair), max(pair)) for pair in ends]
    reader = read(answer, spans=spans)
    for change in reader.replacements:
        inside = {
            index for span in spans for index in range(max(span.start, 0), min(span.stop, len(LINES)) + 1)
        }
        assert set(range(change.first, change.last + 1)) <= inside
        assert not any("\n" in body or "\x00" in body or "\u202e" in body for body in change.lines)
    minimal(LINES, reader.replacements)  # they do not overlap
    assert reader.files == ()
