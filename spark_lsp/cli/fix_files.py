"""Files that are changed in place: whole or not at all, with a copy of what was there.

The order in which it is done is the promise. First the old bytes are copied to
`.spark-lsp-backup/TIME/` in the project's folder, and are on the disk; then the new ones are written beside
the file, and are on the disk; then one rename puts them in its place. Whatever ends us in between, the file
is the old or the new one, and once it is the new one the copy is there.
"""

from __future__ import annotations

import codecs
import os
import shutil
import stat
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from spark_lsp.actions.edits import changes
from spark_lsp.errors import UsageError
from spark_lsp.text import line_body, split_lines

BACKUPS = ".spark-lsp-backup"
KEPT = 10
"""Backups of a project; the oldest ones go."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it is on disk. `text` has its own line ends and no byte order mark."""

    path: Path
    content: bytes
    text: str

    @classmethod
    def read(cls, path: Path, most: int) -> Source:
        """Raises UsageError when it is not UTF-8 text."""
        try:
            if not stat.S_ISREG(path.stat().st_mode) or path.stat().st_size > most:
                raise UsageError("is no file of text")
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}") from error
        try:
            text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError("is not UTF-8 text") from error
        if "\0" in text:
            raise UsageError("is not text")
        return cls(path, content, text)

    def rewritten(self, text: str) -> str:
        """`text`, whose line ends are \\n, with those of this file: lines that stay keep theirs, new ones get
        the usual one."""
        old = split_lines(self.text)
        ends = [line[len(line_body(line)) :] for line in old]
        usual = Counter(end for end in ends if end).most_common(1)
        newline = usual[0][0] if usual else "\n"
        bodies = text.split("\n")
        kept: list[str] = []
        at = 0
        for change in changes([line_body(line) for line in old], bodies):
            kept += ends[at : change.first]
            kept += [newline] * len(change.lines)
            at = change.last
        kept += ends[at:]
        # Only the last line has no end, whichever line that is now.
        joined = [body + (end or newline) for body, end in zip(bodies, kept, strict=True)]
        joined[-1] = bodies[-1]
        return "".join(joined)

    def encoded(self, text: str) -> bytes:
        """Bytes, with a byte order mark where this file has one."""
        mark = codecs.BOM_UTF8 if self.content.startswith(codecs.BOM_UTF8) else b""
        return mark + text.encode("utf-8")


class Backup:
    """Where a run puts the old files of a project. `folder` is None until there is the first one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder: Path | None = None

    def keep(self, source: Source) -> None:
        """Copy a file's bytes, on the disk when this returns."""
        if self.folder is None:
            self.folder = self._make()
        place = self.folder / source.path.relative_to(self._root)
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place, "xb") as file:
            file.write(source.content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(source.path, place)
        _sync_folder(place.parent)

    def _make(self) -> Path:
        base = self._root / BACKUPS
        base.mkdir(exist_ok=True)
        ignore = base / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        while True:
            # By name they are in the order of their making.
            folder = base / datetime.now().strftime("%Y%m%d-%H%M%S-%f")
            with suppress(FileExistsError):
                folder.mkdir()
                _remove_oldest(base)
                return folder


def replace_file(source: Source, content: bytes, backup: Backup) -> None:
    """Put `content` in a file's place.

    Raises UsageError when the file is not what it was, or cannot be written; then it is as it was.
    """
    try:
        if source.path.read_bytes() != source.content:
            raise UsageError("was changed by somebody else meanwhile: it is left alone")
        backup.keep(source)
        _replace(source.path, content)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}") from error


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".spark-lsp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            shutil.copymode(path, name)
            with suppress(OSError, AttributeError):  # only root can give a file away
                os.chown(name, path.stat().st_uid, path.stat().st_gid)
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows does not open folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_oldest(base: Path) -> None:
    made = sorted(item for item in base.iterdir() if item.is_dir())
    for folder in made[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
