"""What keys and tokens look like, line by line: the rules of `rules.toml`, and ours for what has no form."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from math import log2
from typing import NamedTuple

LINES_KEPT = 4096
"""Lines that are known before it is only those of the latest text again."""

SHORTEST = 8
"""Characters of what counts as a secret by its name alone."""


class Span(NamedTuple):
    """A secret's place in a text, end exclusive, and which rule says so."""

    start: int
    end: int
    rule: str


class Rule(NamedTuple):
    """`regex` is compiled when one of the `keywords`, in lower case, is met. 0: no `entropy` is asked for."""

    name: str
    regex: str
    keywords: tuple[str, ...]
    entropy: float
    group: int

    def spans(self, line: str) -> Iterator[Span]:
        for match in _compiled(self.regex).finditer(line):
            group = self.group or next(
                # A shorter one is a part of the form, not what is secret of it.
                (n for n, text in enumerate(match.groups(), 1) if text and len(text) >= SHORTEST),
                0,
            )
            start, end = match.span(group)
            secret = line[start:end].strip("\"'` ")
            if secret and (not self.entropy or entropy(secret) >= self.entropy):
                start = line.index(secret, start)
                yield Span(start, start + len(secret), self.name)


_compiled = cache(re.compile)

_NAME = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key"
    r"|signing[_-]?key|encryption[_-]?key|master[_-]?key|secret[_-]?key|account[_-]?key|credentials?|creds)"
)
_ASSIGNED = re.compile(
    rf"(?i:{_NAME})(?:[_-]?[A-Za-z0-9_-]{{0,24}})"
    r"""["'`\])}]{0,3}(?:\s{0,4}:\s{0,4}[A-Za-z_.\[\]|& ]{1,40}?(?==))?"""
    r"""\s{0,16}(?:(?:[:=!]?={1,3}|=>|:|,|\(|\?\?)\s{0,16}|(?=["'`]))[brfu(]{0,3}(["'`])"""
    r"""((?:(?!\1)[^\s\\]|\\.){8,})(?:\1|\Z)"""
)
_BARE = re.compile(
    rf"(?i:{_NAME})(?:[_-]?[A-Za-z0-9_-]{{0,24}})"
    r"""(?:["']?\s{0,16}(?:=|:)\s{0,16}|>\s{0,4}|["']?\s{0,4}=\s{0,4}\\?["'])"""
    r"""([^\s"'`<>(){}\[\],;]{8,})(?=\s*(?:[<,;#\\&"']|\Z))"""
)
_OPTION = re.compile(rf"(?i:--?[\w-]{{0,24}}{_NAME}[\w-]{{0,12}})[= ]+[\"']?([^\s\"'`<>(){{}}\[\]]{{8,}})")
_URL = re.compile(
    r"""\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/:@"'<>]{0,64}(:[^\s/"'<>]{1,200}?@)(?=[\w\[$%{<-])"""
)
_AUTHORIZATION = re.compile(r"(?i:\b(?:basic|bearer|token))\s{1,4}([A-Za-z0-9+/_.~-]{16,}={0,2})")
_NAMES = "pass", "pwd", "secret", "token", "key", "cred"
"""One of them is in all that `_NAME` takes."""

_STAND_INS = re.compile(
    r"(?i)\A(?:(?:your|my|the|some|test|example|dummy|fake)[-_.]?)*"
    r"(?:pass(?:word|wd|phrase)?|pw|pwd|secret|token|key|api[-_]?key|x{3,}|\*+|\.+|changeme|example|redacted)\Z"
)
_CODE = re.compile(
    r"\A[$<%{\[(@]|\$\{|\{\{|%\(|\{\w*\}|://|::|\(\)|->|\A\.{0,2}/|\A[\w-]+\[|\A(?:\w+\.)+[A-Za-z_]\w*\Z|%[sdr]"
)
_WORDS = re.compile(r"\A[A-Za-z]*(?:[-_./:, ][A-Za-z]*|\d{1,2}(?![0-9A-Za-z]))*\Z")

