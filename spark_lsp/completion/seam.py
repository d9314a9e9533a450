"""Where one model goes on with what another one said: nothing twice, nothing lost."""

from __future__ import annotations

import re
from dataclasses import replace

from spark_lsp.completion.context import Context
from spark_lsp.completion.opening import opening, skip_blank, skip_echo
from spark_lsp.completion.prompt import ANSWER

_LAST_TOKEN = re.compile(r"\s*(\w+|[^\w\s]+)?$")


def resumed(text: str) -> str:
    """How much of `text` the next model goes on from: all but its last token, and blanks.

    Models cut text into tokens in different places. One that is shown `retu` has hardly ever seen that `rn`
    follows, nor that `,` follows a `"` of its own, nor that a word follows the blank that it begins with: a
    small one then goes elsewhere at most places, even on its own text.
    """
    return _LAST_TOKEN.sub("", text)


def behind(context: Context, said: str) -> Context:
    """The same cursor, with `said` before it."""
    return replace(context, before=context.before + said) if said else context


class Seam:
    """Takes what the next model says, and gives what of it goes on: without the line that it says again, the
    blank that stands there already, and the manners of one that was told what to do (`told`)."""

    def __init__(self, context: Context, said: str, *, told: bool = False) -> None:
        self._context = behind(context, said)
        self._told = told
        self._heard = ""
        self._open = not said

    def feed(self, text: str, *, final: bool = False) -> str:
        if self._open:
            return text
        self._heard += text
        start = self._begin(final)
        if start is None:
            return ""
        self._open = True
        return self._heard[self._at_line_end(start) :]

    def _begin(self, final: bool) -> int | None:
        if self._told:
            return opening(self._heard, self._context, final=final)
        # One that merely goes on has no manners: what looks like an introduction is the user's docstring.
        echoed = skip_echo(self._heard, self._context, final)
        if echoed is None:
            return None
        blank = skip_blank(self._heard[echoed:], self._context, final)
        return None if blank is None else echoed + blank

    def _at_line_end(self, start: int) -> int:
        """With the line end that was taken for the wrapper's: within an answer it is the answer's. Behind the
        tag, where the text is taken literally, and behind a fence where the line below has indentation."""
        if not start or self._heard[start - 1] != "\n" or not self._context.line_before.strip():
            return start
        literal = self._heard[: start - 1].endswith(ANSWER)
        return start - 1 if literal or self._heard[start : start + 1] in (" ", "\t", "\n") else start
