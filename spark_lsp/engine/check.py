"""Runs checkers over one file with a text that is nowhere on disk, and says what they say."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from platformdirs import user_cache_path

from spark_lsp.actions.checkers import Checker, for_language, read, read_all
from spark_lsp.config.settings import ActionSettings
from spark_lsp.engine.process import Ended, environment, run
from spark_lsp.engine.programs import arguments, fill, find_program, find_python, marked
from spark_lsp.engine.shadow import Shadows
from spark_lsp.errors import CheckerError
from spark_lsp.values import Diagnostic

_Result = TypeVar("_Result")

AT_ONCE = 2
KEPT = 256  # what was said, of a checker and a text
TAIL = 40  # lines
TRUSTED = 30.0
"""Seconds: what a checker said that reads other files of the project, too, is not believed for longer."""

RUNS_PROJECT = "runs the project's own code: only with actions.project_tools"
ALL = 600.0  # seconds for a checker that looks at a whole project

CACHES = 512 << 20
"""Bytes of checkers' own caches, of all projects."""


@dataclass(frozen=True, slots=True)
class Report:
    """What checkers say of one text.

    `ran` are those that came to an end, `missing` those that are not installed, `failed` says why the
    others did not: hung, crashed, garbage. `took_ms` has all that were started; 0 is what was known.
    """

    diagnostics: tuple[Diagnostic, ...] = ()
    ran: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    took_ms: Mapping[str, float] = field(default_factory=dict)


class _Said(NamedTuple):
    diagnostics: tuple[Diagnostic, ...]
    at: float


