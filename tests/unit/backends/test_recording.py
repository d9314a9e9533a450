"""A recorded answer is a fixture: without what names somebody, and read as its expected.toml has it."""

from __future__ import annotations

import asyncio
import tempfile
import tomllib
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.recording import keep, redacted, suffix_of
from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings
from spark_lsp.values import Prompt
from tests.unit.backends import test_streams
from tests.unit.backends.strict import StrictServer, backend

KIND = "openai-completions"


def recorder(name: str = "vendor", model: str = "") -> HttpBackend:
    made = make(BackendSettings(name=name, kind=KIND, base_url="http://127.0.0.1:1", model=model))
    assert isinstance(made, HttpBackend)
    return made


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)


def said(text: str, finish: str | None = None) -> dict[str, object]:
    return {"id": "cmpl-1", "choices": [{"index": 0, "text": text, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}, "timings": {"prompt_ms": 1e-7}}
ANSWER = sse(said("a"), said("b", "stop"), USAGE) + b"data: [DONE]\n\n"


def check(folder: Path, kind: str, file: Path) -> None:
    """The check that every fixture passes, on this one."""
    with pytest.MonkeyPatch.context() as patch:
        tables = tomllib.loads((folder / kind / "expected.toml").read_text("utf-8"))
        patch.setattr(test_streams, "STREAMS", folder)
        patch.setattr(test_streams, "EXPECTED", {(kind, name): table for name, table in tables.items()})
        for size in (1, 7, 0):
            test_streams.check(kind, file.name, size)


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (ANSWER, ".sse"),
        (b": keep-alive\n\n" + ANSWER, ".sse"),
        (b"", ".sse"),
        (sse(said("a"), {"error": {"message": "overloaded", "code": 529}}), ".sse"),
        (sse(said("a")), ".sse"),  # and no end
        (orjson.dumps(said("a", "stop")), ".json"),
        (orjson.dumps(said("a", "stop"), option=orjson.OPT_INDENT_2) + b"\n", ".json"),
        (orjson.dumps(said("a")) + b"\n" + orjson.dumps(said("b", "stop")) + b"\n", ".ndjson"),
    ],
)
def test_what_is_kept_is_a_fixture(tmp_path: Path, body: bytes, ending: str) -> None:
    file = keep(tmp_path, recorder(model="org/Model-1:latest"), KIND, body)
    assert file == tmp_path / KIND / f"vendor-org-model-1-latest{ending}"
    check(tmp_path, KIND, file)


@given(st.text(), st.sampled_from(["stop", "length", "new reason"]))
@example("\x7f\x00\x1b\"'\\\n[table]\n\U0001f600", "stop")
def test_any_text_comes_back(text: str, finish: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = keep(folder, recorder(), KIND, sse(said(text, finish), USAGE))
        check(folder, KIND, file)
        [table] = tomllib.loads((folder / KIND / "expected.toml").read_text("utf-8")).values()
        assert table["text"] == text
        assert table["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "prompt_ms": 1e-7}


def test_it_joins_the_others_and_replaces_itself(tmp_path: Path) -> None:
    (tmp_path / KIND).mkdir()
    table = tmp_path / KIND / "expected.toml"
    others = '# About these.\n\n["other.sse"]\ntext = "x"\nfinish = "stop"\n'
    table.write_text(others)
    keep(tmp_path, recorder(), KIND, sse(said("old", "stop")))
    keep(tmp_path, recorder("another"), KIND, ANSWER)
    file = keep(tmp_path, recorder(), KIND, ANSWER)
    assert table.read_text().startswith(others)
    assert list(tomllib.loads(table.read_text())) == ["other.sse", "another.sse", "vendor.sse"]
    check(tmp_path, KIND, file)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"id":"cmpl-1","model":"m"}', b'{"id":"redacted","model":"m"}'),
        (b'{"user" : "al\\"ice"}', b'{"user" : "redacted"}'),
        (b'{"organization":null}', b'{"organization":null}'),
        # What a model writes about identifiers is no identifier.
        (b'{"text":"{\\"id\\": \\"x\\"}"}', b'{"text":"{\\"id\\": \\"x\\"}"}'),
        (b'{"model":"/home/alice/models/x.gguf"}', b'{"model":"x.gguf"}'),
        (b'{"model":"C:\\\\Users\\\\alice\\\\x.gguf"}', b'{"model":"x.gguf"}'),
        (b"\xff canary \xfe", b"\xff [key] \xfe"),
    ],
)
def test_redacted(body: bytes, kept: bytes) -> None:
    assert redacted(body, lambda text: text.replace("canary", "[key]")) == kept


async def test_a_key_that_comes_back_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRICT_KEY", "canary-0123456789")
    echo = {"choices": [{"text": "canary-0123456789 and private-header"}]}
    server = StrictServer(sse(echo) + ANSWER)
    settings = {"api_key_env": "STRICT_KEY", "headers": {"x-team": "private-header"}, "model": "m"}
    heard = bytearray()
    async with server.listen() as url, backend(KIND, url, **settings) as made:
        assert isinstance(made, HttpBackend)
        made.tap = heard.extend
        assert [delta async for delta in made.stream(Prompt("a"))]
        file = keep(tmp_path, made, KIND, bytes(heard))
    assert b"canary" in heard
    for path in (file, file.with_name("expected.toml")):
        content = await asyncio.to_thread(path.read_bytes)
        assert b"canary" not in content
        assert b"private-header" not in content
    check(tmp_path, KIND, file)


def test_the_ending_is_by_what_is_inside() -> None:
    assert suffix_of(b'\n {"a": 1}\n') == ".json"
    assert suffix_of(b'{"a": 1}\n{"b"') == ".ndjson"
    assert suffix_of(b"\xef\xbb\xbfdata: {}") == ".sse"
