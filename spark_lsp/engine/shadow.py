"""A project with one file changed, for programs that read files; not a byte of the user's is written."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import zlib
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

PREFIX = "spark-lsp-shadow-"
STALE = 86_400.0  # seconds


class Shadows:
    """Folders that are ours alone, under one that is removed at the end. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base: Path | None = None
        self._free: list[int] = []
        self._made = 0

    def base(self) -> Path:
        with self._lock:
            if self._base is None or not self._base.is_dir():
                _remove_stale()
                # Resolved: what checkers print has no symbolic links in it (/tmp is one on macOS).
                self._base = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")).resolve()
            return self._base

    def claim(self) -> int:
        """A number whose folders nobody else uses. The lowest: a checker's cache knows the paths again."""
        with self._lock:
            if not self._free:
                self._made += 1
                return self._made
            number = min(self._free)
            self._free.remove(number)
            return number

    def release(self, number: int) -> None:
        """Removes what was made under a number."""
        if self._base is not None:
            shutil.rmtree(self._base / str(number), ignore_errors=True)
        with self._lock:
            self._free.append(number)

    def file(self, number: int, name: str, text: str) -> Path:
        """A file of its own with this text.

        Its time follows from the text: mypy takes a file of the same size and second for the one it knows.
        """
        folder = self.base() / str(number)
        folder.mkdir(mode=0o700, exist_ok=True)
        file = _write(folder / name, text)
        stamp = zlib.crc32(text.encode("utf-8", "surrogatepass")) >> 1  # a time that all systems take
        os.utime(file, (stamp, stamp))
        return file

    def overlay(self, number: int, root: Path, file: Path, text: str, copied: Collection[str] = ()) -> Path:
        """A folder that looks like `root` and in which `file`, which is below it, has this text.

        Every folder on the way to the file is a real one, whose other entries are links to the user's; files
        named in `copied` are copies, as a program would write through a link.
        """
        own = self.base() / str(number)
        own.mkdir(mode=0o700, exist_ok=True)
        top = here = own / (root.name or "root")
        there = root
        here.mkdir(mode=0o700)
        _link_packages(root, own)
        parts = file.relative_to(root).parts
        for part in parts:
            self._link_all(there, here, part, copied)
            there, here = there / part, here / part
            if part is not parts[-1]:
                here.mkdir(mode=0o700)
        _write(here, text)
        return top

    def _link_all(self, there: Path, here: Path, but: str, copied: Collection[str]) -> None:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(there) as entries:
            for entry in entries:
                if entry.name == but or entry.path == str(self._base):
                    continue
                if entry.name in copied and entry.is_file():
                    shutil.copyfile(entry.path, here / entry.name)
                else:
                    (here / entry.name).symlink_to(entry.path)

    def close(self) -> None:
        if self._base is not None:
            shutil.rmtree(self._base, ignore_errors=True)
            self._base = None


def _link_packages(root: Path, own: Path) -> None:
    """Packages are looked for in all folders above, too, where only a part of a project is open."""
    for folder in root.parents:
        if (folder / "node_modules").is_dir():
            (own / "node_modules").symlink_to(folder / "node_modules")
            break


def _write(file: Path, text: str) -> Path:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(text.encode("utf-8", "surrogatepass"))
    return file


def _remove_stale() -> None:
    """What servers left that were killed. A day old: another's process may not be visible from here."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError, ValueError):
            pid = int(folder.name.removeprefix(PREFIX).partition("-")[0])
            if time.time() - folder.lstat().st_mtime > STALE and not _lives(pid) and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
