"""Writes the server's settings into package.json, for `make docs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spark_lsp.config.reference import schema
from spark_lsp.config.settings import SECTIONS
from spark_lsp.config.spec import Permission, specs

MANIFEST = Path(__file__).with_name("package.json")

OWN: dict[str, Any] = {
    "title": "Server",
    "order": 0,
    "properties": {
        "spark.server.command": {
            "markdownDescription": "The server's program and its first words, without options. "
            "Empty: `spark-lsp` on the PATH, then in the workspace's `.venv` if the workspace is trusted, "
            "then the one that this extension installs.",
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "scope": "machine",
        },
        "spark.server.logLevel": {
            "description": "What the server writes into the log.",
            "type": "string",
            "enum": ["debug", "info", "warning", "error"],
            "default": "warning",
            "scope": "machine",
        },
        "spark.trace.server": {
            "description": "What the log shows, at level Trace, of what editor and server say to each other.",
            "type": "string",
            "enum": ["off", "messages", "verbose"],
            "default": "off",
            "scope": "window",
        },
    },
}

REPOSITORY: dict[Permission, str] = {
    "any": "",
    "less": " (A repository can only lower it or switch it off, in `.spark-lsp.toml`.)",
    "more": " (A repository can only add to it, in `.spark-lsp.toml`.)",
    "never": "",
}


def contributed() -> list[dict[str, Any]]:
    """`contributes.configuration`: what this extension has of its own, and all that the server has.

    What a repository may not set freely has scope `machine`: VS Code ignores it in a workspace's settings.
    """
    tree = schema()["properties"]
    pages = [OWN]
    for order, (name, section) in enumerate(SECTIONS.items(), 1):
        rules = specs(section)
        properties = {
            f"spark.{name}.{key}": _property(value, rules[key].workspace)
            for key, value in tree[name]["properties"].items()
        }
        pages.append({"title": name.capitalize(), "order": order, "properties": properties})
    backend = {"spark.backend": _property({**tree["backend"], "default": []}, "never")}
    return [*pages, {"title": "Backends", "order": len(pages), "properties": backend}]


def manifest(text: str) -> str:
    """package.json with the settings as they are now."""
    tree = json.loads(text)
    tree["contributes"]["configuration"] = contributed()
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _property(schema: dict[str, Any], permission: Permission) -> dict[str, Any]:
    rest = {key: value for key, value in schema.items() if key != "description"}
    # The settings editor has no field for a value without a type.
    if "enum" in rest:
        rest = {"type": "string", **rest}
    return {
        "markdownDescription": schema["description"] + REPOSITORY[permission],
        **rest,
        "scope": "window" if permission == "any" else "machine",
    }


if __name__ == "__main__":
    MANIFEST.write_text(manifest(MANIFEST.read_text("utf-8")), "utf-8")