class Checks:
    """The checkers of the settings. `close` ends what runs and leaves no file."""

    def __init__(
        self, settings: ActionSettings, *, environ: Mapping[str, str] | None = None, cache: Path | None = None
    ) -> None:
        self._settings = settings
        self._environ = dict(os.environ if environ is None else environ)
        self._cache = cache or user_cache_path("spark-lsp", appauthor=False) / "checkers"
        self._shadows = Shadows()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._said: OrderedDict[tuple[str, ...], _Said] = OrderedDict()
        self._running: set[asyncio.Task[object]] = set()
        self._is_trimmed = False
        self._closed = asyncio.Event()

    @property
    def has_tests(self) -> bool:
        """Whether the settings name tests that have to pass."""
        return bool(self._settings.tests)

    def checkers(self, language: str) -> tuple[Checker, ...]:
        """Who is asked of a language."""
        return for_language(self._settings.verify, language, self._settings.checkers)

    async def check(
        self, path: Path, root: Path, language: str, text: str, *, checkers: Sequence[Checker] | None = None
    ) -> Report:
        """What the checkers of the settings, or these, say of `path` if it had this text.

        `root` is the project's folder, `path` a file in it that need not be there yet.
        """
        path, root = _absolute(path), _absolute(root)
        if not path.is_relative_to(root):
            root = path.parent
        asked = self.checkers(language) if checkers is None else checkers
        outcomes = await asyncio.gather(*(self._outcome(checker, path, root, text) for checker in asked))
        return _report(asked, outcomes)

    async def _outcome(self, checker: Checker, path: Path, root: Path, text: str) -> _Outcome:
        mark = marked(checker, path, root)
        if mark is None:
            return _Outcome(is_asked=False)
        if checker.runs_project and not self._settings.project_tools:
            return _Outcome(failed=RUNS_PROJECT)
        program = find_program(checker.command[0], mark, root, self._environ, self._settings.project_tools)
        if program is None:
            return _Outcome(is_missing=True)
        key = (checker.name, str(path), str(root), _digest(text), _fingerprint(checker, path, root))
        known = self._said.get(key)
        if known is not None and (checker.stdin or time.monotonic() - known.at < TRUSTED):
            self._said.move_to_end(key)
            return _Outcome(known.diagnostics)
        began = time.perf_counter()
        try:
            async with self._slots:
                # What is open may be a folder within the module.
                top = mark if root.is_relative_to(mark) else root
                diagnostics = await self._run(checker, program, path, mark, top, text)
        except CheckerError as error:
            return _Outcome(failed=str(error), took_ms=(time.perf_counter() - began) * 1000)
        self._said[key] = _Said(diagnostics, time.monotonic())
        while len(self._said) > KEPT:
            self._said.popitem(last=False)
        return _Outcome(diagnostics, took_ms=(time.perf_counter() - began) * 1000)

    async def _run(
        self, checker: Checker, program: Path, path: Path, folder: Path, top: Path, text: str
    ) -> tuple[Diagnostic, ...]:
        """Raises CheckerError."""
        number = self._shadows.claim()
        try:
            words = {"file": str(path), "folder": str(folder)}
            if any("{cache}" in word for word in checker.command):
                words["cache"] = str(await _in_thread(self._cache_of, checker, folder))
            place = folder
            if checker.shadow == "file":
                shadow = await _in_thread(self._shadows.file, number, path.name, text + checker.ending)
                words["text"] = str(shadow)
            elif checker.shadow == "folder":
                copy = await _in_thread(self._shadows.overlay, number, top, path, text, checker.copied)
                place = copy / folder.relative_to(top)
                words |= {"file": str(copy / path.relative_to(top)), "folder": str(place)}
            words["package"] = f"./{path.parent.relative_to(folder).as_posix()}"
            words |= await _in_thread(self._more_words, checker, number, folder)
            command = [str(program), *arguments(checker, checker.command, words)]
            ended = await self._start(command, place, checker.environment, text if checker.stdin else None)
            return read(
                checker,
                ended.output,
                ended.errors,
                ended.status,
                words["file"],
                folder=str(place),
                text=text,
            )
        except OSError as error:
            raise CheckerError(f"no copy can be made for it: {error}") from error
        finally:
            await _in_thread(self._shadows.release, number)

    async def survey(
        self,
        checker: Checker,
        folder: Path,
        root: Path,
        paths: Sequence[Path],
        text_of: Callable[[str], str],
    ) -> Mapping[Path, tuple[Diagnostic, ...]]:
        """What a checker that has a `survey` says of files and folders as they are on disk, by file; it may
        say something of others, too. `folder` is where it runs, `text_of` gives the text of a path.

        Raises CheckerError.
        """
        if checker.runs_project and not self._settings.project_tools:
            raise CheckerError(f"{checker.name} {RUNS_PROJECT}")
        program = find_program(checker.command[0], folder, root, self._environ, self._settings.project_tools)
        if program is None:
            raise CheckerError(f"{checker.name} is not installed")
        number = self._shadows.claim()
        try:
            words = {"folder": str(folder), "cache": str(await _in_thread(self._cache_of, checker, folder))}
            words |= await _in_thread(self._more_words, checker, number, folder)
            command = [str(program), *arguments(checker, checker.survey, words, list(map(str, paths)))]
            async with self._slots:
                ended = await self._start(command, folder, checker.environment, None, ALL)
        except CheckerError as error:
            raise CheckerError(f"{checker.name} {error}") from error
        finally:
            await _in_thread(self._shadows.release, number)
        said = read_all(
            checker, ended.output, ended.errors, ended.status, folder=str(folder), text_of=text_of
        )
        return {Path(path): found for path, found in said.items()}

    async def tests(self, path: Path, root: Path, text: str) -> str:
        """Why the tests that the settings name do not pass if `path` has this text; "" when they do, or when
        none are named."""
        if not self._settings.tests:
            return ""
        path, root = _absolute(path), _absolute(root)
        name, *words = self._settings.tests
        program = find_program(name, root, root, self._environ, self._settings.project_tools)
        if program is None:
            return f"{name} is not installed"
        number = self._shadows.claim()
        try:
            place = await _in_thread(self._shadows.overlay, number, root, path, text)
            gaps = {"file": str(place / path.relative_to(root)), "folder": str(place)}
            command = [str(program), *(fill(word, gaps) for word in words)]
            async with self._slots:
                ended = await self._start(command, place, {}, None)
        except CheckerError as error:
            return f"{name}: {error}"
        except OSError as error:
            return f"no copy can be made for {name}: {error}"
        finally:
            await _in_thread(self._shadows.release, number)
        return "" if ended.status == 0 else _tail(ended)

    async def _start(
        self,
        command: Sequence[str],
        folder: Path,
        more: Mapping[str, str],
        text: str | None,
        seconds: float = 0.0,
    ) -> Ended:
        """A task of ours, so that `aclose` can end it."""
        if self._closed.is_set():
            raise CheckerError("is not started any more")
        task = asyncio.ensure_future(
            run(
                command,
                folder=folder,
                environ=environment(self._environ, more),
                text=text,
                seconds=seconds or self._settings.timeout_ms / 1000,
            )
        )
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            asking = asyncio.current_task()
            if self._closed.is_set() and asking is not None and not asking.cancelling():
                raise CheckerError("was ended") from None
            raise
        finally:
            task.cancel()
            self._running.discard(task)

    def _more_words(self, checker: Checker, number: int, folder: Path) -> dict[str, str]:
        words = {}
        python = find_python(folder, self._environ, self._settings.project_tools)
        if python is not None:
            words["python"] = str(python)
        if checker.tame is not None and not self._settings.project_tools:
            for name in checker.configs:
                with suppress(OSError, UnicodeDecodeError):
                    tamed = checker.tame(name, (folder / name).read_text("utf-8"), str(folder))
                    if tamed is not None:
                        words["config"] = str(self._shadows.file(number, "spark-lsp.ini", tamed))
                        break
        return words

    def _cache_of(self, checker: Checker, folder: Path) -> Path:
        if not self._is_trimmed:
            self._is_trimmed = True
            trim_caches(self._cache, CACHES)
        place = self._cache / _digest(str(folder))[:16] / re.sub(r"\W+", "-", checker.name)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(place.parent)
        return place

    async def aclose(self) -> None:
        """Ends what runs, and waits until it is gone."""
        self._closed.set()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await _in_thread(self._shadows.close)