OPEN = re.compile(
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|AIza|gh[pousr]_|github_pat_|gl[a-z]{1,5}-|sk-(?:ant-|proj-)?|[rs]k_(?:live|test)_"
    r"|xox[abeoprs]-|npm_|pypi-|hf_|SG\.|dop_v1_|eyJ|hv[bs]\.|ATATT3|LTAI|shp(?:at|ca|pa|ss)_)([\w.+/=-]{4,})\Z"
)
"""A known kind of key that is being typed: its form is not whole yet."""


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    size = len(text)
    return -sum(count / size * log2(count / size) for count in Counter(text).values())


class Scanner:
    """The secrets of lines, by their form or by the name in front; they may overlap. Looks at a line once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Span, ...]] = {}

    def scan(self, lines: Sequence[str]) -> list[tuple[Span, ...]]:
        """The spans within each line."""
        new = [line for line in dict.fromkeys(lines) if line not in self._known]
        if new:
            self._learn(new)
        found = [self._known[line] for line in lines]
        if len(self._known) > LINES_KEPT:
            self._known = dict(zip(lines, found, strict=True))
        return found

    def _learn(self, new: Sequence[str]) -> None:
        # Most words are in none of them: that is seen in one go.
        together = "\n".join(new).lower()
        likely = {keyword: rules for keyword, rules in _by_keyword().items() if keyword in together}
        named = any(word in together for word in _NAMES)
        for line in new:
            lowered = line.lower()
            found = [
                span
                for keyword, rules in likely.items()
                if keyword in lowered
                for rule in rules
                for span in rule.spans(line)
            ]
            found.extend(_by_place(line, lowered))
            if named and any(word in lowered for word in _NAMES):
                found.extend(_by_name(line))
            self._known[line] = tuple(dict.fromkeys(found)) if found else ()


@cache
def _by_keyword() -> dict[str, list[Rule]]:
    table: dict[str, list[Rule]] = {}
    for rule in rules():
        for keyword in rule.keywords:
            table.setdefault(keyword, []).append(rule)
    return table


@cache
def rules() -> tuple[Rule, ...]:
    """Those of `rules.toml`."""
    read = tomllib.loads(files("spark_lsp.privacy").joinpath("rules.toml").read_text("utf-8"))
    return tuple(
        Rule(name, row["regex"], tuple(row["keywords"]), row.get("entropy", 0.0), row.get("group", 0))
        for name, row in read.items()
    )


def _by_place(line: str, lowered: str) -> Iterator[Span]:
    """Between what stands around a password in a URL, and in a header."""
    if "://" in line:
        for match in _URL.finditer(line):
            password = match[1][1:-1]
            if not _STAND_INS.match(password) and not _CODE.search(password):
                yield Span(*match.span(1), "password in a URL")
    if "basic" in lowered or "bearer" in lowered or "token" in lowered:
        for match in _AUTHORIZATION.finditer(line):
            if _random(match[1], 3.0):
                yield Span(*match.span(1), "authorization")


def _by_name(line: str) -> Iterator[Span]:
    for match in _ASSIGNED.finditer(line):
        if _random(match[2], 2.5):
            yield Span(*match.span(2), "value of a secret's name")
    for regex in (_BARE, _OPTION):
        for match in regex.finditer(line):
            if _random(match[1], 2.7) and not re.fullmatch(r"[\w.]*[A-Za-z_]\w*\.\w+[.\w]*", match[1]):
                yield Span(*match.span(1), "value of a secret's name")


def _random(value: str, bits: float) -> bool:
    """Whether nobody would write this for its meaning: no words, no code, no stand-in."""
    if _CODE.search(value) or _STAND_INS.match(value) or _WORDS.match(value):
        return False
    return entropy(value) >= bits
