"""The arguments of a call, put in order for another signature. Pure: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from spark_lsp.completion.next_edit.brackets import Item, Listed
from spark_lsp.completion.next_edit.signature import PYTHON, Parameter, Signature

_KEYWORD = re.compile(r"([^\W\d]\w*)\s*=(?!=)\s*")


class Argument(NamedTuple):
    """A value, and the item of the call that it comes from, None for one that is new."""

    text: str
    item: Item | None = None


@dataclass(slots=True)
class _Bound:
    """What a call gives to the parameters of a signature, by name."""

    positional: dict[str, Argument] = field(default_factory=dict)
    rest: list[Argument] = field(default_factory=list)
    named: dict[str, Argument] = field(default_factory=dict)
    extra: set[str] = field(default_factory=set)


def renamed(old: Sequence[Parameter], new: Sequence[Parameter]) -> Mapping[str, str]:
    """{old name: new name} where all that differs between two lists of parameters is one name."""
    differing = [(one, other) for one, other in zip(old, new, strict=False) if one.name != other.name]
    if len(old) != len(new) or len(differing) != 1:
        return {}
    [(one, other)] = differing
    return {one.name: other.name} if one.kind == other.kind else {}


def adapted(
    call: Listed, old: Signature, new: Signature, language: str, in_scope: Callable[[str], bool]
) -> str | None:
    """The text between the call's brackets for the `new` signature.

    None where it does not fit the `old` one, or something is wanted that is not known: a new parameter
    without a default gets the name in scope that is called the same, or nobody knows what.
    """
    bound = _bind(call.items, old.parameters, language)
    if bound is None:
        return None
    written = _write(bound, old.parameters, new.parameters, language, in_scope)
    return None if written is None else _laid_out(call, written)


def _bind(items: Sequence[Item], parameters: Sequence[Parameter], language: str) -> _Bound | None:
    bound = _Bound()
    plain = [each for each in parameters if each.kind in ("plain", "positional")]
    names = {each.name for each in parameters if each.kind in ("plain", "keyword")}
    has_rest = any(each.kind == "rest" for each in parameters)
    takes_any = any(each.kind == "keywords" for each in parameters)
    count = 0
    for item in items:
        keyword = _KEYWORD.match(item.code) if language in PYTHON else None
        if re.match(r"\*|\.\.\.|(?:async\s+)?lambda\b", item.code) or re.search(r"\blambda\b", item.code):
            return None  # how many these are, and where they end, is not known
        if keyword is not None:
            name = keyword[1]
            if name in bound.named or name in bound.positional or not (name in names or takes_any):
                return None
            bound.named[name] = Argument(item.text[keyword.end() :], item)
            if name not in names:
                bound.extra.add(name)
        elif bound.named:
            return None
        elif count < len(plain):
            bound.positional[plain[count].name] = Argument(item.text, item)
            count += 1
        elif has_rest:
            bound.rest.append(Argument(item.text, item))
        else:
            return None
    given = bound.positional.keys() | bound.named.keys()
    if any(
        not each.default and each.kind not in ("rest", "keywords") and each.name not in given
        for each in parameters
    ):
        return None
    return bound


def _write(
    bound: _Bound,
    old: Sequence[Parameter],
    new: Sequence[Parameter],
    language: str,
    in_scope: Callable[[str], bool],
) -> list[Argument] | None:
    names = renamed(old, new)
    former = {after: before for before, after in names.items()}
    known = {each.name for each in old}
    written: list[Argument] = []
    named = {name: text for name, text in bound.named.items() if name in bound.extra}
    order = list(bound.named)
    skipped = False
    for each in new:
        before = former.get(each.name, each.name)
        if each.kind == "rest":
            if bound.rest and skipped:
                return None
            written += bound.rest
            continue
        if each.kind == "keywords":
            continue
        if before in bound.named:
            named[before] = bound.named[before]
            skipped = True
            continue
        if before in bound.positional:
            text = bound.positional[before]
        elif before in known or each.default:
            skipped = True
            continue
        elif in_scope(each.name):
            text = Argument(each.name)
        else:
            return None
        if not skipped and each.kind != "keyword":
            written.append(text)
        elif language in PYTHON and each.kind != "positional":
            named[before] = text
            order.append(before)
        else:
            return None
    if bound.rest and not any(each.kind == "rest" for each in new):
        return None
    order = [name for name in order if name in named]
    return written + [
        Argument(f"{names.get(name, name)}={named[name].text}", named[name].item) for name in order
    ]


def _laid_out(call: Listed, written: Sequence[Argument]) -> str:
    """The arguments in the lines and with the blanks of those that stood at their places."""
    leads = [item.lead for item in call.items]
    usual = leads[-1] if len(leads) > 1 or "\n" in "".join(leads) else " "
    text = ""
    for index, argument in enumerate(written):
        lead = leads[index] if index < len(leads) else usual if index else ""
        if argument.item is not None and argument.item.lead.strip():
            lead = argument.item.lead  # a comment of its own
        comma = "," if index + 1 < len(written) or call.dangling else ""
        note = argument.item.note if argument.item is not None else ""
        text += f"{lead}{argument.text}{comma}{note}"
    return text + call.tail if written else ""
