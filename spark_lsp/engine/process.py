"""One program run to its end: no shell, bounded in time and output, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from spark_lsp.errors import CheckerError

OUTPUT = 4 << 20  # bytes
LINGER = 0.25  # seconds that pipes may stay open when the program has ended: a child of it holds them
REAPED = 2.0
MARK = "SPARK_LSP_RUN"

KEPT = (
    *(
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TMPDIR",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "USER",
        "LOGNAME",
    ),
    *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    # Where version managers and toolchains have what they start.
    *("CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "GOPATH", "GOROOT", "GOCACHE", "GOMODCACHE"),
    *("PYENV_ROOT", "ASDF_DIR", "ASDF_DATA_DIR", "VOLTA_HOME", "NVM_DIR", "JAVA_HOME"),
    *("SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP", "PATHEXT", "COMSPEC", "WINDIR"),
)
"""All that a checker sees of our environment: no proxy, no key, no token, nothing that loads code into it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program printed, and its exit status: negative where a signal ended it."""

    output: str
    errors: str
    status: int
    took_ms: float


def environment(environ: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """What a program is given. Of PATH only absolute folders: others would be the project's own."""
    kept = {name: environ[name] for name in KEPT if name in environ}
    folders = kept.get("PATH", os.defpath).split(os.pathsep)
    kept["PATH"] = os.pathsep.join(folder for folder in folders if os.path.isabs(folder))
    if not kept.keys() & {"LANG", "LC_ALL", "LC_CTYPE"}:
        kept["LC_CTYPE"] = "C.UTF-8"
    return {**kept, "NO_COLOR": "1", **more}


async def run(
    command: Sequence[str], *, folder: Path, environ: Mapping[str, str], text: str | None, seconds: float
) -> Ended:
    """Runs `command`, whose first word is a path, in `folder`; `text` is its stdin, closed where None.

    Raises CheckerError when it cannot be started, does not end in time or prints more than `OUTPUT` bytes.
    However this ends, cancelled too, the program and what it started do not live on.
    """
    loop = asyncio.get_running_loop()
    mark = uuid4().hex
    began = time.perf_counter()
    try:
        transport, watch = await loop.subprocess_exec(
            lambda: _Watch(loop),
            *command,
            stdin=asyncio.subprocess.DEVNULL if text is None else asyncio.subprocess.PIPE,
            cwd=folder,
            env={**environ, MARK: mark},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise CheckerError(f"cannot be started: {error}") from error
    is_clean = False
    try:
        if text is not None:
            _feed(transport, text)
        async with asyncio.timeout(seconds):
            await watch.ended
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await watch.closed
                is_clean = True
    except TimeoutError as error:
        raise CheckerError(f"did not end in {seconds:g} s") from error
    finally:
        _kill(transport.get_pid(), mark, is_clean)
        # Before it is closed: closing reaps, too, and the loop would miss what it waits for.
        with suppress(TimeoutError):
            async with asyncio.timeout(REAPED):
                await watch.gone
        transport.close()
    if watch.is_flooded:
        raise CheckerError(f"printed more than {OUTPUT >> 20} MB")
    status = transport.get_returncode()
    return Ended(
        watch.printed[1].decode("utf-8", "replace"),
        watch.printed[2].decode("utf-8", "replace"),
        -1 if status is None else status,
        (time.perf_counter() - began) * 1000,
    )


class _Watch(asyncio.SubprocessProtocol):
    """Gathers what a program prints.

    `ended`: it ended or prints too much; `closed`: it ended and nobody holds its pipes; `gone`: it is reaped.
    asyncio's own `Process.wait` is no use here: in some versions it waits for the pipes, too.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.printed = {1: bytearray(), 2: bytearray()}
        self.ended = loop.create_future()
        self.closed = loop.create_future()
        self.gone = loop.create_future()
        self.is_flooded = False
        self._open = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if self.is_flooded:
            return
        self.printed[fd] += data
        if len(self.printed[1]) + len(self.printed[2]) > OUTPUT:
            self.is_flooded = True
            _settle(self.ended)
            _settle(self.closed)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        self._look()

    def process_exited(self) -> None:
        _settle(self.ended)
        _settle(self.gone)
        self._look()

    def _look(self) -> None:
        if not self._open and self.gone.done():
            _settle(self.closed)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _feed(transport: asyncio.SubprocessTransport, text: str) -> None:
    pipe = transport.get_pipe_transport(0)
    assert isinstance(pipe, asyncio.WriteTransport)
    pipe.write(text.encode("utf-8", "surrogatepass"))
    pipe.close()


def _kill(pid: int, mark: str, is_clean: bool) -> None:
    """Ends the program's group. Who has left the group is found by the mark in its environment, where the
    system shows that: looked for only when something was still there, as it takes milliseconds."""
    if sys.platform == "win32":
        if not is_clean:
            import subprocess

            subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if is_clean:
        return
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in entry.read_bytes():
                os.kill(int(entry.parent.name), signal.SIGKILL)
