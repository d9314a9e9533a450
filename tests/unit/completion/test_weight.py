"""Tokens are shared out by what models make one of, not by characters."""

from __future__ import annotations

import pytest

from spark_lsp.completion.weight import share


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        ("", "", 0.0),
        ("", "total = 1", 0.0),
        ("total = 1", "total = 1", 1.0),
        ("__name__", "__name__ represents", 5 / 7),
        ("f(x)", "f(x)\n    g(y)", 4 / 9),
        ("    ", "    x", 0.0),
    ],
)
def test_shares(part: str, whole: str, expected: float) -> None:
    assert share(part, whole) == pytest.approx(expected)
