"""A changed signature carried on: its arguments at the call sites, its name wherever it is used.

Only calls that fit the signature as it was are touched, and only where it is clear whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from spark_lsp.completion.next_edit.arguments import adapted
from spark_lsp.completion.next_edit.brackets import MOST_LINES, listed
from spark_lsp.completion.next_edit.code import (
    KEYWORDS,
    blanked,
    code_of,
    end_of,
    functions_around,
    indent,
)
from spark_lsp.completion.next_edit.edit import NextEdit, smallest
from spark_lsp.completion.next_edit.recent import Hunk, Recent
from spark_lsp.completion.next_edit.signature import (
    HEADERS_BACK,
    PYTHON,
    SCRIPT,
    Signature,
    begins_signature,
    signature,
    signatures,
    within_function,
)
from spark_lsp.text import Lines, line_body

LONGEST_FILE = 20_000
"""Lines of a file whose calls are looked for."""

LATEST = 8
"""Hunks, made by hand, that a changed signature may be one of."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A signature as it was and as it is now, and the hunk that changed it."""

    old: Signature
    new: Signature
    hunk: Hunk


def changed_signature(recent: Recent, lines: Lines, language: str) -> Changed | None:
    """The latest signature that was changed by hand."""
    by_hand = [hunk for hunk in recent.hunks if not hunk.offered and hunk.end <= lines.count]
    for hunk in by_hand[: -LATEST - 1 : -1]:
        changed = _changed(recent, lines, hunk, language)
        if changed is not None:
            return changed
    return None


def _changed(recent: Recent, lines: Lines, hunk: Hunk, language: str) -> Changed | None:
    earlier = recent.text_before(lines, hunk)
    new = _signatures(lines, hunk.first, hunk.end, language)
    old = _signatures(earlier, hunk.first, hunk.first + len(hunk.old), language)
    if len(old) == len(new) == 1 and old[0].owner == new[0].owner:
        pairs = [(old[0], new[0])]
    else:
        by_name = {(one.name, one.owner): one for one in old}
        pairs = [(by_name[one.name, one.owner], one) for one in new if (one.name, one.owner) in by_name]
    for before, after in pairs:
        if (before.name, before.parameters) == (after.name, after.parameters):
            continue
        if after.dangling and not before.dangling and before.line == before.last:
            return None  # `def f(a, )`: another parameter is to come
        if before.name != after.name and before.parameters != after.parameters:
            return None
        return Changed(before, after, hunk)
    return None


def _signatures(lines: Lines, first: int, last: int, language: str) -> list[Signature]:
    """Those of the lines `first` to `last`, as far as a few lines around them tell."""
    low, high = max(first - HEADERS_BACK, 0), min(last + HEADERS_BACK, lines.count)
    raw = list(lines.slice(low, high))
    texts = [line_body(line) for line in raw]
    above = (at for at in range(first - low - 1, -1, -1) if begins_signature(texts[at], language))
    begun = [at for at in range(first - low, last - low) if begins_signature(texts[at], language)]
    found = []
    for index in (*islice(above, 1), *begun):
        # Code from here on: whatever is above may begin in the middle of a string.
        code = texts[:index] + blanked(raw[index : index + MOST_LINES], language)
        one = signature(texts, code, index, language)
        if one is not None and one.last >= first - low:
            found.append(replace(one, line=one.line + low, last=one.last + low))
    return found


def call_edits(recent: Recent, changed: Changed, lines: Lines, language: str) -> Iterator[NextEdit]:
    """What follows from it in its own document, in the order of the text."""
    if lines.count > LONGEST_FILE:
        return
    site = _Site(lines, language)
    done = _edited_after(recent, changed.hunk)
    whole = _signature_in(site, changed.new)
    if whole is None:
        return
    if not _only_one(site, whole):
        return  # which of them is meant?
    if changed.old.name != changed.new.name:
        yield from _name_edits(changed, site, whole, done)
        return
    for line, column in _calls(site, changed, whole):
        if not whole.line <= line <= whole.last:
            edit = _adapted(site, changed, line, column, done)
            if edit is not None:
                yield edit


