"""The extension in a real VS Code, with the real server and a backend that knows what will be typed."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.vscode import SERVER, CodeServer, Future, Window, code_server, eventually

ORACLE = '''\
def total(prices: list[float]) -> float:
    """The sum of all prices, with the tax of the country."""
    result = 0.0
    for price in prices:
        result += price * 1.19
    return result
'''
ROCKET = "\U0001f680"
WORKER = "\U0001f469\U0001f3fd\u200d\U0001f4bb"
EMOJI = f"# {ROCKET} d\xe9part {WORKER}\r\nlaunch = prepare('{ROCKET}', now=True)\r\nland(launch)\r\n"

SHOP = """\
export interface Item {
  price: number;
  count: number;
}

export function total(items: Item[]): number {
  let sum = 0;
  for (const item of items) {
    sum += item.price * item.count;
  }
  return sum;
}
"""

# As it is typed, and not as VS Code would have it.
VERBATIM = {
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.autoIndent": "none",
    "editor.minimap.enabled": False,
}


def long_text(characters: int) -> str:
    """Python no line of which is like another, so that the oracle is never of two minds."""
    functions = [
        f"def weight_of_parcel_{n}(length_{n}, width_{n}, height_{n}):\n"
        f"    volume_{n} = length_{n} * width_{n} * height_{n} / {n + 1000}\n"
        f"    return max(volume_{n} * density_{n}, minimum_weight_{n}, {n}.5)\n\n"
        for n in range(characters // 150)
    ]
    return "".join(functions)[:characters].rstrip("\n")


@pytest.fixture(scope="module")
def vscode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    with code_server(tmp_path_factory.mktemp("vscode")) as running:
        yield running


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "total.py").write_text(ORACLE)
    (folder / "emoji.py").write_bytes(EMOJI.replace("\r\n", "\n").encode())
    (folder / "long.py").write_text(long_text(2_000))
    return folder


@pytest.fixture(scope="module")
def running_future(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future]:
    future = Future(texts, tmp_path_factory.mktemp("future") / "fake-server.log")
    with future.up():
        yield future


@pytest.fixture
def future(running_future: Future) -> Future:
    running_future.script(ttft=0, rate=0, faults="")
    return running_future


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "new.py").write_text("")
    return folder


def only(future: Future, **more: Any) -> dict[str, Any]:
    """Settings with this backend alone, and a deadline that no loaded machine misses."""
    alone = {"backend": [future.backend], "workspace__enabled": False, "inline__deadline_ms": 10_000}
    return {**alone, **more}


def ready(window: Window, name: str = "oracle") -> None:
    window.until("status", name)
    window.focus()


def test_ghost_text_is_taken_by_word_and_whole(vscode: CodeServer, future: Future, workspace: Path) -> None:
    # Whole answers, so that it is known what is taken.
    vscode.settings(**only(future, inline__without=["pieces"]))
    with vscode.window("ghost", workspace, "new.py") as window:
        ready(window)
        window.type(text="def total(")  # VS Code closes the bracket
        window.until("ghost", "prices: list[float]")
        window.press(key="Control+ArrowRight")
        window.until("ghost", "prices: list", absent=True)
        window.until("ghost", ": list[float]")
        window.press(key="Tab")
        window.until("ghost", "float", absent=True)
        window.press(key="End")
        window.type(text=" -")
        window.until("ghost", "> float:")
        window.until("ghost", "return result")
        window.until("status", "tokens/s")
        window.shot("text")
        status = window.status()
        assert status["kind"] == "normal"
        assert "first token" in status["label"], "the tooltip has the whole sentence"
        window.press(key="Tab")
        window.until("ghost", "return", absent=True)
        window.save(workspace / "new.py", ORACLE.rstrip("\n"))
        window.press(key="Enter")  # VS Code indents the line
        window.type(text="result = 0")
        window.until("ghost", ".0")
        window.press(key="Escape")
        window.until("ghost", ".0", absent=True)


def test_two_thousand_keys_are_typed_along_without_a_blink(
    vscode: CodeServer, future: Future, workspace: Path
) -> None:
    text = long_text(2_000)
    vscode.settings(user=VERBATIM, **only(future))
    with vscode.window("long", workspace, "new.py", height=1600) as window:
        ready(window)
        before = future.stats()["requests"]
        window.watch()
        window.rattle(text=text, delay=10)
        window.until("visible", text[-60:])
        seen = window.seen()
        window.shot("typed")
        assert seen["flickers"] == []
        assert seen["frames"] > 100, "too little was seen to say anything"
        # One request for each stretch of text, not for each key.
        assert 0 < future.stats()["requests"] - before < 200
        window.save(workspace / "new.py", text)


def test_two_windows_on_one_tree(vscode: CodeServer, future: Future, workspace: Path) -> None:
    (workspace / "other.py").write_text("")
    vscode.settings(**only(future, inline__multiline="never"))
    with (
        vscode.window("two-a", workspace, "new.py") as one,
        vscode.window("two-b", workspace, "other.py") as other,
    ):
        ready(one)
        ready(other)
        assert len(vscode.servers()) == 2
        for window in (one, other):
            window.type(text="    result = 0")
            window.until("ghost", ".0")
        for window, file in ((one, "new.py"), (other, "other.py")):
            window.press(key="Tab")
            window.until("ghost", ".0", absent=True)
            window.save(workspace / file, "    result = 0.0")


def test_a_backend_that_is_down_is_told_and_comes_back(
    vscode: CodeServer, texts: Path, workspace: Path, tmp_path: Path
) -> None:
    future = Future(texts, tmp_path / "fake-server.log")
    vscode.settings(**only(future, workspace__enabled=True))
    with vscode.window("down", workspace, "new.py") as window:
        with future.up():
            ready(window)
            window.type(text="def total(")
            window.until("ghost", "prices")
        window.press(key="End")
        window.type(text=" -> float")
        window.until("status", "workspace only")
        window.shot("told")
        status = window.status()
        assert status["kind"] == "warning"
        assert "oracle" in status["label"]
        with future.up():
            window.until("status", "oracle")
            assert window.status()["kind"] == "normal"
            window.press(key="End")
            window.type(text=":")
            window.press(key="Enter")
            window.until("ghost", "The sum of all")


def test_a_server_that_is_killed_is_started_again(
    vscode: CodeServer, future: Future, workspace: Path
) -> None:
    vscode.settings(**only(future))
    with vscode.window("killed", workspace, "new.py") as window:
        ready(window)
        [old] = vscode.servers()
        os.kill(old, signal.SIGKILL)
        eventually(lambda: [pid for pid in vscode.servers() if pid != old])
        window.until("status", "oracle")
        window.type(text="    result = 0")
        window.until("ghost", ".0")
        assert len(vscode.servers()) == 1
        assert window.notifications() == []


def test_a_server_that_dies_at_its_start_is_tried_five_times(
    vscode: CodeServer, workspace: Path, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    program = script(tmp_path / "dies", f"echo x >> '{starts}'; echo 'no module named sparks' >&2; exit 3")
    vscode.settings(server__command=[str(program)])
    with vscode.window("dies", workspace, "new.py") as window:
        window.until("status", "failed")
        window.until("page", "ended five times")
        window.shot("told")
        [[message, *buttons]] = window.notifications()
        assert "status 3: no module named sparks" in message
        assert buttons == ["Start again", "Show the log"]
        assert window.status()["kind"] == "error"
        assert starts.read_text() == "x\n" * 5
        window.button(text="Start again")
        eventually(lambda: starts.read_text() == "x\n" * 10)


def test_a_missing_server_is_one_message_and_installed_with_consent(
    vscode: CodeServer, future: Future, workspace: Path
) -> None:
    vscode.settings(**only(future, server__command=None))
    with vscode.window("missing", workspace, "new.py") as window:
        window.until("page", "Install the server")
        window.shot("told")
        [[message, *buttons]] = window.notifications()
        assert "is not installed" in message
        assert buttons == ["Install the server", "Open settings"]
        assert window.status()["text"] == "spark: no server"
        assert window.status()["kind"] == "warning"
        window.button(text="Install the server")
        window.until("status", "oracle", limit=120_000)
        window.focus()
        window.type(text="    result = 0")
        window.until("ghost", ".0")
        window.shot("installed")


def test_a_wrong_command_is_one_message(vscode: CodeServer, workspace: Path) -> None:
    vscode.settings(server__command=["/no/such/spark-lsp"])
    with vscode.window("command", workspace, "new.py") as window:
        window.until("status", "no server")
        window.until("page", "there is no such program")
        assert len(window.notifications()) == 1
        vscode.settings(server__command="spark-lsp")
        window.until("page", "has to be a list of texts")
        vscode.settings(server__command=SERVER)
        window.until("status", "workspace only")


def test_settings_of_the_wrong_type_are_one_message_each(
    vscode: CodeServer, future: Future, workspace: Path
) -> None:
    vscode.settings(**only(future, inline__max_tokens="many"))
    with vscode.window("settings", workspace, "new.py") as window:
        ready(window)
        window.until("page", "inline.max_tokens")
        window.type(text="    result = 0")
        window.until("ghost", ".0")  # and all else holds
        [[message, *_]] = window.notifications()
        assert "many" in message
        window.shot("told")


@pytest.mark.parametrize("trusted", [True, False])
def test_what_lies_in_a_workspace_is_run_only_when_it_is_trusted(
    vscode: CodeServer, workspace: Path, tmp_path: Path, trusted: bool
) -> None:
    ran = tmp_path / "ran"
    (workspace / ".venv" / "bin").mkdir(parents=True)
    script(
        workspace / ".venv" / "bin" / "spark-lsp",
        f"touch '{ran}'; exec '{sys.executable}' -m spark_lsp \"$@\"",
    )
    (workspace / ".vscode").mkdir()
    (workspace / ".vscode" / "settings.json").write_text(
        '{"spark.server.command": ["/bin/false"], "spark.inline.enabled": false,'
        ' "spark.backend": [{"name": "evil", "kind": "openai-completions", "base_url": "http://127.0.0.1:9/"}]}'
    )
    user = {"security.workspace.trust.enabled": True, "security.workspace.trust.startupPrompt": "never"}
    vscode.settings(user={} if trusted else user, server__command=None)
    with vscode.window(f"trust-{trusted}", workspace, "new.py") as window:
        # Untrusted, another test may have had the extension install a server.
        states = ["workspace only"] if trusted else ["workspace only", "spark: no server"]
        eventually(lambda: (window.status() or {"text": ""})["text"] in states, window.status)
        window.shot("state")
        assert ran.exists() == trusted
        if window.status()["text"] == "workspace only":
            assert "CEREBRAS_API_KEY" in window.status()["label"], "no backend of the workspace's"


def test_snoozing_and_switching_off(vscode: CodeServer, future: Future, workspace: Path) -> None:
    vscode.settings(user=VERBATIM, **only(future, inline__multiline="never"))
    with vscode.window("menu", workspace, "new.py") as window:
        ready(window)
        window.type(text="def total(")
        window.until("ghost", "-> float:")
        window.press(key="Tab")
        window.until("ghost", "-> float:", absent=True)
        window.until("status", "tokens/s")
        window.clickStatus()
        entries = window.menu()
        window.shot("open")
        assert [entry for entry in entries if "Doctor" in entry]
        window.pick(text="Snooze")
        window.pick(text="15 minutes")
        window.until("status", "until")
        asked = future.stats()["requests"]
        window.focus()
        window.press(key="End")
        window.type(text="\n    result = ")
        window.shot("snoozed")
        window.clickStatus()
        window.pick(text="End the snooze")
        window.until("status", "oracle")
        assert future.stats()["requests"] == asked
        window.focus()
        window.type(text="0")
        window.until("ghost", ".0")
        window.clickStatus()
        window.pick(text="Switch off")
        window.until("status", "spark: off")
        window.clickStatus()
        window.pick(text="Switch on")
        window.until("status", "oracle")
        window.clickStatus()
        window.pick(text="Pick a backend")
        window.menu()
        window.shot("backends")
        window.pick(text="oracle")
        window.clickStatus()
        window.pick(text="Measurements")
        window.until("page", "time_to_suggestion_ms")


def test_crlf_and_emoji(vscode: CodeServer, future: Future, workspace: Path) -> None:
    first, second, third, _ = EMOJI.split("\r\n")
    (workspace / "emoji.py").write_bytes(f"{first}\r\n".encode())
    vscode.settings(user=VERBATIM, **only(future))
    with vscode.window("emoji", workspace, "emoji.py") as window:
        ready(window)
        window.press(key="Control+End")
        window.type(text="launch")
        window.until("ghost", " = prepare('\U0001f680', now=True)")
        window.shot("ghost")
        window.press(key="Tab")
        window.until("ghost", "prepare", absent=True)
        # VS Code leaves the cursor a character short when a taken text has an emoji, whoever offered it.
        window.press(key="End")
        window.press(key="Enter")
        window.until("ghost", third)
        window.press(key="Tab")
        window.until("ghost", third, absent=True)
        window.save(workspace / "emoji.py", f"{first}\r\n{second}\r\n{third}")


def test_fifty_thousand_lines(vscode: CodeServer, future: Future, workspace: Path) -> None:
    lines = [f"number_{n} = {n}" for n in range(50_000)]
    (workspace / "large.py").write_text("\n".join(lines))
    vscode.settings(**only(future))
    with vscode.window("large", workspace, "large.py") as window:
        ready(window)
        window.goto(line=25_001)
        window.press(key="Home")
        window.type(text="def total(prices")
        window.until("ghost", ": list[float]")
        window.press(key="Tab")
        window.until("ghost", "list", absent=True)
        window.shot("taken")
        lines[25_000] = "def total(prices: list[float]) -> float:" + lines[25_000]
        window.save(workspace / "large.py", "\n".join(lines))


def test_nothing_is_asked_where_nothing_can_be_written(
    vscode: CodeServer, future: Future, workspace: Path
) -> None:
    (workspace / "fixed.py").write_text("def total(")
    vscode.settings(user={"files.readonlyInclude": {"**/fixed.py": True}}, **only(future))
    with vscode.window("fixed", workspace, "fixed.py") as window:
        ready(window)
        asked = future.stats()["requests"]
        window.press(key="End")
        window.press(key="x")
        assert window.ghost() == ""
        assert window.lines() == ["def total("]
        assert future.stats()["requests"] == asked
        assert window.status()["kind"] == "normal"


def test_a_reload_while_a_stream_runs_leaves_nothing_behind(
    vscode: CodeServer, future: Future, workspace: Path
) -> None:
    vscode.settings(**only(future))
    future.script(ttft=0, rate=2)
    with vscode.window("reload", workspace, "new.py") as window:
        ready(window)
        [old] = vscode.servers()
        window.type(text="def total(")
        eventually(lambda: future.stats()["open"])
        window.press(key="Control+S")
        window.reload()
        ready(window)
        eventually(lambda: old not in vscode.servers())
        assert len(vscode.servers()) == 1
        eventually(lambda: not future.stats()["open"])


def script(file: Path, shell: str) -> Path:
    """A program that does this."""
    file.write_text(f"#!/bin/sh\n{shell}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_a_quick_fix_from_the_menu(vscode: CodeServer, tmp_path: Path, workspace: Path) -> None:
    """VS Code's own TypeScript server says what is wrong, and tsc whether it is mended."""
    oracle, file = tmp_path / "fixed", workspace / "shop.ts"
    oracle.mkdir()
    (oracle / "shop.ts").write_text(SHOP)
    file.write_text(SHOP.replace("return sum;", "return sums;"))
    (workspace / "tsconfig.json").write_text('{"compilerOptions": {"strict": true}}')
    model = Future(oracle, tmp_path / "fake-server.log", "--edits", "right")
    chat = {"name": "oracle", "kind": "openai-chat", "base_url": f"{model.url}/v1", "model": "fake"}
    with model.up():
        vscode.settings(
            backend=[chat], workspace__enabled=False, actions__verify=["tsc"], actions__timeout_ms=60_000
        )
        with vscode.window("fix", workspace, "shop.ts") as window:
            ready(window)
            window.goto(line=11, column=11)
            titles: list[str] = []

            def offered() -> bool:
                titles[:] = window.fixes()
                if not any("Fix with Spark" in title for title in titles):
                    window.press(key="Escape")
                return any("Fix with Spark" in title for title in titles)

            eventually(offered, lambda: titles)
            window.shot("menu")
            window.fixes(text="Fix with Spark")
            window.until("page", "return sum;")
            window.save(file, SHOP)
