"""What `spark-lsp fix` is to mend: what a checker, or a file that one has written, says of some files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spark_lsp.actions import sarif
from spark_lsp.actions.checkers import CHECKERS, READERS, Checker, by_file, own_checker
from spark_lsp.actions.readers import Finding
from spark_lsp.cli.files import MAX_FILE_BYTES, language_of, project_root
from spark_lsp.cli.fix_files import Source
from spark_lsp.config import Config
from spark_lsp.engine.check import Checks
from spark_lsp.engine.mend import Faulty
from spark_lsp.engine.programs import marked
from spark_lsp.errors import CheckerError, UsageError
from spark_lsp.text import line_body, split_lines
from spark_lsp.values import Diagnostic
from spark_lsp.workspace.discover import discover

MOST_FILES = 100_000
LOG_BYTES = 64 << 20
COUNTED = ("error", "warning")


@dataclass(slots=True)
class Gathered:
    """The files that have faults, with their bytes, and what could not be looked at, with the reason."""

    faulty: list[Faulty] = field(default_factory=list)
    sources: dict[Path, Source] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """The files that were named, or lie in folders that were, each with its project's folder."""

    named: tuple[Path, ...]
    roots: dict[Path, Path]

    @classmethod
    def of(cls, paths: Sequence[Path], config: Config) -> Scope:
        """Raises UsageError for a path that is not there."""
        roots: dict[Path, Path] = {}
        named = []
        for path in paths:
            if not path.exists():
                raise UsageError(f"there is no file or folder {path}")
            path = path.resolve()
            named.append(path)
            for file in _files(path, config):
                roots[file] = project_root(file)
        return cls(tuple(named), roots)


def _files(path: Path, config: Config) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for found in discover(
        path,
        ignore_files=config.privacy.ignore_files,
        max_files=MOST_FILES,
        max_bytes=config.workspace.max_file_bytes,
        stop=lambda: False,
    ):
        yield found.path


def checkers_named(name: str | None, config: Config) -> tuple[Checker, ...] | Path:
    """Who is meant by --from: a checker, a file, or, where nothing is said, all of `actions.verify`.

    Raises UsageError.
    """
    own = {key: own_checker(key, entry) for key, entry in config.actions.checkers.items()}
    known = {**CHECKERS, **own}
    if name is None:
        return tuple(known[one] for one in config.actions.verify)
    if name in known:
        return (known[name],)
    if Path(name).is_file():
        return Path(name)
    raise UsageError(f"--from {name}: there is no such file, and no such checker ({', '.join(known)})")


async def from_checkers(
    checkers: Sequence[Checker], scope: Scope, checks: Checks, *, needed: bool
) -> Gathered:
    """What they say of the files on disk. Raises UsageError where none can be run, and where they are
    `needed` for one that cannot."""
    gathered = Gathered()
    said: dict[Path, dict[str, tuple[Diagnostic, ...]]] = {}
    ran: dict[Path, list[Checker]] = {}
    ran_any = False
    for checker in checkers:
        for folder, root, files in _groups(checker, scope):
            try:
                found = await _said_by(checker, folder, root, files, scope, checks, gathered)
            except CheckerError as error:
                if needed:
                    raise UsageError(f"{error}{_hint(str(error))}") from error
                gathered.skipped[checker.name] = str(error).removeprefix(f"{checker.name} ")
                continue
            ran_any = True
            for file in files:
                ran.setdefault(file, []).append(checker)
                if found.get(file):
                    said.setdefault(file, {})[checker.name] = tuple(found[file])
    if not ran_any and gathered.skipped:
        reasons = "; ".join(f"{name} {why}" for name, why in gathered.skipped.items())
        raise UsageError(f"no checker can be run: {reasons}")
    for file, by_name in said.items():
        own = tuple(checker for checker in ran[file] if checker.name in by_name)
        _add(gathered, file, scope, [item for one in by_name.values() for item in one], own)
    return gathered


