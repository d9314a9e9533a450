"""What no answer may bring into a text or do to it, whatever it was told to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from spark_lsp.actions.edits import Replacement

WIPED = 0.1  # what is left of the lines that may be changed must be more than this part of their characters
FEW = 4  # lines; so few may all go, as an import that is not used does
REMARK = 200  # characters that a line has at most which says that others are left out

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_KEY = re.compile(
    r"\b(?:sk-[\w-]{20,}|gh[opsur]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|hf_\w{30,}|xox[abprs]-[\w-]{10,}"
    r"|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_LEFT_OUT = re.compile(
    r"\s*(?:⋮|(?:#|//|/\*|--|<!--|;|%)?\s*(?:\.{3}|…).*\b(?:existing|rest|unchanged|same|remaining|omitted|previous)\b)",
    re.IGNORECASE,
)


def characters(new: Iterable[str], old: Iterable[str]) -> str | None:
    """Why the text of `new`, which takes the place of `old`, is not let in: characters that nobody sees, and
    keys; None where it is."""
    joined = "\n".join(new)
    if match := _CONTROL.search(joined.replace("\n", "")):
        return f"The new text holds the control character U+{ord(match.group()):04X}."
    added = Counter(_BIDI.findall(joined)) - Counter(_BIDI.findall("\n".join(old)))
    if added:
        return f"The new text holds U+{ord(min(added)):04X}, which makes code look other than it is."
    keys = set(_KEY.findall(joined)) - set(_KEY.findall("\n".join(old)))
    if keys:
        return f"The new text holds a key (`{min(keys)[:6]}…`): a file is no place for one."
    return None


def left_out(new: Iterable[str], old: Iterable[str]) -> str | None:
    """Why `new` is not all of the text: a line says that some was left out."""
    known = {line.strip() for line in old}
    for line in new:
        if len(line) <= REMARK and _LEFT_OUT.match(line) and line.strip() not in known:
            return f"The new text leaves lines out (`{line.strip()[:60]}`): write all of them."
    return None


def wipes(lines: Sequence[str], spans: Sequence[range], replacements: Sequence[Replacement]) -> str | None:
    """Why the replacements take away too much; None where they do not."""
    ink = _ink(lines)
    gone = sum(_ink(lines[change.first : change.last]) for change in replacements)
    come = sum(_ink(change.lines) for change in replacements)
    if ink and ink - gone + come == 0:
        return "The answer empties the file."
    there = [lines[index] for span in spans for index in span if lines[index].strip()]
    if len(there) > FEW and _ink(there) - gone + come <= WIPED * _ink(there):
        return "The answer deletes nearly all of the lines that may be changed."
    return None


def path(named: str) -> str | None:
    """Why no new file may be made at `named`; None where one may."""
    parts = named.split("/")
    if not named or not named.isprintable() or "\\" in named or ":" in named or named.startswith("~"):
        return f"{named!r} is not a path for a new file."
    if named.startswith("/") or ".." in parts:
        return f"{named!r} is outside of the project."
    if any(part.startswith(".") or part != part.strip() or not part for part in parts):
        return f"{named!r} is not a place for a new file: no hidden files or folders."
    return None


def same_file(named: str, own: str) -> bool:
    """Whether an answer that names a file means the one it was asked about; a bare name may do."""
    named = re.sub(r"^(?:[ab]/|\./)+", "", named) if named != own else named
    return named == own or ("/" not in named and named == own.rpartition("/")[2])


def _ink(lines: Iterable[str]) -> int:
    """Characters that can be seen."""
    return sum(len(line.strip()) for line in lines)
