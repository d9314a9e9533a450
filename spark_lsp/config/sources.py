"""Where settings come from: files, environment, editor; lowest precedence first."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from spark_lsp.config.backend import BackendSettings, from_preset
from spark_lsp.config.layers import Problem, refine, settle
from spark_lsp.config.rules import key_name
from spark_lsp.config.settings import SECTIONS, Config
from spark_lsp.config.spec import specs

WORKSPACE_FILE = ".spark-lsp.toml"
VARIABLE = "SPARK_LSP_"
EDITOR_SOURCES = ("initializationOptions", "workspace/configuration")
MAX_FILE_BYTES = 1 << 20  # a settings file of a megabyte is something else


class Layer(NamedTuple):
    """One source's tree, or the problem that kept it from being read."""

    source: str
    tree: object = None
    problem: Problem | None = None
    foreign: bool = False


class Resolution(NamedTuple):
    """The settings in force. `origins` has the source of each setting that a source has changed."""

    config: Config
    problems: tuple[Problem, ...]
    origins: Mapping[str, str]


def load(
    *,
    config_file: Path | None,
    workspace: Path | None,
    environ: Mapping[str, str],
    overrides: Sequence[object] = (),
) -> tuple[Config, tuple[Problem, ...]]:
    """The settings in force, and what is wrong with their sources. Never raises.

    `overrides` are the editor's trees in the order of `EDITOR_SOURCES`, None
    where it sent none; each is the tree itself or has it under "spark".
    """
    config, problems, _ = resolve(
        config_file=config_file, workspace=workspace, environ=environ, overrides=overrides
    )
    return config, problems


def resolve(
    *,
    config_file: Path | None,
    workspace: Path | None,
    environ: Mapping[str, str],
    overrides: Sequence[object] = (),
) -> Resolution:
    """As `load`, with the origin of each setting."""
    config = Config()
    problems: list[Problem] = []
    origins: dict[str, str] = {}
    for source, tree, problem, foreign in _layers(config_file, workspace, environ, overrides):
        if problem is not None:
            problems.append(problem)
            continue
        refined, found = refine(config, tree, source=source, foreign=foreign)
        problems += found
        before = flatten(config)
        after = flatten(refined)
        origins.update((path, source) for path in after if before.get(path) != after[path])
        config = refined
    config, found = settle(config)
    return Resolution(config, (*problems, *found), origins)


def flatten(config: Config) -> dict[str, Any]:
    """Every setting by its path, "inline.max_tokens", and of backends what is not the default."""
    flat = {
        f"{section}.{key}": getattr(getattr(config, section), key)
        for section, kind in SECTIONS.items()
        for key in specs(kind)
    }
    for backend in config.backends:
        name = key_name(backend.name)
        flat |= {f"backend.{name}.{key}": value for key, value in changed(backend).items()}
    return flat


def changed(backend: BackendSettings) -> dict[str, Any]:
    """What a backend sets beyond the defaults and its preset, by key."""
    default = from_preset(backend.preset) if backend.preset else BackendSettings()
    default = replace(default, name="", preset="")
    keys = specs(BackendSettings)
    return {key: value for key in keys if (value := getattr(backend, key)) != getattr(default, key)}


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's own settings file, TOML unless only a JSON one is there."""
    home = environ.get("XDG_CONFIG_HOME", "")
    if home.startswith("/"):
        folder = Path(home, "spark-lsp")
    else:
        # 15 ms of imports that the server's start would otherwise pay for everywhere.
        from platformdirs import user_config_path

        folder = user_config_path("spark-lsp", appauthor=False)
    toml, json = folder / "config.toml", folder / "config.json"
    return json if os.path.isfile(json) and not os.path.exists(toml) else toml


def read_file(path: Path, *, foreign: bool = False) -> Layer:
    """A settings file, JSON where its name says so, else TOML."""
    source = printable(path)
    try:
        status = path.stat()
        # A workspace may hold a pipe or a device by this name, which would keep us reading for ever.
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return _unread(source, "is not a file of settings")
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return _unread(source, f"cannot be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _unread(source, "is not UTF-8: save it as UTF-8", line)
    except ValueError:  # a path that holds a NUL
        return _unread(source, "is not a path")
    return _decoded(source, content, foreign)


def printable(path: Path) -> str:
    """A path for people: bytes in it that are not UTF-8 are escaped, so that it can be sent and printed."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _decoded(source: str, content: str, foreign: bool) -> Layer:
    language = "JSON" if source.endswith(".json") else "TOML"
    try:
        if language == "JSON":
            import json

            return Layer(source, json.loads(content), foreign=foreign)
        import tomllib

        return Layer(source, tomllib.loads(content), foreign=foreign)
    except ValueError as error:
        at = re.search(r"line (\d+)", str(error))
        return _unread(source, f"is not {language}: {error}; correct it there", int(at[1]) if at else 0)
    except RecursionError:
        return _unread(source, f"is not {language} of settings: it is nested too deeply")


def _unread(source: str, message: str, line: int = 0) -> Layer:
    return Layer(source, problem=Problem("", f"{message}; nothing in it is used", source, line))


def _layers(
    config_file: Path | None, workspace: Path | None, environ: Mapping[str, str], overrides: Sequence[object]
) -> Iterator[Layer]:
    # os.path.exists, as Path.exists raises for a folder that may not be entered.
    if os.path.exists(own := user_file(environ)):
        yield read_file(own)
    if workspace is not None and os.path.exists(shared := workspace / WORKSPACE_FILE):
        yield read_file(shared, foreign=True)
    if config_file is not None:
        yield read_file(config_file)
    yield from environment(environ)
    for source, tree in zip(EDITOR_SOURCES, overrides, strict=False):
        inner = within(tree)
        if inner is not None:
            yield Layer(source, inner)


def within(tree: object) -> object:
    """Of an editor's tree the part that is ours: what it has under "spark", else all of it."""
    return tree["spark"] if isinstance(tree, Mapping) and "spark" in tree else tree


def environment(environ: Mapping[str, str]) -> Iterator[Layer]:
    """`SPARK_LSP_<SECTION>__<KEY>`, one layer each, so that a problem names its variable.

    The value is TOML, and a text where it is not. An empty one is not set.
    """
    for name in sorted(environ):
        path = name.removeprefix(VARIABLE).lower().split("__")
        if not name.startswith(VARIABLE) or not environ[name] or (len(path) == 1 and path != ["backend"]):
            continue
        tree: object = _environment_value(environ[name])
        for key in reversed(path):
            tree = {key: tree}
        yield Layer(name, tree)


def _environment_value(text: str) -> object:
    import tomllib

    try:
        tree = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A date is TOML and no setting's value; a second line would be a second key.
    return (
        tree["value"]
        if len(tree) == 1 and isinstance(tree["value"], bool | int | float | str | list | dict)
        else text
    )