def _groups(checker: Checker, scope: Scope) -> Iterator[tuple[Path, Path, list[Path]]]:
    """The files of its languages, by the folder that it runs in."""
    groups: dict[tuple[Path, Path], list[Path]] = {}
    for file, root in scope.roots.items():
        if checker.languages and language_of(file) not in checker.languages:
            continue
        folder = marked(checker, file, root)
        if folder is not None:
            groups.setdefault((folder, root), []).append(file)
    for (folder, root), files in groups.items():
        yield folder, root, files


async def _said_by(
    checker: Checker,
    folder: Path,
    root: Path,
    files: Sequence[Path],
    scope: Scope,
    checks: Checks,
    gathered: Gathered,
) -> Mapping[Path, tuple[Diagnostic, ...]]:
    """Raises CheckerError."""
    if checker.survey:
        inside = [path for path in scope.named if path.is_relative_to(root)]
        paths = inside or [folder]

        def text_of(path: str) -> str:
            source = _source(Path(path), gathered)
            return "" if source is None else source.text

        return await checks.survey(checker, folder, root, paths, text_of)
    said = {}
    for file in files:
        source = _source(file, gathered)
        if source is None:
            continue
        report = await checks.check(file, root, language_of(file), source.text, checkers=(checker,))
        if report.missing:
            raise CheckerError(f"{checker.name} is not installed")
        for name, why in report.failed.items():
            raise CheckerError(why if why.startswith(name) else f"{name} {why}")
        said[file] = report.diagnostics
    return said


def from_file(log: Path, scope: Scope) -> Gathered:
    """What a log says: SARIF of any tool, or what ruff, pyright, eslint, tsc and compilers print.

    Raises UsageError when nothing can be made of it.
    """
    if log.stat().st_size > LOG_BYTES:
        raise UsageError(f"{log} is larger than {LOG_BYTES >> 20} MB")
    document = log.read_text("utf-8", "replace").removeprefix("\ufeff")
    gathered = Gathered()

    def text_of(path: str) -> str:
        source = _source(Path(path), gathered) if Path(path) in scope.roots else None
        return "" if source is None else source.text

    found = _findings(log, document)
    for path, items in by_file(found, os.getcwd(), text_of).items():
        file = Path(os.path.realpath(path))
        if file in scope.roots:
            names = {item.source.lower() for item in items}
            again = tuple(CHECKERS[name] for name in CHECKERS if name in names)
            # All of them, or nobody can tell what else went along with an edit.
            _add(gathered, file, scope, items, again if len(again) == len(names) else ())
    return gathered


def _findings(log: Path, document: str) -> list[tuple[str, Finding]]:
    is_json = document.lstrip()[:1] in ("{", "[")
    if not is_json:
        name = "tsc" if "): error TS" in document else "lines"
        return [(name if name == "tsc" else log.stem, item) for item in READERS[name](document, "")]
    try:
        return list(sarif.sourced(document))
    except CheckerError as no_sarif:
        for name in ("ruff", "pyright", "eslint", "mypy", "cargo"):
            try:
                found = list(READERS[name](document, ""))
            except CheckerError:
                continue
            if found:
                return [(name, item) for item in found]
        raise UsageError(f"{log}: {no_sarif}, nor what a known checker writes") from no_sarif


def _add(
    gathered: Gathered, file: Path, scope: Scope, said: Sequence[Diagnostic], checkers: tuple[Checker, ...]
) -> None:
    source = _source(file, gathered)
    counted = tuple(item for item in said if item.severity in COUNTED)
    if source is None or not counted:
        return
    text = "\n".join(map(line_body, split_lines(source.text)))
    ordered = tuple(sorted(counted, key=lambda item: (item.line, item.column)))
    gathered.faulty.append(Faulty(file, scope.roots[file], language_of(file), text, ordered, checkers))


def _source(file: Path, gathered: Gathered) -> Source | None:
    if file in gathered.sources:
        return gathered.sources[file]
    try:
        source = Source.read(file, MAX_FILE_BYTES)
    except UsageError as error:
        gathered.skipped[str(file)] = str(error)
        return None
    gathered.sources[file] = source
    return source


def _hint(message: str) -> str:
    if message.endswith("is not installed"):
        return ": it is not on PATH (one in .venv or node_modules needs actions.project_tools)"
    return ""
