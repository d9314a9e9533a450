"""A person at a real Neovim: what is typed, shown, taken and saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.neovim import BINARIES, Backend, Neovim, Place, editor
from tests.e2e.servers import Server
from tests.scenario.test_actions import FIXED
from tests.scenario.test_typing import DONE, GHOST, START

FIRST_LINE = GHOST.splitlines()[0]
TO_THE_BLANK_LINE = "jA"


@pytest.fixture(params=["0.12", "0.11"])
def version(request: pytest.FixtureRequest) -> str:
    return available(request.param)


@pytest.fixture
def newest() -> str:
    return available("0.12")


def available(version: str) -> str:
    if not BINARIES[version].exists():
        pytest.skip(f"there is no Neovim {version}: run `make e2e`")
    return version


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    (tmp_path / "oracle" / "shop.py").write_text(DONE)
    return made


@pytest.fixture
def backend(place: Place) -> Iterator[Backend]:
    started = Backend(place.folder / "oracle")
    place.settings(started.url, prefetch={"enabled": False})
    yield started
    started.stop()


@contextmanager
def typing_in(
    version: str, place: Place, name: str = "shop.py", text: str | bytes = START
) -> Iterator[Neovim]:
    """A Neovim in insert mode on the blank line of the file."""
    with editor(version, place) as nvim:
        nvim.use()
        nvim.edit(name, text)
        nvim.type(TO_THE_BLANK_LINE)
        yield nvim


def test_typed_taken_and_saved(version: str, place: Place, backend: Backend) -> None:
    backend.script(rate=60)
    with typing_in(version, place) as nvim:
        nvim.until(nvim.ghost, "ghost text")
        begun = nvim.ghost()
        assert GHOST.startswith(begun)
        assert begun != GHOST
        nvim.until_ghost(GHOST)  # it grew on the screen, with no key
        nvim.picture(f"{version}-ghost-text")
        for typed in range(1, 5):
            nvim.type(GHOST[typed - 1])
            assert nvim.ghost() == GHOST[typed:]
        nvim.type("<M-Right>")
        assert nvim.lines()[1] == "    subtotal"
        assert nvim.ghost() == GHOST[len("subtotal") :]
        nvim.picture(f"{version}-a-word-was-taken")
        nvim.type("<M-Down>")
        assert nvim.lines()[1] == f"    {FIRST_LINE}"
        assert nvim.ghost() == GHOST[len(FIRST_LINE) :]
        nvim.type("<Tab>")
        assert "\n".join(nvim.lines()) + "\n" == DONE
        assert nvim.cursor() == (3, len(DONE.splitlines()[2]))
        nvim.until(lambda: nvim.ghost() == "", "nothing is shown")
        nvim.type("<Esc>:write<CR>")
        metrics = nvim.metrics()
        assert nvim.messages().count("spark") == 0
    assert (place.workspace / "shop.py").read_text() == DONE
    # The second is for what follows, and nothing does.
    assert backend.stats()["requests"] <= 2
    # Two parts and the rest, each told by the client and seen in the text, and counted once.
    assert metrics["accepted"] == 3


def test_what_comes_late_is_shown_when_it_comes(newest: str, place: Place, backend: Backend) -> None:
    """The request was answered with nothing at its deadline."""
    backend.script(ttft=1.5)
    with typing_in(newest, place) as nvim:
        nvim.until_ghost(GHOST)
        assert nvim.metrics()["hits"]["none"] >= 1
        nvim.type("<Tab><Esc>:write<CR>")
    assert (place.workspace / "shop.py").read_text() == DONE


def test_something_else_is_typed_and_taken_back(newest: str, place: Place, backend: Backend) -> None:
    with typing_in(newest, place) as nvim:
        nvim.until_ghost(GHOST)
        nvim.type("@")
        assert nvim.ghost() == ""
        nvim.type("<BS>")
        nvim.until_ghost(GHOST)
        nvim.type("<Esc>")
        assert nvim.ghost() == ""


def test_next_previous_and_dismiss(version: str, place: Place, backend: Backend) -> None:
    with typing_in(version, place) as nvim:
        nvim.until_ghost(GHOST)
        nvim.type("<M-]>")
        other = 'return ", ".join(item.name for item in items)'
        nvim.until_ghost(other)
        nvim.type("<M-[>")
        nvim.until_ghost(GHOST)
        nvim.type("<M-[>")
        nvim.until_ghost(other)
        nvim.type("<C-]>")
        assert nvim.ghost() == ""
        nvim.type("<Left><Right>")
        assert nvim.ghost() == ""  # until something is typed
        nvim.type("s")
        nvim.until_ghost(GHOST[1:])
        nvim.type("<BS><M-]>")
        nvim.until_ghost(GHOST)
        nvim.type("<M-]>")
        nvim.until_ghost(other)
        nvim.type("<Tab>")
        assert nvim.lines()[1] == f"    {other}"
        assert nvim.metrics()["accepted"] == 1


def test_a_key_does_what_it_did_where_nothing_is_shown(version: str, place: Place, backend: Backend) -> None:
    with editor(version, place) as nvim:
        nvim.lua("vim.keymap.set('i', '<M-Right>', function() return 'mine' end, { expr = true })")
        nvim.use()
        nvim.edit("shop.py", START)
        nvim.type("A<Tab>x")
        assert nvim.lines()[0] == "def total_price(items, discount):   x"
        nvim.type("<M-Right>")
        assert nvim.lines()[0].endswith("xmine")
        nvim.type("<Esc>S")
        nvim.lua("vim.snippet.expand('f($1, $2)')")
        nvim.type("a<Tab>b")
        assert nvim.lines()[0] == "f(a, b)"
        nvim.lua("require('spark').setup({ keymaps = false })")
        assert nvim.lua("return vim.fn.maparg('<M-Right>', 'i', false, true).desc") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_line_ends_and_columns(newest: str, place: Place, backend: Backend, encoding: str) -> None:
    """CRLF, and characters of one, two and four units before the cursor."""
    done = DONE.replace("subtotal = sum", "é😀 = subtotal = sum")
    (place.folder / "oracle" / "shop.py").write_text(done)
    backend.stop()
    backend.start()
    ghost = f"é😀 = {GHOST}"
    with editor(newest, place) as nvim:
        capabilities = "{ capabilities = { general = { positionEncodings = { ... } } } }"
        nvim.lua(f"vim.lsp.config('spark_lsp', {capabilities})", encoding)
        nvim.use()
        path = nvim.edit("shop.py", START.replace("\n", "\r\n"))
        assert nvim.lua("return vim.lsp.get_clients()[1].offset_encoding") == encoding
        assert nvim.lua("return vim.bo.fileformat") == "dos"
        nvim.type(TO_THE_BLANK_LINE)
        nvim.until_ghost(ghost)
        nvim.picture(f"{newest}-crlf-{encoding}")
        for typed in range(1, 8):
            nvim.type(ghost[typed - 1])
            assert nvim.ghost() == ghost[typed:]
        nvim.type("<M-Right>")
        assert nvim.ghost() == ghost[len("é😀 = subtotal") :]
        nvim.type("<M-Down>")
        assert nvim.ghost() == "\n    return subtotal * (1 - discount)"
        nvim.type("<Tab><Esc>:write<CR>")
        metrics = nvim.metrics()
    assert path.read_bytes() == done.replace("\n", "\r\n").encode()
    assert metrics["accepted"] == 3


def test_two_editors_on_one_tree(newest: str, place: Place, backend: Backend) -> None:
    (place.folder / "oracle" / "other.py").write_text(DONE)
    with typing_in(newest, place) as one, typing_in(newest, place, "other.py") as other:
        one.until_ghost(GHOST)
        other.until_ghost(GHOST)
        one.type("<Tab>")
        other.type(GHOST[0])
        assert other.ghost() == GHOST[1:]
        one.type("<Esc>:write<CR>")
        other.type("<Tab><Esc>:write<CR>")
        assert set(one.servers()).isdisjoint(other.servers())
    for name in ("shop.py", "other.py"):
        assert (place.workspace / name).read_text() == DONE


def test_a_real_small_model(
    newest: str, place: Place, llama: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("E2E_KEY", llama.key)
    mine = {"name": "mine", "kind": "llamacpp", "base_url": llama.url, "api_key_env": "E2E_KEY"}
    whole = {"deadline_ms": 10_000, "without": ["pieces"]}  # at once: else it grows while one looks
    place.settings(None, backend=[mine], workspace={"enabled": False}, inline=whole)
    start = (
        "def add(first, second):\n    return first + second\n\n\ndef subtract(first, second):\n    return \n"
    )
    with editor(newest, place) as nvim:
        nvim.use()
        path = nvim.edit("sums.py", start)
        nvim.type("GA")
        ghost = nvim.until(nvim.ghost, "the model's words")
        nvim.type(ghost[0])
        assert nvim.ghost() == ghost[1:]
        nvim.picture("real-model")
        nvim.type("<Tab><Esc>")
        nvim.command("write")
        assert path.read_text() == start.replace("return \n", f"return {ghost}\n")


LINTER = """
local namespace = vim.api.nvim_create_namespace('a linter')
local said = { lnum = 5, col = 46, end_col = 49, severity = vim.diagnostic.severity.ERROR }
said.message, said.source, said.code = 'Undefined name `Tru`', 'Ruff', 'F821'
vim.diagnostic.set(namespace, 0, { said })
"""
CHOOSE = """
local function ours(action) return action.title:find('Fix with Spark') end
vim.lsp.buf.code_action({ apply = true, filter = ours })
"""


def test_what_a_linter_says_is_mended_by_a_code_action(version: str, place: Place) -> None:
    """Neovim sends a server its own diagnostics alone; ruff accepts the edit before it is made."""
    (place.folder / "oracle" / "load.py").write_text(FIXED)
    model = Backend(place.folder / "oracle", "--edits", "right")
    chat = {"name": "chat", "kind": "openai-chat", "base_url": model.url, "model": "fake"}
    place.settings(None, backend=[chat], actions={"verify": ["ruff"]})
    try:
        with editor(version, place) as nvim:
            nvim.use()
            path = nvim.edit("load.py", FIXED.replace("True", "Tru"))
            nvim.type("6G$")
            nvim.lua(LINTER)
            nvim.picture(f"{version}-a-fault")
            nvim.lua(CHOOSE)
            nvim.until(lambda: nvim.lines() == FIXED.splitlines(), "it is mended")
            nvim.command("write")
            assert path.read_text() == FIXED
    finally:
        model.stop()


def test_an_item_of_the_completion_menu_is_continued(version: str, place: Place, backend: Backend) -> None:
    start = START.replace("    \n", "    su\n", 1)
    with editor(version, place) as nvim:
        nvim.use()
        nvim.edit("shop.py", start)
        nvim.command("set completeopt=menuone,noinsert")
        nvim.type(TO_THE_BLANK_LINE)
        nvim.until_ghost(FIRST_LINE[2:])
        nvim.lua("vim.fn.complete(5, { 'sum', 'subtotal' })")
        nvim.until(lambda: nvim.ghost() != FIRST_LINE[2:], "the suggestion follows the menu")
        nvim.type("<Down>")
        nvim.until_ghost(FIRST_LINE[2:])
        nvim.type("<Tab>")
        nvim.until(lambda: nvim.lines()[1] == f"    {FIRST_LINE}", "the suggestion is in the text")
        assert nvim.lua("return vim.fn.pumvisible()") == 0


def test_a_bracket_that_the_editor_closed_is_not_doubled(newest: str, place: Place, backend: Backend) -> None:
    start = DONE.replace("def describe(items):", "def describe()")
    with editor(newest, place) as nvim:
        nvim.use()
        path = nvim.edit("shop.py", start)
        nvim.type("6GA<Left>")
        nvim.until_ghost("items:")  # on both sides of the bracket that is there
        nvim.picture(f"{newest}-bracket")
        nvim.type("<M-Right>")
        assert nvim.lines()[5] == "def describe(items)"
        nvim.until_ghost(":")
        nvim.type("<Tab><Esc>:write<CR>")
    assert path.read_text() == DONE


def test_two_thousand_keys_without_a_flicker(newest: str, place: Place, backend: Backend) -> None:
    """After each key stands what stood there before, less that key, and perhaps more at its end."""
    body = "".join(
        f"def step_{number}(value, factor):\n"
        f"    scaled = value * factor + {number}\n"
        f"    return check(scaled, limit={number * 7})\n\n\n"
        for number in range(40)
    )
    (place.folder / "oracle" / "steps.py").write_text(body)
    backend.stop()
    backend.start()
    backend.script(ttft=0.02, rate=400)
    shown, flickers, before = 0, [], ""
    with editor(newest, place) as nvim:
        nvim.use()
        path = nvim.edit("steps.py", body[:120])
        nvim.command("setlocal noautoindent indentexpr=")
        nvim.type("GA")
        for index in range(120, 2_120):
            if body[index - 1] == "\n":
                before = pause(nvim)
            nvim.type(body[index].replace("<", "<lt>").replace("\n", "<CR>"))
            after = nvim.ghost()
            shown += bool(before)
            if before[1:].strip() and not after.startswith(before[1:]):
                flickers.append((index, before, after))
            before = after
        nvim.type("<Esc>:write<CR>")
    assert flickers == []
    assert shown > 1_500
    assert path.read_text().removesuffix("\n") == body[:2_120].removesuffix("\n")


def pause(nvim: Neovim) -> str:
    """As one does at the end of a line, for half a second at most. Returns what is shown then."""
    for _ in range(100):
        if ghost := nvim.ghost():
            return ghost
        nvim.lua("vim.wait(5)")
    return ""


def test_a_file_of_fifty_thousand_lines(newest: str, place: Place, backend: Backend) -> None:
    filler = "".join(f"value_{number} = {number}\n" for number in range(50_000))
    with editor(newest, place) as nvim:
        nvim.use()
        path = nvim.edit("shop.py", filler + START)
        nvim.type("50002GA")
        nvim.until_ghost(GHOST)
        for typed in range(1, 30):
            nvim.type(GHOST[typed - 1])
            assert nvim.ghost() == GHOST[typed:]
        nvim.type("<Tab><Esc>:write<CR>")
    assert path.read_text() == filler + DONE


def test_the_built_in_client_shows_and_takes_them_too(newest: str, place: Place, backend: Backend) -> None:
    # It asks once, and can show no more of an answer than what it is given then: all of it, however late.
    whole = {"deadline_ms": 10_000, "without": ["pieces"]}
    place.settings(backend.url, prefetch={"enabled": False}, inline=whole)
    with editor(newest, place) as nvim:
        nvim.namespace = "nvim.lsp.inline_completion"
        nvim.lua(
            "vim.lsp.config('spark_lsp', { cmd = ..., root_markers = { '.git' } })"
            "vim.lsp.enable('spark_lsp') vim.lsp.inline_completion.enable()",
            place.server(),
        )
        path = nvim.edit("shop.py", START)
        nvim.until_built_in_looks()
        nvim.type(TO_THE_BLANK_LINE)
        nvim.until_ghost(GHOST)
        # It takes a range that it was told once: Neovim's issue 36529. So nothing is typed in between.
        nvim.lua("vim.lsp.inline_completion.get()")
        nvim.until(lambda: nvim.ghost() == "", "the suggestion is in the text")
        nvim.type("<Esc>:write<CR>")
    assert path.read_text() == DONE
