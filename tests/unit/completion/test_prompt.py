from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.context import Context
from spark_lsp.completion.healing import half_typed
from spark_lsp.completion.prompt import (
    ANSWER,
    CONTROL_TOKENS,
    ONE_LINE,
    SEVERAL_LINES,
    TEMPLATES,
    neutralised,
    render,
    template_for,
)
from spark_lsp.values import Excerpt, Prompt

RENDERED = {
    "starcoder": "<fim_prefix>ABOVE\n<fim_suffix>AFTER<fim_middle>LINE",
    "codellama": "<PRE> ABOVE\n <SUF>AFTER <MID>LINE",
    "deepseek": "<｜fim▁begin｜>ABOVE\n<｜fim▁hole｜>AFTER<｜fim▁end｜>LINE",
    "qwen": "<|fim_prefix|>ABOVE\n<|fim_suffix|>AFTER<|fim_middle|>LINE",
    "codegemma": "<|fim_prefix|>ABOVE\n<|fim_suffix|>AFTER<|fim_middle|>LINE",
    "codestral": "[SUFFIX]AFTER[PREFIX]ABOVE\nLINE",
    "granite": "<|fim_prefix|>ABOVE\n<|fim_suffix|>AFTER<|fim_middle|>LINE",
    "mellum": "<filename>src/a.py\n<fim_suffix>AFTER<fim_prefix>ABOVE\nLINE<fim_middle>",
    "seed-coder": "<[fim-suffix]>AFTER<[fim-prefix]>ABOVE\nLINE<[fim-middle]>",
    "glm": "<|code_prefix|>ABOVE\n<|code_suffix|>AFTER<|code_middle|>LINE",
    "prefix": "ABOVE\nLINE",
    "suffix": None,
    "chat": "File: src/a.py\n<after-cursor>AFTER</after-cursor>\n<before-cursor>ABOVE\nLINE</before-cursor>\n"
    f"Language: python. {SEVERAL_LINES}",
}


def context(before: str = "ABOVE\nLINE", after: str = "AFTER", *, multiline: bool = True) -> Context:
    return Context("file:///src/a.py", "src/a.py", "python", before, after, multiline=multiline)


@pytest.mark.parametrize("fim", TEMPLATES)
def test_each_style_is_rendered_as_its_models_learned_it(fim: str) -> None:
    prompt = render(context(), fim, max_tokens=64)
    assert prompt.rendered == RENDERED[fim]
    assert (prompt.prefix, prompt.suffix, prompt.max_tokens) == ("ABOVE\nLINE", "AFTER", 64)
    assert (prompt.path, prompt.language, prompt.lane) == ("src/a.py", "python", "instant")


TOLD = (Excerpt("lib/b.py", "def b(): ..."), Excerpt("c.py", "c = 1"))
COMMENTS = "# lib/b.py:\n# def b(): ...\n\n# c.py:\n# c = 1\n\n"
WITH_TOLD = {
    "starcoder": "<repo_name>repository<file_sep>lib/b.py\ndef b(): ...\n<file_sep>c.py\nc = 1\n"
    f"<file_sep>src/a.py\n{RENDERED['starcoder']}",
    "codellama": f"<PRE> {COMMENTS}ABOVE\n <SUF>AFTER <MID>LINE",
    "deepseek": f"<｜fim▁begin｜>{COMMENTS}ABOVE\n<｜fim▁hole｜>AFTER<｜fim▁end｜>LINE",
    "qwen": "<|repo_name|>repository\n<|file_sep|>lib/b.py\ndef b(): ...\n<|file_sep|>c.py\nc = 1\n"
    f"<|file_sep|>src/a.py\n{RENDERED['qwen']}",
    "codegemma": "lib/b.py\ndef b(): ...\n<|file_separator|>c.py\nc = 1\n<|file_separator|>src/a.py\n"
    f"{RENDERED['codegemma']}",
    "codestral": "[SUFFIX]AFTER[PREFIX]+++++ lib/b.py\ndef b(): ...\n\n+++++ c.py\nc = 1\n\n"
    "+++++ src/a.py\nABOVE\nLINE",
    "granite": f"<|fim_prefix|>{COMMENTS}ABOVE\n<|fim_suffix|>AFTER<|fim_middle|>LINE",
    "mellum": f"<filename>lib/b.py\ndef b(): ...\n<filename>c.py\nc = 1\n{RENDERED['mellum']}",
    "seed-coder": f"<[fim-suffix]>AFTER<[fim-prefix]>{COMMENTS}ABOVE\nLINE<[fim-middle]>",
    "glm": f"<|code_prefix|>{COMMENTS}ABOVE\n<|code_suffix|>AFTER<|code_middle|>LINE",
    "prefix": f"{COMMENTS}ABOVE\nLINE",
    "suffix": None,
    "chat": "<excerpt>\nFile: lib/b.py\ndef b(): ...\n</excerpt>\n<excerpt>\nFile: c.py\nc = 1\n</excerpt>\n"
    f"{RENDERED['chat']}",
}


