"""The settings as documents: a JSON schema for editors and a page for people."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from spark_lsp.config.backend import BackendSettings
from spark_lsp.config.rules import spell
from spark_lsp.config.settings import SECTIONS
from spark_lsp.config.sources import VARIABLE, WORKSPACE_FILE
from spark_lsp.config.spec import Spec


def schema() -> dict[str, Any]:
    """The JSON schema of the whole tree, draft 2020-12."""
    properties: dict[str, Any] = {"$schema": {"type": "string"}}
    properties |= {name: _object(section) for name, section in SECTIONS.items()}
    properties["backend"] = {
        "type": "array",
        "description": _purpose(BackendSettings),
        "items": _object(BackendSettings)
        | {"anyOf": [{"required": ["name"]}, {"required": ["preset"]}, {"required": ["kind"]}]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "spark-lsp settings",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _object(section: type) -> dict[str, Any]:
    return {
        "type": "object",
        "description": _purpose(section),
        "additionalProperties": False,
        "properties": {item.name: _property(item) for item in fields(section)},
    }


def _property(item: Field[Any]) -> dict[str, Any]:
    spec: Spec = item.metadata["spec"]
    described = {"description": spec.doc} | dict(spec.rule.schema)
    default = _default(item)
    if default == "":
        return described  # an empty text stands for "not set" and need not be a value one may write
    return described | {"default": list(default) if isinstance(default, tuple) else default}


def markdown() -> str:
    """The settings page."""
    parts = [INTRODUCTION]
    for name, section in SECTIONS.items():
        parts.append(f"## `[{name}]`\n\n{_purpose(section)}\n\n{_table(section, foreign=True)}")
    parts.append(f"## `[[backend]]`\n\n{_purpose(BackendSettings)}\n{BACKENDS}\n{_table(BackendSettings)}")
    return "\n".join(parts)


def _table(section: type, *, foreign: bool = False) -> str:
    heads = ["key", "takes", "default", *(["workspace file"] if foreign else []), "what it does"]
    rows = [heads, ["---"] * len(heads)]
    for item in fields(section):
        spec: Spec = item.metadata["spec"]
        default = _default(item)
        takes = spec.rule.expected.replace('"', "`") + (f" ({spec.unit})" if spec.unit else "")
        rows.append(
            [
                f"`{item.name}`",
                takes,
                "" if default == "" else f"`{spell(default)}`",
                *([_may(spec)] if foreign else []),
                spec.doc,
            ]
        )
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)


def _may(spec: Spec) -> str:
    """What a workspace file may do to a setting, in words that fit its values."""
    if spec.workspace in ("any", "never"):
        return "yes" if spec.workspace == "any" else "no"
    rule = spec.rule.entry or spec.rule
    if rule.schema["type"] == "array":
        return "adds to yours"
    if rule.schema["type"] == "boolean":
        return "only false" if spec.workspace == "less" else "only true"
    return "only less" if spec.workspace == "less" else "only more"


def _purpose(section: type) -> str:
    """The first sentence of a section's docstring."""
    return (section.__doc__ or "").partition("\n\n")[0]


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


INTRODUCTION = f"""\
# Settings

This page is written by `spark-lsp config --markdown`; `spark-lsp config --schema` prints the same as a
JSON schema.

Settings are one tree, in TOML or JSON, from these sources. A later one wins, setting by setting; tables
are laid over each other, and so are backends of the same name.

1. the defaults on this page
2. your own file: `$XDG_CONFIG_HOME/spark-lsp/config.toml`, or where your platform keeps such files;
   `config.json` there when that is the one you have
3. `{WORKSPACE_FILE}` in the workspace
4. the file named by `--config`; one that ends in `.json` is JSON
5. the environment: `{VARIABLE}<SECTION>__<KEY>`, such as `{VARIABLE}INLINE__MAX_TOKENS=64`; a value is
   written as in TOML, and is a text where it is not TOML
6. the editor's `initializationOptions`, under `spark` or as they are
7. the editor's `workspace/configuration`, section `spark`

A setting that an editor sends as `null` is not set. A wrong or unknown setting is reported once, by
name, with what is used instead, and costs nothing else. `spark-lsp config --check FILE` reports the
same, and `spark-lsp config --show` prints what is in force and where it came from.

A workspace file comes with somebody's repository, so it may narrow what is sent and set tastes, and may
not name a URL, a key or a command, nor turn on sending more. The column "workspace file" says how far
it may go, measured against what you have set yourself; anything beyond is reported, and stays as you
have it. A list that it adds to counts before yours: of patterns the last that matches decides, and that
is yours. It may not hold any `[[backend]]`.
"""

BACKENDS = """
With no `[[backend]]` at all, backends are found by themselves. A table needs a `preset`, or a `kind`
with what that kind needs; without a `name` it is named after them. A key is never written here: name
the environment variable or the command that has it.
"""
