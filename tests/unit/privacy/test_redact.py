"""What is sent holds no secret, and what comes back holds it again."""

from __future__ import annotations

import re
import sysconfig
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.context import gather
from spark_lsp.completion.prompt import TEMPLATES, render
from spark_lsp.privacy.detect import find
from spark_lsp.privacy.mask import Restorer
from spark_lsp.privacy.redact import Redacted, Redactor
from spark_lsp.text import Document
from spark_lsp.values import Prompt
from tests.forms import BODY, PEM, Form, forms

REDACTOR = Redactor(b"a key of the tests")
FORMS = forms()

CODE = st.sampled_from(
    ["x = 1", "", "def f(a):", "    return [a, 2]", "# words, and more of them", "é = 'ü'"]
)
TEXTS = st.lists(
    st.sampled_from([form.line for form in FORMS]) | CODE | st.just(PEM.rstrip()), max_size=8
).map("\n".join)


def sent(prompt: Prompt) -> str:
    """All that leaves."""
    told = prompt.rendered or "", prompt.unhealed.rendered or "", prompt.typed, prompt.instructions
    return "\0".join([prompt.prefix, prompt.suffix, prompt.said, *told])


def rendered(text: str, cut: int, fim: str, *, heals: bool = False) -> Prompt:
    line = text.count("\n", 0, cut)
    column = cut - (text.rfind("\n", 0, cut) + 1)
    document = Document("file:///a.py", text, language="python", version=0, encoding="utf-32")
    context = gather(document.snapshot(line, column), path="a.py")
    return render(context, fim, max_tokens=9, heals=heals)


def restored(redacted: Redacted, text: str, cuts: list[int]) -> str:
    restorer = Restorer(redacted.secrets)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in pairwise(places)]
    return "".join([*map(restorer.feed, chunks), restorer.feed("", last=True)])


@pytest.mark.parametrize("form", FORMS, ids=[form.rule for form in FORMS])
def test_each_form_is_taken_out(form: Form) -> None:
    redacted = REDACTOR.redact(Prompt(f"x = 1\n{form.line}\n"))
    assert form.secret not in redacted.prompt.prefix
    assert len(redacted.prompt.prefix) == len(form.line) + 7
    assert redacted.replaced[0].line == 1


@given(TEXTS, st.lists(st.integers(0, 2000), max_size=12))
def test_what_is_taken_out_comes_back_however_it_is_cut(text: str, cuts: list[int]) -> None:
    redacted = REDACTOR.redact(Prompt(text))
    masked = redacted.prompt.prefix
    assert [len(line) for line in masked.split("\n")] == [len(line) for line in text.split("\n")]
    assert restored(redacted, masked, cuts) == text


@given(TEXTS, st.sampled_from(sorted(TEMPLATES)), st.data())
def test_no_secret_leaves_wherever_the_cursor_is(text: str, fim: str, data: st.DataObject) -> None:
    prompt = rendered(text, data.draw(st.integers(0, len(text))), fim, heals=data.draw(st.booleans()))
    leaving = sent(REDACTOR.redact(prompt).prompt)
    for span in find(text):
        secret = text[span.start : span.end]
        if len(secret) >= 8 and "\n" not in secret:
            assert secret not in leaving


@given(st.integers(0, len(PEM)), st.integers(0, len(PEM)))
def test_a_private_key_is_taken_out_where_a_window_cuts_it(first: int, last: int) -> None:
    start = PEM.rfind("\n", 0, first) + 1
    text = PEM[start : max(last, start)]
    masked = REDACTOR.redact(Prompt(text, "")).prompt.prefix
    whole = [line for line in text.split("\n") if len(line) == len(BODY)]
    if "PRIVATE KEY-----" in text or len(whole) > 1:
        assert not [line for line in whole if line in masked]


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_secret_under_the_cursor(cut: int) -> None:
    line = 'key = "AKIAQ3EGZF7X5WLBN2TR"'
    redacted = REDACTOR.redact(Prompt(line[: 4 + cut], line[4 + cut :] + "\n")).prompt
    assert "3EGZF7X5" not in redacted.prefix + redacted.suffix


