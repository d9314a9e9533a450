"""The simulated person: in the end what is meant stands there, whatever was shown on the way."""

from __future__ import annotations

from collections import Counter
from random import Random
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.cli.typing.person import (
    BEGINNING,
    REACTION,
    Action,
    Erase,
    Insert,
    Move,
    Person,
    Return,
    Take,
    Undo,
    first_line,
    first_word,
    indentation,
    interval,
)

HEAD = "    def total(self, items):"
BODY = '''
        """The sum of all prices."""
        result = 0

        for item in items:
            if item.free:
                continue
            result += item.price * (
                item.count
            )
        return round(result, 2)'''


class Typing:
    """Does what a person does to one text, and shows them something at a share of the keys, `shows`."""

    def __init__(self, seed: str, shows: float = 0.0, body: str = BODY) -> None:
        self.person = Person(body, seed, 0.0)
        self.text = HEAD
        self.now = 0.0
        self.done: list[tuple[float, Action]] = []
        self._left = self._taken = ""
        self._shows = shows
        self._random = Random(seed)
        self._identity = 0

    def run(self, keys: int = 5_000) -> None:
        for _ in range(keys):
            if self.person.done:
                return
            self.press()
            self._suggest()
        raise AssertionError("the person does not come to an end")

    def press(self) -> Action:
        self.now = self.person.due
        action = self.person.act(self.now, self.text.rpartition("\n")[2])
        self.done.append((self.now, action))
        match action:
            case Insert(text, erased):
                assert not self.text[len(self.text) - erased :].strip()
                self.text = self.text[: len(self.text) - erased] + text
            case Erase(count):
                self.text = self.text[:-count]
            case Take(text):
                self._taken = text
                self.text += text
            case Undo():
                self.text = self.text.removesuffix(self._taken)
            case Move():
                self._left, self.text = self.text, HEAD
            case Return():
                self.text = self._left
        return action

    def show(self, ghost: str) -> None:
        self._identity += 1
        self.person.sees(ghost, self._identity, self.now)

    def _suggest(self) -> None:
        rest = self.person.rest
        wrong = self._random.choice(["", "wrong\n  thing", rest[:9] + "!", "\n"])
        right = rest[: self._random.randrange(len(rest) + 1)]
        self.show(self._random.choice([wrong, right]) if self._random.random() < self._shows else "")


@given(st.integers(), st.sampled_from([0.0, 0.5, 1.0]))
def test_what_is_meant_stands_there_in_the_end(seed: int, shows: float) -> None:
    typing = Typing(str(seed), shows)
    typing.run()
    assert typing.text == HEAD + BODY


@given(st.integers())
def test_time_goes_forward(seed: int) -> None:
    typing = Typing(str(seed), 0.7)
    typing.run()
    times = [at for at, _ in typing.done]
    assert times == sorted(times)


def test_the_same_seed_presses_the_same_keys() -> None:
    one, other = Typing("a", 0.5), Typing("a", 0.5)
    one.run()
    other.run()
    assert one.done == other.done


def test_what_is_shown_does_not_change_the_next_typo() -> None:
    """Two policies are compared with the same person."""
    silent, distracted = Typing("b"), Typing("b")
    for _ in range(400):
        distracted.show("wrong")
        assert silent.press() == distracted.press()
        if silent.person.done:
            break


def test_everything_a_person_does_is_done() -> None:
    kinds: Counter[type] = Counter()
    for seed in range(60):
        typing = Typing(f"{seed}", 0.3)
        typing.run()
        kinds.update(type(action) for _, action in typing.done)
        # A single character is typed as fast as taken.
        assert all(len(action.text) > 1 for _, action in typing.done if isinstance(action, Take))
    assert kinds.keys() == {Insert, Erase, Take, Undo, Move, Return}
    assert kinds[Erase] < kinds[Insert] / 5


def test_intervals_are_human() -> None:
    random = Random(1)
    measured = quantiles([interval(random) * 1000 for _ in range(40_000)], n=20)
    for share, milliseconds in ((5, 57), (25, 105), (50, 152), (75, 230), (90, 496), (95, 901)):
        assert measured[share // 5 - 1] == pytest.approx(milliseconds, rel=0.08)


def shown_once(ghost: str) -> tuple[Typing, list[Action]]:
    """What becomes of `ghost`, shown before the first key and typed along, over many persons."""
    typing = Typing("")
    actions: list[Action] = []
    for seed in range(300):
        typing = Typing(f"{seed}")
        typing.show(ghost)
        left = ghost
        while True:
            action = typing.press()
            if isinstance(action, Insert) and left.startswith(action.text) and len(action.text) < len(left):
                left = left[len(action.text) :]
                typing.person.sees(left, 1, typing.now)
                continue
            actions.append(action)
            break
    return typing, actions


@pytest.mark.parametrize(
    ("ghost", "taken"),
    [
        (BODY, {"all", "line", "word"}),
        (BODY[:30], {"all", "word"}),
        (BODY + "\n\n    def wrong(self):", {"line", "word"}),
        (BODY[:60] + "wrong", {"line", "word"}),
        ("\n        wrong", set()),
        ("\n        ", set()),
        ("", set()),
    ],
)
def test_what_is_right_is_taken(ghost: str, taken: set[str]) -> None:
    _, actions = shown_once(ghost)
    takes = [action for action in actions if isinstance(action, Take)]
    assert {take.part for take in takes} == taken
    assert all(BODY.startswith(take.text) or take.text in BODY for take in takes)


def test_the_time_to_see_it_runs_on_while_one_types_along() -> None:
    ghost, soon = BODY.lstrip(), BEGINNING + REACTION / 2
    taken: list[float] = []
    for seed in range(200):
        typing = Typing(f"{seed}", body=ghost)
        typing.now = BEGINNING - REACTION / 2
        left = ghost
        typing.person.sees(left, 1, typing.now)
        while not isinstance(action := typing.press(), Take):
            if (
                not isinstance(action, Insert)
                or not left.startswith(action.text)
                or typing.now > BEGINNING + 1
            ):
                break
            left = left[len(action.text) :]
            typing.person.sees(left, 1, typing.now)
        else:
            taken.append(typing.now)
            assert left != ghost
    # A few wait for a word that is worth taking.
    assert min(taken) == pytest.approx(soon)
    assert sum(at < soon + 1e-6 for at in taken) > 100


@pytest.mark.parametrize(
    ("line", "indent"),
    [("", ""), ("  x = 1", "  "), ("if a:", "    "), ("  f(", "      "), ("    ", "    "), ("x = 1  ", "")],
)
def test_indentation(line: str, indent: str) -> None:
    assert indentation(line) == indent


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a = b\nc", "a = b\n", "a"),
        ("\n    a = b\nc", "\n    a = b\n", "\n    a"),
        (" == b", " == b", " =="),
        ("word", "word", "word"),
    ],
)
def test_parts(text: str, line: str, word: str) -> None:
    assert (first_line(text), first_word(text)) == (line, word)