def elsewhere(changed: Changed, module: str, lines: Lines, language: str, uri: str) -> Iterator[NextEdit]:
    """The same in another document, which imports the function from `module`, a file's name without its
    ending."""
    one = changed.new
    called = one.owner if one.name == "__init__" else one.name
    if lines.count > LONGEST_FILE or (one.owner and one.name != "__init__") or changed.old.name != one.name:
        return
    text = lines.text()
    if called not in text:
        return
    receiver = _imported(text, called, module, language)
    if receiver is None:
        return
    site = _Site(lines, language)
    if _defined(site.code, called):
        return
    for line, column in site.find(rf"{receiver}{re.escape(called)}"):
        edit = _adapted(site, changed, line, column)
        if edit is not None:
            yield NextEdit(edit.line, edit.start, edit.end_line, edit.end, edit.old, edit.new, uri)


def _imported(text: str, name: str, module: str, language: str) -> str | None:
    """What stands in front of the name where it is used, as a pattern; None where it is not that module's."""
    one, stem = re.escape(name), re.escape(module)
    if language in PYTHON:
        names = rf"(?:\([^)]*\b{one}\b(?!\s+as\b)[^)]*\)|[^\n(]*\b{one}\b(?!\s+as\b))"
        if re.search(rf"^\s*from\s+[\w.]*\b{stem}\s+import\s+{names}", text, re.MULTILINE):
            return r"(?<![\w.])"
        if re.search(
            rf"^\s*(?:from\s+[\w.]+\s+)?import\s+[^\n#]*\b{stem}\b(?!\s*\.|\s+as\b)", text, re.MULTILINE
        ):
            return rf"(?<!\w){stem}\."
    if language in SCRIPT and re.search(
        rf"import\s*\{{[^}}]*\b{one}\b(?!\s+as\b)[^}}]*\}}\s*from\s*['\"][^'\"\n]*\b{stem}(?:\.\w+)?['\"]",
        text,
    ):
        return r"(?<![\w.])"
    return None


def _edited_after(recent: Recent, hunk: Hunk) -> list[Hunk]:
    at = next(index for index, each in enumerate(recent.hunks) if each is hunk)
    return recent.hunks[at + 1 :]


class _Site:
    """A text in which calls are looked for."""

    def __init__(self, lines: Lines, language: str) -> None:
        self.language = language
        self.lines = [line_body(line) for line in lines]
        self.code = code_of(lines, 0, lines.count, language)

    def find(self, name: str, first: int = 0, last: int | None = None) -> Iterator[tuple[int, int]]:
        """Where the brackets of its calls open."""
        call = re.compile(rf"{name}\s*\(")
        defines = re.compile(r"(?:\b(?:def|function|fn|func|class|new)|\.)\s*\Z")
        for index in range(first, len(self.code) if last is None else last):
            for match in call.finditer(self.code[index]):
                if not defines.search(self.code[index][: match.start()]):
                    yield index, match.end() - 1


def _signature_in(site: _Site, one: Signature) -> Signature | None:
    """The same with its class, which the lines around it alone may not show."""
    found = signatures(site.lines, site.code, one.line, one.line + 1, site.language)
    return next((each for each in found if (each.name, each.line) == (one.name, one.line)), None)


def _only_one(site: _Site, whole: Signature) -> bool:
    """Whether nothing else has that name where it is looked for."""
    if whole.owner and whole.name != "__init__":
        first = _class_of(site, whole)
        return len(_defined(site.code[first : end_of(site.code, first)], whole.name)) <= 1
    return len(_defined(site.code, whole.owner or whole.name)) == 1


def _defined(code: Sequence[str], name: str) -> list[int]:
    form = re.compile(
        rf"\s*(?:\w+\s+)*(?:def|function|fn|func|class|struct|const|let)\s+(?:\*\s*)?{re.escape(name)}\b"
    )
    return [index for index, line in enumerate(code) if name in line and form.match(line)]


def _calls(site: _Site, changed: Changed, whole: Signature) -> Iterator[tuple[int, int]]:
    name = re.escape(whole.name)
    if whole.owner:
        yield from _method_calls(site, whole)
        return
    around = within_function(site.code, whole.line)
    span = (0, len(site.code)) if around is None else (around, end_of(site.code, around))
    for line, column in site.find(rf"(?<![\w.])(?<!->){name}", *span):
        if not _shadowed(site, line, whole):
            yield line, column


