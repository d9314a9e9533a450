"""Where settings come from, which source wins, and what a source that cannot be read costs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.cli import config as command
from spark_lsp.config import load
from spark_lsp.config.reference import markdown, schema
from spark_lsp.config.settings import SECTIONS
from spark_lsp.config.sources import EDITOR_SOURCES, resolve

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of the user's own settings; `workspace` stands beside it."""
    folder = tmp_path / "home" / "spark-lsp"
    folder.mkdir(parents=True)
    (tmp_path / "workspace").mkdir()
    return folder


def environ(home: Path, **variables: str) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(home.parent), **variables}


def test_a_later_source_wins_key_by_key(home: Path) -> None:
    workspace = home.parents[1] / "workspace"
    flag = home.parents[1] / "flag.json"
    (home / "config.toml").write_text(
        "inline = {max_tokens = 1, deadline_ms = 11, multiline = 'never'}\n"
        "[[backend]]\nname = 'x'\nkind = 'fake'\nttft = 1\nrate = 1\n"
    )
    (workspace / ".spark-lsp.toml").write_text("inline = {max_tokens = 2, deadline_ms = 12}\n")
    flag.write_text(json.dumps({"inline": {"max_tokens": 3}, "backend": [{"name": "x", "rate": 3}]}))
    sources: list[tuple[int, dict[str, Any]]] = [
        (2, {}),
        (3, {"config_file": flag}),
        (4, {"environ": environ(home, SPARK_LSP_INLINE__MAX_TOKENS="4")}),
        (5, {"overrides": [{"inline": {"max_tokens": 5}}]}),
        (6, {"overrides": [None, {"spark": {"inline": {"max_tokens": 6}}, "other": 1}]}),
    ]
    arguments: dict[str, Any] = {"config_file": None, "environ": environ(home)}
    for expected, argument in sources:
        arguments |= argument
        config, problems = load(workspace=workspace, **arguments)
        assert not problems
        assert config.inline.max_tokens == expected
        assert (config.inline.deadline_ms, config.inline.multiline) == (12, "never")
    (backend,) = config.backends
    assert (backend.kind, backend.ttft, backend.rate) == ("fake", 1, 3)


VARIABLES: dict[str, tuple[dict[str, str], dict[str, object], int]] = {
    "a number": ({"SPARK_LSP_INLINE__MAX_TOKENS": "64"}, {"max_tokens": 64}, 0),
    "a text": ({"SPARK_LSP_INLINE__MULTILINE": "never"}, {"multiline": "never"}, 0),
    "a table": (
        {"SPARK_LSP_INLINE__LANGUAGES": "{ c = false }"},
        {"languages": {"markdown": False, "c": False}},
        0,
    ),
    "an entry": (
        {"SPARK_LSP_INLINE__LANGUAGES__C": "false"},
        {"languages": {"markdown": False, "c": False}},
        0,
    ),
    "empty is not set": ({"SPARK_LSP_INLINE__MAX_TOKENS": ""}, {}, 0),
    "a second key in the value": ({"SPARK_LSP_INLINE__MAX_TOKENS": "1\nx = 2"}, {}, 1),
    "a date": ({"SPARK_LSP_INLINE__MAX_TOKENS": "2024-01-01"}, {}, 1),
    "endless nesting": ({"SPARK_LSP_INLINE__MAX_TOKENS": "[" * 5000}, {}, 1),
    "unknown": ({"SPARK_LSP_INLIN__MAX_TOKENS": "1"}, {}, 1),
    "somebody else's": ({"SPARK_LSP_TRACE": "1", "SPARK_LSP": "1"}, {}, 0),
}


@pytest.mark.parametrize("case", VARIABLES.values(), ids=VARIABLES)
def test_environment(case: tuple[dict[str, str], dict[str, object], int], home: Path) -> None:
    variables, expected, count = case
    config, problems = load(config_file=None, workspace=None, environ=environ(home, **variables))
    assert len(problems) == count
    assert all(problem.source in variables for problem in problems)
    for key, value in expected.items():
        assert getattr(config.inline, key) == value


def test_backends_from_the_environment(home: Path) -> None:
    variable = {"SPARK_LSP_BACKEND": '[{ kind = "fake", rate = 9 }]'}
    config, problems = load(config_file=None, workspace=None, environ=environ(home, **variable))
    assert not problems
    assert config.backends[0].rate == 9


