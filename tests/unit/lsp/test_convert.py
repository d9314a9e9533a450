"""What clients send about an item, and what an item carries for it."""

from __future__ import annotations

from typing import Any

import pytest

from spark_lsp.engine.query import Query
from spark_lsp.errors import RequestError
from spark_lsp.lsp import convert
from spark_lsp.text import Document
from spark_lsp.values import Offer

OURS = {"title": "Accepted", "command": "spark.accept", "arguments": ["7", "cached"]}


def item(text: str = "x = foo(a)", **changed: Any) -> dict[str, Any]:
    return {"insertText": text, "range": None, "command": OURS, **changed}


def test_an_item_carries_its_name_and_the_kind_of_hit() -> None:
    document = Document("file:///a.py", "x = \n")
    sent = convert.inline_item(Offer("foo(a)"), "7", "cached", Query(document.snapshot(0, 4)), document)
    assert sent["command"] == OURS
    assert convert.item_name({"item": sent}) == "7"
    assert convert.accepted_part({"item": sent, "acceptedLength": 7}) == ("7", 3)


@pytest.mark.parametrize(
    ("text", "accepted", "left"),
    [
        ("x = foo(a)", 0, 10),
        ("x = foo(a)", 10, 0),
        ("x = foo(a)", 99, 0),
        ("x = foo(a)", -1, 10),
        ("'😀' + b", 4, 4),  # two UTF-16 units, one code point
        ("a:\r\n    b", 2, 6),  # a line end is one
        ("", 0, 0),
    ],
)
def test_what_is_left_of_an_item(text: str, accepted: int, left: int) -> None:
    assert convert.accepted_part({"item": item(text), "acceptedLength": accepted}) == ("7", left)


@pytest.mark.parametrize("command", [None, {"title": "", "command": "other.accept", "arguments": ["7"]}])
def test_an_item_without_our_command_has_no_name(command: Any) -> None:
    assert convert.item_name({"item": item(command=command)}) is None
    assert convert.accepted_part({"item": item(command=command), "acceptedLength": 1}) is None
    without = {"insertText": "x"}
    assert convert.item_name({"item": without}) is None


@pytest.mark.parametrize(
    "params",
    [
        None,
        {},
        [],
        {"item": None, "acceptedLength": 1},
        {"item": item(command={"command": "spark.accept"}), "acceptedLength": 1},
        {"item": item(command={"command": "spark.accept", "arguments": []}), "acceptedLength": 1},
        {"item": item(command={"command": "spark.accept", "arguments": [7]}), "acceptedLength": 1},
        {"item": item(command=7), "acceptedLength": 1},
    ],
)
def test_params_of_another_shape_are_refused(params: Any) -> None:
    with pytest.raises(RequestError):
        convert.item_name(params)
    with pytest.raises(RequestError):
        convert.accepted_part(params)


@pytest.mark.parametrize("length", [None, "3", 1.5, True])
def test_a_length_is_a_whole_number(length: Any) -> None:
    with pytest.raises(RequestError):
        convert.accepted_part({"item": item(), "acceptedLength": length})
    with pytest.raises(RequestError):
        convert.accepted_part(
            {"item": {"insertText": {"value": "a$0"}, "command": OURS}, "acceptedLength": 1}
        )
