"""How a model is asked: one row per FIM style, and which model wants which.

A prompt is stable at its front: what changes with every key stands as near to
its end as the style allows, so that a server that kept the last prompt reads
only the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from string import Formatter
from types import MappingProxyType

from spark_lsp.completion.comments import commented
from spark_lsp.completion.context import Context
from spark_lsp.completion.healing import half_typed
from spark_lsp.values import Excerpt, Lane, Prompt

ANSWER = "<at-cursor>"
"""What a chat model is asked to begin its answer with. It ends it with `</at-cursor>`, a stop string."""

INSTRUCTIONS = f"""\
You complete source code at a cursor, as an editor's ghost text does. You may be shown excerpts of \
other places, then you are told the text after the cursor, then the text before it. Answer with the text \
to insert between the two, in the form \
{ANSWER}TEXT</at-cursor>, and with nothing else: no explanation, no code fence.
TEXT is taken literally. It begins exactly where the text before the cursor ends, with a line break only \
where it belongs on the next line, and repeats nothing of what stands before or after the cursor. Keep to \
the style and the indentation of the file. Where nothing is missing, answer {ANSWER}</at-cursor>."""

ONE_LINE = "Insert at most the rest of this line: no line break."
SEVERAL_LINES = "Insert as many lines as are missing here, at most to the end of this block."


@dataclass(frozen=True)
class Template:
    """A style: `form` with the fields front, prefix, suffix and path; `stop`, more texts that end an answer.

    `front` is what is told of elsewhere: `file` for each excerpt, with the fields path and text, between
    `first` and `own`, which has the field path. Without `file` they are comments.
    `instructions` are what a chat model is told first. `reserved` is what may not stand in the user's text
    beside `stop`, where that is not the literal parts of `form`.
    """

    form: str
    stop: tuple[str, ...] = ()
    instructions: str = ""
    reserved: tuple[str, ...] = ()
    file: str = ""
    first: str = ""
    own: str = ""

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The parts of `form` between its fields."""
        texts = (literal.strip() for literal, _, _, _ in Formatter().parse(self.form))
        return tuple(text for text in texts if text)

    def around(self, front: str, before: str, after: str, path: str) -> tuple[str, str]:
        """The prompt, cut where `before` ends.

        Where the text after the cursor would stand behind the text before it, the cursor's line goes behind
        both, as the beginning of the answer: a server reads the same until that line ends, and a model
        goes on from where its tokens are.
        """
        form, _, rest = self.form.partition("{prefix}")
        begun, ended = form.format(front=front, suffix=after, path=path), rest.format(suffix=after)
        if "{suffix}" not in rest:
            return begun + before, ended
        above = before.rfind("\n") + 1
        return begun + before[:above] + ended + before[above:], ""

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """What ends an answer, the most useful first. A FIM model that begins another hole is through too."""
        return tuple(dict.fromkeys((*self.stop, *(() if self.instructions else self.literals))))

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The texts that this style gives a meaning to: none stands in the user's part of a prompt."""
        return tuple(dict.fromkeys((*self.stop, *(self.reserved or self.literals))))


_TURNS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|start|>",
    "<|channel|>",
    "<|message|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
)
"""How chat templates mark whose turn it is. Servers of one's own obey them wherever they stand."""

