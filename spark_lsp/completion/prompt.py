"""How a model is asked: one row per FIM style, and which model wants which.

A prompt is stable at its front: what changes with every key stands as near to
its end as the style allows, so that a server that kept the last prompt reads
only the difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from types import MappingProxyType

from spark_lsp.completion.context import Context
from spark_lsp.values import Lane, Prompt


@dataclass(frozen=True)
class Template:
    """A FIM style: `form` with the fields prefix, suffix and path; `stop`, more tokens that end an answer."""

    form: str
    stop: tuple[str, ...] = ()

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The control tokens that this style gives a meaning to, ends of text included."""
        literals = (literal.strip() for literal, _, _, _ in Formatter().parse(self.form))
        return tuple(dict.fromkeys((*self.stop, *(text for text in literals if text))))


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        "starcoder": Template(
            "<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>",
            ("<|endoftext|>", "<file_sep>", "<repo_name>", "<fim_pad>"),
        ),
        "codellama": Template("<PRE> {prefix} <SUF>{suffix} <MID>", ("<EOT>",)),
        "deepseek": Template(
            "<｜fim▁begin｜>{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>", ("<｜end▁of▁sentence｜>", "<|EOT|>")
        ),
        "qwen": Template(
            "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
            ("<|endoftext|>", "<|file_sep|>", "<|repo_name|>", "<|im_end|>", "<|fim_pad|>"),
        ),
        "codegemma": Template(
            "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>", ("<|file_separator|>", "<eos>")
        ),
        "codestral": Template("[SUFFIX]{suffix}[PREFIX]{prefix}", ("</s>", "[MIDDLE]", "\n+++++ ")),
        "granite": Template(
            "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>", ("<|end_of_text|>", "<|fim_pad|>")
        ),
        "mellum": Template(
            "<filename>{path}\n<fim_suffix>{suffix}<fim_prefix>{prefix}<fim_middle>", ("<|endoftext|>",)
        ),
        "seed-coder": Template(
            "<[fim-suffix]>{suffix}<[fim-prefix]>{prefix}<[fim-middle]>", ("<[end▁of▁sentence]>",)
        ),
        "glm": Template(
            "<|code_prefix|>{prefix}<|code_suffix|>{suffix}<|code_middle|>",
            ("<|endoftext|>", "<|user|>", "<|assistant|>", "<|observation|>"),
        ),
        "prefix": Template("{prefix}", ("<|endoftext|>", "<|im_end|>", "<|end_of_text|>")),
        "suffix": Template(""),
    }
)
"""`prefix` continues the text and does not see what follows; `suffix` leaves the rendering to the server."""

CONTROL_TOKENS = tuple(
    dict.fromkeys(
        token
        for template in TEMPLATES.values()
        for token in template.tokens
        if re.fullmatch(r"<[|｜\[].+>|<(?:fim|file|repo)_\w+>", token)
    )
)
"""The control tokens above but those that a program or a page may well hold: `<PRE>`, `<filename>`."""

_MODELS = (
    (r"qwen.*coder.*[-_:]0\.5b", "prefix"),  # this small it is better left to right: 44% exact against 36%
    (r"qwen.*coder|qwen3-next", "qwen"),
    (r"deepseek-coder", "deepseek"),
    (r"granite-?4", "granite"),
    (r"starcoder|stable-?code|granite.*code|granite-?3|refact|santacoder", "starcoder"),
    (r"code-?llama", "codellama"),
    (r"codegemma", "codegemma"),
    (r"codestral", "codestral"),
    (r"mellum", "mellum"),
    (r"seed-?coder", "seed-coder"),
    (r"\bglm-?4", "glm"),
    (r"smollm|gemma-?3|tinyllama", "prefix"),
)


def template_for(model: str) -> str:
    """The FIM style that a model was trained with, by its name; "suffix" when the name says nothing."""
    for pattern, style in _MODELS:
        if re.search(pattern, model, re.IGNORECASE):
            return style
    return "suffix"


def render(context: Context, fim: str, *, max_tokens: int, lane: Lane = "instant") -> Prompt:
    """The prompt for a context in the style `fim`, a key of TEMPLATES (KeyError otherwise).

    Control tokens that stand in the user's own text get a space behind their first character
    (`< |fim_middle|>`): the model still reads what is meant, the tokenizer no longer obeys it.
    `stop` is in the order of worth, for servers that take only a few.
    """
    template = TEMPLATES[fim]
    tokens = template.tokens or CONTROL_TOKENS
    before, after = neutralised(context.before, tokens), neutralised(context.after, tokens)
    rendered = None
    if template.form:
        prefix = healed(before) if fim == "prefix" else before
        rendered = template.form.format(prefix=prefix, suffix=after, path=neutralised(context.path, tokens))
    return Prompt(
        prefix=before,
        suffix=after,
        rendered=rendered,
        stop=(() if context.multiline else ("\n",)) + template.tokens,
        max_tokens=max_tokens,
        language=context.language,
        path=context.path,
        lane=lane,
    )


def neutralised(text: str, tokens: tuple[str, ...]) -> str:
    """The text with its control tokens made harmless."""
    for token in tokens:
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def healed(before: str) -> str:
    """The text without its last blank, where a word follows that the model would begin with that blank.

    A tokenizer joins the blank to the next word, so `return ` is an end that the model has hardly
    ever seen. Indentation is left alone. The blank comes back with the answer, and is trimmed there.
    """
    line = before[before.rfind("\n") + 1 :]
    return before[:-1] if line.endswith(" ") and line.strip() else before
