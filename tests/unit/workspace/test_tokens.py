"""Tokens: nothing of a text is lost, and what is alike to a programmer is alike to the predictor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.workspace.tokens import BLANK, UNKNOWN, Vocabulary, split

ROOM = 1 << 20

SNIPPETS = {
    "python": "def area(self, *, scale: float = 1.0):\n    return self.width ** 2 * scale\n\n\nx: int",
    "typescript": "export const sum = (a?: number) => {\n  return a ?? 0;\n};",
    "go": 'func (s *Set) Add(v string) {\n\ts.items[v] = v\n\n\tif v != "" {\n\t\treturn\n\t}\n}',
    "rust": "impl<'a> Lexer<'a> {\n    fn next(&mut self) -> Token {\n        self.chars.next()?;\n    }\n}",
    "html": '<ul class="list">\n  <li>{{ item.name }}</li>\n</ul>\n<br/>',
    "yaml": "jobs:\n  - name: build  # twice a day\n    run: |\n      make   all",
}

PIECES = ["a", " b", "self", ".", "(", ")", " =", " ==", "  ", "\t", "é", "7.5", '"', "\U0001f600"]

bodies = st.lists(st.sampled_from(PIECES)).map(lambda pieces: "".join(pieces).strip())
code = st.lists(
    st.tuples(st.text(" \t", max_size=6), bodies).map(lambda line: "".join(line) if line[1] else ""),
    max_size=8,
)


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text


@given(code)
def test_codes_of_lines_are_the_lines(lines: list[str]) -> None:
    vocabulary = Vocabulary(ROOM)
    assert vocabulary.decode("".join(vocabulary.lines(lines))) == "".join("\n" + line for line in lines)


@pytest.mark.parametrize("language", SNIPPETS)
def test_every_language_keeps_its_text(language: str) -> None:
    vocabulary = Vocabulary(ROOM)
    text = SNIPPETS[language]
    assert vocabulary.decode("".join(vocabulary.lines(text.split("\n")))) == "\n" + text
    assert len(split(text)) < 0.7 * len(text)


def test_a_block_is_the_same_at_any_depth() -> None:
    vocabulary = Vocabulary(ROOM)
    block = ["if ready:", "    go()", "else:", "    wait()"]
    deeper = ["        " + line for line in block]
    assert vocabulary.lines(block)[1:] == vocabulary.lines(deeper)[1:]


def test_a_token_behind_a_space_is_the_twin_of_the_one_that_is_not() -> None:
    vocabulary = Vocabulary(ROOM)
    alone, behind = list(vocabulary.body("name name"))
    assert ord(alone) ^ ord(behind) == 1
    assert vocabulary.text(ord(behind)) == " name"
    assert vocabulary.shape(ord(alone)) == vocabulary.shape(ord(behind))


def test_names_share_a_shape_and_keywords_do_not() -> None:
    vocabulary = Vocabulary(ROOM)
    assert vocabulary.shapes(vocabulary.body("alpha.beta = 1")) == vocabulary.shapes(
        vocabulary.body("x.y = 22")
    )
    assert vocabulary.shapes(vocabulary.body("return x")) != vocabulary.shapes(vocabulary.body("yields x"))


def test_blank_lines_are_one_token_each() -> None:
    assert Vocabulary(ROOM).lines(["", "  \t", "\r\n"]) == [chr(BLANK)] * 3


def test_a_full_vocabulary_calls_what_is_new_unknown() -> None:
    vocabulary = Vocabulary(10_000)
    codes = vocabulary.body(" ".join(f"name{number}" for number in range(1000)))
    assert vocabulary.size_bytes < 10_000 + 1000
    assert codes[-1] == chr(UNKNOWN)
    assert vocabulary.body("name0") == codes[0]


def test_threads_agree_on_the_codes() -> None:
    vocabulary = Vocabulary(ROOM)
    texts = [" ".join(f"word{number % 97}_{thread % 3}" for number in range(500)) for thread in range(12)]
    with ThreadPoolExecutor(4) as threads:
        codes = list(threads.map(vocabulary.body, texts))
    assert [vocabulary.decode(each) for each in codes] == texts
