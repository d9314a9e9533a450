"""The next edit in a real Neovim: shown where it would be made, gone to, made, turned down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.neovim import Neovim, Place, editor
from tests.e2e.test_nvim import available

TOTAL = (
    "def total(rows):\n"
    "    number = 0\n"
    "    for row in rows:\n"
    "        number = number + row\n"
    + "    # and so on\n" * 60
    + "    return number\n"
    + '\n\nprint("number")\n'
)
RENAME = "/number<CR>cwcount<Esc>"


@pytest.fixture(params=["0.12", "0.11"])
def version(request: pytest.FixtureRequest) -> str:
    return available(request.param)


@pytest.fixture
def newest() -> str:
    return available("0.12")


@contextmanager
def editing(
    version: str, folder: Path, name: str, text: str | bytes, options: str = "{ keymaps = true }"
) -> Iterator[Neovim]:
    """A Neovim with the embedded predictor alone, on the first line of the file."""
    place = Place(folder)
    place.settings(None, routing={"discover": False}, workspace={"enabled": False})
    with editor(version, place) as nvim:
        nvim.namespace = "spark.next_edit"
        nvim.use(options=options)
        nvim.edit(name, text)
        yield nvim


def until_shown(nvim: Neovim, text: str) -> None:
    nvim.until(lambda: text in nvim.ghost(), f"the next edit {text!r}")


def gone(nvim: Neovim) -> str:
    """The text that is drawn as taken away."""
    code = """
    local found = {}
    local namespace = vim.api.nvim_get_namespaces()['spark.next_edit']
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
      if mark[4].hl_group == 'SparkDelete' then
        local lines = vim.api.nvim_buf_get_text(0, mark[2], mark[3], mark[4].end_row, mark[4].end_col, {})
        found[#found + 1] = table.concat(lines, '\\n')
      end
    end
    return table.concat(found, '\\n')
    """
    text: str = nvim.lua(code)
    return text


def test_a_rename_is_carried_on(version: str, tmp_path: Path) -> None:
    with editing(version, tmp_path, "total.py", TOTAL) as nvim:
        nvim.type(RENAME)
        until_shown(nvim, "count")
        assert "<Tab> goes there" in nvim.ghost()
        assert gone(nvim) == "number"
        nvim.picture(f"{version}-next-edit-near")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.cursor() == (4, 8), "the cursor is there")
        assert "<Tab> accepts" in nvim.ghost()
        assert nvim.lines()[3] == "        number = number + row", "to go there changes nothing"
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.lines()[3] == "        count = number + row", "it is made")
        until_shown(nvim, "<Tab> accepts")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.lines()[3] == "        count = count + row", "so is the one beside it")
        until_shown(nvim, "next edit: line 65  <Tab>")
        nvim.picture(f"{version}-next-edit-far")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.cursor() == (65, 11), "the cursor is there")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.lines()[64] == "    return count", "the last one is made")
        nvim.until(lambda: nvim.ghost() == "", "nothing is shown")
        nvim.type("<C-o>")
        nvim.until(lambda: nvim.cursor()[0] == 4, "one can go back")
        nvim.type("u")
        assert nvim.lines()[64] == "    return number", "each is undone by itself"
        assert nvim.lines()[67] == 'print("number")'


def test_bytes_after_accepting(newest: str, tmp_path: Path) -> None:
    """Beside characters of several bytes, with the line ends of Windows."""
    text = 'def f(wert):\r\n    print("äöü😀", wert)\r\n    return wert\r\n'.encode()
    with editing(newest, tmp_path, "f.py", text) as nvim:
        nvim.type("fwcwzahl<Esc>")
        for line in (1, 2):
            until_shown(nvim, "goes there" if line == 1 else "zahl")
            nvim.type("<Tab>")
            until_shown(nvim, "accepts")
            nvim.type("<Tab>")
            nvim.until(lambda: "zahl" in nvim.lines()[nvim.cursor()[0] - 1], "it is made")
        nvim.type(":write<CR>")
    written = (tmp_path / "workspace" / "f.py").read_bytes()
    assert written == text.replace(b"wert", b"zahl")


def test_what_is_turned_down_stays_away(version: str, tmp_path: Path) -> None:
    with editing(version, tmp_path, "total.py", TOTAL) as nvim:
        nvim.type(RENAME)
        until_shown(nvim, "goes there")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.cursor() == (4, 8), "the cursor is there")
        nvim.type("<M-BS>")
        nvim.until(lambda: nvim.cursor() == (4, 8) and "accepts" in nvim.ghost(), "the one beside it")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.lines()[3] == "        number = count + row", "that one is made")
        until_shown(nvim, "next edit: line 65")
        nvim.type("<M-BS>")
        nvim.until(lambda: nvim.ghost() == "", "nothing is left")
        nvim.type("ggO# a line above<Esc>j")
        nvim.type(":lua vim.wait(600)<CR>")
        assert nvim.ghost() == "", "they have moved by a line, and are the same"
        assert nvim.lines()[4] == "        number = count + row"


def test_the_calls_of_a_changed_function_there_and_elsewhere(newest: str, tmp_path: Path) -> None:
    with editing(newest, tmp_path, "main.py", "from shop import total\n\ntotal(1, 2)\n") as nvim:
        shop = nvim.edit("shop.py", "def total(rows, tax):\n    return rows\n\n\ntotal(3, 4)\n")
        nvim.type("f,dt)j")
        until_shown(nvim, "goes there")
        assert gone(nvim) == ", 4"
        nvim.type("<Tab><Tab>")
        nvim.until(lambda: nvim.lines()[4] == "total(3)", "the call is mended")
        until_shown(nvim, "next edit: main.py, line 3")
        nvim.picture("0.12-next-edit-elsewhere")
        nvim.command("set hidden")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.lines()[0] == "from shop import total", "the other file is there")
        until_shown(nvim, "accepts")
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.lines()[2] == "total(1)", "and mended")
        assert shop.read_text().endswith("total(3, 4)\n"), "nothing is written by itself"


def test_a_key_does_what_it_did(newest: str, tmp_path: Path) -> None:
    with editing(newest, tmp_path, "total.py", TOTAL) as nvim:
        nvim.type("o<Tab>x<Esc>")
        assert nvim.lines()[1].strip() == "x"
        nvim.type("u" + RENAME)
        until_shown(nvim, "goes there")
        nvim.type("jo<Tab>y")
        assert nvim.lines()[3].strip() == "y", "at the beginning of a line Tab indents"


def test_switched_off(newest: str, tmp_path: Path) -> None:
    with editing(newest, tmp_path, "total.py", TOTAL, "{ keymaps = true, next_edit = false }") as nvim:
        nvim.type(RENAME + ":lua vim.wait(600)<CR>")
        assert nvim.ghost() == ""
        nvim.lua("require('spark').setup({ next_edit = true })")
        nvim.type("j")
        until_shown(nvim, "accepts" if nvim.cursor()[0] == 4 else "goes there")
        nvim.lua("require('spark').toggle(false)")
        nvim.until(lambda: nvim.ghost() == "", "switched off like the rest")
