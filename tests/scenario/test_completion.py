"""Every scenario of fixtures/scenarios/completion, and the proof that every rule is needed by one."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import pytest

from spark_lsp.completion import (
    brackets,
    closers,
    context,
    cut_off,
    fit,
    indentation,
    opening,
    prose,
    runs,
    scope,
    trim,
)
from spark_lsp.completion.cache import PrefixCache
from spark_lsp.completion.context import Context, Multiline, gather
from spark_lsp.completion.indentation import Indentation
from spark_lsp.completion.prompt import CONTROL_TOKENS, render
from spark_lsp.completion.scope import Scope
from spark_lsp.completion.stops import StopStrings
from spark_lsp.text import Lines, Snapshot
from spark_lsp.values import Finish, Offer, Suggestion

FOLDER = Path(__file__).parents[2] / "fixtures" / "scenarios" / "completion"
CURSOR = "<cursor>"
NEWLINES = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
HEADERS = {"language", "rule", "path", "multiline", "newline", "finish", "fim", "stop", "stopped"}
SECTIONS = {"document", "model", "now", "accepted", "nothing"}


@dataclass(frozen=True)
class Scenario:
    name: str
    headers: dict[str, str]
    sections: dict[str, str]

    @property
    def rules(self) -> list[str]:
        return [rule.strip() for rule in self.headers.get("rule", "").split(",") if rule.strip()]

    def snapshot(self, section: str) -> Snapshot:
        text = self.sections[section].replace("\n", NEWLINES[self.headers.get("newline", "lf")])
        before, mark, after = text.partition(CURSOR)
        assert mark, f"{self.name}: no {CURSOR} in {section}"
        head = Lines.of(before)
        line, column = head.count - 1, len(head[head.count - 1])
        return Snapshot(
            "file:///scenario", 1, self.headers.get("language", ""), Lines.of(before + after), line, column
        )


def read(path: Path) -> Scenario:
    title, _, rest = path.read_text("utf-8").partition("\n")
    head, *parts = re.split(r"^-- (\w+) --\n", rest, flags=re.MULTILINE)
    headers = dict(line.split(": ", 1) for line in head.splitlines() if line)
    sections = {name: text.removesuffix("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}
    assert title, path
    assert headers.keys() <= HEADERS, path
    assert sections.keys() <= SECTIONS, path
    assert ("accepted" in sections) != ("nothing" in sections), path
    return Scenario(path.stem, headers, sections)


SCENARIOS = [read(path) for path in sorted(FOLDER.glob("*.txt"))]


def check(scenario: Scenario) -> None:
    """Run a scenario in several cuts of its stream; all have to come to the same, expected end."""
    for size in (len(scenario.sections["model"]) or 1, 3, 1):
        offer = offered(scenario, size)
        if "nothing" in scenario.sections:
            assert offer is None, f"{scenario.name}, in pieces of {size}: {offer}"
        else:
            assert offer is not None, f"{scenario.name}, in pieces of {size}: nothing offered"
            assert result(scenario, offer) == scenario.sections["accepted"], f"in pieces of {size}"


def offered(scenario: Scenario, size: int) -> Offer | None:
    asked = scenario.snapshot("document")
    now = scenario.snapshot("now" if "now" in scenario.sections else "document")
    suggestion = trimmed(scenario, size)
    cache = PrefixCache(1_000_000)
    cache.put(asked, suggestion)
    found = cache.get(now)
    if found is None:
        return None
    return fit.fit(found.suggestion, now, "typed_through" if found.typed else "network")


def context_of(scenario: Scenario) -> Context:
    multiline: Multiline = next(
        way for way in get_args(Multiline) if way == scenario.headers.get("multiline", "auto")
    )
    path = scenario.headers.get("path", "src/main")
    return gather(scenario.snapshot("document"), path=path, multiline=multiline)


def trimmer_of(scenario: Scenario) -> trim.Trimmer:
    context = context_of(scenario)
    stop = [scenario.headers["stop"]] if "stop" in scenario.headers else []
    fim = scenario.headers.get("fim", "suffix")
    return trim.Trimmer(context, stop=[*stop, *render(context, fim, max_tokens=256).stop])


def trimmed(scenario: Scenario, size: int) -> Suggestion:
    said = scenario.sections["model"]
    trimmer = trimmer_of(scenario)
    shown = ""
    for start in range(0, len(said), size):
        trimmer.feed(said[start : start + size])
        assert trimmer.text.startswith(shown.rstrip()), f"{scenario.name}: took back what was shown"
        shown = trimmer.text
    if size == 1 and scenario.headers.get("stopped") == "yes":
        assert trimmer.done, f"{scenario.name}: the stream was not stopped"
    finish: Finish = next(way for way in get_args(Finish) if way == scenario.headers.get("finish", "stop"))
    trimmer.finish(finish)
    return Suggestion(trimmer.text, complete=trimmer.complete)


def beyond(scenario: Scenario) -> int | None:
    """How many characters were read behind what is shown until the stream closed; None where it did not."""
    said = scenario.sections["model"]
    trimmer = trimmer_of(scenario)
    for used, character in enumerate(said, start=1):
        trimmer.feed(character)
        if trimmer.done:
            last = trimmer.text.rpartition("\n")[2].strip()
            return used - (said.rfind(last, 0, used) + len(last) if last else 0)
    return None


def result(scenario: Scenario, offer: Offer) -> str:
    """The document after accepting, with the cursor's mark, line ends \\n."""
    now = scenario.snapshot("now" if "now" in scenario.sections else "document")
    after = now.edited(offer.dedent, offer.absorbed, offer.text)
    lines = list(after.lines)
    lines[after.line] = lines[after.line][: after.column] + CURSOR + lines[after.line][after.column :]
    newline = NEWLINES[scenario.headers.get("newline", "lf")]
    text = "".join(lines)
    if newline != "\n":
        assert "\n" not in text.replace(newline, ""), "a line end of another kind"
    return text.replace(newline, "\n")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    check(scenario)


