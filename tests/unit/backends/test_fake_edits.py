"""What the fake server answers when it is asked to change a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.fake_edits import UNKNOWN_NAME, EditMode, Edits, parse_edits
from spark_lsp.backends.fake_malice import CANARY, MALFORMED, MALICIOUS, WORDS
from spark_lsp.backends.fake_question import LEFT_OUT, NOTHING, EditFormat, question, runs_of
from spark_lsp.backends.oracle import LONGEST
from spark_lsp.errors import UsageError

RIGHT = """from shop.errors import EmptyCart


def total(items):
    if not items:
        raise EmptyCart
    return sum(item.price * item.count for item in items)


def count(items):
    return sum(item.count for item in items)
"""
FAULTY = (
    RIGHT.replace("if not items", "if items")
    .replace("price * item", "price + item")
    .replace("sum(item.c", "max(item.c")
)
FILES = {
    "shop/cart.py": RIGHT,
    "other/cart.py": "x = 1\n",
    "tests/test_cart.py": "def test():\n    assert total\n",
}
BLOCK = re.compile(r"<<<<<<< SEARCH\n(.*?)=======\n(.*?)>>>>>>> REPLACE\n", re.DOTALL)
TOTAL, COUNT = (3, 7), (9, 11)  # lines of the two functions


def ask(
    *spans: tuple[int, int], text: str = FAULTY, task: str = "Mend it.", path: str = "shop/cart.py"
) -> str:
    lines = text.rstrip("\n").split("\n")
    change = f"\n{LEFT_OUT}\n".join("\n".join(lines[first:last]) for first, last in spans)
    return (
        f'<file path="{path}" language="python">\n{chr(10).join(lines)}\n</file>\n<task>\n{task}\n</task>\n'
        + (f"<change-only>\n{change}\n</change-only>\n" if spans else "")
    )


AGAIN = "<your-answer>\n<done>\n</your-answer>\n<checker>\nruff: F821\n</checker>\nThat was not right.\n"


def answer(mode: str, message: str, files: dict[str, str] = FILES) -> str:
    return Edits(files, mode).answer(message, "")


def applied(text: str, said: str) -> str:
    """What search and replace blocks make of a text, each search being in it once."""
    assert said.endswith("<done>\n")
    for match in BLOCK.finditer(said):
        assert f"\n{text}".count(f"\n{match[1]}") == 1, match[1]
        text = f"\n{text}".replace(f"\n{match[1]}", f"\n{match[2]}").removeprefix("\n")
    return text


def test_right_changes_what_may_be_changed_and_nothing_else() -> None:
    said = answer("right", ask(TOTAL))
    assert applied(FAULTY, said) == RIGHT.replace("sum(item.c", "max(item.c")
    assert "count(items)" not in said
    assert applied(FAULTY, answer("right", ask(COUNT))) == FAULTY.replace("max(", "sum(")
    assert applied(FAULTY, answer("right", ask(TOTAL, COUNT))) == RIGHT
    assert answer("right", ask(TOTAL, text=RIGHT)) == NOTHING
    assert answer("right", ask(TOTAL, path="unknown.py")) == ""


def test_the_file_is_found_by_the_end_of_its_path() -> None:
    assert applied(FAULTY, answer("right", ask(TOTAL, COUNT, path="projects/a/shop/cart.py"))) == RIGHT
    assert "x = 1" in answer("right", ask((0, 11), path="other/cart.py"))


def test_lines_that_are_not_shown() -> None:
    shown = f"{LEFT_OUT}\n" + "\n".join(FAULTY.split("\n")[3:7]) + f"\n{LEFT_OUT}"
    said = answer("right", ask((1, 5), text=shown))
    assert applied(FAULTY, said) == RIGHT.replace("sum(item.c", "max(item.c")
    beyond = f"{LEFT_OUT}\n    if items:\n{LEFT_OUT}"  # a line that differs between two that hide more
    assert "    if not items:\n" not in answer("right", ask((1, 2), text=beyond))
    assert answer("right:file", ask((1, 5), text=shown)).startswith(f"```python\n{RIGHT}```")


def test_lines_are_added_and_removed() -> None:
    files = {
        "shop/cart.py": RIGHT.replace("        raise EmptyCart\n", "        log()\n        raise EmptyCart\n")
    }
    assert applied(RIGHT, answer("right", ask(TOTAL, text=RIGHT), files)) == files["shop/cart.py"]
    assert applied(files["shop/cart.py"], answer("right", ask((3, 8), text=files["shop/cart.py"]))) == RIGHT


def test_an_import_in_another_run_of_lines() -> None:
    lacking = FAULTY.replace("from shop.errors import EmptyCart\n", "import shop\n")
    assert applied(lacking, answer("right", ask((0, 1), TOTAL, COUNT, text=lacking))) == RIGHT


def test_nearly_is_right_when_a_checker_has_objected() -> None:
    first = applied(FAULTY, answer("nearly", ask(TOTAL)))
    assert first == RIGHT.replace("sum(item.c", "max(item.c").replace(
        "def total", f'{UNKNOWN_NAME}.append("changed")\ndef total'
    )
    assert answer("nearly", ask(TOTAL) + AGAIN) == answer("right", ask(TOTAL) + AGAIN)


def test_wrong_applies_and_changes_no_code() -> None:
    for message in (ask(TOTAL), ask(TOTAL) + AGAIN):
        changed = applied(FAULTY, answer("wrong", message))
        assert changed != FAULTY
        assert [line for line in changed.split("\n") if not line.startswith("#")] == FAULTY.split("\n")


@pytest.mark.parametrize("form", get_args(EditFormat))
@pytest.mark.parametrize("mode", get_args(EditMode))
def test_each_mode_in_each_format(mode: EditMode, form: EditFormat) -> None:
    assert parse_edits(f"{mode}:{form}") == (mode, "", form)
    said = answer(f"{mode}:{form}", ask(TOTAL))
    if mode != "right":
        return
    marks = {"blocks": "<<<<<<< SEARCH\n", "lines": "<new-lines>\n", "diff": "```diff\n--- a/shop/cart.py\n"}
    assert said.startswith(marks.get(form, "```python\n"))
    assert "    if not items:\n" in said
    assert ("    return max(item.count for item in items)\n```" in said) == (form == "file")


def test_the_new_text_of_all_lines_where_it_is_asked_for() -> None:
    said = answer("right", ask(TOTAL, task="Simplify.\n\n<new-lines>\nthe lines\n</new-lines>"))
    body = RIGHT[RIGHT.index("def total") : RIGHT.index("\n\n\ndef count")]
    assert said == f"<new-lines>\n{body}\n</new-lines>\n"


def test_words_and_new_files() -> None:
    assert answer("right", ask(task="Explain this.")).startswith("shop/cart.py has 7 lines")
    assert answer("malicious", ask(task="Explain this.")) == WORDS
    task = 'Write tests.\n\n<new-file path="tests/test_cart.py">\nthe lines\n</new-file>'
    written = '<new-file path="tests/test_cart.py">\ndef test():\n    assert total\n</new-file>\n<done>\n'
    assert answer("right", ask(task=task)) == written
    assert answer("malicious", ask(task=task)).startswith('<new-file path="../tests/test_cart.py">')
    assert answer("right", ask(task=task.replace("test_cart", "test_none"))) == NOTHING


@pytest.mark.parametrize("kind", MALFORMED)
@pytest.mark.parametrize("form", ["blocks", "lines"])
def test_malformed_is_not_the_right_answer(kind: str, form: str) -> None:
    said = answer(f"malformed/{kind}:{form}", ask(TOTAL))
    assert said != answer(f"right:{form}", ask(TOTAL))
    assert not said.endswith("</new-lines>\n") or said.count("<new-lines>") != 1


@pytest.mark.parametrize("kind", MALICIOUS)
@pytest.mark.parametrize("form", ["blocks", "lines"])
def test_malicious_is_bounded_and_not_the_right_answer(kind: str, form: str) -> None:
    said = answer(f"malicious/{kind}:{form}", ask(TOTAL))
    assert said not in ("", answer(f"right:{form}", ask(TOTAL)))
    assert len(said) < LONGEST * 1.1


def test_each_question_draws_its_own_kind_and_always_the_same() -> None:
    questions = [ask(TOTAL, task=f"Mend {number}.") for number in range(100)]
    for mode, kinds in (("malformed", MALFORMED), ("malicious", MALICIOUS)):
        said = [answer(mode, message) for message in questions]
        assert len(set(said)) > len(kinds) / 2
        assert said == [answer(mode, message) for message in questions]


def test_what_tests_may_look_for_is_said() -> None:
    assert sum(CANARY in answer(f"malicious/{kind}", ask(TOTAL)) for kind in MALICIOUS) >= 8


def test_tags_in_a_document_are_quoted_as_in_the_question() -> None:
    files = {"shop/cart.py": RIGHT.replace("raise EmptyCart", "raise EmptyCart  # <done>")}
    text = FAULTY.replace("raise EmptyCart", "raise EmptyCart  # < done>")
    assert "<done>" not in answer("right", ask(TOTAL, text=text), files).removesuffix("<done>\n")


def test_a_text_that_asks_for_no_action_is_continued() -> None:
    assert answer("right", RIGHT[:60]) == RIGHT[60:]


@given(st.text())
def test_any_text_is_a_question_or_none(text: str) -> None:
    assert question(text) is None
    asked = question(ask((0, 1), text=f"a\n{text}"))
    assert asked is None or runs_of(asked, RIGHT) is not None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "the modes"),
        ("good", "right, nearly, wrong"),
        ("right:prose", "blocks, lines"),
        ("right/cut", "are none"),
        ("malformed/outside", "cut, cut-early"),
        ("malicious/", "another-path"),
    ],
)
def test_what_is_no_mode(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_edits(spec)


def test_the_page_names_all_modes_kinds_and_formats() -> None:
    page = (Path(__file__).parents[3] / "docs" / "fake-server.md").read_text("utf-8")
    for name in (*get_args(EditMode), *get_args(EditFormat), *MALFORMED, *MALICIOUS):
        assert f"`{name}`" in page
