"""The files that commands work on: a project's root, a language, and what is said when one is not there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from spark_lsp.config import Config, load
from spark_lsp.errors import UsageError
from spark_lsp.workspace.discover import read

ROOT_MARKS = (".git", ".hg", ".spark-lsp.toml", "pyproject.toml", "package.json", "go.mod", "Cargo.toml")

MAX_FILE_BYTES = 64 * 1024 * 1024

_LANGUAGES = {
    "c": "c",
    "cc": "cpp",
    "cpp": "cpp",
    "cs": "csharp",
    "css": "css",
    "go": "go",
    "h": "c",
    "hpp": "cpp",
    "html": "html",
    "java": "java",
    "js": "javascript",
    "json": "json",
    "jsx": "javascriptreact",
    "kt": "kotlin",
    "lua": "lua",
    "md": "markdown",
    "mjs": "javascript",
    "php": "php",
    "py": "python",
    "pyi": "python",
    "rb": "ruby",
    "rs": "rust",
    "scala": "scala",
    "sh": "shellscript",
    "sql": "sql",
    "swift": "swift",
    "toml": "toml",
    "ts": "typescript",
    "tsx": "typescriptreact",
    "yaml": "yaml",
    "yml": "yaml",
}


def language_of(file: Path) -> str:
    """The language id that editors use (LSP 3.18, "Text Document Language"), by the file's name."""
    if file.name in ("Makefile", "makefile", "GNUmakefile"):
        return "makefile"
    return _LANGUAGES.get(file.suffix.lstrip(".").lower(), "plaintext")


def project_root(file: Path) -> Path:
    """The nearest folder above a file that looks like a project's, else its own folder."""
    for folder in file.resolve().parents:
        if any((folder / mark).exists() for mark in ROOT_MARKS):
            return folder
    return file.resolve().parent


def read_file(file: Path) -> str:
    """The file's text. Raises UsageError when it is missing, or not text."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    text = read(file, MAX_FILE_BYTES)
    if text is None:
        raise UsageError(f"{file} cannot be read as text")
    return text


def settings_in_force(config_file: Path | None, workspace: Path | None) -> Config:
    """The settings of a command; what is wrong with them is said on stderr. Raises UsageError."""
    check_settings_file(config_file)
    config, problems = load(config_file=config_file, workspace=workspace, environ=os.environ)
    for problem in problems:
        print(f"spark-lsp: {problem}", file=sys.stderr)
    return config


def check_settings_file(file: Path | None) -> None:
    """A settings file that was asked for has to be there. Raises UsageError."""
    if file is not None and not file.is_file():
        raise UsageError(f"there is no settings file {file}")