def _keep(*_: object, **__: object) -> str:
    return "keep"


def _without(step: Callable[..., object]) -> tuple[object, str, object]:
    return opening, "STEPS", tuple(other for other in opening.STEPS if other is not step)


def _always_several_lines(
    snapshot: Snapshot, *, path: str, multiline: Multiline, gathered: Callable[..., Context] = gather
) -> Context:
    return gathered(snapshot, path=path, multiline="always")


def _never_cut_off(
    self: trim.Trimmer, reason: Finish, finish: Callable[..., None] = trim.Trimmer.finish
) -> None:
    finish(self, "stop")


def _never_typed_through(
    suggestion: Suggestion, now: Snapshot, hit: str, fitted: Callable[..., Offer | None] = fit.fit
) -> Offer | None:
    return fitted(suggestion, now, "cached")


def _no_yaml(self: Scope, first: str, context: Context, init: Callable[..., None] = Scope.__init__) -> None:
    init(self, first, replace(context, language="toml"))


def _no_overlap(text: str, rest: str, *, in_word: bool) -> Iterator[int]:
    yield 0


def _no_regular_expressions(
    language: str, pattern: Callable[[str], re.Pattern[str]] = brackets._pattern
) -> re.Pattern[str]:
    return pattern("java" if language == "typescript" else language)


NEVER = re.compile("(?!)")