def _method_calls(site: _Site, whole: Signature) -> Iterator[tuple[int, int]]:
    name, owner = re.escape(whole.name), re.escape(whole.owner)
    if whole.name == "__init__":
        yield from site.find(rf"(?<![\w.]){owner}")
        return
    if whole.name.startswith("__"):
        return
    first = _class_of(site, whole)
    own = r"(?<![\w.])(?:self|cls|this|Self)(?:\.|::)"
    yield from site.find(f"{own}{name}", first, end_of(site.code, first))
    made = re.compile(rf"(?<![\w.])(\w+)\s*(?::\s*{owner}\b|=\s*(?:new\s+)?{owner}(?:::new)?\s*\()")
    receivers = {match[1] for line in site.code for match in made.finditer(line)} - KEYWORDS
    if whole.static:
        receivers.add(whole.owner)
    if receivers:
        yield from site.find(rf"(?<![\w.])(?:{'|'.join(map(re.escape, sorted(receivers)))})(?:\.|::){name}")


def _class_of(site: _Site, whole: Signature) -> int:
    """The line that the method's class begins at."""
    above = range(whole.line, -1, -1)
    code = site.code
    return next((index for index in above if code[index].strip() and indent(code[index]) < whole.width), 0)


def _shadowed(site: _Site, line: int, whole: Signature) -> bool:
    """Whether a function around the call has something of its own by that name."""
    return any(
        _binds(site, whole.name, first, last)
        for first, last in functions_around(site.code, line)
        if first != whole.line
    )


def _adapted(
    site: _Site, changed: Changed, line: int, column: int, done: Sequence[Hunk] = ()
) -> NextEdit | None:
    """What makes a call fit; None where it does, or was edited since."""
    call = listed(site.lines, site.code, line, column)
    if call is not None and any(hunk.first <= call.end[0] and line < hunk.end for hunk in done):
        return None
    if call is None or any(len(one) > 500 for one in site.lines[call.start[0] : call.end[0] + 1]):
        return None
    text = adapted(call, changed.old, changed.new, site.language, lambda name: _in_scope(site, name, line))
    return None if text is None or text == call.text else smallest(*call.start, call.text, text)


def _in_scope(site: _Site, name: str, line: int) -> bool:
    """Whether a name is bound around a line: by a function that it is in, above it, or by the module."""
    if name in KEYWORDS:
        return False
    if any(_binds(site, name, first, line) for first, _ in functions_around(site.code, line)):
        return True
    top = re.compile(rf"(?:(?:const|let|var)\s+)?{re.escape(name)}\s*(?::[^=]+)?=(?!=)")
    return any(top.match(code) for code in site.code[:line])


def _binds(site: _Site, name: str, first: int, last: int) -> bool:
    one = re.escape(name)
    found = next(iter(signatures(site.lines, site.code, first, first + 1, site.language)), None)
    if found is not None and found.line == first and any(each.name == name for each in found.parameters):
        return True
    # A keyword argument on a line of its own is written without blanks.
    equals = r"\s+=(?!=)" if site.language in PYTHON else r"\s*=(?![=>])"
    form = re.compile(
        rf"(?<![\w.(]){one}\s*(?::[^=\n]+)?{equals}|(?<![\w.]){one}\s*:="
        rf"|\b(?:for|as|let|const|var|mut)\s+[\w\s,({{\[]*?\b{one}\b"
    )
    return any(name in code and form.search(code) for code in site.code[first + 1 : last])


# --- its name


def _name_edits(changed: Changed, site: _Site, whole: Signature, done: Sequence[Hunk]) -> Iterator[NextEdit]:
    """The uses of a function that is called something else now."""
    old, new = changed.old.name, changed.new.name
    if old.startswith("__") or _defined(site.code, old) or {old, new} & KEYWORDS:
        return
    if not whole.owner and within_function(site.code, whole.line) is not None:
        return
    word = re.compile(rf"(?<!\w){re.escape(new)}(?!\w)")
    ours = [changed.hunk, *done]
    if any(
        word.search(code) and not any(hunk.first <= index < hunk.end for hunk in ours)
        for index, code in enumerate(site.code)
        if new in code
    ):
        return
    front = r"(?<![\w.])"
    span = (0, len(site.code))
    if whole.owner:
        front = r"(?<![\w.])(?:self|cls|this|Self)(?:\.|::)"
        first = _class_of(site, whole)
        span = (first, end_of(site.code, first))
    use = re.compile(rf"{front}{re.escape(old)}(?!\w)(?!\s*=(?!=))")
    for index in range(*span):
        for match in use.finditer(site.code[index]) if old in site.code[index] else ():
            if not whole.owner and _shadowed_by(site, old, index, whole):
                continue
            yield NextEdit(index, match.end() - len(old), index, match.end(), old, new)


def _shadowed_by(site: _Site, name: str, line: int, whole: Signature) -> bool:
    return any(_binds(site, name, first, last) for first, last in functions_around(site.code, line))
