"""The extension's package.json has the settings that the server takes, and VS Code guards those it must."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import spark_lsp
from clients.vscode.configuration import MANIFEST, OWN, contributed, manifest
from spark_lsp.config.settings import SECTIONS
from spark_lsp.config.spec import specs

SOURCES = Path(MANIFEST).with_name("src")


def properties() -> dict[str, dict[str, Any]]:
    return {key: value for page in contributed() for key, value in page["properties"].items()}


def test_package_json_is_what_is_generated() -> None:
    text = MANIFEST.read_text("utf-8")
    assert text == manifest(text), "run `make docs`"


def test_the_extension_has_the_version_of_its_server() -> None:
    assert json.loads(MANIFEST.read_text("utf-8"))["version"] == spark_lsp.__version__


def test_every_setting_of_the_server_is_there() -> None:
    ours = {f"spark.{name}.{key}" for name, section in SECTIONS.items() for key in specs(section)}
    assert set(properties()) - set(OWN["properties"]) == ours | {"spark.backend"}


def test_a_workspace_sets_only_what_its_own_file_may() -> None:
    free = {
        f"spark.{name}.{key}"
        for name, section in SECTIONS.items()
        for key, spec in specs(section).items()
        if spec.workspace == "any"
    }
    assert {key for key, value in properties().items() if value["scope"] != "machine"} == {
        *free,
        "spark.trace.server",
    }


def test_every_command_is_both_offered_and_done() -> None:
    offered = {
        entry["command"] for entry in json.loads(MANIFEST.read_text("utf-8"))["contributes"]["commands"]
    }
    done = set(re.findall(r"'(spark\.\w+)': \(\) =>", (SOURCES / "menu.ts").read_text("utf-8")))
    assert offered == done
