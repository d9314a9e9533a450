"""Documents that nobody should open in an editor, and people do: each key is answered, none waits."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from tests.scenario.raw import Raw, notification, raw_session, request

INLINE = "textDocument/inlineCompletion"


class Bad(NamedTuple):
    name: str
    language: str
    text: str


def _noise(count: int) -> str:
    chance = random.Random(1)
    return "".join(chr(chance.randrange(256)) for _ in range(count))


DOCUMENTS = (
    Bad("ten_megabytes.py", "python", "def add(first, second):\n    return first + second\n\n" * 200_000),
    Bad("line_of_a_megabyte.js", "javascript", f"var all=[{'1234567,' * 130_000}];\nfunction f() {{\n}}\n"),
    Bad("mixed_line_ends.py", "python", "a = 1\r\nb = 2\rc = 3\nd = 4\r\n" * 500),
    Bad("no_text.py", "python", _noise(1_000_000)),
    Bad("unheard_of.zzz", "klingon", "qapla' { nuqneH }\n" * 1_000),
    Bad("only_errors.py", "python", ")]}\"'''((({{{ def if else :::\n" * 5_000),
    Bad("only_brackets.ts", "typescript", f"{'(' * 200_000}\n{'[{(' * 2_000}\n"),
)


@pytest.mark.parametrize("bad", DOCUMENTS, ids=lambda bad: bad.name)
async def test_each_key_is_answered(bad: Bad) -> None:
    uri = f"file:///tmp/spark-lsp-bad/{bad.name}"
    last = bad.text.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    async with raw_session() as raw:
        opened = {"uri": uri, "languageId": bad.language, "version": 1, "text": bad.text}
        raw.send(notification("textDocument/didOpen", {"textDocument": opened}))
        for round_, line in enumerate((0, last // 2, last)):
            items = await _typed(raw, uri, line, 100 * (round_ + 1))
            assert isinstance(items, list)
        assert await raw.alive()


async def _typed(raw: Raw, uri: str, line: int, number: int) -> list[dict[str, str]]:
    """The items for the last of three keys at the line's start."""
    for key, character in enumerate("ab "):
        start = {"line": line, "character": key}
        change = {"range": {"start": start, "end": start}, "text": character}
        document = {"uri": uri, "version": number + key}
        at = {"line": line, "character": key + 1}
        context = {"triggerKind": 2}
        raw.send(
            notification("textDocument/didChange", {"textDocument": document, "contentChanges": [change]}),
            request(number + key, INLINE, {"textDocument": {"uri": uri}, "position": at, "context": context}),
        )
        items: list[dict[str, str]] = (await raw.answer(number + key))["result"]["items"]
    return items
