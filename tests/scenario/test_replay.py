"""Recorded sessions, replayed against the real server: those of real clients, and what is said of others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.raw import INITIALIZE, INITIALIZED, Raw, notification, raw_server, request
from tests.scenario.test_commands import run

REPOSITORY = Path(__file__).parents[2]
SESSIONS = REPOSITORY / "fixtures" / "sessions"
SETTINGS = str(SESSIONS / "settings.toml")


async def replayed(session: Path, *options: str) -> tuple[int | None, Any]:
    """The exit status and the report."""
    status, out, err = await run(
        "replay", str(session), "--json", "--config", SETTINGS, *options, cwd=REPOSITORY
    )
    assert "Traceback" not in err
    return status, json.loads(out)


@pytest.mark.parametrize("session", sorted(SESSIONS.glob("*.jsonl")), ids=lambda path: path.stem)
async def test_clients_of_the_copilot_family(session: Path) -> None:
    """What copilot.lua and copilot.vim said in Neovim 0.12, copilot.el in Emacs 30, and the answers."""
    status, report = await replayed(session)
    assert report["differences"] == []
    assert status == 0
    assert report["responses"] > 5


def changed(name: str, to: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a session, each message changed."""
    head, *lines = (SESSIONS / name).read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    for entry in entries:
        change(entry["message"])
    to.write_text("\n".join([head, *map(json.dumps, entries)]), "utf-8")
    return to


async def test_what_is_answered_differently_is_named(tmp_path: Path) -> None:
    def expect_more(message: dict[str, Any]) -> None:
        if message.get("id") == 4 and "result" in message:
            message["result"]["completions"][0]["displayText"] += "!"

    session = changed("copilot-lua.jsonl", tmp_path / "changed.jsonl", expect_more)
    status, report = await replayed(session)
    assert status == 1
    [difference] = report["differences"]
    assert difference["message"] == "getCompletions (4)"
    assert difference["where"] == "result.completions[0].displayText"
    assert difference["recorded"] == difference["now"] + "!"
    status, out, _ = await run("replay", str(session), "--config", SETTINGS, cwd=REPOSITORY)
    assert status == 1
    assert "1 are different" in out


async def test_what_the_server_begins_is_compared_too(tmp_path: Path) -> None:
    def expect_another_panel(message: dict[str, Any]) -> None:
        if message.get("method") == "PanelSolutionsDone":
            message["params"]["status"] = "Error"

    session = changed("copilot-lua.jsonl", tmp_path / "changed.jsonl", expect_another_panel)
    status, report = await replayed(session)
    assert status == 1
    [difference] = report["differences"]
    assert (difference["message"], difference["where"]) == ("PanelSolutionsDone", "params.status")


async def talk(raw: Raw, options: dict[str, Any] | None = None) -> None:
    initialize = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": options}
    raw.send(INITIALIZE if options is None else request(1, "initialize", initialize))
    await raw.answer(1)
    document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "x = 1\n😀\n"}
    raw.send(INITIALIZED, notification("textDocument/didOpen", {"textDocument": document}))
    asked = {"textDocument": {"uri": "file:///a.py"}, "position": {"line": 0, "character": 5}}
    raw.send(request(2, "textDocument/inlineCompletion", asked))
    await raw.answer(2)
    raw.send(request(3, "no/such", {}))
    await raw.answer(3)
    raw.send(b"Content-Length: 3\r\n\r\n{x}")
    await raw.answer(None)
    raw.send(request(4, "shutdown"), notification("exit"))
    await raw.ended(10)


async def test_a_session_is_recorded_and_says_the_same_again(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    async with raw_server("--config", SETTINGS, "--record", str(file)) as raw:
        await talk(raw)
    assert file.stat().st_mode & 0o777 == 0o600
    head, *lines = map(json.loads, file.read_text("utf-8").splitlines())
    assert head["format"] == 1
    assert [line["from"] for line in lines].count("client") == 7
    assert "😀" in file.read_text("utf-8")
    status, report = await replayed(file)
    assert (status, report["differences"]) == (0, [])


async def test_a_variable_records_too_and_a_folder_gets_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LSP_RECORD", str(tmp_path))
    async with raw_server() as raw:
        await talk(raw)
    monkeypatch.delenv("SPARK_LSP_RECORD")
    [file] = [tmp_path / name for name in os.listdir(tmp_path)]
    status, _ = await replayed(file)
    assert status == 0


async def test_a_strangers_session_runs_no_command_and_asks_no_server_of_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, trace = tmp_path / "session.jsonl", tmp_path / "trace"
    url = "http://127.0.0.1:9/v1"
    command = ["sh", "-c", f"echo x > {trace}; echo key"]
    evil = {"name": "evil", "kind": "openai-completions", "base_url": url, "api_key_command": command}
    async with raw_server("--record", str(file)) as raw:
        await talk(raw, {"spark": {"backend": [{**evil, "model": "m", "fim": "suffix"}]}})
    assert trace.exists(), "the session is harmless: nothing is proved"
    trace.unlink()
    await replayed(file)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("", "no session"),
        ("[]", "no session"),
        ('{"format": 1}\n{"from": "nobody", "message": {}}', "no session"),
        ('{"format": 99}', "format 99"),
        ('{"format": 1}', "no `initialize`"),
    ],
)
async def test_a_file_that_is_no_session(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "session.jsonl"
    if content is not None:
        file.write_text(content)
    status, out, err = await run("replay", str(file), cwd=tmp_path)
    assert (status, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tcp", "127.0.0.1:0"), "go with --stdio"),
        ((), "cannot be recorded"),
    ],
)
async def test_a_recording_that_cannot_be(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    status, _, err = await run("--record", str(tmp_path / "no" / "file"), *options, cwd=tmp_path)
    assert status == 2
    assert words in err