@pytest.mark.parametrize("typed", ["ghp_4bCd9", "sk-proj-a1B2c3", "AKIAQ3EGZ"])
def test_a_key_that_is_being_typed(typed: str) -> None:
    assert typed[-5:] not in REDACTOR.redact(Prompt(f"call({typed}")).prompt.prefix


@pytest.mark.parametrize("fim", sorted(TEMPLATES))
def test_a_key_that_is_being_typed_leaves_in_no_style(fim: str) -> None:
    """Also where the cursor's line stands apart from the lines above it."""
    text = "x = 1\ncall(ghp_4bCd9"
    assert "4bCd9" not in sent(REDACTOR.redact(rendered(text, len(text), fim)).prompt)


def test_what_is_secret_once_is_secret_everywhere() -> None:
    secret = "hunter2Hunter2"
    prompt = Prompt(
        f'password = "{secret}"\nconnect("{secret}")\n', rendered=f"Fix: {secret}", instructions=secret
    )
    assert secret not in sent(REDACTOR.redact(prompt).prompt)


def test_placeholders_stay_from_key_to_key_and_differ_from_session_to_session() -> None:
    prompt = Prompt('password = "hunter2Hunter2"\nx')
    first = REDACTOR.redact(prompt).prompt.prefix
    assert REDACTOR.redact(replace(prompt, prefix=prompt.prefix + "y")).prompt.prefix == first + "y"
    assert Redactor(b"another").redact(prompt).prompt.prefix != first


def test_no_document_gets_the_secret_of_another() -> None:
    first = REDACTOR.redact(Prompt('password = "hunter2Hunter2"'))
    other = REDACTOR.redact(Prompt('password = "An0therSecret9"'))
    assert restored(other, first.prompt.prefix, [3]) == first.prompt.prefix


def test_a_placeholder_has_no_character_of_the_secret_in_its_place() -> None:
    [(placeholder, secret)] = REDACTOR.redact(Prompt('password = "hunter2Hunter2"')).secrets.items()
    assert not [one for one, other in zip(placeholder, secret, strict=True) if one == other]
    assert re.sub("[a-z]", "a", placeholder.replace("H", "A")) != placeholder
    assert [c.isdigit() for c in placeholder] == [c.isdigit() for c in secret]


def test_what_was_said_is_masked_with_the_prefix_it_is_the_end_of() -> None:
    prompt = Prompt('password = "hunter2Hunter2"\n', said='Hunter2"\n')
    redacted = REDACTOR.redact(prompt).prompt
    assert redacted.prefix.endswith(redacted.said)
    assert len(redacted.said) == len(prompt.said)


def test_a_secret_that_is_half_typed_is_no_beginning_of_an_answer() -> None:
    text = 'password = "rosebud77"\nlogin(password="rosebud77'
    redacted = REDACTOR.redact(rendered(text, len(text), "prefix", heals=True)).prompt
    assert "rosebud" not in sent(redacted)
    assert redacted.rendered == redacted.prefix[: len(text) - len(redacted.typed)]
    assert len(redacted.typed) == len('"rosebud77')


def test_code_is_left_alone() -> None:
    """Less than one line in 10,000 of what is installed here."""
    root = Path(sysconfig.get_paths()["purelib"])
    files = sorted(file for file in root.rglob("*.py") if 500 < file.stat().st_size < 100_000)
    chosen = Random(1).sample(files, min(500, len(files)))
    assert len(chosen) == 500, "too few packages are installed"
    lines = changed = 0
    for file in chosen:
        text = file.read_text("utf-8", "replace")
        lines += text.count("\n")
        changed += len({text.count("\n", 0, span.start) for span in find(text)})
    assert changed * 10_000 < lines
