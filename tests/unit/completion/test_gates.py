from __future__ import annotations

import pytest

from spark_lsp.completion.gates import refusal
from spark_lsp.text import Lines, Snapshot


def snapshot(text: str = "x = ", language: str = "python") -> Snapshot:
    return Snapshot("file:///f.py", 1, language, Lines.of(text), 0, 0)


def test_an_ordinary_place_is_not_refused() -> None:
    assert refusal(snapshot(), path="src/main.py", languages={"markdown": False}) is None
    assert refusal(snapshot(), path="", languages={}) is None


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        (snapshot(language="markdown"), "f.md", "switched off for markdown"),
        (snapshot(), "deploy/.env", ".env looks like a file of secrets"),
        (snapshot(), "C:\\keys\\server.pem", "server.pem looks like"),
        (snapshot("x\n" * 20), "f.py", "more than 10 lines"),
        (snapshot("x" * 10_001), "f.min.js", "longer than 10000 characters"),
    ],
)
def test_a_refusal_says_why(document: Snapshot, path: str, words: str) -> None:
    reason = refusal(document, path=path, languages={"markdown": False}, max_lines=10)
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        (".env", True),
        (".env.production", True),
        (".env.example", False),
        ("environment.py", False),
        ("id_ed25519", True),
        ("id_ed25519.pub", False),
        ("server.KEY", True),
        ("keyboard.py", False),
        (".npmrc", True),
        ("secrets.yaml", True),
        ("secrets.py", False),
        ("credentials", True),
        ("prod.tfvars", True),
        ("tokens.py", False),
    ],
)
def test_files_of_secrets(name: str, secret: bool) -> None:
    reason = refusal(snapshot(), path=f"some/folder/{name}", languages={})
    assert (reason is not None) is secret
