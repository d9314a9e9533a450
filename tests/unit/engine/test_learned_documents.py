"""Which open documents the predictor follows: what would not be read from disk is not read from an editor."""

from __future__ import annotations

import pytest

from spark_lsp.config import PrivacySettings, WorkspaceSettings
from spark_lsp.engine.learn import EDITS_AT_ONCE, Learner
from spark_lsp.text import Document
from spark_lsp.workspace.live import LONGEST, Live
from spark_lsp.workspace.tokens import Vocabulary

LIMIT = 1_000
PATH = "/project/a.py"


@pytest.mark.parametrize(
    ("text", "followed"),
    [
        pytest.param("x = 1\n" * 10, True, id="a program"),
        pytest.param("x = 1\n" * 1_000, False, id="too large"),
        pytest.param("x" * 2_000, False, id="too large in one line"),
        pytest.param("x = 1\n\0\1\2\n", False, id="no text"),
    ],
)
async def test_a_document_is_followed(text: str, followed: bool) -> None:
    learner = Learner(WorkspaceSettings(max_file_bytes=LIMIT), PrivacySettings())
    document = Document("file:///project/a.py", text)
    learner.opened(PATH, document)
    assert (learner.index.live(PATH) is not None) == followed
    for _ in range(EDITS_AT_ONCE):  # so many are taken in at once
        learner.edited(PATH, document.lines, document.replace("y = 2\n"))
    await learner.settle(PATH)
    learner.closed(PATH)
    assert learner.index.live(PATH) is None


def test_a_line_that_nobody_writes_costs_nothing() -> None:
    live, vocabulary = Live(["a = 1\n", f"b = [{'1, ' * LONGEST}]\n", "c = 3\n"]), Vocabulary(1_000_000)
    for _ in live.encode(vocabulary):
        pass
    sizes = [len(codes) for codes in live.codes]
    assert sizes[1] == 1
    assert sizes[0] > 1 < sizes[2]
