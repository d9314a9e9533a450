"""What VS Code's users wait for: `make bench-vscode`. Key to ghost text, beside a floor; activation; memory.

The floor is an extension that answers at once with a constant, in a window of its own where ours is snoozed.
Blocks of keys alternate between the two windows. It needs what `make e2e` needs.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.servers import ROOT
from tests.e2e.vscode import (
    NODE,
    VSIX,
    CodeServer,
    Future,
    Window,
    code_server,
    command_line,
    descendants,
    servers_of,
    state,
)

FLOOR = Path(__file__).parent / "vscode_floor"
VSCE = ROOT / "clients" / "vscode" / "node_modules" / "@vscode" / "vsce" / "vsce"
BLOCKS, KEYS = 6, 10
OPENED = 6
"""Windows, to see how long the activation takes."""
LINE = "measured = observe_with_patience(window, keyboard, observer, frame, "
LINE += ", ".join(f"argument_{n}=value_{n}" for n in range(8)) + ")"
STARTED = 14  # characters that stand there


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        texts = folder / "oracle"
        texts.mkdir()
        (texts / "line.py").write_text(LINE + "\n")
        future = Future(texts, folder / "fake-server.log")
        with future.up():
            measure(folder, future)


def measure(folder: Path, future: Future) -> None:
    with code_server(folder / "without", ()) as vscode:
        bare = host_alone(vscode, folder)
    with code_server(folder / "with", (VSIX, packed_floor(folder))) as vscode:
        vscode.settings(user=QUIET, **served(future))
        with both(vscode, folder) as (ours, floor):
            times: dict[str, list[float]] = {"spark-lsp": [], "floor": []}
            for block in range(BLOCKS):
                order = [("spark-lsp", ours), ("floor", floor)]
                for kind, window in order if block % 2 else order[::-1]:
                    times[kind] += one_block(window)
            report(times)
    with code_server(folder / "memory") as vscode:
        vscode.settings(user=QUIET, **served(future))
        report_activation(vscode, folder)
        report_memory(vscode, folder, bare)


QUIET = {
    "editor.autoClosingBrackets": "never",
    "editor.minimap.enabled": False,
    "editor.wordWrap": "off",
}


def served(future: Future) -> dict[str, Any]:
    return {"backend": [future.backend], "workspace__enabled": False, "inline__deadline_ms": 10_000}


def packed_floor(folder: Path) -> Path:
    vsix = folder / "floor.vsix"
    command = [str(NODE), str(VSCE), "package", "--no-dependencies", "--allow-missing-repository"]
    command += ["--skip-license", "--out", str(vsix)]
    subprocess.run(command, cwd=FLOOR, check=True, capture_output=True, timeout=60)
    return vsix


@contextmanager
def both(vscode: CodeServer, folder: Path) -> Iterator[tuple[Window, Window]]:
    places = {kind: workspace(folder / kind) for kind in ("ours", "floor")}
    (places["floor"] / "constant.txt").write_text(LINE + "\n")
    with (
        vscode.window("bench-ours", places["ours"], "a.py", width=1800) as ours,
        vscode.window("bench-floor", places["floor"], "a.py", width=1800) as floor,
    ):
        for window in (ours, floor):
            window.until("status", "oracle")
            window.focus()
        floor.until("page", "floor: ready")
        floor.command(title="spark-lsp: Snooze")
        floor.pick(text="4 h")
        floor.until("status", "until")
        yield ours, floor


def workspace(folder: Path) -> Path:
    folder.mkdir()
    (folder / "a.py").write_text("")
    return folder


def one_block(window: Window) -> list[float]:
    """How long until a text is back that a typo has cleared, some times: it is in the server's cache."""
    window.focus()
    window.press(key="Control+A")
    window.press(key="Delete")
    window.type(text=LINE[:STARTED])
    window.until("ghost", LINE[STARTED:])
    times: list[float | None] = window.time(expected=LINE[STARTED:], times=KEYS)
    found = [value for value in times if value is not None]
    if len(found) < len(times):
        print(f"{len(times) - len(found)} of {len(times)} keys without ghost text in 5 s")
    return found


def report(times: dict[str, list[float]]) -> None:
    middle = {kind: statistics.median(values) for kind, values in times.items()}
    for kind, values in times.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        print(f"{kind:10} p50 {middle[kind]:6.1f} ms  p95 {p95:6.1f} ms  of {len(values)} keys")
    print(f"ratio of the medians: {middle['spark-lsp'] / middle['floor']:.2f}")


def report_activation(vscode: CodeServer, folder: Path) -> None:
    """Of windows that are opened one after the other: two that start at once wait for each other.

    All extensions are loaded by one thread, so that each one's time is also that of others.
    """
    found: dict[str, list[int]] = {name: [] for name in ("spark-lsp", "GitHub", "JSON Language Features")}
    for number in range(OPENED):
        with vscode.window("bench-activation", workspace(folder / f"activation-{number}"), "a.py") as window:
            window.until("status", "oracle")
            for name, took in activations(window):
                if name in found:
                    found[name].append(took)
    for name, times in found.items():
        if times:
            print(
                f"activation of {name}: p50 {statistics.median(times):.0f} ms in {len(times)} windows",
                flush=True,
            )


def activations(window: Window) -> list[tuple[str, int]]:
    """Each extension's, as VS Code reports it, in ms."""
    window.command(title="Developer: Show Running Extensions")
    window.until("page", "Activation")
    rows = ".runtime-extensions-editor .monaco-list-row"
    script = f"[...document.querySelectorAll('{rows}')].map(row => row.textContent)"
    found = (
        re.match(r"(\D+)\d+\.\d+\.\d+.*Activation: (\d+)\s*ms", text)
        for text in window.evaluate(script=script)
    )
    return [(row[1], int(row[2])) for row in found if row]


def host_alone(vscode: CodeServer, folder: Path) -> float:
    """The memory of an extension host without our extension, after the same session."""
    vscode.settings(user=QUIET)
    with vscode.window("bench-bare", workspace(folder / "bare"), "a.py") as window:
        window.focus()
        session(window)
        return memory(extension_host(vscode))


def report_memory(vscode: CodeServer, folder: Path, bare: float) -> None:
    with vscode.window("bench-memory", workspace(folder / "memory-ws"), "a.py") as window:
        window.until("status", "oracle")
        window.focus()
        session(window)
        host = memory(extension_host(vscode))
        [server] = [pid for pid in servers_of(vscode.pid) if state(pid) != "Z"]
        own = memory(server)
    print(f"memory: extension host {host:.0f} MB, {bare:.0f} MB without us; server {own:.0f} MB")
    print(f"        together {host - bare + own:.0f} MB")


def session(window: Window) -> None:
    for _ in range(5):
        window.rattle(text=LINE + "\n", delay=5)
    time.sleep(5)


def extension_host(vscode: CodeServer) -> int:
    [pid] = [pid for pid in descendants(vscode.pid) if b"--type=extensionHost" in command_line(pid)]
    return pid


def memory(pid: int) -> float:
    """Proportional set size, in MB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1000


if __name__ == "__main__":
    main()
