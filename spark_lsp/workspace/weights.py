"""The fitted numbers of the predictor. `python -m benchmarks.fit_predictor` makes this module again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kernel:
    """Factors of a vote's weight, each a table by one property of the place that votes.

    `exact` is for places in the same document, `exact_elsewhere` for the others;
    `kind` is by the voted token, 0 for one that is no name. `silence` is the
    weight of what no place knows, by the longest exact match.
    """

    exact: tuple[float, ...]
    exact_elsewhere: tuple[float, ...]
    same: tuple[float, ...]
    renamed: tuple[float, ...]
    tier: tuple[float, ...]
    agree: tuple[float, ...]
    kind: tuple[float, ...]
    silence: tuple[float, ...]


# The tables are read across.
# fmt: off
INSIDE = Kernel(
    exact=(0.233, 0.753, 5.13, 10.8, 11.0, 28.4, 38.5, 89.8, 151.0, 300.0, 215.0, 154.0, 290.0, 474.0,
        4770.0, 415.0, 1270.0),
    exact_elsewhere=(0.231, 0.427, 3.3, 3.93, 7.78, 20.2, 32.5, 21.6, 183.0, 148.0, 263.0, 274.0, 196.0,
        370.0, 816.0, 1400.0, 3390.0),
    same=(0.306, 0.463, 0.704, 1.29, 1.66, 4.13, 5.92, 1.24, 2.66),
    renamed=(0.696, 0.733, 0.696, 0.686, 0.826),
    tier=(1.3, 3.02, 1.37, 0.895, 0.798, 0.698, 0.505, 0.649, 0.691, 0.345, 1.04),
    agree=(0.213, 0.329, 0.505, 0.859, 2.36, 2.66, 5.79),
    kind=(1.44, 1.54, 0.41, 0.886, 0.234, 0.0901, 1.22, 0.139),
    silence=(0.389, 0.576, 0.703, 0.664, 1.02, 1.9, 1.83, 0.767, 5.88),
)

OPENING = Kernel(
    exact=(0.348, 1.33, 4.54, 11.5, 10.2, 16.2, 19.9, 21.0, 124.0, 118.0, 79.2, 65.3, 241.0, 305.0,
        561.0, 949.0, 669.0),
    exact_elsewhere=(0.395, 1.16, 3.0, 4.41, 5.19, 8.79, 22.5, 22.2, 50.4, 40.1, 87.3, 66.5, 177.0,
        183.0, 416.0, 536.0, 877.0),
    same=(0.366, 0.242, 0.524, 1.27, 0.77, 0.936, 0.912, 0.64, 3.12),
    renamed=(0.458, 0.463, 0.742, 0.456, 0.743),
    tier=(0.191, 4.55, 2.51, 0.969, 0.757, 0.456, 0.298, 0.593, 0.479, 0.319, 0.718),
    agree=(0.0294, 0.176, 1.41, 2.88, 3.07, 4.35, 13.4),
    kind=(0.947, 1.27, 0.291, 0.834, 0.1, 0.0409, 0.891, 0.185),
    silence=(0.663, 1.16, 1.28, 0.977, 1.1, 1.43, 1.26, 1.15, 1.54),
)

RANK = {
    "one": -0.48,
    "opening": -0.326,
    "probability": 0.716,
    "probability, opening": 0.0686,
    "lead": 0.336,
    "length": -0.508,
    "length, opening": 0.0786,
    "voters": 0.386,
    "longest match": 0.636,
    "longest match, opening": -0.0124,
    "new words": -0.165,
    "far words": -0.0458,
    "words below": 0.145,
    "closes nothing": -1.99,
    "leaves open": -0.256,
    "ends open": 0.38,
    "odd quotes": -1.68,
    "odd apostrophes": -0.464,
    "stands above": -0.696,
    "stands below": 0.235,
    "stands below, opening": 0.00666,
    "is the next line": -1.63,
    "opens a block": 0.39,
    "opens no block": -0.549,
    "colon, no block": -1.33,
    "bracket, no block": -2.36,
    "comma at the end": -0.273,
    "comma in a list": 0.298,
    "no comma in a list": -0.0617,
}

CALIBRATION = (
    (0.0, 0.0),
    (0.02, 0.024),
    (0.072, 0.066),
    (0.123, 0.113),
    (0.175, 0.128),
    (0.225, 0.169),
    (0.274, 0.209),
    (0.325, 0.231),
    (0.377, 0.292),
    (0.447, 0.464),
    (0.522, 0.501),
    (0.576, 0.562),
    (0.626, 0.653),
    (0.675, 0.75),
    (0.724, 0.751),
    (0.775, 0.855),
    (0.823, 0.956),
    (0.873, 0.968),
    (0.931, 0.995),
    (1.0, 1.0),
)
