"""What is typed, what the best policy could reach with it, and how a model is mistaken about it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.backends.oracle import tokens
from spark_lsp.cli.typing.bound import bound
from spark_lsp.cli.typing.corpus import LONGEST, SHORTEST, modules
from spark_lsp.cli.typing.profiles import PROFILES, Profile

MODULES = modules(1, 200)
BODIES = [module.body(number) for module in MODULES for number in range(len(module.bodies))]


def test_bodies_are_whole_functions() -> None:
    for module in MODULES:
        ast.parse(module.text)
        for number in range(len(module.bodies)):
            assert module.head(number).endswith(":")
            assert SHORTEST <= module.body(number).count("\n") <= LONGEST
            assert module.text.startswith(module.head(number) + module.body(number) + "\n")


@given(st.sampled_from(MODULES), st.integers(0, 50))
def test_what_is_found_and_what_is_typed_are_the_module(module: object, lines: int) -> None:
    assert isinstance(module, type(MODULES[0]))
    padded = module.padded(lines)
    text = padded.opened
    for number in range(len(padded.bodies)):
        place = len(padded.head(number))
        text = text[:place] + padded.body(number) + text[place:]
    assert text == padded.text
    assert padded.text.count("\n") == module.text.count("\n") + lines


def test_the_seed_chooses() -> None:
    assert modules(1, 200) == MODULES
    assert modules(2, 200) != MODULES


def reached(profile: Profile, wrong: float = 0.15) -> float:
    return bound(profile, wrong, BODIES, 0)


def test_the_bound() -> None:
    """Slower backends allow less; the first token counts, and the person's own keys."""
    at_once = Profile("", 0.001, 10_000, 8)
    assert reached(at_once) > 20 * reached(PROFILES["spark"])
    assert reached(PROFILES["spark"]) > reached(PROFILES["cerebras"]) > reached(PROFILES["gpu"])
    assert reached(PROFILES["spark"]) > reached(PROFILES["bad-network"])


@pytest.mark.parametrize("profile", PROFILES.values(), ids=str)
def test_no_wait_is_longer_than_the_first_token(profile: Profile) -> None:
    longest = profile.ttft + profile.jitter + 1 / profile.rate
    assert reached(profile, 0.0) > 0.9 * mean_tokens() / longest


def test_a_key_pressed_meanwhile_shortens_the_wait_for_a_slow_backend() -> None:
    profile = PROFILES["gpu"]
    assert reached(profile) > 1.5 * mean_tokens() / profile.ttft


def mean_tokens() -> float:
    return sum(len(tokens(body)) for body in BODIES) / len(BODIES)
