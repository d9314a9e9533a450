"""What a model is told for an action. Each prompt is a file in `prompts/`.

The front of a message is the same for all that is asked about a file, and a second round goes on from the
first: servers that keep the last prompt read only what is new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from spark_lsp.actions.catalog import Action, Form, filled
from spark_lsp.actions.scope import Scope
from spark_lsp.values import Diagnostic

DONE = "<done>"
"""The line behind the last block of an answer: what comes after it need not be waited for."""

LEFT_OUT = "⋮"
"""Stands for lines of the document that are not shown."""

TAGS = ("file", "task", "change-only", "your-answer", "checker", "new-lines", "new-file", "done")
_TAG = re.compile(rf"<(/?(?:{'|'.join(TAGS)})\b)")
_MADE_HARMLESS = re.compile(rf"< (/?(?:{'|'.join(TAGS)})\b)")

TOKENS_PER_CHARACTER = 0.5
"""More than any tokenizer needs for code: an answer as long as the question's lines is not cut off."""

FEWEST_TOKENS, MOST_TOKENS = 512, 8_192


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent: the `instructions` are told first, `message` is the user's."""

    instructions: str
    message: str
    stop: tuple[str, ...]
    max_tokens: int

    def again(self, answer: str, objections: Sequence[str]) -> Question:
        """The next round: what was answered, and what was said against it."""
        more = (
            f"{_tagged('your-answer', harmless(answer))}"
            f"{_tagged('checker', harmless(chr(10).join(objections)))}{_prompt('again')}\n"
        )
        return Question(self.instructions, f"{self.message}{more}", self.stop, self.max_tokens)


def version_of(action: Action) -> str:
    """Changes with the words of an action's prompt: what was answered to other words is not used again."""
    return action.prompt if action.own else f"{_version('system')}.{_version(action.prompt)}"


def question(
    action: Action,
    lines: Sequence[str],
    scope: Scope,
    *,
    path: str,
    language: str,
    diagnostics: Sequence[Diagnostic] = (),
    values: Mapping[str, str] | None = None,
) -> Question:
    """What is asked for an action.

    `path` is within the workspace; `values` fill the variables of the prompt beside those that follow from
    the other arguments. What comes from the document or a checker is quoted as data, its tags made harmless.
    """
    known = {"language": language or "unknown", "path": path, **(values or {})}
    if diagnostics:
        first = diagnostics[0]
        known |= {"message": first.message, "code": first.code, "source": first.source or "the checker"}
    known["said"] = "\n".join(said(one, lines) for one in diagnostics)
    task = filled(
        action.prompt if action.own else _prompt(action.prompt), {k: harmless(v) for k, v in known.items()}
    )
    if action.form in ("blocks", "lines"):
        task = f"{task}\n\n{_prompt(f'form-{action.form}')}"
    message = (
        f'<file path="{_attribute(path)}" language="{_attribute(language)}">\n'
        f"{harmless(_excerpt(lines, scope.shown))}\n</file>\n{_tagged('task', task)}"
    )
    if action.form in ("blocks", "lines"):
        message += _tagged("change-only", harmless(_excerpt(lines, scope.change, edges=False)))
    size = sum(len(lines[number]) + 1 for span in scope.change for number in span)
    return Question(
        _prompt("system"), message, _STOPS[action.form], most_tokens(size if action.form != "text" else 0)
    )


def said(diagnostic: Diagnostic, lines: Sequence[str]) -> str:
    """What a checker says, and of which line."""
    code = f" [{diagnostic.code}]" if diagnostic.code else ""
    source = f"{diagnostic.source}: " if diagnostic.source else ""
    text = lines[diagnostic.line].strip() if 0 <= diagnostic.line < len(lines) else ""
    return f"{source}{diagnostic.message}{code}\n  in the line: {text[:300]}"


def harmless(text: str) -> str:
    """The text with our own tags broken: a document that holds `</file>` stays inside of it."""
    return _TAG.sub(r"< \1", text)


def restored(text: str) -> str:
    """The inverse of `harmless`, for a line that a model wrote."""
    return _MADE_HARMLESS.sub(r"<\1", text)


def most_tokens(size: int) -> int:
    """The longest answer that makes sense for so many characters that may be changed."""
    return min(max(round(2 * size * TOKENS_PER_CHARACTER), FEWEST_TOKENS), MOST_TOKENS)


_STOPS: Mapping[Form, tuple[str, ...]] = {
    "blocks": (DONE, "<file ", "<task>"),
    "lines": ("</new-lines>", "<file ", "<task>"),
    "file": (DONE, "<task>"),
    "text": ("<file ", "<task>"),
}


def _tagged(tag: str, text: str) -> str:
    return f"<{tag}>\n{text}\n</{tag}>\n"


def _attribute(text: str) -> str:
    return re.sub(r'["<>\x00-\x1f]', "_", text)


def _excerpt(lines: Sequence[str], spans: Sequence[range], *, edges: bool = True) -> str:
    """The lines of the spans. What is left out in front of them and behind them is told with `edges` only."""
    parts: list[str] = []
    reached = 0
    for span in spans:
        if span.start > reached and (parts or edges):
            parts.append(LEFT_OUT)
        parts += lines[span.start : span.stop]
        reached = span.stop
    if edges and reached < len(lines):
        parts.append(LEFT_OUT)
    return "\n".join(parts)


@cache
def _file(name: str) -> tuple[str, str]:
    """A prompt's version and its words. The first line of its file is the version: `<!-- version 1 -->`."""
    text = files("spark_lsp.actions").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8")
    head, _, body = text.partition("\n")
    version = re.fullmatch(r"<!-- version (\d+) -->", head)
    assert version, f"prompts/{name}.md begins with its version"
    return version[1], body.strip()


def _prompt(name: str) -> str:
    return _file(name)[1]


def _version(name: str) -> str:
    return _file(name)[0]
