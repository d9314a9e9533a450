"""Patterns of files in the syntax of .gitignore, and what a list of them says of a path: as git does.

Each of them becomes one regular expression for the whole way to a file or folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

LONGEST = 4096  # no path is longer

_PART = re.compile(
    r"""
      (?P<ways>    (?:^|(?<=/)) (?:\*\*+/)+ )         # any folders, or none
    | (?P<beneath> (?:^|(?<=/)) \*\*+ \Z )            # everything in the folder
    | (?P<some>    \*+ )
    | (?P<one>     \? )
    | (?P<set>     \[ [!^]? \]? (?: \[:[a-z]+:\] | \\. | [^\]\\] )* \] )
    | (?P<wrong>   \[ | \\\Z )                        # to git, these match nothing
    | \\? (?P<literal> .)
    """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(r"\[:([a-z]+):\]|(\\.|.)(?:-(\\.|.))?", re.DOTALL)
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


class Pattern(NamedTuple):
    """One line. `takes` is False where it brings back; `folders`: it says nothing of files."""

    takes: bool
    folders: bool
    regex: re.Pattern[str]


def pattern(line: str) -> Pattern | None:
    """What the line says; None for a comment and for what is no pattern."""
    line = re.sub(r"(?<!\\) +$", "", line)
    if line.startswith("#") or len(line) > LONGEST:
        return None
    takes = not line.startswith("!")
    line = line.removeprefix("!")
    folders = line.endswith("/")
    line = line.removesuffix("/")
    if not line:
        return None
    anchored = "/" in line
    body = _regex(line.removeprefix("/"))
    if body is None:
        return None
    try:
        regex = re.compile(body if anchored else f"(?:[^/]*/)*{body}", re.DOTALL)
    except re.error:  # a set that is empty: [[:unknown:]]
        return None
    return Pattern(takes, folders, regex)


def patterns(lines: Iterable[str]) -> list[Pattern]:
    """What the lines say, those that say nothing left out."""
    return [made for line in lines if (made := pattern(line)) is not None]


def verdict(patterns: Sequence[Pattern], path: str) -> bool | None:
    """Whether the last pattern that matches this file or folder takes it or brings it back; None: none does.

    `path` has `/` between its parts and behind a folder's, none in front. What holds for a folder holds for
    what is in it, too: who asks goes from the outermost inwards.
    """
    name = path.removesuffix("/")
    is_folder = name != path
    for one in reversed(patterns):
        if (is_folder or not one.folders) and one.regex.fullmatch(name):
            return one.takes
    return None


def _regex(body: str) -> str | None:
    made = done = ""
    beyond = False  # whether any folders may come before what is in `done`
    segment = [""]
    for part in _PART.finditer(body):
        text = part[0]
        match part.lastgroup:
            case "ways":
                made += f"(?>(?:[^/]*/)*?{done})" if beyond and done else done
                beyond, done = True, ""
            case "beneath":
                segment[-1] += ".+"
            case "some":
                segment.append("")
            case "one":
                segment[-1] += "[^/]"
            case "set":
                segment[-1] += f"(?!/){_set(text)}"
            case "literal" if part["literal"] == "/":
                done += _joined(segment) + "/"
                segment = [""]
            case "literal":
                segment[-1] += re.escape(part["literal"])
            case _:
                return None
    return made + ("(?:[^/]*/)*" if beyond else "") + done + _joined(segment)


def _joined(chunks: list[str]) -> str:
    first, *between = chunks
    if not between:
        return first
    *between, last = between
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in between) + f"[^/]*{last}"


def _set(text: str) -> str:
    negated = text[1] in "!^"
    made = []
    for member in _MEMBER.finditer(text, 2 if negated else 1, len(text) - 1):
        name, first, last = member.groups()
        if name:
            made.append(_CLASSES.get(name, ""))
        elif last and first[-1] <= last[-1]:
            made.append(f"{re.escape(first[-1])}-{re.escape(last[-1])}")
        else:
            made.append(re.escape(first[-1]))  # of [z-a], git takes the z
    return f"[{'^' if negated else ''}{''.join(made)}]"
