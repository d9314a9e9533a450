"""mypy's settings without what runs code."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from spark_lsp.actions.mypy_config import tame

TOML = """
[tool.mypy]
strict = true
plugins = ["./evil.py"]
python_executable = "./evil"
mypy_path = "$MYPY_CONFIG_FILE_DIR/stubs"
disable_error_code = ["misc", "no-untyped-def"]

[[tool.mypy.overrides]]
module = ["a.*", "b"]
ignore_errors = true

[[tool.mypy.overrides]]
module = "b"
strict = false
"""
INI = """
[mypy]
strict = True
plugins =
    ./evil.py,
    ./worse.py
files = a,
    b
[mypy-a.*]
ignore_errors = True
[other]
key = value
"""
CASES: Mapping[str, tuple[str, str, str | None]] = {
    "pyproject": (
        "pyproject.toml",
        TOML,
        "[mypy]\nstrict = True\nmypy_path = /p/stubs\ndisable_error_code = misc, no-untyped-def\n"
        "[mypy-a.*]\nignore_errors = True\n[mypy-b]\nignore_errors = True\nstrict = False",
    ),
    "another project": ("pyproject.toml", "[project]\nname = 'x'\n", None),
    "setup.cfg of somebody else": ("setup.cfg", "[metadata]\nname = x\n", None),
    "an empty file counts": ("mypy.ini", "", ""),
    "broken": ("pyproject.toml", "[tool.mypy", None),
    "broken, too": ("mypy.ini", "strict = True", None),
    "another form": ("pyproject.toml", "tool = 3", None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_tame(case: tuple[str, str, str | None]) -> None:
    name, text, expected = case
    assert tame(name, text, "/p") == expected


def test_ini() -> None:
    tamed = tame("mypy.ini", INI, "/p")
    assert tamed == "[mypy]\nstrict = True\nfiles = a,\n\tb\n[mypy-a.*]\nignore_errors = True"


@pytest.mark.parametrize("key", ["Plugins: x", "plugins=x", "PYTHON_EXECUTABLE = x", "python-executable = x"])
def test_however_it_is_written(key: str) -> None:
    assert tame("setup.cfg", f"[mypy]\n{key}\n", "/p") == "[mypy]"