_FIM_STYLES = {
    "starcoder": Template(
        "{front}<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>",
        ("<|endoftext|>", "<file_sep>", "<repo_name>", "<fim_pad>"),
        file="<file_sep>{path}\n{text}\n",
        first="<repo_name>repository",
        own="<file_sep>{path}\n",
    ),
    "codellama": Template("<PRE> {front}{prefix} <SUF>{suffix} <MID>", ("<EOT>",)),
    "deepseek": Template(
        "<｜fim▁begin｜>{front}{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>",
        ("<｜end▁of▁sentence｜>", "<|EOT|>"),
    ),
    "qwen": Template(
        "{front}<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
        ("<|endoftext|>", "<|file_sep|>", "<|repo_name|>", "<|im_end|>", "<|fim_pad|>"),
        file="<|file_sep|>{path}\n{text}\n",
        first="<|repo_name|>repository\n",
        own="<|file_sep|>{path}\n",
    ),
    "codegemma": Template(
        "{front}<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
        ("<|file_separator|>", "<eos>"),
        file="{path}\n{text}\n<|file_separator|>",
        own="{path}\n",
    ),
    "codestral": Template(
        "[SUFFIX]{suffix}[PREFIX]{front}{prefix}",
        ("</s>", "[MIDDLE]", "\n+++++ "),
        file="+++++ {path}\n{text}\n\n",
        own="+++++ {path}\n",
    ),
    "granite": Template(
        "<|fim_prefix|>{front}{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
        ("<|end_of_text|>", "<|fim_pad|>"),
    ),
    "mellum": Template(
        "{front}<filename>{path}\n<fim_suffix>{suffix}<fim_prefix>{prefix}<fim_middle>",
        ("<|endoftext|>",),
        file="<filename>{path}\n{text}\n",
    ),
    "seed-coder": Template(
        "<[fim-suffix]>{suffix}<[fim-prefix]>{front}{prefix}<[fim-middle]>", ("<[end▁of▁sentence]>",)
    ),
    "glm": Template(
        "<|code_prefix|>{front}{prefix}<|code_suffix|>{suffix}<|code_middle|>",
        ("<|endoftext|>", "<|user|>", "<|assistant|>", "<|observation|>"),
    ),
    "prefix": Template("{front}{prefix}", ("<|endoftext|>", "<|im_end|>", "<|end_of_text|>")),
    "suffix": Template(""),
}
"""`prefix` continues the text and does not see what follows; `suffix` leaves the rendering to the server."""

CONTROL_TOKENS = tuple(
    dict.fromkeys(
        token
        for template in _FIM_STYLES.values()
        for token in template.tokens
        if re.fullmatch(r"<[|｜\[].+>|<(?:fim|file|repo)_\w+>", token)
    )
)
"""The control tokens above but those that a program or a page may well hold: `<PRE>`, `<filename>`."""

TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        **_FIM_STYLES,
        # What changes with every key stands last, so that a vendor's prefix cache holds the rest.
        "chat": Template(
            "{front}File: {path}\n<after-cursor>{suffix}</after-cursor>\n"
            "<before-cursor>{prefix}</before-cursor>\n",
            # The opening tag is no stop string: the answer begins with it.
            (
                "</at-cursor>",
                "<after-cursor",
                "</after-cursor",
                "<before-cursor",
                "</before-cursor",
                "<at-cursor/",
                "<excerpt",
                "</excerpt",
            ),
            INSTRUCTIONS,
            ("<at-cursor", "</at-cursor", *CONTROL_TOKENS, *_TURNS),
            file="<excerpt>\nFile: {path}\n{text}\n</excerpt>\n",
        ),
    }
)
"""All styles: those of FIM, and `chat` for models that were trained for no hole and are told about it."""

_MODELS = (
    (r"qwen.*coder.*[-_:]0\.5b", "prefix"),  # this small it is better left to right: 44% exact against 36%
    (r"qwen.*coder|qwen3-next", "qwen"),
    (r"deepseek-?coder", "deepseek"),
    (r"granite-?4", "granite"),
    (r"starcoder|stable-?code|granite.*code|granite-?3|refact|santacoder|codeqwen", "starcoder"),
    (r"code-?llama", "codellama"),
    (r"codegemma", "codegemma"),
    (r"codestral", "codestral"),
    (r"mellum", "mellum"),
    (r"seed-?coder", "seed-coder"),
    (r"\bglm-?4", "glm"),
    # Trained for no hole: a server that is given both sides would refuse, or pass over what follows.
    (r"smol-?lm|gemma|llama-?[23]|(?:mis|minis|mix|devs)tral|\bphi-?[234]|olmo", "prefix"),
)


