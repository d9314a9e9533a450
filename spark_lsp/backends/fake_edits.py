"""What a fake backend says when asked to change a file: the right edit, or one of many wrong ones. Pure.

A mode is written `MODE[/KIND][:FORMAT]`:

    right   nearly:diff   malformed/cut   malicious/outside:blocks

MODE    right      the edit that makes the shown lines those of its own file
        nearly     the same and a name that nobody knows; right once a checker has objected
        wrong      an edit that can be applied and cures nothing
        malformed  no edit: cut, in wrong marks, of lines that are nowhere; KIND is one of `MALFORMED`
        malicious  an edit that nobody should apply as it is; KIND is one of `MALICIOUS`
KIND    Not given: drawn for each question, always the same for the same one.
FORMAT  blocks     search and replace blocks
        lines      the new text of all lines that may be changed
        diff       a unified diff
        function   the lines that may be changed, in a fence
        file       the whole file, in a fence
        Not given: what the question asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Literal, cast, get_args

from spark_lsp.backends.fake_malice import CALL, MALFORMED, MALICIOUS, WORDS
from spark_lsp.backends.fake_question import (
    LEFT_OUT,
    NOTHING,
    EditFormat,
    Question,
    Run,
    importing_what_is_used,
    in_front,
    new_file,
    question,
    runs_of,
    written,
)
from spark_lsp.backends.oracle import Oracle
from spark_lsp.errors import UsageError

EditMode = Literal["right", "nearly", "wrong", "malformed", "malicious"]

UNKNOWN_NAME = "audit_trail"  # what an answer that is nearly right uses and no file defines
_TAG = re.compile(r"<(?=/?(?:file|task|change-only|your-answer|checker|new-lines|new-file|done)\b)")


class Edits:
    """Knows how some files should be. `files` maps paths to the right texts; line ends are read as \\n.

    The file that a question is about is the one whose path has the longest end in common with the asked
    one, its name at least. What asks for no action is continued as by an `Oracle` of the same files.
    Raises UsageError for a mode that is none.
    """

    def __init__(self, files: Mapping[str, str], mode: str = "right") -> None:
        self._files = {path: re.sub("\r\n?", "\n", text) for path, text in files.items()}
        self._oracle = Oracle(files)
        self._mode, self._kind, self._format = parse_edits(mode)

    def __repr__(self) -> str:
        return f"<Edits {len(self._files)} files, {self._mode}>"

    def answer(self, prefix: str, suffix: str) -> str:
        asked = question(prefix)
        if asked is None:
            return self._oracle.answer(prefix, suffix)
        if asked.change is None:
            return self._new_file(asked) if asked.new_file else self._words(asked)
        right = self._file(asked.path)
        if right is None:
            return ""
        runs = importing_what_is_used(asked, runs_of(asked, right))
        if self._format:
            asked = replace(asked, form=self._format)
        return self._edits(asked, runs, right) if runs else NOTHING

    def _edits(self, asked: Question, runs: Sequence[Run], right: str) -> str:
        changed = [run for run in runs if run.old != run.new]
        match self._mode:
            case "malformed":
                answer = written(asked, changed or _useless(asked, runs))
                return MALFORMED[self._kind or _drawn(MALFORMED, asked)](answer)
            case "malicious":
                return MALICIOUS[self._kind or _drawn(MALICIOUS, asked)](asked, runs)
            case "wrong":
                runs = _useless(asked, runs)
            case _ if not changed:
                return NOTHING
            case "nearly" if not asked.corrected:
                runs = [in_front(runs[0], f'{UNKNOWN_NAME}.append("changed")'), *runs[1:]]
            case _ if asked.form == "file" and LEFT_OUT in asked.shown:
                return asked.whole(right.rstrip("\n"))  # who has not seen all of it knows it nevertheless
        return written(asked, runs)

    def _words(self, asked: Question) -> str:
        if self._mode == "malicious":
            return WORDS
        lines = sum(bool(line.strip()) for line in asked.shown)
        return (
            f"{asked.path} has {lines} lines that do what their names say, in {asked.language or 'words'}.\n"
        )

    def _new_file(self, asked: Question) -> str:
        if self._mode == "malicious":
            return new_file("../" + asked.new_file, CALL)
        right = self._file(asked.new_file)
        if right is None:
            return NOTHING
        text = new_file(asked.new_file, right.rstrip("\n"))
        return text[: len(text) // 2] if self._mode == "malformed" else text

    def _file(self, path: str) -> str | None:
        parts = path.split("/")

        def common(name: str) -> int:
            ends = zip(reversed(name.split("/")), reversed(parts), strict=False)
            return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], ends))

        best = max(sorted(self._files), key=common, default="")
        return _TAG.sub("< ", self._files[best]) if best and common(best) else None


def parse_edits(spec: str) -> tuple[EditMode, str, EditFormat | None]:
    """The mode, kind and format that `spec` writes. Raises UsageError."""
    rest, colon, form = spec.partition(":")
    mode, slash, kind = rest.partition("/")
    kinds: Mapping[str, Mapping[str, object]] = {"malformed": MALFORMED, "malicious": MALICIOUS}
    if mode not in get_args(EditMode):
        raise UsageError(f"{spec!r}: the modes of edits are {', '.join(get_args(EditMode))}")
    if slash and kind not in kinds.get(mode, {}):
        known = ", ".join(kinds[mode]) if mode in kinds else "none"
        raise UsageError(f"{spec!r}: the kinds of {mode} edits are {known}")
    if colon and form not in get_args(EditFormat):
        raise UsageError(f"{spec!r}: the formats of edits are {', '.join(get_args(EditFormat))}")
    return cast(EditMode, mode), kind, cast(EditFormat, form) if form else None


def _useless(asked: Question, runs: Sequence[Run]) -> list[Run]:
    """An edit that cures nothing: a comment."""
    return [in_front(runs[0].after(runs[0].old), asked.comment("looked at, and left as it was"))]


def _drawn(kinds: Mapping[str, object], asked: Question) -> str:
    return list(kinds)[asked.luck % len(kinds)]