RULES: dict[str, tuple[object, str, object]] = {
    "absolute": (indentation, "_counts_from_margin", lambda first, second, own, after_blank: False),
    "balance": (fit, "_unpaired", lambda text, language: 0),
    "behind-clause": (Indentation, "_behind_clause", lambda self, first, second: ""),
    "behind-the-comment": (closers, "_width_of_text", lambda begun, context: 99),
    "blank": _without(opening.skip_blank),
    "blank-lines": (trim, "BLANK_LINES", 99),
    "clash": (scope, "clashes", lambda line, below: False),
    "closed-further-down": (fit, "_closed_further_down", lambda text, line_before, language: 0),
    "closers": (closers.Closers, "first_unmatched", lambda self, line, growing=False: None),
    "closing-fence": (trim.Trimmer, "_fence", _keep),
    "control-token": (trim, "CONTROL_TOKENS", ("\0",)),
    "cut-off": (trim.Trimmer, "finish", _never_cut_off),
    "cut-off-about": (cut_off, "_COMMENT", re.compile("")),
    "cut-off-closers": (cut_off, "_CLOSERS", NEVER),
    "cut-off-heads": (cut_off, "_begins", lambda line: False),
    "cut-off-open": (cut_off, "_left_open", lambda text, context: 0),
    "cut-off-text": (cut_off, "_ends_in_text", lambda text, context: False),
    "cut-off-try": (cut_off, "_without_half_a_try", lambda lines, text: lines),
    "cut-off-waiting": (cut_off, "_WAITING", NEVER),
    "dedent": (fit, "outer_indent", lambda text, line_before, above: None),
    "docstring-ends": (fit, "_ends_string", lambda text: False),
    "echo": _without(opening.skip_echo),
    "echo-at-the-margin": (opening, "_margins", lambda lines: ()),
    "echo-with-indentation": (opening, "_indented_again", lambda said, context, final: 0),
    "end-of-block-again": (opening, "_end_of_block_again", lambda said, context, final: 0),
    "fence": _without(opening.skip_fence),
    "following": (runs, "meets", _keep),
    "following-now": (fit, "_before_what_follows", lambda suggestion, snapshot: suggestion.text),
    "indent-kind": (Indentation, "_in_units", lambda self, line, above: line),
    "indent-of-editor": (context, "_indent_of_editor", lambda before: ""),
    "introduction": _without(opening.skip_introduction),
    "last-line-begins": (fit, "_begins", lambda line, following, whole_words: False),
    "leaves": (scope, "leaves", lambda line, said_before, context, growing: "keep"),
    "left-open-further-down": (fit, "_left_open_further_down", lambda text, line_before, language: ""),
    "least-visible": (fit, "LEAST_VISIBLE", 1),
    "multiline": (context, "wants_lines", lambda *line: False),
    "newline": (Snapshot, "newline", "\n"),
    "one-line": (sys.modules[__name__], "gather", _always_several_lines),
    "out-of-sight": (closers, "_out_of_sight", lambda context: False),
    "over-lines": (fit, "_over_lines", lambda text, remaining, line_before: text),
    "opens-before-text": (fit, "_opens_before", lambda text, remaining: False),
    "overlap": (fit, "_overlaps", _no_overlap),
    "overlap-end": (fit, "_ENDS", frozenset()),
    "overlap-in-word": (fit, "_stands_in_word", lambda line_before, rest: False),
    "own-brace": (closers.Closers, "closes_own", lambda self, line: False),
    "own-brace-now": (fit, "_closes_own", lambda line, above, snapshot: False),
    "path-header": _without(opening.skip_path),
    "prose": (prose, "looks", lambda line, growing: "code"),
    "reaching-out": (fit, "_first_reaching_out", lambda text, line_before, language: None),
    "regular-expression": (brackets, "_pattern", _no_regular_expressions),
    "repeats": (runs, "repeats", _keep),
    "says-no-more": (opening, "_says_no_more", lambda body, tail: False),
    "scope": (Scope, "verdict", _keep),
    "scope-block-below": (scope, "has_block", lambda first, context: False),
    "scope-closed": (scope, "closes_block", lambda first: False),
    "scope-continues": (scope, "continues", lambda line: False),
    "scope-in-text": (closers.Closers, "in_text", False),
    "scope-outer": (scope, "outer_indent", lambda text, line_before, above: None),
    "scope-prose": (scope, "PROSE", frozenset()),
    "scope-yaml-item": (scope, "_is_item", lambda line: False),
    "scope-yaml-list": (Scope, "__init__", _no_yaml),
    "shift": (indentation, "missing", lambda first, second, line_before, left_out, after_blank: ""),
    "short-echo": (opening, "_says_twice", lambda tail, context: False),
    "stammer": (runs, "stammer", lambda line, end: None),
    "stammer-long": (runs, "LONG_WORD", 99),
    "stop-at-following": (runs, "following_lines", lambda after: []),
    "stop-string": (trim, "stop_strings", lambda texts: StopStrings(CONTROL_TOKENS)),
    "tag": _without(opening.skip_tag),
    "text-ends-below": (closers, "_end_below", lambda begun, context: ""),
    "thoughts": _without(opening.skip_thoughts),
    "typed-to-the-end": (fit, "fit", _never_typed_through),
    "together": (indentation, "_belong_together", lambda first, second: False),
    "values": (runs, "_VALUE", NEVER),
    "word-again": (opening, "_word_again", lambda said, body, context, final: 0),
    "word-boundary": (fit, "_in_word", lambda text, index: False),
    "written-behind": (Indentation, "first_behind", lambda self, lead: None),
    "wrapper": (opening, "_is_missing", lambda indent, context: not context.line_before.startswith("def")),
}
"""Every rule with what switches it off: an attribute, and its value without the rule."""


@pytest.mark.parametrize("rule", RULES)
def test_rule_is_needed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario that names a rule fails without it."""
    needing = [scenario for scenario in SCENARIOS if rule in scenario.rules]
    assert needing
    monkeypatch.setattr(*RULES[rule])
    for scenario in needing:
        with pytest.raises(AssertionError):
            check(scenario)


def test_every_named_rule_exists() -> None:
    assert {rule for scenario in SCENARIOS for rule in scenario.rules} == RULES.keys()


def test_every_step_of_the_opening_is_a_rule() -> None:
    steps = set(opening.STEPS)
    left_out: set[object] = set()
    for _, name, without in RULES.values():
        if name == "STEPS" and isinstance(without, tuple):
            left_out |= steps - set(without)
    assert left_out == steps


BEYOND = {"prose": 48, "following": 35, "tag": 24, "scope": 18, "scope-block-below": 18}
"""Characters that a rule reads of what it cuts, most of all: a sentence has to end, and lines that begin
something (`steps:`) have to be followed by the right ones. A rule that is not named reads ONE_LOOK."""

ONE_LOOK = 14  # the longest stop string, a word and its blank


def test_a_bad_turn_ends_the_stream_soon() -> None:
    """What is read in vain is paid for: so many characters, and no more, behind what is shown."""
    total = 0
    for scenario in SCENARIOS:
        read_in_vain = beyond(scenario)
        if read_in_vain is not None:
            most = max((BEYOND.get(rule, ONE_LOOK) for rule in scenario.rules), default=20)
            assert read_in_vain <= most, f"{scenario.name}: {read_in_vain}"
            total += read_in_vain
    assert total <= 5 * len(SCENARIOS)
