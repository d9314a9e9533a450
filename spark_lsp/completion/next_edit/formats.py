"""How models that were trained for the next edit are asked: one row each, and which model wants which.

A chat model is told what to do instead: it has the words of a code action.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spark_lsp.completion.next_edit.window import Past, Window
from spark_lsp.completion.prompt import neutralised
from spark_lsp.values import Prompt

TOKENS_PER_CHARACTER = 0.5
"""More than any tokenizer needs for code."""

FEWEST_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Format:
    """A model's form: `form` has the fields path, above, below, current, before, edits, first and last.

    `edit` is how each of the latest edits is written, with the fields path, diff, old, new, first and last;
    `cursor` marks the cursor in `current`. An answer ends at one of `ends`; `begins` is cut off its
    front. `tokens` may not stand in the user's text. `nothing`: the answer that says that there is no edit.
    """

    form: str
    edit: str
    cursor: str
    ends: tuple[str, ...]
    tokens: tuple[str, ...]
    begins: str = r"\s*?\n|"
    nothing: str = "NO_EDITS"


_REGION = (
    "<|editable_region_start|>",
    "<|editable_region_end|>",
    "<|user_cursor_is_here|>",
    "<|start_of_file|>",
)
_REGION_BEGINS = r"(?:\s*```[^\n]*\n)?(?:[\s\S]*?<\|editable_region_start\|>\n?)?"

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "zeta": Format(
            "### Instruction:\nYou are a code completion assistant and your task is to analyze user edits "
            "and then rewrite an excerpt that the user provides, suggesting the appropriate edits within the "
            "excerpt, taking into account the cursor location.\n\n### User Edits:\n\n{edits}"
            "### User Excerpt:\n\n```{path}\n{above}"
            "<|editable_region_start|>\n{current}<|editable_region_end|>\n{below}```\n\n### Response:\n\n",
            'User edited "{path}":\n```diff\n{diff}\n```\n\n',
            "<|user_cursor_is_here|>",
            ("<|editable_region_end|>", "<|endoftext|>", "<|im_end|>"),
            (*_REGION, "<|endoftext|>", "<|im_end|>"),
            _REGION_BEGINS,
        ),
        "zeta-0114": Format(
            "<|file_sep|>edit history\n{edits}<|file_sep|>{path}\n<|fim_prefix|>\n{above}"
            "<|fim_middle|>current\n{current}<|fim_suffix|>\n{below}<|fim_middle|>updated\n",
            "{diff}\n",
            "<|user_cursor|>",
            ("<|file_sep|>", "<|endoftext|>", "<|fim_suffix|>", "<|fim_middle|>"),
            (
                "<|file_sep|>",
                "<|fim_prefix|>",
                "<|fim_middle|>",
                "<|fim_suffix|>",
                "<|user_cursor|>",
                "<|endoftext|>",
            ),
        ),
        "zeta-2": Format(
            "<[fim-suffix]>\n{below}<[fim-prefix]><filename>edit_history\n{edits}\n<filename>{path}\n{above}"
            "<<<<<<< CURRENT\n{current}=======\n<[fim-middle]>",
            "{diff}\n",
            "<|user_cursor|>",
            (">>>>>>> UPDATED", "<[end▁of▁sentence]>", "<filename>", "<[fim-prefix]>"),
            (
                "<[fim-suffix]>",
                "<[fim-prefix]>",
                "<[fim-middle]>",
                "<filename>",
                "<|user_cursor|>",
                "<[end▁of▁sentence]>",
                "<<<<<<< CURRENT",
                ">>>>>>> UPDATED",
            ),
        ),
        "sweep": Format(
            "{edits}<|file_sep|>original/{path}:{first}:{last}\n{before}"
            "<|file_sep|>current/{path}:{first}:{last}\n{current}<|file_sep|>updated/{path}:{first}:{last}\n",
            "<|file_sep|>{path}:{first}:{last}\noriginal:\n{old}\nupdated:\n{new}\n",
            "<|cursor|>",
            ("<|file_sep|>", "<|endoftext|>"),
            ("<|file_sep|>", "<|endoftext|>", "<|cursor|>", "<|repo_name|>"),
        ),
        "instinct": Format(
            "### User Edits:\n\n{edits}### User Excerpt:\n\n{path}\n\n{above}"
            "<|editable_region_start|>\n{current}<|editable_region_end|>\n{below}\n### Response:\n\n",
            'User edited file "{path}"\n```diff\n{diff}\n```\n\n',
            "<|user_cursor_is_here|>",
            ("<|editable_region_end|>", "<|endoftext|>", "<|im_end|>"),
            (*_REGION, "<|endoftext|>", "<|im_end|>"),
            _REGION_BEGINS,
        ),
        "mercury": Format(
            "<|recently_viewed_code_snippets|>\n<|/recently_viewed_code_snippets|>\n\n<|current_file_content|>\n"
            "current_file_path: {path}\n{above}<|code_to_edit|>\n{current}<|/code_to_edit|>\n{below}"
            "<|/current_file_content|>\n\n<|edit_diff_history|>\n{edits}<|/edit_diff_history|>\n",
            "{diff}\n",
            "<|cursor|>",
            ("<|/code_to_edit|>",),
            (
                "<|code_to_edit|>",
                "<|/code_to_edit|>",
                "<|current_file_content|>",
                "<|/current_file_content|>",
                "<|edit_diff_history|>",
                "<|/edit_diff_history|>",
                "<|cursor|>",
            ),
            r"(?:\s*```[^\n]*\n)?(?:\s*<\|code_to_edit\|>\n)?",
            "None",
        ),
    }
)

_MODELS = (
    (r"zeta[-_.]?v?(?:2|0211)\b", "zeta-2"),
    (r"zeta[-_.]?v?0114", "zeta-0114"),
    (r"zeta", "zeta"),
    (r"sweep.*next|next.*sweep|sweep-autocomplete", "sweep"),
    (r"instinct", "instinct"),
    (r"mercury-(?:edit|coder)", "mercury"),
)


def format_for(model: str) -> str | None:
    """The form that a model was trained with, by its name; None for one that was not trained for this."""
    for name in (re.split(r"[/\\]", model)[-1], model):
        for pattern, form in _MODELS:
            if re.search(pattern, name, re.IGNORECASE):
                return form
    return None


def prompt(view: Window, form: str) -> Prompt:
    """What a model with this form, a key of FORMATS, is asked."""
    style = FORMATS[form]

    def clean(text: str) -> str:
        return neutralised(text, style.tokens)

    lines = [clean(line) for line in view.lines]
    at = len(clean(view.lines[view.row][: view.column]))
    lines[view.row] = lines[view.row][:at] + style.cursor + lines[view.row][at:]
    path = clean(re.sub(r"[\r\n]", " ", view.path))
    rendered = style.form.format(
        path=path,
        above=clean(_text(view.above)),
        below=clean(_text(view.below)),
        current=_text(lines),
        before=clean(_text(view.before)),
        edits="".join(_edit(style, path, one, clean(one.diff(path))) for one in view.edits),
        first=view.first + 1,
        last=view.last,
    )
    size = sum(len(line) + 1 for line in view.lines)
    return Prompt(
        rendered,
        rendered=rendered,
        stop=style.ends,
        max_tokens=max(round(2 * size * TOKENS_PER_CHARACTER), FEWEST_TOKENS),
        language=view.language,
        path=view.path,
        rewrites=True,
    )


def _edit(style: Format, path: str, one: Past, diff: str) -> str:
    return style.edit.format(
        path=path,
        diff=diff,
        old=neutralised("\n".join(one.old), style.tokens),
        new=neutralised("\n".join(one.new), style.tokens),
        first=one.first + 1,
        last=one.first + len(one.new),
    )


def _text(lines: tuple[str, ...] | list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


class FormatReader:
    """Reads the answer of such a model, cut anywhere. `done` once its end is there."""

    def __init__(self, form: str) -> None:
        self._style = FORMATS[form]
        self.text = ""
        self.done = False

    def feed(self, text: str) -> None:
        if self.done:
            return
        self.text += text
        found = [place for end in self._style.ends if (place := self._behind(end)) >= 0]
        if found:
            self.text, self.done = self.text[: min(found)], True

    def _behind(self, end: str) -> int:
        return self.text.find(end)

    def finish(self, *, complete: bool) -> None:
        """No more comes. A server that takes stop strings does not send them."""
        self.done = self.done or complete

    @property
    def lines(self) -> tuple[str, ...] | None:
        """The new lines of the window; None where the answer was cut off, or says that nothing follows."""
        if not self.done:
            return None
        opening = re.match(self._style.begins, self.text)
        text = self.text[opening.end() :] if opening is not None else self.text
        text = re.sub(r"\n```[^\n]*\s*\Z", "\n", text.replace(self._style.cursor, "").replace("\r\n", "\n"))
        if not text.strip() or text.strip() == self._style.nothing:
            return None
        if any(token in text for token in self._style.tokens):
            return None  # it goes on with a part of the form that is not its own
        return tuple(_restored(line, self._style.tokens) for line in text.removesuffix("\n").split("\n"))


def _restored(line: str, tokens: tuple[str, ...]) -> str:
    """The inverse of `neutralised`."""
    for token in tokens:
        line = line.replace(f"{token[0]} {token[1:]}", token)
    return line
