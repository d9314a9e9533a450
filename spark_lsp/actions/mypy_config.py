"""mypy's settings without what runs a project's code: its plugins, and the Python it names."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

NAMES = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")
"""In the order in which mypy looks; the first that speaks of mypy counts."""

RUNS_CODE = ("plugins", "python_executable")

Sections = dict[str, dict[str, str]]


def tame(name: str, text: str, folder: str) -> str | None:
    """The settings of one file, in the form of mypy.ini; None where it says nothing of mypy, or is broken.

    `folder` is where the file is.
    """
    try:
        sections = _of_toml(text) if name.endswith(".toml") else _of_ini(text)
    except (tomllib.TOMLDecodeError, configparser.Error, AttributeError, TypeError):
        return None
    if not sections and not name.endswith("mypy.ini"):
        return None
    return "\n".join(line.replace("$MYPY_CONFIG_FILE_DIR", folder) for line in _lines(sections))


def _of_ini(text: str) -> Sections:
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections() if name.split("-")[0] == "mypy"}


def _of_toml(text: str) -> Sections:
    table = tomllib.loads(text).get("tool", {}).get("mypy")
    if table is None:
        return {}
    sections: Sections = {"mypy": _spelled(table)}
    for override in table.get("overrides", []):
        modules = override.get("module", [])
        for module in [modules] if isinstance(modules, str) else modules:
            sections.setdefault(f"mypy-{module}", {}).update(_spelled(override))
    return sections


def _spelled(table: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in table.items()
        if key not in ("overrides", "module") and not isinstance(value, dict)
    }


def _lines(sections: Sections) -> Iterator[str]:
    for name, values in sections.items():
        yield f"[{name}]"
        for key, value in values.items():
            if key.strip().lower().replace("-", "_") not in RUNS_CODE:
                yield f"{key} = " + value.replace("\n", "\n\t")
