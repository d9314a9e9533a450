"""What is inferred from the edits after a suggestion was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.feedback import Feedback, Verdict
from spark_lsp.completion.fit import fit
from spark_lsp.text import Document, Snapshot, line_body, split_lines
from spark_lsp.values import Offer, Suggestion


class Editor:
    """A document with a cursor, whose changes reach the feedback as a client's would."""

    def __init__(self, marked: str) -> None:
        before, _, after = marked.partition("|")
        self.document = Document("file:///a.py", before + after, language="python", encoding="utf-32")
        lines = split_lines(before)
        self.line, self.column = len(lines) - 1, len(lines[-1])
        self.feedback = Feedback()
        self.verdicts: list[Verdict] = []
        self.offer = Offer("")
        self.names = 0

    @property
    def now(self) -> Snapshot:
        return self.document.snapshot(self.line, self.column)

    def show(self, offer: Offer) -> None:
        self.names += 1
        self.offer = offer
        self.verdicts += self.feedback.shown(str(self.names), self.now, offer)

    def change(self, line: int, start: int, end_line: int, end: int, text: str) -> None:
        span = self.document.edit(line, start, end_line, end, text)
        self.verdicts += self.feedback.changed(span, self.document.lines)

    def replace(self, dedent: int, absorbed: int, text: str, behind: int = 0) -> None:
        """Replace around the cursor in one change; the cursor stands `behind` characters before its end."""
        after = self.now.edited(dedent, absorbed, text[: len(text) - behind])
        self.change(self.line, self.column - dedent, self.line, self.column + absorbed, text)
        self.line, self.column = after.line, after.column

    def put(self, text: str, behind: int = 0) -> None:
        self.replace(0, 0, text, behind)

    def delete(self, count: int) -> None:
        """Take back this many characters of the cursor's line in one change."""
        self.replace(count, 0, "")

    def rewrite(self, text: str) -> None:
        """The whole document in one change."""
        self.verdicts += self.feedback.changed(self.document.replace(text), self.document.lines)

    def said(self) -> list[str]:
        return [f"{one.kind} {one.characters}" if one.characters else one.kind for one in self.verdicts]


Step = Callable[[Editor], None]


def typed(text: str) -> Step:
    def step(editor: Editor) -> None:
        for key in text:
            editor.put(key)

    return step


def put(text: str, behind: int = 0) -> Step:
    return lambda editor: editor.put(text, behind)


def deleted(count: int) -> Step:
    return lambda editor: editor.delete(count)


def elsewhere(line: int, column: int, text: str) -> Step:
    def step(editor: Editor) -> None:
        added = text.count("\n") if line < editor.line else 0
        editor.change(line, column, line, column, text)
        editor.line += added

    return step


def shown(text: str, absorbed: int = 0, dedent: int = 0) -> Step:
    return lambda editor: editor.show(Offer(text, absorbed, dedent))


def moved(line: int, column: int) -> Step:
    def step(editor: Editor) -> None:
        editor.line, editor.column = line, column

    return step


def rewritten(text: str) -> Step:
    return lambda editor: editor.rewrite(text)


def replaced(dedent: int, absorbed: int, text: str) -> Step:
    return lambda editor: editor.replace(dedent, absorbed, text)


def several(*changes: tuple[int, int, str]) -> Step:
    """Several cursors: one notification, the last place first."""

    def step(editor: Editor) -> None:
        for line, column, text in changes:
            editor.change(line, column, line, column, text)

    return step


class Case(NamedTuple):
    text: str
    offer: Offer
    steps: list[Step]
    said: list[str]


FOO = Offer("foo(a, b)")
LOOP = Offer("for a in b:\n        c(a)\n        d(a)")

