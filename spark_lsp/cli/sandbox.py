"""Runs a test of some code where it can do little: a child process in an empty folder, for a few seconds.

It gets no environment but a PATH, starts no process of its own, opens no connection, and its processor time,
memory and files are limited. Where the system lets an ordinary user do so it is alone in its namespaces:
there is no network, and whatever it started ends with it. A benchmark's code is written by models: what it
does to its folder is thrown away with it.
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

_UNSHARE = ("unshare", "--user", "--map-root-user", "--net")
_ALONE = (
    (*_UNSHARE, "--pid", "--fork", "--kill-child", "--"),
    (*_UNSHARE, "--"),
)
"""Commands in front of a command, the best first."""

_LIMITS = """\
import resource
for limit, most in (("CPU", 5), ("FSIZE", 1 << 20), ("AS", 2 << 30), ("CORE", 0)):
    resource.setrlimit(getattr(resource, f"RLIMIT_{limit}"), (most, most))
"""

_REFUSALS = """\
import sys
def refuse(event, arguments, refused=frozenset((
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system",
    "pty.spawn", "subprocess.Popen", "socket.bind", "socket.connect", "socket.getaddrinfo",
    "socket.sendmsg", "socket.sendto",
))):
    if event in refused:
        raise PermissionError(f"{event} is not for a test")
sys.addaudithook(refuse)
sys.path.insert(0, ".")
sys.setrecursionlimit(5_000)
"""

_PASSED = "passed"
"""A file beside the folder: a program that ends before its test has not passed it."""

_ASSERTS = "console.assert = (ok) => { if (!ok) { throw new Error('an assertion fails'); } };\n"


def failure(name: str, text: str, test: str, seconds: float = SECONDS) -> str:
    """The last words of a test that fails, "" when it passes.

    `name` says by its end what language it is. A Python test finds all names of the text, and the text as
    a module; a test in JavaScript stands behind it.
    """
    with tempfile.TemporaryDirectory(prefix="spark-lsp-test-") as parent:
        folder = Path(parent) / "work"
        folder.mkdir()
        command, files = _python(name, text, test) if name.endswith(".py") else _javascript(text, test)
        for file, content in files.items():
            (folder / file).write_text(content, "utf-8", newline="")
        said = _run(command, folder, seconds)
        if not said and not (folder.parent / _PASSED).exists():
            return "it ends before its test does"
        return said


def _python(name: str, text: str, test: str) -> tuple[list[str], dict[str, str]]:
    module = name.removesuffix(".py")
    limits = (_LIMITS if os.name == "posix" else "") + _REFUSALS
    script = f"{limits}from {module} import *\n{test}\nopen('../{_PASSED}', 'x').close()\n"
    return [sys.executable, "-I", "-B", "run_the_test.py"], {name: text, "run_the_test.py": script}


def _javascript(text: str, test: str) -> tuple[list[str], dict[str, str]]:
    command = [shutil.which("node") or "node", "--max-old-space-size=512", "run_the_test.js"]
    passed = f"require('fs').writeFileSync('../{_PASSED}', '');\n"
    return command, {"run_the_test.js": f"{_ASSERTS}{text}\n{test}\n{passed}"}


def _run(command: Sequence[str], folder: Path, seconds: float) -> str:
    words = folder.parent / "words"  # a file, whose size is limited: a pipe would be read into our memory
    with words.open("wb") as said:
        try:
            process = subprocess.Popen(
                [*_alone(), *command],
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            return f"{command[0]} cannot be run: {error.strerror}"
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"no end after {seconds:g} s"
    finally:
        _end(process)
    last = words.read_bytes()[-4 * OUTPUT :].decode("utf-8", "replace").strip()[-OUTPUT:]
    return "" if process.returncode == 0 else last or f"exit status {process.returncode}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _environment() -> Mapping[str, str]:
    kept = ("PATH", "SYSTEMROOT")  # Windows starts no Python without the latter
    return {name: value for name in kept if (value := os.environ.get(name))}


@cache
def _alone() -> tuple[str, ...]:
    """What takes the network, and what it leaves behind, from a command; nothing where that cannot be."""
    for command in _ALONE:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([*command, "true"], check=True, capture_output=True, timeout=5)
            return command
    return ()
