"""Where the secrets of a text are: those within a line, and those of many."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from spark_lsp.privacy.rules import SHORTEST, Scanner, Span, entropy

KEY = "private key"
MANIFEST = "kubernetes secret"
OF_MANY_LINES = (KEY, MANIFEST)
"""The rules that go by other lines than the secret's own."""

_BEGIN = re.compile(r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_AROUND = " \t\r\"'`+,;()*#|>"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,3}")
_HEADER = re.compile(r"(?:Proc-Type|DEK-Info|Version|Comment|Charset|Hash): .*")
_MANIFEST = re.compile(r"(?m)^[ \t]*kind:[ \t]*[\"']?Secret\b")
_ENTRY = re.compile(r"(?m)^[ \t]+[\w.-]+:[ \t]*[\"']?([A-Za-z0-9+/]{8,}={0,2})[\"']?[ \t]*$")

WHOLE = 16
"""Characters of base64 that begin a key: a word of code may be shorter."""

CUT = 56
"""Characters of a line of a key whose begin and end are both out of sight."""


_scanner = Scanner()
"""One for all: a line is the same in every document."""


def find(text: str) -> list[Span]:
    """The secrets of a text, in order, none within another. Line ends are \\n."""
    lines = text.split("\n")
    starts = _starts(lines)
    spans = [
        Span(start + span.start, start + span.end, span.rule)
        for start, found in zip(starts, _scanner.scan(lines), strict=True)
        for span in found
    ]
    spans.extend(_private_keys(lines, starts))
    if "ecret" in text and _MANIFEST.search(text):
        spans.extend(Span(*match.span(1), MANIFEST) for match in _ENTRY.finditer(text))
    return joined(spans)


def joined(spans: Sequence[Span]) -> list[Span]:
    """In order, those that overlap as one, by the name of the first."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start < result[-1].end:
            last = result[-1]
            result[-1] = Span(last.start, max(last.end, span.end), last.rule)
        else:
            result.append(span)
    return result


def _starts(lines: Sequence[str]) -> list[int]:
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    return starts


def _private_keys(lines: Sequence[str], starts: Sequence[int]) -> Iterator[Span]:
    """A window may cut a key anywhere: what looks like the rest of one is taken for one."""
    for index, line in enumerate(lines):
        if "PRIVATE KEY" not in line:
            continue
        begins, ends = list(_BEGIN.finditer(line)), list(_END.finditer(line))
        for begin in begins:
            end = next((end for end in ends if end.start() >= begin.end()), None)
            stop = end.start() if end is not None else len(line)
            if _body(line[begin.end() : stop]):
                yield Span(starts[index] + begin.end(), starts[index] + stop, KEY)
        if begins and not ends:
            yield from _spans(lines, starts, _below(lines, index))
        if ends and not begins:
            if _body(line[: ends[0].start()]):
                yield Span(starts[index], starts[index] + ends[0].start(), KEY)
            yield from _spans(lines, starts, _above(lines, index))
    yield from _spans(lines, starts, _at_edge(lines, range(len(lines))))
    yield from _spans(lines, starts, _at_edge(lines, range(len(lines) - 1, -1, -1)))


def _body(part: str) -> bool:
    return any(len(run) >= SHORTEST for run in re.findall(r"[A-Za-z0-9+/=]+", part.replace("\\n", " ")))


def _core(line: str) -> str:
    """The line without what a program writes around a piece of text."""
    core = line.strip(_AROUND)
    while core.endswith(("\\n", "\\r", "\\")):
        core = core.removesuffix("\\n").removesuffix("\\r").removesuffix("\\").rstrip(_AROUND)
    return core


def _below(lines: Sequence[str], index: int) -> list[int]:
    taken: list[int] = []
    for at in range(index + 1, len(lines)):
        core = _core(lines[at])
        if not core or _HEADER.fullmatch(core):
            continue
        if not _BASE64.fullmatch(core) or (not taken and len(core) < WHOLE and not _ended(lines, at)):
            break
        taken.append(at)
    return taken


def _ended(lines: Sequence[str], at: int) -> bool:
    """Whether the key ends behind this line, or the text does."""
    return at + 1 >= len(lines) or bool(_END.search(lines[at + 1]))


def _above(lines: Sequence[str], index: int) -> list[int]:
    taken: list[int] = []
    for at in range(index - 1, -1, -1):
        core = _core(lines[at])
        if core and not _BASE64.fullmatch(core):
            break
        if core:
            taken.append(at)
    # A lone word above is code; a lone long run is not.
    return sorted(taken) if any(len(_core(lines[at])) >= WHOLE for at in taken) else []


def _at_edge(lines: Sequence[str], order: range) -> list[int]:
    """Lines of a key that begins and ends outside of the window: the text begins, or ends, with them."""
    taken: list[int] = []
    for at in order:
        core = _core(lines[at])
        if not core and not taken:
            continue
        whole = len(core) >= CUT and _BASE64.fullmatch(core) and entropy(core) > 4.2
        # The cut itself, and where one types, is a part of a line.
        if not whole and (taken or not _BASE64.fullmatch(core)):
            break
        taken.append(at)
    return sorted(taken) if len(taken) > 1 else []


def _spans(lines: Sequence[str], starts: Sequence[int], taken: Sequence[int]) -> Iterator[Span]:
    """A span for each line; one too short to be told from other text goes with the line before it."""
    places = [(starts[at] + lines[at].index(core), len(core)) for at in taken if (core := _core(lines[at]))]
    groups: list[Span] = []
    for start, size in places:
        if groups and size < SHORTEST:
            groups[-1] = groups[-1]._replace(end=start + size)
        else:
            groups.append(Span(start, start + size, KEY))
    yield from groups


def everywhere(text: str, secrets: Sequence[str], known: Sequence[Span]) -> list[Span]:
    """The spans that are `known`, and those of the same secrets where nothing tells them."""
    spans = list(known)
    for secret in secrets:
        at = text.find(secret) if len(secret) >= SHORTEST else -1
        while at >= 0:
            spans.append(Span(at, at + len(secret), "the same again"))
            at = text.find(secret, at + len(secret))
    return joined(spans)