CASES = {
    # Taken: whatever change it comes as.
    "inserted": Case("x = |\n", FOO, [put("foo(a, b)")], ["taken 9"]),
    "the item's range replaced": Case("x = |\n", FOO, [replaced(4, 0, "x = foo(a, b)")], ["taken 9"]),
    "the rest inserted": Case("x = |\n", FOO, [typed("fo"), put("o(a, b)")], ["taken 7"]),
    "an item of an earlier key": Case(
        "x = |\n", FOO, [typed("fo"), replaced(6, 0, "x = foo(a, b)")], ["taken 7"]
    ),
    "the whole document": Case("a\nx = |\n", FOO, [rewritten("a\nx = foo(a, b)\n")], ["taken 9"]),
    "several lines": Case("a\n    |\n\nb\n", LOOP, [put(LOOP.text)], ["taken 37"]),
    "several lines with CRLF": Case(
        "a\r\n    |\r\nb", Offer("if b:\r\n        c"), [put("if b:\r\n        c")], ["taken 15"]
    ),
    "LF into a document of CRLF": Case(
        "a\r\n    |\r\nb", Offer("if b:\r\n        c"), [put("if b:\n        c")], ["taken 15"]
    ),
    "the last line of all": Case("|", Offer("ab\ncd"), [put("ab\ncd")], ["taken 5"]),
    "what follows absorbed": Case("foo(|)\n", Offer("a, b)", 1), [replaced(0, 1, "a, b)")], ["taken 5"]),
    "absorbed and least": Case("foo(|)\n", Offer("a, b)", 1), [put("a, b")], ["taken 5"]),
    "absorbed by no means": Case("foo(|)\n", Offer("a, b)", 1), [put("a, b)")], ["taken 5"]),
    "least, and later than the cursor": Case(
        "|ab\n", Offer("abcd"), [lambda e: e.change(0, 2, 0, 2, "cdab")], ["taken 4"]
    ),
    "with a dedent": Case(
        "if a:\n        |\n", Offer("    else:", dedent=8), [replaced(8, 0, "    else:")], ["taken 5"]
    ),
    "at several cursors": Case(
        "|\n\n", FOO, [several((1, 0, "foo(a, b)"), (0, 0, "foo(a, b)"))], ["taken 9"]
    ),
    "with an import above": Case(
        "a\n|\n", FOO, [several((1, 0, "foo(a, b)"), (0, 0, "import b\n"))], ["taken 9"]
    ),
    "with a line put in front of it": Case(
        "|\n", FOO, [elsewhere(0, 0, "#\n"), moved(1, 0), put(FOO.text)], ["taken 9"]
    ),
    "after edits above and below": Case(
        "a\n|\nb\n", FOO, [elsewhere(2, 1, "c"), elsewhere(0, 0, "d\ne\n"), put(FOO.text)], ["taken 9"]
    ),
    # A part of it.
    "a word": Case("x = |\n", FOO, [put("foo")], ["part 3"]),
    "a word and then the rest": Case("x = |\n", FOO, [put("foo"), put("(a, b)")], ["part 3", "taken 6"]),
    "a line": Case("    |\n", LOOP, [put("for a in b:")], ["part 11"]),
    "a line and its end": Case("    |\n", LOOP, [put("for a in b:\n")], ["part 12"]),
    "two words, shown between": Case(
        "x = |\n", Offer("foo and bar"), [put("foo"), shown(" and bar"), put(" and")], ["part 3", "part 4"]
    ),
    "half a word": Case("x = |\n", FOO, [put("fo")], []),
    "one key": Case("x = |\n", FOO, [put("f")], []),
    "a bracket and its partner": Case("x|\n", Offer("().y"), [put("()", 1)], []),
    "Enter and its indentation": Case("    |\n", Offer("\n    x = 1"), [put("\n    ")], []),
    "Enter in a comment": Case("    # a|\n", Offer("\n    # b"), [put("\n    # ")], []),
    "Tab": Case("|\n", Offer("    x = 1"), [put("    ")], []),
    # Typed along with.
    "typed out": Case("x = |\n", FOO, [typed("foo(a, b)")], ["typed"]),
    "typed out, shown at each key": Case(
        "x = |\n", Offer("foo"), [typed("f"), shown("oo"), typed("o"), shown("o"), typed("o")], ["typed"]
    ),
    "typed half, then no more": Case("x = |\n", FOO, [typed("foo(a")], []),
    "typed with brackets that close": Case(
        "x = |\n", FOO, [typed("foo"), put("()", 1), typed("a, b"), moved(0, 12)], ["typed"]
    ),
    "typed with a partner in a change of its own": Case(
        "x = |\n", FOO, [typed("foo("), put(")", 1), typed("a, b")], ["typed"]
    ),
    "taken after brackets closed": Case(
        "x = |\n", FOO, [put("foo"), put("()", 1), shown("a, b)", 1), replaced(8, 1, "x = foo(a, b)")],
        ["part 3", "taken 5"],
    ),
    "typed over several lines": Case(
        "if x {|}\n", Offer("\n    go();\n"), [put("\n    \n", 1), typed("go();")], ["typed"]
    ),
    "typed and deleted and typed": Case(
        "x = |\n", Offer("foo"), [typed("fo"), deleted(2), typed("foo")], ["typed"]
    ),
    # Something else.
    "something else": Case("x = |\n", FOO, [typed("bar")], ["ignored"]),
    "something else after a beginning": Case("x = |\n", FOO, [typed("foo.b"), typed("ar")], ["ignored"]),
    "something else at once": Case("x = |\n", FOO, [put("range")], ["ignored"]),
    "something else, others shown": Case(
        "x = |\n", FOO, [typed("b"), shown("az"), typed("u"), shown("z"), typed("y")], ["ignored"]
    ),
    "something else is taken": Case(
        "x = |\n", FOO, [typed("b"), shown("azaar"), put("azaar")], ["taken 5", "ignored"]
    ),
    "something else, then the same again": Case(
        "x = |\n", FOO, [typed("b"), shown(FOO.text), put(FOO.text)], ["taken 9", "ignored"]
    ),
    "something else, then Enter": Case("x = |\n", FOO, [typed("b"), put("\n    ")], ["ignored"]),
    "Enter, then something": Case("x = |\n", FOO, [put("\n"), typed("b")], ["ignored"]),
    "something else, then another line": Case(
        "x = |\n\n", FOO, [typed("b"), moved(1, 0), shown("y")], ["ignored"]
    ),
    "a string in quotes that close": Case("x = |\n", FOO, [put('""', 1), typed("b")], []),
    "a typo": Case("x = |\n", FOO, [typed("fx"), deleted(1), typed("oo")], []),
    "a typo of two, others shown": Case(
        "x = |\n", FOO,
        [typed("f"), shown("oo(a, b)"), typed("x"), shown("y"), typed("z"), deleted(2), typed("o")],
        [],
    ),
    "a typo, then taken": Case("x = |\n", FOO, [typed("x"), deleted(1), put(FOO.text)], ["taken 9"]),
    "deleted before it": Case("x = |\n", FOO, [deleted(1), typed("bar")], []),
    "an answer that grew": Case(
        "x = |\n", Offer("foo"),
        [shown("foo(a, b)"), typed("foo("), shown("a, b)"), put("a, b)")],
        ["taken 5"],
    ),
    "another one for the same state": Case("x = |\n", FOO, [shown("bar"), typed("foo")], ["ignored"]),
    # Elsewhere.
    "edits below": Case("x = |\n\n", FOO, [elsewhere(1, 0, "bar baz")], []),
    "edits above": Case("\nx = |\n", FOO, [elsewhere(0, 0, "bar\nbaz")], []),
    "something pasted above": Case("a\n|\n", FOO, [lambda e: e.change(1, 0, 1, 0, "import b\n")], []),
    "in front on its line": Case("x = |\n", FOO, [lambda e: e.change(0, 0, 0, 0, "bar")], []),
    "behind on its line": Case("x = |y\n", FOO, [lambda e: e.change(0, 5, 0, 5, "bar")], []),
    "at several cursors of the line": Case("|, \n", FOO, [several((0, 2, "b"), (0, 0, "b"))], []),
    "its line joined to the one above": Case("a\nx = |\n", FOO, [lambda e: e.change(0, 1, 1, 0, "")], []),
    "lines rewritten from its own on": Case(
        "a\n|\nb\nc\nd\n", FOO, [lambda e: e.change(1, 0, 4, 0, "bar\nb\nc\n")], []
    ),
    "its line deleted": Case("a\n|\nb\n", FOO, [lambda e: e.change(1, 0, 2, 0, "")], []),
    "the document formatted": Case("a\n|\n", FOO, [rewritten("import b\n\na\n\nbarbar\n")], []),
    "whitespace trimmed on save": Case("a\n    |\n", FOO, [replaced(4, 0, "")], []),
    # Undone.
    "taken and undone": Case("x = |\n", FOO, [put(FOO.text), deleted(9)], ["taken 9", "undone 9"]),
    "undone by range": Case(
        "x = |\n", FOO, [put(FOO.text), replaced(13, 0, "x = ")], ["taken 9", "undone 9"]
    ),
    "undone by the whole document": Case(
        "a\n    |\n", LOOP, [put(LOOP.text), rewritten("a\n    \n")], ["taken 37", "undone 37"]
    ),
    "a part undone": Case("x = |\n", FOO, [put("foo"), shown("(a, b)"), deleted(3)], ["part 3", "undone 3"]),
    "undone with what was typed after": Case(
        "x = |\n", FOO, [put(FOO.text), typed(" + 1"), deleted(13)], ["taken 9", "undone 9"]
    ),
    "undone with what was typed before": Case(
        "x = |;\n", FOO, [typed("fo"), put("o(a, b)"), replaced(9, 0, "")], ["taken 7", "undone 7"]
    ),
    "a line cleared later": Case(
        "x = |\n", FOO, [put("foo(a, b)"), typed(" + 1"), replaced(17, 0, "")], ["taken 9"]
    ),
    "written over": Case("x = |\n", FOO, [put("foo(a, b)"), replaced(11, 0, "y")], ["taken 9"]),
    "deleted with what follows": Case("x = |;\n", FOO, [put("foo(a, b)"), replaced(9, 1, "")], ["taken 9"]),
    "another word deleted": Case("x = |\n", FOO, [put("foo(a, b)"), deleted(5)], ["taken 9"]),
    "undone one after the other": Case(
        "|\n", Offer("a = 1"),
        [put("a = 1"), shown(" + b"), put(" + b"), deleted(4), deleted(5)],
        ["taken 5", "taken 4", "undone 4", "undone 5"],
    ),
    "undone after an edit above": Case(
        "b\n|\n", FOO, [put(FOO.text), elsewhere(0, 0, "a\n"), deleted(9)], ["taken 9", "undone 9"]
    ),
    "undone after a line put in front of it": Case(
        "|\n", FOO, [put(FOO.text), elsewhere(0, 0, "#\n"), moved(1, 9), deleted(9)], ["taken 9", "undone 9"]
    ),
    "undone after more than is followed": Case(
        "|\n", FOO,
        [put(FOO.text), lambda e: e.change(0, 9, 0, 9, "x" * 30_000), moved(0, 30_009), deleted(30_009)],
        ["taken 9"],
    ),
    "undone after more lines than are followed": Case(
        "|\n", FOO,
        [put(FOO.text), lambda e: e.change(0, 9, 0, 9, "x\n" * 600), lambda e: e.change(0, 0, 600, 0, "")],
        ["taken 9"],
    ),
    "undone after it was edited for long": Case(
        "|\n", FOO, [put(FOO.text), *[typed("x"), deleted(1)] * 30, deleted(9)], ["taken 9"]
    ),
    "deleted key by key": Case("x = |\n", FOO, [put(FOO.text), *[deleted(1)] * 9], ["taken 9"]),
    "undone twice": Case(
        "x = |\n", FOO, [put(FOO.text), deleted(9), put(FOO.text), deleted(9)], ["taken 9", "undone 9"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_inferred(case: Case) -> None:
    editor = Editor(case.text)
    editor.show(case.offer)
    for step in case.steps:
        step(editor)
    assert editor.said() == case.said


def test_a_verdict_names_the_newest_of_the_same_suggestion_and_what_is_left() -> None:
    editor = Editor("x = |\n")
    editor.show(FOO)
    editor.put("f")
    editor.show(Offer("oo(a, b)"))
    editor.put("oo")
    editor.put("(a, b)")
    assert editor.verdicts == [Verdict("2", "part", 2, 6), Verdict("2", "taken", 6, 0)]


@pytest.mark.parametrize("name", ["1", "2"])
@pytest.mark.parametrize("first", ["told", "changed"])
def test_what_the_client_tells_is_counted_once(name: str, first: str) -> None:
    editor = Editor("x = |\n")
    editor.show(FOO)
    editor.put("f")
    editor.show(Offer("oo(a, b)"))

    def told(left: int, news: int) -> None:
        assert editor.feedback.told(name, left) == (news if first == "told" else 0)

    for text, left in [("oo", 6), ("(a, b)", 0)]:
        if first == "told":
            told(left, len(text))
        editor.put(text)
        if first == "changed":
            told(left, len(text))
    assert editor.feedback.told(name) == 0
    assert editor.said() == (["part 2", "taken 6"] if first == "changed" else [])
    editor.delete(6)
    editor.delete(2)
    assert editor.said()[-2:] == ["undone 6", "undone 2"]


def test_the_end_of_an_earlier_item_is_where_that_ended() -> None:
    editor = Editor("x = |\n")
    editor.show(Offer("foo()"))
    editor.put("f")
    editor.show(Offer("oo() + bar()"))
    editor.put("oo()")
    assert editor.said() == ["part 4"]
    assert editor.feedback.told("1") == 0
    assert editor.feedback.told("2") == 8


def test_what_only_the_client_can_know_is_news() -> None:
    editor = Editor("x = |\n")
    assert editor.feedback.told("7", 2, 9) == 7  # never shown here
    editor.show(FOO)
    editor.put("fo")  # half a word, which might as well have been typed
    assert editor.feedback.told("1", 7) == 2
    editor.put("o(a, b")
    editor.put(")")
    assert editor.feedback.told("1") == 1
    assert editor.said() == ["part 6", "typed"]


def test_what_was_told_before_it_is_shown_again_is_no_news() -> None:
    editor = Editor("x = |\n")
    editor.show(FOO)
    assert editor.feedback.told("1", 6) == 3
    editor.show(FOO)
    editor.put("foo")
    assert editor.said() == []
    assert editor.feedback.told("2") == 6
    editor.put(" or something else")
    assert editor.said() == []


def test_the_same_text_in_another_line_is_another_suggestion() -> None:
    editor = Editor("|\n\n")
    editor.show(FOO)
    moved(1, 0)(editor)
    editor.show(FOO)
    assert editor.feedback.told("1", 0, 9) == 9
    editor.put(FOO.text)
    assert editor.said() == ["taken 9"]


def test_the_names_of_one_suggestion_are_bounded() -> None:
    editor = Editor("|\n")
    for _ in range(100):
        editor.show(FOO)
        editor.put("f")
        editor.delete(1)
    assert editor.feedback.told("1", 0, 99) == 99
    assert editor.feedback.told("99") == 9


def test_one_character_that_the_client_took_was_not_typed() -> None:
    editor = Editor("x = |\n")
    editor.show(Offer("f"))
    assert editor.feedback.told("1") == 1
    editor.put("f")
    assert editor.said() == []
    assert editor.feedback.told("1") == 0


def test_the_item_of_a_menu_is_not_what_was_taken() -> None:
    """`bar` is chosen in the menu, and the suggestion goes on from it."""

    def chosen() -> Editor:
        editor = Editor("x = b|\n")
        editor.feedback.shown("1", editor.now.edited(0, 0, "ar"), Offer("(a)"), editor.now)
        return editor

    editor = chosen()
    editor.put("ar")
    editor.delete(2)
    editor.put("ar")
    assert editor.said() == []
    editor.put("(a)")
    assert editor.said() == ["taken 3"]
    editor = chosen()
    editor.replace(1, 0, "bar(a)")
    assert editor.said() == ["taken 3"]
    editor = chosen()
    assert editor.feedback.told("1", 0, 3) == 3


def test_lines_that_are_too_long_are_not_watched() -> None:
    editor = Editor("x" * 3_000 + "|\n")
    editor.show(FOO)
    editor.put(FOO.text)
    assert editor.said() == []


def test_changes_that_were_missed_end_it() -> None:
    editor = Editor("a\nb\nc\n|\n")
    editor.show(FOO)
    editor.document.replace("x\n")
    editor.change(0, 0, 1, 0, "foo(a, b)")
    editor.document.replace("x\n" * 9)
    editor.rewrite("x")
    assert editor.said() == []


# --- laws

texts = st.text("ab (){}[]:='\"#.\n ", min_size=1, max_size=40)
places = st.sampled_from(["|", "    |\n", "a\n|\nb\n", "x = |\n", "foo(|)\n", "a\r\n    |\r\n", "\n\n|)\n\n"])


def offered(place: str, said: str) -> Editor | None:
    """An editor with what the fitting makes of `said`, None when it shows nothing."""
    editor = Editor(place)
    offer = fit(Suggestion(said), editor.now, "network")
    if offer is None:
        return None
    editor.show(offer)
    return editor


def accept(editor: Editor) -> str:
    """Take the offer as VS Code does; returns the text before."""
    offer, before = editor.offer, editor.document.text()
    editor.replace(offer.dedent, offer.absorbed, offer.text)
    return before


@given(places, texts, st.data())
def test_typing_along_in_any_chunks_is_never_ignoring(place: str, said: str, data: st.DataObject) -> None:
    editor = offered(place, said)
    if editor is None or editor.offer.dedent:
        return
    rest = editor.offer.text
    ends: list[str] = []
    while not ends:
        size = data.draw(st.integers(1, len(rest)))
        chunk, rest = rest[:size], rest[size:]
        editor.put(chunk)
        # It may end before its text does: what it absorbs is there already.
        ends = [one.kind for one in editor.verdicts if one.kind != "part"]
        if not ends and not chunk.endswith("\r") and data.draw(st.booleans()):
            editor.show(Offer(rest, editor.offer.absorbed))
    assert ends in (["taken"], ["typed"])


@given(places, texts)
def test_taken_and_undone(place: str, said: str) -> None:
    editor = offered(place, said)
    if editor is None:
        return
    before = accept(editor)
    taken = editor.said()
    assert [one.kind for one in editor.verdicts] in (["taken"], ["typed"])
    editor.rewrite(before)
    undone = [one.kind for one in editor.verdicts[len(taken) :]]
    assert undone == (["undone"] if editor.verdicts[0].kind == "taken" else [])


@given(places, texts, st.integers(0, 40), st.sampled_from("xyz"))
def test_a_key_taken_back_is_no_judgement(place: str, said: str, along: int, typo: str) -> None:
    editor = offered(place, said)
    if editor is None or editor.offer.dedent:
        return
    text = line_body(split_lines(editor.offer.text)[0])
    for key in text[: min(along, len(text) - 1)]:
        editor.put(key)
    judged = editor.said()
    editor.put(typo)
    editor.delete(1)
    assert editor.said() == judged


@given(
    places,
    texts,
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6), st.sampled_from(["", "x", "y\n", "\nzz"]))),
)
def test_what_is_said_of_other_lines_is_nothing(
    place: str, said: str, changes: list[tuple[int, int, str]]
) -> None:
    editor = offered(place, said)
    if editor is None:
        return
    for line, column, text in changes:
        if line != editor.line and line < editor.document.lines.count:
            elsewhere(line, min(column, len(line_body(editor.document.lines[line]))), text)(editor)
    assert editor.verdicts == []
    accept(editor)
    assert [one.kind for one in editor.verdicts] in (["taken"], ["typed"])


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([], False),
        ([put("alp")], False),
        ([put("alpha()")], True),
        ([typed("alpha()")], True),
    ],
)
def test_what_was_taken_cannot_be_turned_down(steps: list[Step], wanted: bool) -> None:
    """copilot.lua turns down all that it has shown when a buffer is unloaded."""
    editor = Editor("|")
    editor.show(Offer("alpha()"))
    for step in steps:
        step(editor)
    assert editor.feedback.turned_down("1") is not wanted
    editor.put("something else")
    assert "ignored" not in editor.said(), "it is judged once"