def template_for(model: str) -> str:
    """The FIM style that a model was trained with, by its name; "suffix" when the name says nothing.

    The name may be an id, a tag, a file or a path. The last part of a path is heard first, since
    the others may name another model: `codellama/finetunes/starcoder2-3b.gguf`.
    """
    return next(_styles(model), "suffix")


def hole_of(model: str) -> str | None:
    """The FIM style that it was trained with, also where it does better left to right; None without any."""
    return next((style for style in _styles(model) if style != "prefix"), None)


def _styles(model: str) -> Iterator[str]:
    """Of all rows that fit, the best first."""
    for name in (re.split(r"[/\\]", model)[-1], model):
        for pattern, style in _MODELS:
            if re.search(pattern, name, re.IGNORECASE):
                yield style


def render(
    context: Context,
    fim: str,
    *,
    max_tokens: int,
    lane: Lane = "instant",
    reads_on: bool = False,
    heals: bool = False,
) -> Prompt:
    """The prompt for a context in the style `fim`, a key of TEMPLATES (KeyError otherwise).

    `reads_on`: what comes behind the first line is wanted too, for the state after it. `heals`: the prompt
    may end before the cursor, where a token ends, if the style has our rendering of both sides.

    Control tokens that stand in the user's own text get a space behind their first character
    (`< |fim_middle|>`): the model still reads what is meant, the tokenizer no longer obeys it.
    `stop` is in the order of worth, for servers that take only a few.
    """
    template = TEMPLATES[fim]
    tokens = template.tokens or CONTROL_TOKENS
    before, after = neutralised(context.before, tokens), neutralised(context.after, tokens)
    path = neutralised(re.sub(r"[\r\n]", " ", context.path), tokens)
    front = _front(context.excerpts, template, tokens, path, context.language)
    rendered, typed, begun = None, "", ""
    if template.form:
        if heals and not template.instructions:
            typed = half_typed(before)
        begun, ended = template.around(front, before[: len(before) - len(typed)], after, path)
        rendered = begun + ended
    # A chat model may begin with a line end, or a fence: the trimmer finds the end of its first line.
    one_line = () if context.multiline or reads_on or template.instructions else ("\n",)
    return Prompt(
        prefix=before,
        suffix=after,
        rendered=f"{rendered}{_wanted(context)}" if template.instructions else rendered,
        instructions=template.instructions,
        stop=one_line + template.ends,
        max_tokens=max_tokens,
        language=context.language,
        path=context.path,
        lane=lane,
        excerpts=context.excerpts,
        front=front if rendered is None else "",
        typed=typed,
        typed_at=len(begun) if typed else 0,
    )


def _front(
    excerpts: Sequence[Excerpt], template: Template, tokens: tuple[str, ...], path: str, language: str
) -> str:
    """What is told of elsewhere, "" when nothing: it begins like the last one as long as the excerpts do."""
    if not excerpts:
        return ""
    # Behind a line end: one may be part of a token.
    told = [(one.path, neutralised(f"\n{one.text}", tokens)[1:]) for one in excerpts]
    told = [(neutralised(re.sub(r"[\r\n]", " ", other), tokens), text) for other, text in told]
    if template.file:
        files = [template.file.format(path=other, text=text) for other, text in told]
        return "".join([template.first, *files, template.own.format(path=path)])
    return "".join(commented(f"{other}:\n{text}", language) + "\n\n" for other, text in told)


def _wanted(context: Context) -> str:
    language = f"Language: {context.language}. " if context.language else ""
    return language + (SEVERAL_LINES if context.multiline else ONE_LINE)


def neutralised(text: str, tokens: tuple[str, ...]) -> str:
    """The text with its control tokens made harmless."""
    return _any_of(tokens).sub(lambda token: f"{token[0][0]} {token[0][1:]}", text)


@lru_cache(maxsize=16)
def _any_of(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tokens)))
