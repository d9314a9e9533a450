"""The files of a workspace that are worth learning from, and what may not be read at all.

Two questions are kept apart. `Ignores` says what its owner keeps from us: files
named in .gitignore and its like, and files that look like secrets. That holds
for open documents too. `discover` asks more: whether a file is code that
somebody wrote, or was built, downloaded, generated or packed.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from spark_lsp.config.patterns import Pattern, patterns, verdict
from spark_lsp.config.secrets import looks_secret

HEAD_BYTES = 4096
LONGEST_LINE = 2000  # a line in the head of a file that people write stays below this
MAX_IGNORE_BYTES = 1 << 20

Chain = tuple[tuple[str, Sequence[Pattern]], ...]
"""The patterns of one ignore file's name that hold in a folder, nearest first, each with the way to there."""

_DEPENDENCIES = {"node_modules", "bower_components", "jspm_packages", "site-packages", "dist-packages"}
_DEPENDENCIES |= {"__pycache__", "DerivedData"}
# These are also names of packages that people write: left out only where they do not hold one.
_OUTPUT = {"build", "dist", "out", "target", "obj", "vendor", "venv", "env", "coverage", "htmlcov"}
_LATER = {"test", "tests", "testing", "spec", "specs", "__tests__", "testdata", "fixtures", "doc", "docs"}
_LATER |= {"example", "examples", "sample", "samples", "benchmark", "benchmarks", "demo", "demos"}

_NOT_CODE_TEXT = """
    .png .jpg .jpeg .gif .bmp .ico .icns .webp .avif .tif .tiff .psd .svg .mp3 .mp4 .wav .ogg .flac
    .webm .mov .avi .pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .ttf .otf .woff .woff2 .eot
    .zip .gz .bz2 .xz .zst .7z .tar .tgz .jar .war .whl .egg .deb .rpm .dmg .iso .exe .dll .so .dylib .a
    .o .lib .obj .pyc .pyo .pyd .class .wasm .beam .node .bin .dat
    .db .sqlite .sqlite3 .parquet .feather .arrow .npy .npz .pkl .pickle .h5 .hdf5 .onnx .pt
    .safetensors .gguf .csv .tsv .jsonl .ndjson .geojson .ipynb .log .patch .diff .po .mo .snap
    .lock .map .min.js .min.css .min.mjs .bundle.js .pb.go _pb2.py _pb2.pyi _pb2_grpc.py .pb.cc .pb.h
    .g.dart package-lock.json npm-shrinkwrap.json pnpm-lock.yaml go.sum
"""
_NOT_CODE = tuple(_NOT_CODE_TEXT.split())
_GENERATED = re.compile(rb"@generated\b|generated.{0,200}?do\s+not\s+(?:edit|modify|change)", re.I | re.S)
_GENERATED_REVERSED = re.compile(rb"do\s+not\s+(?:edit|modify|change).{0,200}?generated", re.I | re.S)
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Found(NamedTuple):
    """A file to learn from. `size` is in bytes."""

    path: Path
    size: int


def discover(
    root: Path,
    *,
    ignore_files: Sequence[str],
    max_files: int,
    max_bytes: int,
    stop: Callable[[], bool],
) -> Iterator[Found]:
    """The files under `root` that are worth learning from: near ones first, tests and examples last.

    The order is the same for the same tree. Links are not followed: what they
    lead to inside the workspace is found where it stands. `stop` is asked at
    each entry. What cannot be read is passed over, and a workspace that goes
    away in the middle ends the search.
    """
    ignores = Ignores(root, ignore_files)
    folders = deque([(ignores.root, ignores.at_root())])
    later: deque[tuple[str, Rules]] = deque()
    count = 0
    while folders or later:
        folder, rules = (folders or later).popleft()
        for entry in _entries(folder):
            if stop() or count >= max_files:
                return
            if _is_folder(entry):
                if _worth_entering(entry) and not rules.ignore(entry.name, folder=True):
                    queue = later if entry.name.lower() in _LATER else folders
                    queue.append((entry.path, ignores.below(rules, entry.path)))
            elif (
                (size := _size_of_code(entry, max_bytes))
                and not rules.ignore(entry.name, folder=False)
                and _written_by_people(entry.path)
            ):
                count += 1
                yield Found(Path(entry.path), size)


def read(path: Path, max_bytes: int) -> str | None:
    """A file's text, with its line ends; None when it is gone, larger than that, or not text.

    UTF-8, or what its byte order mark says.
    """
    content = _content(str(path), max_bytes)
    if content is None:
        return None
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def resolved(path: str | Path) -> str:
    """Where the path leads to through all links; as it is where that cannot be told."""
    try:
        return os.path.realpath(path)
    except ValueError:  # it holds a NUL
        return os.path.abspath(path)


