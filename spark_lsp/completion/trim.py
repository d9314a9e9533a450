"""Reads a stream while it runs, says what of it can be shown, and when to stop it.

Everything here depends on the text before the cursor, on the habits of models,
or on where the answer should end. So the text that comes out is exactly what
typing it would produce, and the cache can hold it against what is typed.
What depends on the document at the moment of showing is left to `fit`.
"""

from __future__ import annotations

from collections.abc import Sequence

from spark_lsp.completion import prose, runs, scope
from spark_lsp.completion.brackets import PROSE
from spark_lsp.completion.closers import Closers
from spark_lsp.completion.context import Context, width_of
from spark_lsp.completion.cut_off import whole_part
from spark_lsp.completion.indentation import Indentation
from spark_lsp.completion.opening import opening
from spark_lsp.completion.prompt import CONTROL_TOKENS
from spark_lsp.completion.runs import Verdict
from spark_lsp.completion.scope import Scope
from spark_lsp.completion.stops import joined, stop_strings, without_half
from spark_lsp.values import Finish

STAMMER_STEP = 16  # characters between two looks at a line that grows
BLANK_LINES = 3  # more in a row than any style asks for
BLANK_CHARACTERS = 400


class Trimmer:
    """The reader of one generation.

    `text` is what can be shown so far: it only grows while the stream runs (at its end, white
    space and an unfinished line may go), it never holds half a stop string, and it is empty
    until its beginning is sure. `done` asks the caller to close the stream. `complete` says that
    the text ended by itself and not by a limit. `rest` is what the stream has said behind the text,
    where the text ended because it was enough: what comes belongs to the state after it. It is None
    where nothing useful can come: the text met what follows, repeated itself, or was wrapped in prose.

    `said` is the beginning of the text, as an earlier reader left it.

    The result does not depend on how the stream was cut into pieces.
    """

    def __init__(
        self, context: Context, *, stop: Sequence[str] = (), max_lines: int | None = None, said: str = ""
    ) -> None:
        self.text = ""
        self.done = False
        self.complete = False
        self.rest: str | None = None
        self._context = context
        self._max_lines = max_lines
        # A line end as stop string is the limit to one line, which has to wait until a fence is skipped.
        self._stops = stop_strings((*(text for text in stop if text.strip()), *CONTROL_TOKENS))
        self._following = runs.following_lines(context.after)
        self._heard = ""
        self._used = 0  # how much of it holds no stop string
        self._next: int | None = None  # where the first line that is not settled begins in it
        self._settled = ""
        self._said_before = ""
        self._line_ends = 0  # since the last settled line
        self._first = True  # the next line is the cursor's
        self._lines = [] if context.line_before.strip() else _line_above(context)
        self._indentation = Indentation(context)
        self._looked = 0  # how far the growing line was searched for a stammer
        self._scope: Scope | None = None
        self._closers = Closers(context)
        self._in_text = self._closers.in_text  # the next line begins in a string or a comment
        self._begun_in_text = self._in_text
        self._heard_of_line = ""  # the text with all of its last line, sure or not
        if said:
            self._heard, self._next = said, 0
            self._read(said, final=False)

    @property
    def whole_lines(self) -> str:
        """How much of the text has ended by a line end."""
        return self._settled

    def feed(self, piece: str) -> None:
        """Read the next piece of the stream. What comes after `done` is ignored."""
        if self.done:
            return
        self._heard = joined(self._heard, piece)
        self._used, stopped = self._stops.search(self._heard, self._used)
        self._read(without_half(self._heard[: self._used]), final=stopped)
        if stopped or (self._used > BLANK_CHARACTERS and not self._heard.strip()):
            self._end(complete=True)

    def finish(self, reason: Finish) -> None:
        """The stream is over.

        Cut off (`length`, `filter`), an answer of several lines keeps its whole lines, and one of
        a single line its whole words.
        """
        if self.done:
            return
        cut_off = reason in ("length", "filter")
        self._read(without_half(self._heard), final=not cut_off)
        if cut_off and not self.done and self._context.fitting:
            whole = self._heard_of_line if self._heard_of_line.startswith(self.text.rstrip()) else self.text
            self.text = whole_part(whole, self._settled, self._context)
        self._end(complete=reason == "stop")

    def _end(self, *, complete: bool) -> None:
        if not self.done:
            self.done, self.complete = True, complete
            self.text = self.text.rstrip()

    def _read(self, said: str, *, final: bool) -> None:
        """Settle as many lines as are sure, and show what is sure of the one that grows."""
        if not self._context.fitting:
            self._read_raw(said)
            return
        if self._next is None:
            self._next = opening(said, self._context, final=final)
            if self._next is None:
                return
            self._said_before = said[: self._next]
            _, newline, lead = self._said_before.rpartition("\n")
            if newline:
                self._indentation.first_behind(lead)
        while not self.done:
            pending = said[self._next :].split("\n")
            growing = len(pending) == 1 and not final
            if not self._take(pending, growing=growing, final=final) or len(pending) == 1:
                return
            self._next += len(pending[0]) + 1
            self._end_line()

    def _read_raw(self, said: str) -> None:
        """All that was said is shown, up to its first line end where one line is wanted."""
        line, ended, _ = said.partition("\n")
        self.text = said if self._context.multiline else line
        self._settled = self.text.rpartition("\n")[0]
        if ended and not self._context.multiline:
            self._end(complete=True)

    def _take(self, pending: Sequence[str], *, growing: bool, final: bool) -> bool:
        """Settle the first of the pending lines. False when it has to wait or nothing more is wanted."""
        if not pending[0].strip():
            if self._first and not growing and self._context.line_before.strip():
                self._enter("")
            return not growing
        lines = [self._as_written(line, index) for index, line in enumerate(pending) if line.strip()]
        line = lines[0]
        lines[0] = self._whole(line)
        verdict = self._verdict(
            lines, growing=not final and bool(pending[-1].strip()), alone=growing, final=final
        )
        if verdict == "keep" and not self._in_text:
            verdict = self._reach(line, growing=growing)
            if verdict == "cut":
                self._enough()
        if verdict != "keep":
            if verdict == "cut":
                self._end(complete=True)
            return False
        column = self._closers.first_unmatched(line, growing=growing)
        end = self._end_within(line, column, growing=growing)
        shown = self._settled + "\n" * self._line_ends
        if end is not None:
            self.text = shown + line[:end]
            self._end(complete=True)
        elif growing:
            self.text = (shown + line[: _sure(line, column)]).rstrip()
            self._heard_of_line = shown + line[:column]
        else:
            self._settled = self.text = shown + line
            self._enter(line)
        return end is None and not growing

    def _reach(self, line: str, *, growing: bool) -> Verdict:
        if self._scope is not None:
            return self._scope.verdict(line, after_blank=self._line_ends > 1, growing=growing)
        if not self._begun_in_text or self._first:
            return "keep"
        # Behind the comment that the cursor stood in: what it is about, and no line further out.
        return "keep" if width_of(line) >= self._closers.width_of_text else "cut"

    def _enter(self, line: str) -> None:
        whole = self._whole(line)
        if self._in_text:
            pass
        elif self._scope is not None:
            self._scope.enter(whole)
        elif line or not self._context.after_accept:
            self._scope = Scope(whole, self._context)
        # Behind an accepted line the answer is a block of its own, which may stand further out.
        self._closers.enter(line)
        self._in_text = self._closers.in_text
        self._lines.append(whole.rstrip())
        self._first, self._line_ends, self._looked = False, 0, 0

    def _end_line(self) -> None:
        self._line_ends += 1
        if not self._context.multiline:
            self._enough()
            self._end(complete=True)
        elif self._line_ends > BLANK_LINES + 1:
            self._end(complete=True)
        elif self._max_lines is not None and self._settled.count("\n") + 1 >= self._max_lines:
            self._end(complete=False)
        elif self._line_ends == 1 and self._settled:
            self.text = self._settled + "\n"

    def _enough(self) -> None:
        assert self._next is not None
        self.rest = "\n" * self._line_ends + self._heard[self._next :]

    def _whole(self, line: str) -> str:
        """The line as it stands in the document: the cursor's has a beginning already."""
        return self._context.line_before + line if self._first and not self._line_ends else line

    def _as_written(self, line: str, index: int) -> str:
        """The line with the document's kind of indentation, and as deep as the model meant it."""
        if index == 0 and self._first and not self._line_ends:
            return line
        above = None if self._first else self._lines[-1]
        return self._indentation.of(line, above, after_blank=self._line_ends > 1)

    def _verdict(self, lines: Sequence[str], *, growing: bool, alone: bool, final: bool) -> Verdict:
        """What becomes of the first of these lines. `alone`: it is the last one, and grows."""
        verdicts = [
            self._fence(lines[0], growing=alone),
            self._explanation(lines[0], growing=alone),
            self._meeting(lines, growing=growing, final=final),
            runs.repeats(self._lines, lines, growing=growing, final=final),
            "cut" if not alone and self._clashes(lines[0]) else "keep",
            self._leaving(lines[0], growing=alone),
        ]
        return "cut" if "cut" in verdicts else "wait" if "wait" in verdicts else "keep"

    def _meeting(self, lines: Sequence[str], *, growing: bool, final: bool) -> Verdict:
        verdict = runs.meets(self._following, lines, growing=growing, final=final)
        # However it is indented: a brace that closes what the answer opened is not the one below.
        return "keep" if verdict != "keep" and self._closers.closes_own(lines[0]) else verdict

    def _leaving(self, line: str, *, growing: bool) -> Verdict:
        if not self._first or self._line_ends:
            return "keep"
        return scope.leaves(line, self._said_before, self._context, growing=growing)

    def _clashes(self, line: str) -> bool:
        return not self._first and scope.clashes(line, self._context.after.split("\n")[1:])

    def _fence(self, line: str, *, growing: bool) -> Verdict:
        """A closing fence ends the code; what comes behind it are explanations."""
        mark = line.strip()[:3]
        if self._context.language in PROSE or not "```".startswith(mark):
            return "keep"
        return "cut" if mark == "```" else "wait" if growing else "keep"

    def _explanation(self, line: str, *, growing: bool) -> Verdict:
        """A sentence where only code can stand ends the code too."""
        said = line if self._line_ends or not self._first else line[len(self._context.line_before) :]
        looks = prose.looks(said, growing=growing)
        if looks == "code":
            return "keep"
        before = self._context.before + self._settled + "\n" * self._line_ends
        if not prose.in_code(before, self._context.language):
            return "keep"
        return "cut" if looks == "prose" else "wait"

    def _end_within(self, line: str, column: int | None, *, growing: bool) -> int | None:
        """The column at which the answer ends within this line: of an unmatched closer, or a stammer."""
        if column is not None and growing and column >= len(line) - 2:
            column = None  # `')` may become the character `')'`
        last = len(line) if column is None else min(column + 2, len(line))
        looks = list(range(self._looked + STAMMER_STEP, last + 1, STAMMER_STEP))
        self._looked = looks[-1] if looks else self._looked
        for end in looks if growing or column is not None else (*looks, last):
            start = runs.stammer(line, end)
            if start is not None:
                return start
        return column


def _sure(line: str, column: int | None) -> int:
    """How much of a growing line no later piece can take back. `column`: of an unmatched closer."""
    sure = len(line) - runs.held_back(line)
    return sure if column is None else min(sure, column)


def _line_above(context: Context) -> list[str]:
    return [line for line in context.before.split("\n")[:-1] if line.strip()][-1:]
