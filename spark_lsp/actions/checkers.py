"""The checkers that are known, as data: how each is run, on which form of the text, and how it is read."""

from __future__ import annotations

import ntpath
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spark_lsp.actions import mypy_config, readers, sarif
from spark_lsp.actions.readers import Finding, Reader
from spark_lsp.config.settings import OwnChecker
from spark_lsp.errors import CheckerError
from spark_lsp.text import column_of, line_body, split_lines
from spark_lsp.values import Diagnostic

Shadow = Literal["stdin", "file", "folder"]
"""Where a checker reads the text: on stdin; in a file elsewhere, beside the name of the one it stands for;
in a copy of the project's folder in which only that file is another one."""

PYTHON = ("python",)
TYPESCRIPT = ("typescript", "typescriptreact", "javascript", "javascriptreact")
PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Checker:
    """How a checker is run.

    `command` has words in which {file} is the file as the checker shall call it, {package} the folder that
    it is in, relative, {text} the file that holds the text (`shadow` "file"), {folder} the folder it runs in
    and {cache} a folder of its own that stays. The first word is looked up in the project's environment where
    that is allowed, then on PATH. `reader` is a key of `READERS`. `marks`: it runs in the nearest folder
    above the file that has one of these, else in the project's root; where `needs_mark`, it does not run
    without one. `configs`: files whose change makes what it said untrue.
    `runs_project`: it runs code of the project itself (its settings are a program, say). `copied`: files
    that it may write, which it is given a copy of. `options`: words put behind the first one, where their
    gaps can be filled: {python}, an interpreter whose packages the project uses, and {config}: where the
    project's code may not be run, what `tame` makes of the first of `configs` that it knows. `survey`: the
    command that looks at files as they are on disk, many at once: {paths} are files and folders.
    `ending` is put behind the text.
    """

    name: str
    languages: tuple[str, ...]
    command: tuple[str, ...]
    reader: str
    shadow: Shadow = "folder"
    marks: tuple[str, ...] = ()
    needs_mark: bool = False
    configs: tuple[str, ...] = ()
    runs_project: bool = False
    copied: tuple[str, ...] = ()
    survey: tuple[str, ...] = ()
    ending: str = ""
    options: tuple[tuple[str, ...], ...] = ()
    tame: Callable[[str, str, str], str | None] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def stdin(self) -> bool:
        return self.shadow == "stdin"


READERS: Mapping[str, Reader] = {
    "ruff": readers.ruff,
    "pyright": readers.pyright,
    "mypy": readers.mypy,
    "tsc": readers.tsc,
    "eslint": readers.eslint,
    "go vet": readers.go_vet,
    "cargo": readers.cargo,
    "clang": readers.clang,
    "sarif": sarif.findings,
    "lines": readers.lines,
}

RUFF = ("ruff", "check", "--quiet", "--force-exclude", "--output-format", "json")
MYPY = (
    *("mypy", "--show-column-numbers", "--show-error-end", "--show-error-codes", "--no-pretty"),
    *("--no-error-summary", "--no-color-output", "--hide-error-context", "--follow-imports", "silent"),
    *("--cache-dir", "{cache}"),
)
TSC = (
    *("tsc", "--noEmit", "--pretty", "false", "--incremental", "--tsBuildInfoFile", "{cache}/tsbuildinfo"),
    *("--project", "{folder}"),
)
GO_VET = ("go", "vet", "-json")
CARGO = ("cargo", "check", "--quiet", "--message-format", "json", "--offline", "--target-dir", "{cache}")

