"""A question to change a file, as a fake backend understands it, and the ways to write the answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher, unified_diff
from hashlib import blake2b
from typing import Literal

EditFormat = Literal["blocks", "lines", "diff", "function", "file"]

LEFT_OUT = "⋮"  # a line of a question: here the file has more lines
DONE = "<done>\n"
NOTHING = f"Nothing has to be changed.\n{DONE}"

_SECTION = re.compile(
    r"^<(file|task|change-only|your-answer|checker)\b([^>\n]*)>\n(.*?)\n?^</\1>$", re.DOTALL | re.MULTILINE
)
_ATTRIBUTE = re.compile(r'(\w+)="([^"\n]*)"')
_NEW_FILE = re.compile(r'<new-file path="([^"\n]*)">')
_HASH_COMMENTS = {
    *("python", "ruby", "shellscript", "toml", "yaml", "r", "perl", "makefile", "dockerfile"),
    *("elixir", "julia", "gdscript", "nim"),
}


_IMPORT = re.compile(r"(?:from \S+ )?import (?!\()")  # Python's, of one line
_NAME = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Run:
    """Lines of the shown file, from index `start` on, that may be changed, and what they should become."""

    start: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    def after(self, new: Sequence[str]) -> Run:
        return replace(self, new=tuple(new))


@dataclass(frozen=True, slots=True)
class Question:
    """A request to change a file, understood. `change` is None where words are wanted, `new_file` "" where
    no new file is."""

    path: str
    language: str
    shown: tuple[str, ...]
    form: EditFormat
    change: tuple[str, ...] | None
    new_file: str
    corrected: bool
    luck: int

    def whole(self, text: str) -> str:
        """An answer that is all of the file."""
        return f"```{self.language}\n{text}\n```\n{DONE}"

    def comment(self, text: str) -> str:
        return f"{'#' if self.language in _HASH_COMMENTS else '//'} {text}"


def question(message: str) -> Question | None:
    """What a user's message asks for, None where it asks for no action."""
    sections = [(match[1], match[2], match[3]) for match in _SECTION.finditer(message)]
    names = [name for name, _, _ in sections]
    if names[:2] != ["file", "task"]:
        return None
    attributes = dict(_ATTRIBUTE.findall(sections[0][1]))
    change = sections[2][2] if names[2:3] == ["change-only"] else None
    new_file = _NEW_FILE.search(sections[1][2]) if change is None else None
    return Question(
        path=attributes.get("path", ""),
        language=attributes.get("language", ""),
        shown=tuple(sections[0][2].split("\n")),
        form="lines" if "<new-lines>" in sections[1][2] else "blocks",
        change=None if change is None else tuple(change.split("\n")),
        new_file=new_file[1] if new_file else "",
        corrected="checker" in names,
        luck=int.from_bytes(blake2b(message.encode("utf-8", "replace"), digest_size=8).digest(), "big"),
    )


def runs_of(asked: Question, right: str) -> list[Run]:
    """The lines that may be changed, run by run, with what the right file has in their place."""
    lines = right.split("\n")
    if asked.shown[-1] and not lines[-1]:
        lines.pop()  # the shown text has no line end at its end, or its end is not shown
    codes = SequenceMatcher(None, asked.shown, lines, autojunk=False).get_opcodes()
    runs: list[Run] = []
    for old in _split(asked.change or ()):
        places = [
            index
            for index in range(len(asked.shown) - len(old) + 1)
            if asked.shown[index : index + len(old)] == old
        ]
        found = [Run(start, old, tuple(_righted(start, old, codes, lines))) for start in places]
        differing = [run for run in found if run.new != run.old]
        runs += (differing or found or [Run(0, old, old)])[:1]
    return runs


def _righted(
    start: int, old: tuple[str, ...], codes: Sequence[tuple[str, int, int, int, int]], lines: Sequence[str]
) -> Iterator[str]:
    """What the right file has where the shown one has `old`.

    A difference that reaches beyond counts from the end that is inside: as many lines as are replaced.
    """
    end = start + len(old)
    for tag, first, last, left, right in codes:
        if last < start or first > end or (first != last and (last == start or first == end)):
            continue
        low, high = max(first, start), min(last, end)
        if tag == "equal":
            yield from lines[left + low - first : left + high - first]
        elif first < start:
            yield from lines[max(left, right - (high - low)) : right] if low < high else ()
        elif last > end:
            yield from lines[left : min(right, left + high - low)]
        else:
            yield from lines[left:right]


