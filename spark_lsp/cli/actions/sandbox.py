"""Runs a test of some code where it can do little: a child process in an empty folder, for a few seconds.

It gets no environment but a PATH and, where the system lets an ordinary user do so, no network. A
benchmark's code is written by models: what it does to its folder is thrown away with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

SECONDS = 5.0
OUTPUT = 400
"""Characters of a failure that are told."""

_NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net", "--")

_LIMITS = """\
import resource, sys
for limit, most in (("CPU", 5), ("FSIZE", 1 << 20), ("AS", 2 << 30), ("CORE", 0)):
    resource.setrlimit(getattr(resource, f"RLIMIT_{limit}"), (most, most))
sys.path.insert(0, ".")
sys.setrecursionlimit(5_000)
"""

_ASSERTS = "console.assert = (ok) => { if (!ok) { throw new Error('an assertion fails'); } };\n"


def failure(name: str, text: str, test: str, seconds: float = SECONDS) -> str:
    """The last words of a test that fails, "" when it passes.

    `name` says by its end what language it is. A Python test finds all names of the text, and the text as
    a module; a test in JavaScript stands behind it.
    """
    with tempfile.TemporaryDirectory(prefix="spark-lsp-test-") as folder:
        command, files = _python(name, text, test) if name.endswith(".py") else _javascript(text, test)
        for file, content in files.items():
            (Path(folder) / file).write_text(content, "utf-8", newline="")
        return _run(command, Path(folder), seconds)


def _python(name: str, text: str, test: str) -> tuple[list[str], dict[str, str]]:
    module = name.removesuffix(".py")
    limits = _LIMITS if os.name == "posix" else 'import sys\nsys.path.insert(0, ".")\n'
    script = f"{limits}from {module} import *\n{test}\n"
    return [sys.executable, "-I", "-B", "run_the_test.py"], {name: text, "run_the_test.py": script}


def _javascript(text: str, test: str) -> tuple[list[str], dict[str, str]]:
    command = [shutil.which("node") or "node", "--max-old-space-size=512", "run_the_test.js"]
    return command, {"run_the_test.js": f"{_ASSERTS}{text}\n{test}\n"}


def _run(command: Sequence[str], folder: Path, seconds: float) -> str:
    try:
        process = subprocess.Popen(
            [*_offline(), *command],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"no end after {seconds:g} s"
    finally:
        _end(process)
    words = said.decode("utf-8", "replace").strip()[-OUTPUT:]
    return "" if process.returncode == 0 else words or f"exit status {process.returncode}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def _environment() -> Mapping[str, str]:
    kept = ("PATH", "SYSTEMROOT")  # Windows starts no Python without the latter
    return {name: value for name in kept if (value := os.environ.get(name))}


@cache
def _offline() -> tuple[str, ...]:
    """What takes the network from a command, nothing where it cannot be taken."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run([*_NO_NETWORK, "true"], check=True, capture_output=True, timeout=5)
        return _NO_NETWORK
    return ()