CHECKERS: Mapping[str, Checker] = {
    checker.name: checker
    for checker in (
        Checker(
            "ruff",
            PYTHON,
            (*RUFF, "--stdin-filename", "{file}", "-"),
            "ruff",
            "stdin",
            survey=(*RUFF, "--cache-dir", "{cache}", "{paths}"),
            configs=("ruff.toml", ".ruff.toml", PYPROJECT),
        ),
        *(
            Checker(
                name,
                PYTHON,
                (name, "--outputjson", "{file}"),
                "pyright",
                configs=("pyrightconfig.json", PYPROJECT),
                options=(("--pythonpath", "{python}"),),
                survey=(name, "--outputjson", "{paths}"),
            )
            for name in ("pyright", "basedpyright")
        ),
        Checker(
            "mypy",
            PYTHON,
            (*MYPY, "--shadow-file", "{file}", "{text}", "{file}"),
            "mypy",
            "file",
            # Of a shadow of the size that it knows mypy compares the hash of the user's own file: it must not
            # be the one of what was checked before.
            ending="\n\n\n",
            configs=mypy_config.NAMES,
            options=(("--python-executable", "{python}"), ("--config-file", "{config}")),
            tame=mypy_config.tame,
            survey=(*MYPY, "{paths}"),
        ),
        Checker(
            "tsc",
            TYPESCRIPT,
            TSC,
            "tsc",
            marks=("tsconfig.json", "jsconfig.json"),
            needs_mark=True,
            configs=("tsconfig.json", "jsconfig.json", "package.json"),
            survey=TSC,
        ),
        Checker(
            "eslint",
            TYPESCRIPT,
            ("eslint", "--format", "json", "--stdin", "--stdin-filename", "{file}"),
            "eslint",
            "stdin",
            configs=("eslint.config.js", "eslint.config.mjs", "eslint.config.cjs", "eslint.config.ts"),
            survey=("eslint", "--format", "json", "{paths}"),
            runs_project=True,
        ),
        Checker(
            "go vet",
            ("go",),
            (*GO_VET, "{package}"),
            "go vet",
            marks=("go.mod",),
            needs_mark=True,
            configs=("go.mod", "go.sum"),
            survey=(*GO_VET, "./..."),
            # Neither the network nor another toolchain that go.mod may name, which would be fetched and run.
            environment={
                "GOTOOLCHAIN": "local",
                "GOPROXY": "off",
                "GOFLAGS": "-mod=readonly",
                "CGO_ENABLED": "0",
            },
        ),
        Checker(
            "cargo check",
            ("rust",),
            CARGO,
            "cargo",
            marks=("Cargo.toml",),
            needs_mark=True,
            configs=("Cargo.toml", "Cargo.lock"),
            runs_project=True,
            copied=("Cargo.lock",),
            survey=(*CARGO, "--locked"),
            environment={"CARGO_NET_OFFLINE": "true"},
        ),
        Checker(
            "clang",
            ("c", "cpp"),
            ("clang", "-fsyntax-only", "-Wall", "-fno-color-diagnostics", "-fno-caret-diagnostics", "{file}"),
            "clang",
        ),
    )
}


def for_language(
    names: Sequence[str], language: str, own: Mapping[str, OwnChecker] | None = None
) -> tuple[Checker, ...]:
    """The checkers of these names that know the language. A user's own wins over one of the same name."""
    known = dict(CHECKERS) | {name: own_checker(name, entry) for name, entry in (own or {}).items()}
    found = (known[name] for name in dict.fromkeys(names) if name in known)
    return tuple(checker for checker in found if language in checker.languages or not checker.languages)


def own_checker(name: str, entry: OwnChecker) -> Checker:
    """A checker from the settings: what is not said there is as of the known one of that name."""
    known = CHECKERS.get(name) or Checker(name, (), (), "lines")
    command = tuple(entry["command"])
    shadow: Shadow = (
        "stdin" if entry.get("stdin") else "file" if any("{text}" in word for word in command) else "folder"
    )
    return replace(
        known,
        command=command,
        languages=tuple(entry.get("languages", known.languages)),
        reader=entry.get("format", known.reader),
        shadow=shadow,
        # The user wrote down how it is run.
        options=(),
        survey=(),
        tame=None,
        runs_project=False,
    )