class Rules(NamedTuple):
    """What is ignored among the entries of one folder."""

    chains: tuple[Chain, ...]

    def ignore(self, name: str, *, folder: bool) -> bool:
        """Whether any of the ignore files keeps this entry from us.

        They are asked apart, so that no .aiignore brings back what .gitignore leaves out.
        """
        name = f"{name}/" if folder else name
        return any(_decided(chain, name) for chain in self.chains)

    def below(self, name: str, own: Sequence[Sequence[Pattern]]) -> Rules:
        """The rules in a folder of this one, `own` being the patterns that stand in it, by ignore file."""
        return Rules(
            tuple(
                (
                    *((("", found),) if found else ()),
                    *((f"{way}{name}/", upper) for way, upper in chain),
                )
                for chain, found in zip(self.chains, own, strict=True)
            )
        )


class Ignores:
    """What the ignore files of a workspace and of the repository around it say, read when asked and kept.

    An ignore file that changed is read again.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = os.path.abspath(root)
        self.names = tuple(names)
        self._kept: dict[str, tuple[tuple[int, int, int], Sequence[Pattern]]] = {}

    def ignored(self, path: Path) -> bool:
        """Whether this file is ignored, by itself or through a folder above it, or looks like a secret.

        A file outside of the workspace is judged by its name alone.
        """
        if looks_secret(path.name):
            return True
        parts = self._parts(path)
        rules = self.at_root()
        folder = self.root
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            if rules.ignore(part, folder=not last):
                return True
            if not last:
                folder = os.path.join(folder, part)
                rules = self.below(rules, folder)
        return False

    def at_root(self) -> Rules:
        """The rules in the workspace's own folder.

        Git's repository may begin further up. Where it ignores the workspace as
        a whole, as a repository over a home folder does, opening it says otherwise.
        """
        top = os.path.realpath(self.root)
        way: list[str] = []
        while not os.path.exists(os.path.join(top, ".git")):
            top, name = os.path.split(top)
            if not name:
                return self._first(self.root)
            way.append(name)
        rules = self._first(top)
        folder = top
        for name in reversed(way):
            if rules.ignore(name, folder=True):
                return self._first(self.root)
            folder = os.path.join(folder, name)
            rules = self.below(rules, folder)
        return rules

    def below(self, rules: Rules, folder: str) -> Rules:
        """The rules in `folder`, those of the folder that holds it being `rules`."""
        return rules.below(os.path.basename(folder), [self._patterns(folder, name) for name in self.names])

    def _first(self, folder: str) -> Rules:
        chains = []
        for name in self.names:
            files = [self._patterns(folder, name)]
            if name == ".gitignore":
                files.append(self._patterns(os.path.join(folder, ".git", "info"), "exclude"))
            chains.append(tuple(("", found) for found in files if found))
        return Rules(tuple(chains))

    def _parts(self, path: Path) -> tuple[str, ...]:
        for file, root in (
            (os.path.abspath(path), self.root),
            (resolved(path), resolved(self.root)),
        ):
            if Path(file).is_relative_to(root):
                return Path(file).relative_to(root).parts
        return ()

    def _patterns(self, folder: str, name: str) -> Sequence[Pattern]:
        path = os.path.join(folder, name)
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            self._kept.pop(path, None)
            return ()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        kept = self._kept.get(path)
        if kept is None or kept[0] != stamp:
            content = _content(path, MAX_IGNORE_BYTES)
            if content is None:
                return ()
            text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
            kept = self._kept[path] = (stamp, patterns(text.split("\n")))
        return kept[1]


def _decided(chain: Chain, name: str) -> bool:
    for way, found in chain:
        taken = verdict(found, way + name)
        if taken is not None:
            return taken
    return False


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _worth_entering(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    if name.startswith(".") or name in _DEPENDENCIES or name.endswith((".egg-info", ".dist-info")):
        return False
    if name in _OUTPUT:
        return os.path.exists(os.path.join(entry.path, "__init__.py"))
    return not os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))


def _size_of_code(entry: os.DirEntry[str], max_bytes: int) -> int:
    """The file's size in bytes; 0 when its name, kind or size says that it is not code."""
    name = entry.name.lower()
    if name.endswith(_NOT_CODE) or looks_secret(name):
        return 0
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_size <= max_bytes else 0


def _written_by_people(path: str) -> bool:
    """Whether the file's head is text that was not generated or packed, and no private key."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if b"\0" in head[:1024] or _PRIVATE_KEY.search(head):
        return False
    if any(marker.search(head, 0, 1024) for marker in (_GENERATED, _GENERATED_REVERSED)):
        return False
    return max(map(len, head.splitlines()), default=0) < LONGEST_LINE


def _content(path: str, max_bytes: int) -> bytes | None:
    try:
        # A pipe or a device of that name would keep us reading for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            content = file.read(max_bytes + 1)
    except (OSError, ValueError):
        return None
    return content if len(content) <= max_bytes else None