UNREADABLE: dict[str, tuple[str, bytes, int, str]] = {
    "not TOML": ("x.toml", b"[inline]\nmax_tokens 3\n", 2, "is not TOML"),
    "not JSON": ("x.json", b'{\n"inline": {,}\n}', 2, "is not JSON"),
    "not UTF-8": ("x.toml", b"# a\n# \xff\n", 2, "is not UTF-8"),
    "endless nesting": ("x.json", b"[" * 100_000, 0, "is not JSON"),
    "a number of 5,000 digits": ("x.toml", b"x = " + b"1" * 5000, 0, "is not TOML"),
    "huge": ("x.toml", b"#" * (1 << 21), 0, "is not a file of settings"),
}


@pytest.mark.parametrize("case", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_is_named_and_the_rest_counts(
    case: tuple[str, bytes, int, str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, line, message = case
    (home / "config.toml").write_text("inline.max_tokens = 7")
    path = home / name
    path.write_bytes(content)
    config, (problem,) = load(config_file=path, workspace=None, environ=environ(home))
    assert config.inline.max_tokens == 7
    assert (problem.source, problem.line) == (str(path), line)
    assert problem.message.startswith(message)
    assert command.run(check=path) == 2
    assert capsys.readouterr().out == ""


def test_a_file_that_is_not_one(home: Path) -> None:
    os.mkfifo(home / "config.toml")
    _, (pipe, missing) = load(config_file=home / "none.toml", workspace=None, environ=environ(home))
    assert "is not a file of settings" in pipe.message
    assert "cannot be read" in missing.message


def test_a_byte_order_mark_is_not_content(home: Path) -> None:
    (home / "config.json").write_bytes(b'\xef\xbb\xbf{"inline": {"max_tokens": 7}}')
    config, problems = load(config_file=None, workspace=None, environ=environ(home))
    assert (config.inline.max_tokens, problems) == (7, ())


def test_a_workspace_file_is_checked_as_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = home.parents[1] / "workspace"
    path = workspace / ".spark-lsp.toml"
    path.write_text("inline.max_tokens = 7\nprefetch.metered = true\n[[backend]]\npreset = 'x'\n")
    config, problems = load(config_file=None, workspace=workspace, environ=environ(home))
    assert (config.inline.max_tokens, config.prefetch.metered, config.backends) == (7, False, ())
    assert [problem.path for problem in problems] == ["prefetch.metered", "backend"]
    assert command.run(check=path) == 1
    assert capsys.readouterr().out.splitlines() == [str(problem) for problem in problems]


def test_an_override_that_is_not_a_tree(home: Path) -> None:
    _, (problem,) = load(config_file=None, workspace=None, environ=environ(home), overrides=["x", None])
    assert problem.source == EDITOR_SOURCES[0]


def test_origins(home: Path) -> None:
    (home / "config.toml").write_text("inline.max_tokens = 7\n[[backend]]\nkind = 'fake'")
    resolution = resolve(
        config_file=None,
        workspace=None,
        environ=environ(home, SPARK_LSP_INLINE__MAX_TOKENS="8", SPARK_LSP_CACHE__PERSIST="false"),
    )
    assert resolution.origins == {
        "inline.max_tokens": "SPARK_LSP_INLINE__MAX_TOKENS",
        "backend.fake.name": str(home / "config.toml"),
        "backend.fake.kind": str(home / "config.toml"),
    }


def test_show_is_toml_that_makes_the_same_settings_and_tells_no_secret(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.parent))
    monkeypatch.chdir(home)
    path = home / "config.toml"
    path.write_text(
        "inline = {max_tokens = 7, languages = {'c++' = false}}\nprivacy.ignore_files = ['é', '\"']\n"
        "[[backend]]\nkind = 'openai-completions'\nbase_url = 'http://h/v1'\n"
        "headers = {Authorization = 'hidden'}\n"
    )
    before, _ = load(config_file=None, workspace=None, environ=environ(home))
    assert command.run(show=True) == 0
    out, err = capsys.readouterr()
    assert (err, "hidden" in out, f"max_tokens = 7  # {path}" in out) == ("", False, True)
    path.write_text(out)
    after, problems = load(config_file=None, workspace=None, environ=environ(home))
    assert not problems
    assert (after.inline, after.privacy) == (before.inline, before.privacy)
    assert after.backends[0].base_url == before.backends[0].base_url
    assert command.run(config_file=home / "none.toml") == 2


def test_the_settings_page_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert (DOCS / "settings.md").read_text() == markdown(), "write it again: make docs"
    assert command.run(markdown=True) == 0
    assert capsys.readouterr().out == markdown()


def test_the_schema_has_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(schema=True) == 0
    assert json.loads(capsys.readouterr().out) == schema()
    assert schema()["properties"].keys() == {"$schema", "backend", *SECTIONS}
    inline = schema()["properties"]["inline"]["properties"]
    assert inline["max_tokens"] == {
        "description": "The longest suggestion asked of a model.",
        "type": "integer",
        "minimum": 1,
        "maximum": 8192,
        "default": 256,
    }
