"""Every recorded or written stream in `fixtures/streams/KIND/` is read as its `expected.toml` has it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from spark_lsp import errors
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.recording import DECODERS
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError
from spark_lsp.values import Delta, Usage

STREAMS = Path(__file__).parents[3] / "fixtures" / "streams"
KINDS = sorted(path.name for path in STREAMS.iterdir() if path.is_dir())
EXPECTED: dict[tuple[str, str], dict[str, Any]] = {
    (kind, name): expected
    for kind in KINDS
    for name, expected in tomllib.loads((STREAMS / kind / "expected.toml").read_text("utf-8")).items()
}


def read(kind: str, name: str, size: int, headers: Mapping[str, str]) -> tuple[list[Delta], Exception | None]:
    """All deltas of a stream in chunks of `size` bytes, and the error that ended it."""
    backend = make(BackendSettings(name=kind, kind=kind, base_url="http://127.0.0.1:1"))
    assert isinstance(backend, HttpBackend)
    body = (STREAMS / kind / name).read_bytes()
    reader = backend.reader(DECODERS[Path(name).suffix](), headers)
    deltas: list[Delta] = []
    try:
        for start in range(0, len(body), size or len(body) or 1):
            if reader.done:
                break
            deltas.extend(
                reader.feed(body[start : start + (size or len(body))])
            )  # keeps those before an error
        deltas.extend(reader.end())
    except BackendError as error:
        return deltas, error
    return deltas, None


def check(kind: str, name: str, size: int) -> None:
    expected = EXPECTED[kind, name]
    deltas, error = read(kind, name, size, expected.get("headers", {}))
    assert "".join(delta.text for delta in deltas) == expected["text"]
    assert not any("\ud800" <= character <= "\udfff" for delta in deltas for character in delta.text)
    if "error" in expected:
        assert type(error) is getattr(errors, expected["error"]), error
        assert expected["says"] in str(error)
        return
    assert error is None
    assert [delta.finish for delta in deltas if delta.finish] == [expected["finish"]]
    assert deltas[-1].finish
    assert deltas[-1].usage == (Usage(**expected["usage"]) if "usage" in expected else None)
    if "tokens" in expected:
        assert sum(delta.tokens for delta in deltas) == expected["tokens"]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 0])
@pytest.mark.parametrize(("kind", "name"), sorted(EXPECTED))
def test_streams(kind: str, name: str, size: int) -> None:
    check(kind, name, size)


def test_every_stream_is_expected() -> None:
    files = {(path.parent.name, path.name) for path in STREAMS.glob("*/*") if path.name != "expected.toml"}
    assert files == set(EXPECTED)