@pytest.mark.parametrize("fim", TEMPLATES)
def test_what_is_told_of_elsewhere_stands_in_front(fim: str) -> None:
    prompt = render(replace(context(), excerpts=TOLD), fim, max_tokens=64)
    assert prompt.rendered == WITH_TOLD[fim]
    assert (prompt.prefix, prompt.excerpts) == ("ABOVE\nLINE", TOLD)
    assert prompt.front == (COMMENTS if fim == "suffix" else "")
    assert prompt.text == (f"{COMMENTS}ABOVE\nLINE" if fim == "suffix" else WITH_TOLD[fim])


@given(st.sampled_from(sorted(TEMPLATES)), st.data())
def test_no_control_token_of_an_excerpt_arrives(fim: str, data: st.DataObject) -> None:
    tokens = TEMPLATES[fim].tokens or CONTROL_TOKENS
    token = data.draw(st.sampled_from(tokens))
    told = (Excerpt(f"a{token}b.py", f"{token}x\n{token}"),)
    empty, sent = (
        render(replace(context(), excerpts=one), fim, max_tokens=1).text
        for one in ((Excerpt("a.py", "x"),), told)
    )
    assert sent.count(token) == empty.count(token)


def test_what_would_end_a_comment_does_not() -> None:
    page = replace(context(), language="html", excerpts=(Excerpt("b.html", "<!-- a -->\n<p>"),))
    front = render(page, "suffix", max_tokens=1).front
    assert front == "<!-- b.html: -->\n<!-- <!-- a - -> -->\n<!-- <p> -->\n\n"


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
        ("Qwen2.5-Coder-1.5B-Instruct-Q4_K_M.gguf", "qwen"),
        ("qwen2.5-coder:7b-base", "qwen"),
        ("hf.co/unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q4_K_M", "qwen"),
        ("accounts/fireworks/models/qwen2p5-coder-7b", "qwen"),
        ("Qwen/CodeQwen1.5-7B-Chat", "starcoder"),
        ("deepseek-coder-v2:16b", "deepseek"),
        ("granite-code:8b", "starcoder"),
        ("ibm/granite4:micro", "granite"),
        ("codellama/finetunes/starcoder2-3b-Q8_0.gguf", "starcoder"),
        ("/models/deepseek-coder-6.7b/weights.gguf", "deepseek"),
        (r"C:\models\codegemma-2b\codegemma-2b.Q4.gguf", "codegemma"),
        ("llama3.2:3b", "prefix"),
        ("Meta-Llama-3.1-8B-Instruct.Q5_K_M.gguf", "prefix"),
        ("mistral-7b-instruct", "prefix"),
        ("mixtral-8x7b", "prefix"),
        ("gemma-3-270m", "prefix"),
        ("phi-4-mini", "prefix"),
        ("deepseek-v4-flash", "suffix"),
        ("mercury-edit-2", "suffix"),
        ("", "suffix"),
    ],
)
def test_the_style_of_a_model(model: str, fim: str) -> None:
    assert template_for(model) == fim


@given(st.sampled_from(sorted(TEMPLATES)), st.data())
def test_tokens_in_the_users_text_are_no_tokens(fim: str, data: st.DataObject) -> None:
    """A prompt holds each of them as often as one about an empty text does."""
    tokens = TEMPLATES[fim].tokens or CONTROL_TOKENS
    halves = {half for token in tokens for half in (token, token[:1], token[1:])}
    words = st.lists(st.sampled_from([*sorted(halves), "x", " ", "\n"]), max_size=6).map("".join)
    before, after, path = data.draw(words), data.draw(words), data.draw(words)
    sent, empty = (
        f"{prompt.prefix}\0{prompt.suffix}" if prompt.rendered is None else prompt.rendered
        for prompt in (asked(fim, before, after, path), asked(fim, "", "", ""))
    )
    if fim == "codestral":  # the text may end in a line end, and the stop string begins with one
        tokens = tuple(token for token in tokens if not token.startswith("\n"))
    assert all(sent.count(token) == empty.count(token) for token in tokens)


