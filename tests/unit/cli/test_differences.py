"""What counts as different between a recorded message and the one that came."""

from __future__ import annotations

from typing import Any

import pytest

from spark_lsp.cli.differences import ANY, MISSING, differences


@pytest.mark.parametrize(
    ("recorded", "now", "where"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, []),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [("a[1].b", 2, 3)]),
        ({"a": 1}, {}, [("a", 1, MISSING)]),
        ([1], [1, 2], [("[1]", MISSING, 2)]),
        ({"a": None}, {"a": []}, [("a", None, [])]),
        ({"a": ANY}, {"a": {"b": 1}}, []),
        ({"uuid": "1", "text": "x"}, {"uuid": "7", "text": "y"}, [("text", "x", "y")]),
        ({"uuid": "1"}, {}, [("uuid", "1", MISSING)]),
    ],
)
def test_what_differs(recorded: Any, now: Any, where: list[tuple[str, Any, Any]]) -> None:
    assert [tuple(each) for each in differences(recorded, now)] == where
