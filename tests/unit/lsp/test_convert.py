"""What clients send about an item, and what an item carries for it."""

from __future__ import annotations

from typing import Any

import pytest

from spark_lsp.engine.query import Query
from spark_lsp.errors import RequestError
from spark_lsp.lsp import convert
from spark_lsp.lsp.convert import Candidate
from spark_lsp.text import Document
from spark_lsp.values import Offer

OURS = {"title": "Accepted", "command": "spark.accept", "arguments": ["7", "cached", 4]}


def item(text: str = "x = foo(a)", **changed: Any) -> dict[str, Any]:
    return {"insertText": text, "range": None, "command": OURS, **changed}


def test_an_item_carries_its_name_the_kind_of_hit_and_where_its_own_text_begins() -> None:
    document = Document("file:///a.py", "x = \n")
    query = Query(document.snapshot(0, 4))
    sent = convert.inline_item(Candidate(Offer("foo(a)"), "7", "cached", query, document))
    assert sent["insertText"] == "x = foo(a)"
    assert sent["command"] == OURS
    assert convert.item_name({"item": sent}) == "7"


@pytest.mark.parametrize(("accepted", "own"), [(0, 0), (4, 0), (7, 3), (10, 6), (-1, 0)])
def test_a_length_is_counted_from_the_start_of_the_item(accepted: int, own: int) -> None:
    assert convert.accepted_part({"item": item(), "acceptedLength": accepted}) == ("7", own)


def test_the_command_alone_is_enough() -> None:
    """All that copilot.el sends back."""
    assert convert.accepted_part({"item": {"command": OURS}, "acceptedLength": 7}) == ("7", 3)


@pytest.mark.parametrize(
    ("text", "taken", "left"),
    [
        ("foo(a)", 0, 6),
        ("foo(a)", 6, 0),
        ("foo(a)", 99, 0),
        ("'😀' + b", 4, 4),  # two UTF-16 units, one code point
        ("a:\r\n    b", 2, 6),  # a line end is one
        ("", 0, 0),
    ],
)
def test_what_is_left_of_a_text(text: str, taken: int, left: int) -> None:
    assert convert.code_points_behind(text, taken) == left


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
