from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.context import Context
from spark_lsp.completion.prompt import CONTROL_TOKENS, TEMPLATES, render, template_for

RENDERED = {
    "starcoder": "<fim_prefix>BEFORE<fim_suffix>AFTER<fim_middle>",
    "codellama": "<PRE> BEFORE <SUF>AFTER <MID>",
    "deepseek": "<｜fim▁begin｜>BEFORE<｜fim▁hole｜>AFTER<｜fim▁end｜>",
    "qwen": "<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>",
    "codegemma": "<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>",
    "codestral": "[SUFFIX]AFTER[PREFIX]BEFORE",
    "granite": "<|fim_prefix|>BEFORE<|fim_suffix|>AFTER<|fim_middle|>",
    "mellum": "<filename>src/a.py\n<fim_suffix>AFTER<fim_prefix>BEFORE<fim_middle>",
    "seed-coder": "<[fim-suffix]>AFTER<[fim-prefix]>BEFORE<[fim-middle]>",
    "glm": "<|code_prefix|>BEFORE<|code_suffix|>AFTER<|code_middle|>",
    "prefix": "BEFORE",
    "suffix": None,
}


def context(before: str = "BEFORE", after: str = "AFTER", *, multiline: bool = True) -> Context:
    return Context("file:///src/a.py", "src/a.py", "python", before, after, multiline=multiline)


@pytest.mark.parametrize("fim", TEMPLATES)
def test_each_style_is_rendered_as_its_models_learned_it(fim: str) -> None:
    prompt = render(context(), fim, max_tokens=64)
    assert prompt.rendered == RENDERED[fim]
    assert (prompt.prefix, prompt.suffix, prompt.max_tokens) == ("BEFORE", "AFTER", 64)
    assert (prompt.path, prompt.language, prompt.lane) == ("src/a.py", "python", "instant")


@pytest.mark.parametrize(
    ("model", "fim"),
    [
        ("qwen2.5-coder:7b", "qwen"),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen"),
        ("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "prefix"),
        ("deepseek-coder-v2-lite-base", "deepseek"),
        ("deepseek-chat", "suffix"),
        ("bigcode/starcoder2-3b", "starcoder"),
        ("stable-code-3b", "starcoder"),
        ("granite-3.3-8b", "starcoder"),
        ("granite-4.0-h-tiny", "granite"),
        ("codellama:7b-code", "codellama"),
        ("codegemma-2b", "codegemma"),
        ("codestral-latest", "codestral"),
        ("JetBrains/Mellum-4b-base", "mellum"),
        ("Seed-Coder-8B-Base", "seed-coder"),
        ("glm-4.6", "glm"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "prefix"),
        ("gpt-oss-120b", "suffix"),
        ("", "suffix"),
    ],
)
def test_the_style_of_a_model(model: str, fim: str) -> None:
    assert template_for(model) == fim


@given(st.sampled_from(sorted(TEMPLATES)), st.data())
def test_tokens_in_the_users_text_are_no_tokens(fim: str, data: st.DataObject) -> None:
    tokens = TEMPLATES[fim].tokens or CONTROL_TOKENS
    words = st.lists(st.sampled_from([*tokens, "x", " ", "\n"]), max_size=6).map("".join)
    before, after = data.draw(words), data.draw(words)
    prompt = render(context(before, after), fim, max_tokens=1)
    form = TEMPLATES[fim].form.format(prefix="", suffix="", path="src/a.py")
    sent = f"{prompt.prefix}{prompt.suffix}" if prompt.rendered is None else prompt.rendered
    assert all(sent.count(token) == form.count(token) for token in tokens)


@pytest.mark.parametrize(
    ("before", "rendered"),
    [
        ("    return ", "    return"),
        ("x = 1\n    ", "x = 1\n    "),
        ("return", "return"),
        ("x =\t", "x =\t"),
        ("", ""),
    ],
)
def test_without_fim_the_prompt_ends_between_tokens(before: str, rendered: str) -> None:
    assert render(context(before), "prefix", max_tokens=1).rendered == rendered
    qwen = render(context(before), "qwen", max_tokens=1).rendered
    assert qwen is not None
    assert f"{before}<|fim_suffix|>" in qwen


def test_one_line_stops_at_its_end_first() -> None:
    assert render(context(multiline=False), "qwen", max_tokens=1).stop[0] == "\n"
    assert "\n" not in render(context(), "qwen", max_tokens=1).stop


def test_an_unknown_style_is_an_error() -> None:
    with pytest.raises(KeyError):
        render(context(), "no-such-style", max_tokens=1)
