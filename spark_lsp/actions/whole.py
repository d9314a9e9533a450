"""Where a whole function, region or file belongs that a model wrote without saying what it replaces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spark_lsp.actions.indentation import Indentation, indent_of
from spark_lsp.actions.place import Refusal, alike

SIMILAR = 0.5  # a region may be rewritten a good deal, but it is still known
HEAD = 400  # characters; a longer line is not taken for the head of a definition
FILE = 0.6  # of the lines that may not be changed, so many must be there for it to be a whole file

_NAME = re.compile(
    r"(?:def|class|fn|func|function|interface|struct|enum|impl|trait|type|const|let|var|module|sub|macro_rules!)\s+"
    r"(?:\([^)]*\)\s*)?(\w+)"
)
_CALLABLE = re.compile(r"(?:[\w<>\[\],.*&:~]+\s+)*[*&~]*(\w+)\s*(?:<[^()]*>)?\([^;]*$")
_STATEMENT = re.compile(
    r"(?:if|for|while|switch|return|catch|else|elif|with|match|except|await|yield|throw)\b"
)
_ABOVE = re.compile(r"@|#\[|///|/\*\*|\*|\[\w")  # what stands above a definition and belongs to it
_CLOSER = re.compile(r"[})\]]|end\b")


@dataclass(frozen=True, slots=True)
class Region:
    """Lines `first` to `last` (exclusive) of the document become `lines`, with its indentation."""

    first: int
    last: int
    lines: tuple[str, ...]
    is_file: bool = False


def belongs(
    new: Sequence[str], lines: Sequence[str], spans: Sequence[range], *, bare: bool
) -> Region | Refusal:
    """Which lines `new` stands for.

    `bare`: there may be prose around it, so it begins where a line of the document does.
    """
    new = _cut(new, lines, spans) if bare else list(new)
    first, last = _inked(new)
    new = new[first:last]
    if not new:
        return Refusal("The answer holds no edit.")
    if _is_file(new, lines, spans):
        first, last = _inked(lines)
        return Region(first, last, tuple(new), is_file=True)
    if not bare and spans and not any(lines[index].strip() for span in spans for index in span):
        return Region(spans[0].start, spans[0].start, tuple(new))
    found = _defined(new, lines, spans) or _resembling(new, lines, spans)
    if found is None:
        return Refusal(
            "The code in the answer is not like any lines that may be changed: use the block format."
        )
    if name := _said_again(new, lines, found):
        return Refusal(f"The answer defines {name} again, outside of the lines that may be changed.")
    return _fitted(new, lines, found)


def _said_again(new: Sequence[str], lines: Sequence[str], found: range) -> str:
    """What `new` defines that stands in the document already, and not where `new` goes; "" when nothing."""
    inside = {name_of(line) for line in lines[found.start : found.stop]}
    outside = {name_of(line) for index, line in enumerate(lines) if index not in found and line.strip()}
    return next((name for line in new if (name := name_of(line)) and name in outside - inside), "")


def _cut(new: Sequence[str], lines: Sequence[str], spans: Sequence[range]) -> list[str]:
    """From the first line on that the document has, or that defines what one of its lines defines."""
    known = {lines[index].strip() for span in spans for index in span if len(lines[index].strip()) > 3}
    names = {name for line in known if (name := name_of(line))}
    for index, line in enumerate(new):
        if line.strip() in known or name_of(line) in names:
            return list(new[index:])
    return []


def _is_file(new: Sequence[str], lines: Sequence[str], spans: Sequence[range]) -> bool:
    inside = {index for span in spans for index in span}
    kept = Counter(line.strip() for index, line in enumerate(lines) if index not in inside and line.strip())
    there = kept & Counter(line.strip() for line in new)
    if kept.total() < 3:  # a `}` or two stand everywhere
        return any(name_of(line) for line in kept) and there == kept
    return there.total() >= FILE * kept.total()


def name_of(line: str) -> str:
    """What a line defines, "" where it defines nothing."""
    bare = line.strip()
    if len(bare) > HEAD or _STATEMENT.match(bare):
        return ""
    match = _NAME.search(bare) or (_CALLABLE.match(bare) if bare.endswith(("{", ":", ")")) else None)
    return match.group(1) if match else ""


def _defined(new: Sequence[str], lines: Sequence[str], spans: Sequence[range]) -> range | None:
    """The definition of what the first definition of `new` defines, if there is one."""
    top = next((index for index, line in enumerate(new) if name_of(line)), None)
    if top is None or any(line.strip() and not _ABOVE.match(line.strip()) for line in new[:top]):
        return None
    places = [(index, span) for span in spans for index in span if name_of(lines[index]) == name_of(new[top])]
    if len(places) != 1:
        return None
    at, span = places[0]
    stop = _end(lines, at, span.stop)
    if sum(1 for line in new if name_of(line)) > 1 and span.start <= at:
        rest = [line for line in lines[at : span.stop] if line.strip()]
        if alike(new, rest) > alike(new, lines[at:stop]):
            stop = span.stop
    first = at
    while top and first > span.start and _ABOVE.match(lines[first - 1].strip()):
        first -= 1
    return range(first, stop)


def _end(lines: Sequence[str], first: int, stop: int) -> int:
    """Behind the last line of what begins at `first`: it is indented deeper, or closes it."""
    width = len(indent_of(lines[first]))
    end = first + 1
    for index in range(first + 1, stop):
        bare = lines[index].strip()
        if not bare:
            continue
        if len(indent_of(lines[index])) <= width and not (bare.startswith("{") or _CLOSER.match(bare)):
            break
        end = index + 1
    return end


def _resembling(new: Sequence[str], lines: Sequence[str], spans: Sequence[range]) -> range | None:
    """The one span that is like it, or all of them where they are one run."""
    ranked = sorted(
        ((alike(new, lines[span.start : span.stop]), span.start, span) for span in spans), reverse=True
    )
    return ranked[0][2] if ranked and ranked[0][0] >= SIMILAR else None


def _fitted(new: Sequence[str], lines: Sequence[str], found: range) -> Region:
    first, last = _inked(lines[found.start : found.stop])
    first, last = found.start + first, found.start + last
    indentation = Indentation(_pairs(new, lines[first:last]), lines)
    return Region(first, last, tuple(indentation.of(line) for line in new))


def _inked(lines: Sequence[str]) -> tuple[int, int]:
    """From the first line that is not blank to behind the last."""
    inked = [index for index, line in enumerate(lines) if line.strip()]
    return (inked[0], inked[-1] + 1) if inked else (0, 0)


def _pairs(new: Sequence[str], there: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The indentations of lines that stand once in both, and of what both define; else of the first."""
    counts = Counter(line.strip() for line in new)
    counts_there = Counter(line.strip() for line in there)
    once = {line.strip(): line for line in there if line.strip() and counts_there[line.strip()] == 1}
    names = {name_of(line): line for line in there if name_of(line)}
    paired = False
    for line in new:
        other = once.get(line.strip()) if counts[line.strip()] == 1 else None
        other = other or names.get(name_of(line) or "-")
        if other is not None:
            paired = True
            yield indent_of(line), indent_of(other)
    if not paired and there:
        yield indent_of(new[0]), indent_of(there[0])
