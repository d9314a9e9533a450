"""`spark-lsp fix PATH...`: what checkers find is mended, checked again, and shown as a patch or written."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from spark_lsp.cli.complete import Stderr
from spark_lsp.cli.files import project_root, settings_in_force
from spark_lsp.cli.fix_faults import Gathered, Scope, checkers_named, from_checkers, from_file
from spark_lsp.cli.fix_files import Backup, replace_file
from spark_lsp.cli.fix_report import FileReport, Report
from spark_lsp.config import Config
from spark_lsp.engine.check import Checks
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.mend import Faulty, Mender
from spark_lsp.errors import SparkError, UsageError

AT_ONCE = 4
"""Files that are worked on at a time. How many questions a server is asked at a time is its own limit."""


@dataclass(frozen=True, slots=True)
class Options:
    """As in `spark-lsp fix --help`."""

    source: str | None = None
    apply: bool = False
    diff: bool = False
    verify: str | None = None
    as_json: bool = False
    sarif: Path | None = None
    config: Path | None = None


async def run(paths: Sequence[Path], options: Options) -> int:
    """Returns 1 when something is left, 143 when it was told to end. Raises UsageError."""
    with _told_to_end() as is_told:
        try:
            return await _run(paths, options)
        except asyncio.CancelledError:
            if not is_told():
                raise
            return 128 + signal.SIGTERM


@contextmanager
def _told_to_end() -> Iterator[Callable[[], bool]]:
    """SIGTERM ends us as Ctrl-C does: with what we started, and our files."""
    loop, task, told = asyncio.get_running_loop(), asyncio.current_task(), []
    assert task is not None

    def end() -> None:
        told.append(True)
        task.cancel()

    try:
        loop.add_signal_handler(signal.SIGTERM, end)
    except NotImplementedError:  # Windows
        yield lambda: False
        return
    try:
        yield lambda: bool(told)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def _run(paths: Sequence[Path], options: Options) -> int:
    if options.apply and options.diff:
        raise UsageError("either --apply, which writes, or --diff, which only shows")
    if options.sarif is not None and not options.sarif.absolute().parent.is_dir():
        raise UsageError(f"there is no folder for {options.sarif}")
    console = Console(stderr=True)
    config = _settings(settings_in_force(options.config, _first_root(paths)), options)
    scope = Scope.of(paths, config)
    checks = Checks(config.actions)
    try:
        gathered = await _gather(options, config, scope, checks)
        report = Report(options.source or "actions.verify", skipped=gathered.skipped)
        if gathered.faulty:
            await _mend_all(gathered, scope, config, checks, options, report, console)
    finally:
        await checks.aclose()
    _print(report, options, console)
    return 0 if report.is_done else 1


def _first_root(paths: Sequence[Path]) -> Path:
    return project_root(paths[0] / "_" if paths[0].is_dir() else paths[0])


def _settings(config: Config, options: Options) -> Config:
    """The settings without learning and asking ahead. Who found a fault judges its fix, too."""
    actions = config.actions
    named = checkers_named(options.source, config)
    if not isinstance(named, Path):
        actions = replace(
            actions, verify=tuple(dict.fromkeys((*(one.name for one in named), *actions.verify)))
        )
    if options.verify is not None:
        words = _words(options.verify)
        actions = replace(actions, tests=tuple(words))
    return replace(
        config,
        actions=actions,
        workspace=replace(config.workspace, enabled=False),
        prefetch=replace(config.prefetch, enabled=False),
    )


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--verify {command!r}: {error}") from error
    if not words:
        raise UsageError("--verify needs a command")
    return words


async def _gather(options: Options, config: Config, scope: Scope, checks: Checks) -> Gathered:
    named = checkers_named(options.source, config)
    if isinstance(named, Path):
        return from_file(named, scope)
    return await from_checkers(named, scope, checks, needed=options.source is not None)


async def _mend_all(
    gathered: Gathered,
    scope: Scope,
    config: Config,
    checks: Checks,
    options: Options,
    report: Report,
    console: Console,
) -> None:
    engine = Engine(config, Stderr())
    try:
        await engine.start(sorted(set(scope.roots.values())))
        mender = await engine.mender(checks)
        against = mender.against()
        if against:
            raise SparkError(against)
        backups = {root: Backup(root) for root in scope.roots.values()}
        total = sum(len(file.said) for file in gathered.faulty)
        try:
            with _progress(console, total) as tell:
                await _mend_files(gathered, mender, options, report, backups, tell)
        finally:
            report.backups = [one.folder for one in backups.values() if one.folder is not None]
            for folder in report.backups:
                console.print(
                    f"what was there before: {folder}", soft_wrap=True, highlight=False, markup=False
                )
    finally:
        await engine.close()


async def _mend_files(
    gathered: Gathered,
    mender: Mender,
    options: Options,
    report: Report,
    backups: dict[Path, Backup],
    tell: Callable[[], None],
) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(file: Faulty) -> None:
        async with slots:
            mended = await mender.mend(file, tell)
        source = gathered.sources[file.path]
        text, problem = source.rewritten(mended.text), ""
        if options.apply and text != source.text:
            try:
                replace_file(source, source.encoded(text), backups[file.root])
            except UsageError as error:
                text, problem = source.text, str(error)
        report.files.append(FileReport(file.path, source.text, text, mended.faults, problem))

    report.is_applied = options.apply
    try:
        async with asyncio.TaskGroup() as group:
            for file in gathered.faulty:
                group.create_task(one(file))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    report.files.sort(key=lambda file: file.path)


class _progress:  # noqa: N801  # a context, read as one
    """A bar on a terminal, nothing elsewhere. Gives what is called for each fault that is dealt with."""

    def __init__(self, console: Console, total: int) -> None:
        self._bar = Progress(
            TextColumn("fixing"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("fixing", total=total)

    def __enter__(self) -> Callable[[], None]:
        self._bar.start()
        return lambda: self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _print(report: Report, options: Options, console: Console) -> None:
    if options.sarif is not None:
        report.write_sarif(options.sarif)
    if options.as_json:
        print(report.as_json())
    elif not options.apply:
        patch = "".join(file.diff() for file in report.files)
        # Bytes: a patch of a file with \r\n has \r\n, on every system.
        sys.stdout.buffer.write(patch.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
    with suppress(BrokenPipeError):
        report.print_table(console)