@pytest.mark.parametrize(
    "mark",
    [
        *(ANSWER, "</at-cursor>", "<before-cursor>", "</before-cursor>", "<after-cursor>", "</after-cursor>"),
        *(
            "<|im_start|>",
            "<|start_header_id|>",
            "<|channel|>",
            "<start_of_turn>",
            "[/INST]",
            "<|fim_middle|>",
        ),
    ],
)
def test_no_mark_of_a_chat_stands_in_the_users_text(mark: str) -> None:
    empty, sent = (asked("chat", text, text, text).rendered for text in ("", mark))
    assert empty is not None
    assert sent is not None
    assert sent.count(mark) == empty.count(mark)


def asked(fim: str, before: str, after: str, path: str) -> Prompt:
    return render(Context("file:///a", path, "python", before, after), fim, max_tokens=1)


@given(st.sampled_from(sorted(TEMPLATES)), st.text("<|>fim_prefix/at-cursor ", max_size=40))
def test_what_is_no_token_is_sent_as_it_is(fim: str, text: str) -> None:
    tokens = TEMPLATES[fim].tokens or CONTROL_TOKENS
    harmless = neutralised(text, tokens)
    assert harmless == text or any(token in text for token in tokens)
    assert harmless.replace(" ", "") == text.replace(" ", "")
    assert neutralised(harmless, tokens) == harmless


@pytest.mark.parametrize("fim", [fim for fim in TEMPLATES if fim not in ("chat", "suffix")])
@given(st.text("na.( \n", max_size=20))
def test_a_healed_prompt_is_the_whole_one_without_what_was_typed(fim: str, before: str) -> None:
    whole = render(context(before), fim, max_tokens=1)
    healed = render(context(before), fim, max_tokens=1, heals=True)
    assert not whole.typed
    assert healed.typed == half_typed(before)
    assert healed.prefix == whole.prefix
    assert healed.unhealed == whole
    cut = before[: len(before) - len(healed.typed)]
    assert healed.rendered == render(context(cut), fim, max_tokens=1).rendered


@pytest.mark.parametrize("fim", ["chat", "suffix"])
def test_what_is_not_rendered_by_us_or_only_told_is_asked_with_all_of_it(fim: str) -> None:
    prompt = render(context("self.na"), fim, max_tokens=1, heals=True)
    assert prompt == render(context("self.na"), fim, max_tokens=1)


def test_a_chat_model_is_asked_for_the_hole() -> None:
    prompt = render(context("x = ", multiline=False), "chat", max_tokens=64)
    assert ANSWER in prompt.instructions
    assert prompt.stop[0] == "</at-cursor>"
    # It begins with this one; and in front of the code there may be a line end.
    assert not any(ANSWER.startswith(stop) or not stop.strip() for stop in prompt.stop)
    assert not any(render(context(), fim, max_tokens=64).instructions for fim in TEMPLATES if fim != "chat")


def test_what_changes_with_a_key_stands_at_the_end_of_a_chat() -> None:
    """So that the cache of a vendor, or of a server, holds all of the prompt up to the cursor's line."""
    before = "def f(x):\n    return "
    first = render(context(before, multiline=False), "chat", max_tokens=64)
    next_key = render(context(f"{before}x", multiline=False), "chat", max_tokens=64)
    assert first.rendered is not None
    assert next_key.rendered is not None
    assert first.instructions == next_key.instructions
    same = first.rendered[: first.rendered.index(before) + len(before)]
    assert next_key.rendered.startswith(f"{same}x")
    assert first.rendered.endswith(ONE_LINE)


def test_one_line_stops_at_its_end_first() -> None:
    assert render(context(multiline=False), "qwen", max_tokens=1).stop[0] == "\n"
    assert "\n" not in render(context(), "qwen", max_tokens=1).stop


def test_a_path_is_one_line() -> None:
    rendered = asked("chat", "", "", "a\nb.py").rendered
    assert rendered is not None
    assert rendered.startswith("File: a b.py\n")


def test_an_unknown_style_is_an_error() -> None:
    with pytest.raises(KeyError):
        render(context(), "no-such-style", max_tokens=1)