@dataclass(frozen=True, slots=True)
class _Outcome:
    diagnostics: tuple[Diagnostic, ...] = ()
    failed: str = ""
    is_missing: bool = False
    is_asked: bool = True
    took_ms: float = 0.0


def _report(asked: Sequence[Checker], outcomes: Sequence[_Outcome]) -> Report:
    named = [
        (checker.name, outcome) for checker, outcome in zip(asked, outcomes, strict=True) if outcome.is_asked
    ]
    return Report(
        tuple(item for _, outcome in named for item in outcome.diagnostics),
        tuple(name for name, outcome in named if not (outcome.failed or outcome.is_missing)),
        tuple(name for name, outcome in named if outcome.is_missing),
        {name: outcome.failed for name, outcome in named if outcome.failed},
        {name: outcome.took_ms for name, outcome in named if not outcome.is_missing},
    )


async def _in_thread(work: Callable[..., _Result], *arguments: Any) -> _Result:
    """As `asyncio.to_thread`, but who is cancelled waits: what a thread still writes cannot be removed."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _tail(ended: Ended) -> str:
    """The end of what a program printed: what a person, or a model, looks at first."""
    lines = f"{ended.output}\n{ended.errors}".strip().splitlines()[-TAIL:]
    return "\n".join(lines) or f"it ended with status {ended.status}"


def _fingerprint(checker: Checker, path: Path, root: Path) -> str:
    seen = []
    for folder in path.parents:
        for name in checker.configs:
            try:
                status = os.stat(folder / name)
            except OSError:
                continue
            seen.append(f"{folder / name}:{status.st_mtime_ns}:{status.st_size}")
        if folder == root:
            break
    return "\n".join(seen)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _absolute(path: Path) -> Path:
    """The folder's links resolved, as checkers print it; the file's own name kept, as imports know it."""
    return path.parent.resolve() / path.name if path.name else path.resolve()


def trim_caches(folder: Path, limit: int) -> None:
    """Removes projects' caches, the one not used for longest first, until they fit."""
    try:
        projects = sorted(folder.iterdir(), key=lambda item: item.stat().st_mtime, reverse=True)
    except OSError:
        return
    left = limit
    for project in projects:
        left -= _size(project)
        if left < 0:
            shutil.rmtree(project, ignore_errors=True)


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total