def read(
    checker: Checker, output: str, errors: str, status: int, path: str, *, folder: str = "", text: str = ""
) -> tuple[Diagnostic, ...]:
    """What a checker said of one file, in the order of its lines.

    `path` is the file as the checker was told, `folder` what other paths are relative to, `text` what the
    columns are counted in. Raises CheckerError when nothing can be made of it.
    """
    wanted = full_path(path, folder)

    def text_of(other: str) -> str:
        return text if other == wanted else ""

    return read_all(checker, output, errors, status, folder=folder, text_of=text_of).get(wanted, ())


def read_all(
    checker: Checker,
    output: str,
    errors: str,
    status: int,
    *,
    folder: str,
    text_of: Callable[[str], str],
) -> Mapping[str, tuple[Diagnostic, ...]]:
    """What a checker said, by `full_path`, each in the order of its lines. Raises CheckerError."""
    try:
        found = list(READERS[checker.reader](output, errors))
    except CheckerError as error:
        raise CheckerError(f"{checker.name}: {_last_words(errors) or error}") from error
    if status and not found and not _is_quiet(checker, output):
        words = _last_words(errors) or _last_words(output) or "it said nothing"
        raise CheckerError(f"{checker.name} ended with status {status}: {words}")
    return by_file(((checker.name, item) for item in found), folder, text_of)


def by_file(
    found: Iterable[tuple[str, Finding]], folder: str, text_of: Callable[[str], str]
) -> Mapping[str, tuple[Diagnostic, ...]]:
    """Findings, each with the name of who said it, as diagnostics of the texts."""
    files: dict[str, list[tuple[str, Finding]]] = {}
    for source, item in found:
        files.setdefault(full_path(item.path, folder), []).append((source, item))
    said = {}
    for path, items in files.items():
        text = text_of(path)
        texts = [line_body(line) for line in split_lines(text)] if text else []
        diagnostics = dict.fromkeys(diagnostic(item, texts, source) for source, item in items)
        said[path] = tuple(sorted(diagnostics, key=lambda item: (item.line, item.column)))
    return said


def _is_quiet(checker: Checker, output: str) -> bool:
    """JSON that could be read says that there is nothing, whatever the status."""
    return checker.reader in ("ruff", "pyright", "eslint", "sarif") or "build-finished" in output


def diagnostic(item: Finding, texts: Sequence[str], source: str) -> Diagnostic:
    """A finding over the lines of its file. Without them columns are taken as code points."""
    first = _point(item, texts, item.line, item.column)
    last = _point(item, texts, item.end_line, item.end_column) if item.end_line is not None else first
    line = texts[first[0]] if texts else ""
    if item.encoding is None and not line.isascii():
        first, last = (first[0], len(line) - len(line.lstrip())), (first[0], len(line))
    elif last <= first:
        # Where only a beginning is told, the word there is meant.
        word = re.compile(r"\w+|\S|$").match(line, first[1])
        last = (first[0], max(word.end() if word else 0, first[1]))
    return Diagnostic(*first, *last, item.message, item.code, source, item.severity)


def _point(item: Finding, texts: Sequence[str], line: int, column: int) -> tuple[int, int]:
    if not texts:
        return max(line, 0), max(column, 0)
    line = min(max(line, 0), len(texts) - 1)
    return line, column_of(texts[line], column, item.encoding or "utf-32")


def full_path(path: str, folder: str) -> str:
    """Paths that are written in one way. Windows' are known by their drives."""
    kind: Any = ntpath if re.match(r"[A-Za-z]:", folder or path) else posixpath
    path = path.removeprefix("file://")
    full: str = kind.normcase(kind.normpath(kind.join(folder, path)))
    return full


def _last_words(said: str) -> str:
    return next((line.strip()[:300] for line in reversed(said.splitlines()) if line.strip()), "")
