"""`spark-lsp config`: the settings as data, a file checked, and what is in force."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from spark_lsp.config import BackendSettings, refine
from spark_lsp.config.layers import settle
from spark_lsp.config.reference import markdown as settings_page
from spark_lsp.config.reference import schema as settings_schema
from spark_lsp.config.rules import key_name, spell
from spark_lsp.config.settings import SECTIONS, Config
from spark_lsp.config.sources import WORKSPACE_FILE, Resolution, changed, printable, read_file, resolve
from spark_lsp.config.spec import specs


def run(
    *,
    schema: bool = False,
    markdown: bool = False,
    check: Path | None = None,
    show: bool = False,
    config_file: Path | None = None,
) -> int:
    """Do the one thing asked for, `show` when nothing is. Returns the exit status."""
    if schema:
        print(json.dumps(settings_schema(), indent=2))
        return 0
    if markdown:
        print(settings_page(), end="")
        return 0
    if check is not None:
        return check_file(check)
    return show_settings(config_file)


def check_file(path: Path) -> int:
    """Print what is wrong with a settings file: 1 where something is, 2 where it cannot be read as one."""
    foreign = path.name == WORKSPACE_FILE
    source, tree, problem, _ = read_file(path, foreign=foreign)
    if problem is not None:
        print(problem, file=sys.stderr)
        return 2
    config, problems = refine(Config(), tree, source=source, foreign=foreign)
    _, more = settle(config)
    for found in problems:
        print(found)
    for found in more:
        print(f"{source}: {found}")
    return 1 if problems or more else 0


def show_settings(config_file: Path | None) -> int:
    """Print the settings in force as TOML, each that is not the default with its source."""
    resolution = resolve(config_file=config_file, workspace=Path.cwd(), environ=os.environ)
    for problem in resolution.problems:
        print(problem, file=sys.stderr)
    print("\n".join(_toml(resolution)))
    unread = config_file is not None and any(
        not found.path and found.source == printable(config_file) for found in resolution.problems
    )
    return 2 if unread else 0


def _toml(resolution: Resolution) -> Iterator[str]:
    for name, section in SECTIONS.items():
        values = getattr(resolution.config, name)
        yield f"[{name}]"
        for key in specs(section):
            yield _line(key, getattr(values, key), resolution.origins.get(f"{name}.{key}", ""))
        yield ""
    for backend in resolution.config.backends:
        yield "[[backend]]"
        yield from _backend(backend, resolution.origins)
        yield ""


def _backend(backend: BackendSettings, origins: Mapping[str, str]) -> Iterator[str]:
    known = specs(BackendSettings)
    for key, value in changed(backend).items():
        origin = origins.get(f"backend.{key_name(backend.name)}.{key}", "")
        if known[key].secret:
            yield f"# {key} is set and not shown  # {origin}"
        else:
            yield _line(key, value, origin)


def _line(key: str, value: object, origin: str) -> str:
    return f"{key} = {spell(value)}" + (f"  # {origin}" if origin else "")
