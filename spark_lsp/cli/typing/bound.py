"""The most that any policy could reach with a backend and this person: the figure to be near to. Pure.

A place is new until its first key, and what is typed cannot be foreseen. So the best that can be done is to
ask at every state at once; to know by a miracle which answers are right, and show those alone; and never to
have to ask again in that function, because a right answer is all of the rest of it. The answer to the state
made at t is right with probability 1 - wrong, and can be seen at t + ttft + late + 1 / rate, when its second
token is here: `late` is up to the jitter, and one token is hardly a word. The first moment of these over all
states is the arrival. Then

    bound = E[tokens of the function that are not typed by the arrival] / E[arrival - last key before it]

over functions and intervals, drawn as the person draws them. A wrong answer costs a key and a first-token
time before a right one can be there. What the embedded predictor answers while the model is silent is not
held by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from spark_lsp.backends.oracle import tokens
from spark_lsp.cli.typing.person import interval
from spark_lsp.cli.typing.profiles import Profile

ROUNDS = 20
"""Times that each function is typed, so that chance does not show in three digits."""


def bound(profile: Profile, wrong: float, bodies: Sequence[str], seed: int) -> float:
    """Perceived tokens/s that cannot be passed with these functions."""
    random = Random(seed)
    taken = waited = 0.0
    for body in bodies:
        count = len(tokens(body))
        for _ in range(ROUNDS):
            keys, wait = _first_sight(profile, wrong, random, len(body))
            taken += count * (1 - keys / len(body))
            waited += wait
    return round(taken / waited, 1) if waited else 0.0


def _first_sight(profile: Profile, wrong: float, random: Random, most: int) -> tuple[int, float]:
    """Keys pressed when a right answer can be seen first, and the seconds since the last of them."""
    now, keys, arrival = 0.0, 0, float("inf")
    while True:
        keys += 1
        if random.random() >= wrong:
            seconds = profile.ttft + random.uniform(0, profile.jitter) + 1 / profile.rate
            arrival = min(arrival, now + seconds)
        following = now + interval(random)
        if arrival <= following or keys == most:
            return keys, min(arrival, following) - now
        now = following