def _split(change: Sequence[str]) -> Iterator[tuple[str, ...]]:
    run: list[str] = []
    for line in (*change, LEFT_OUT):
        if line != LEFT_OUT:
            run.append(line)
        elif run:
            yield tuple(run)
            run = []


def _replaced(asked: Question, runs: Sequence[Run]) -> list[str]:
    """The shown lines after the edit."""
    lines = list(asked.shown)
    for run in sorted(runs, key=lambda run: -run.start):
        lines[run.start : run.start + len(run.old)] = run.new
    return lines


def importing_what_is_used(asked: Question, runs: Sequence[Run]) -> list[Run]:
    """The runs without what they import in Python and nothing uses: the right file uses it in other places,
    where a fault is left."""
    if asked.language != "python":
        return list(runs)
    code = [line for line in _replaced(asked, runs) if not _IMPORT.match(line)]
    used = set(_NAME.findall("\n".join((*code, *(line for run in runs for line in run.old)))))
    kept = ([_importing(line, used) for line in run.new] for run in runs)
    return [
        run.after([line for line in new if line is not None]) for run, new in zip(runs, kept, strict=True)
    ]


def _importing(line: str, used: set[str]) -> str | None:
    """The line, with the names that it imports and are used; None where there are none."""
    imports = _IMPORT.match(line)
    if imports is None:
        return line
    names = [name for name in line[imports.end() :].split(", ") if used.intersection(_NAME.findall(name))]
    return imports[0] + ", ".join(names) if names else None


def in_front(run: Run, line: str) -> Run:
    first = next((line for line in run.new or run.old if line.strip()), "")
    return run.after((first[: len(first) - len(first.lstrip())] + line, *run.new))


def _blocks(asked: Question, runs: Sequence[Run]) -> str:
    return "".join(block(*pair) for run in runs for pair in _pairs(asked, run)) + DONE


def _pairs(asked: Question, run: Run) -> list[tuple[Sequence[str], Sequence[str]]]:
    """Differing lines with as little around them as makes them unique among those that are shown."""
    pairs: list[tuple[Sequence[str], Sequence[str]]] = []
    for around in (1, 2, 4, 8, len(run.old)):
        groups = SequenceMatcher(None, run.old, run.new, autojunk=False).get_grouped_opcodes(around)
        pairs = [
            (run.old[group[0][1] : group[-1][2]], run.new[group[0][3] : group[-1][4]]) for group in groups
        ]
        if all(_count(old, asked.shown) == 1 for old, _ in pairs):
            break
    return pairs


def _count(part: Sequence[str], lines: Sequence[str]) -> int:
    return sum(
        tuple(lines[index : index + len(part)]) == tuple(part) for index in range(len(lines) - len(part) + 1)
    )


def block(old: Sequence[str], new: Sequence[str]) -> str:
    return "\n".join(["<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE", ""])


def _lines(_: Question, runs: Sequence[Run]) -> str:
    return f"<new-lines>\n{f'{chr(10)}{LEFT_OUT}{chr(10)}'.join(map(_text, runs))}\n</new-lines>\n"


def _text(run: Run) -> str:
    return "\n".join(run.new)


def diff(asked: Question, runs: Sequence[Run]) -> str:
    """Its line numbers are those of what is shown, as a model would count them."""
    names = f"a/{asked.path}", f"b/{asked.path}"
    lines = unified_diff(asked.shown, _replaced(asked, runs), *names, lineterm="")
    return "\n".join(["```diff", *lines, "```", DONE])


def _function(asked: Question, runs: Sequence[Run]) -> str:
    fences = (f"```{asked.language}\n{_text(run)}\n```\n" for run in runs if run.old != run.new)
    return "".join(fences) + DONE


def _file(asked: Question, runs: Sequence[Run]) -> str:
    return asked.whole("\n".join(_replaced(asked, runs)))


_FORMATS: Mapping[EditFormat, Callable[[Question, Sequence[Run]], str]] = {
    "blocks": _blocks,
    "lines": _lines,
    "diff": diff,
    "function": _function,
    "file": _file,
}


def new_file(path: str, text: str) -> str:
    return f'<new-file path="{path}">\n{text}\n</new-file>\n{DONE}'


def written(asked: Question, runs: Sequence[Run]) -> str:
    """An edit in the form that the question asks for."""
    return _FORMATS[asked.form](asked, runs)
