"""Kind `local`: what a child process is to serve, and where those who want the same one meet."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

import orjson

from spark_lsp.config import BackendSettings
from spark_lsp.errors import RequestRejected

MAGIC = b"GGUF"
CONTEXT = 8_192  # tokens of each slot
SMALL_MACHINE = 8 << 30  # bytes of memory; below this the context is halved

_UNFIT = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a child is told. Equal plans share one child. `context_tokens` is of each slot."""

    model_file: str
    threads: int
    context_tokens: int
    slots: int
    idle_seconds: int

    @classmethod
    def of(cls, settings: BackendSettings) -> Self:
        """The plan for `settings` on this machine; what they leave open is by its cores and its memory.

        One core is left to the editor: with all of them taken and any other load beside it, llama.cpp
        generated less than a token a second.
        """
        memory = machine_memory()
        small = memory is not None and memory < SMALL_MACHINE
        return cls(
            model_file=str(Path(os.path.realpath(os.path.expanduser(settings.model_file)))),
            threads=settings.threads or max(1, (os.cpu_count() or 2) - 1),
            context_tokens=settings.context_tokens or (CONTEXT // 2 if small else CONTEXT),
            slots=settings.slots or 1,
            idle_seconds=settings.idle_minutes * 60,
        )

    @property
    def model(self) -> str:
        """The file's name without its ending: the prompt table goes by it."""
        return Path(self.model_file).stem

    def encode(self) -> str:
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        return cls(**orjson.loads(text))

    def check(self) -> None:
        """Raises RequestRejected for a file that no child could serve: none is started to find that out."""
        advice = "correct `model_file`: the path of a GGUF file"
        try:
            with open(self.model_file, "rb") as file:
                magic = file.read(len(MAGIC))
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise RequestRejected(
                f"the model file {self.model_file} cannot be read: {error.strerror}", advice=advice
            ) from error
        if magic != MAGIC:
            raise RequestRejected(f"the model file {self.model_file} is not GGUF", advice=advice)
        memory = machine_memory()
        if memory is not None and size > memory:
            raise RequestRejected(
                f"the model file has {size / 1e9:.1f} GB and this machine {memory / 1e9:.1f} GB of memory",
                advice="take a smaller model, or a smaller quantisation of it",
            )


class Meeting:
    """The files by which users of one plan find its child. In a folder that only this user may enter.

    `lock` is held by the child while it lives, `place` says where it listens and how to prove that one may
    talk to it, `log` has its last words. A file that was replaced is another model, hence its inode and time.
    """

    def __init__(self, plan: Plan, folder: Path | None = None) -> None:
        self._folder = folder or default_folder()
        stat = os.stat(plan.model_file)
        # A home folder may be shared between machines, and a lock or a port means nothing on another one.
        identity = [plan.encode(), stat.st_ino, stat.st_mtime_ns, stat.st_size, platform.node()]
        digest = sha256(orjson.dumps(identity)).hexdigest()[:16]
        self._stem = f"{_UNFIT.sub('-', plan.model)[:40]}-{digest}"

    def prepare(self) -> None:
        """Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def lock(self) -> Path:
        return self._folder / f"{self._stem}.lock"

    @property
    def place(self) -> Path:
        return self._folder / f"{self._stem}.json"

    @property
    def log(self) -> Path:
        return self._folder / f"{self._stem}.log"


def default_folder() -> Path:
    # Imported here: 15 ms that the server's start need not pay for.
    from platformdirs import user_cache_path

    return user_cache_path("spark-lsp", appauthor=False) / "local"


def machine_memory() -> int | None:
    """Bytes of memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
