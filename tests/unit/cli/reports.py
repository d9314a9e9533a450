"""How reports are read in tests: what a browser would find, and what a change anywhere in one does."""

from __future__ import annotations

import contextlib
import html.parser
import xml.etree.ElementTree as ElementTree
from typing import Any


class Reader(html.parser.HTMLParser):
    """What a browser would find: elements, attributes, words, and what is closed wrongly or not at all."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def well_formed(page: str, *pictures: str) -> Reader:
    """The page as it is found. Raises where it or a picture is not well formed."""
    found = Reader(page)
    assert (found.wrong, found.open) == ([], [])
    page.encode()
    for picture in pictures:
        ElementTree.fromstring(picture)
    return found


def anywhere(report: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all that is in a report."""
    keys = list(report) if isinstance(report, dict) else range(len(report) if isinstance(report, list) else 0)
    return [found for key in keys for found in ((*path, key), *anywhere(report[key], (*path, key)))]


def put(report: Any, path: tuple[Any, ...], value: Any) -> None:
    """Replace what is at `path`, unless something above it was replaced already."""
    with contextlib.suppress(LookupError, TypeError):
        for key in path[:-1]:
            report = report[key]
        report[path[-1]] = value
