"""What a person at a real Neovim sees of servers and backends that are missing, die and come back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.neovim import Backend, Neovim, Place, editor, kill
from tests.e2e.test_nvim import TO_THE_BLANK_LINE, available, typing_in
from tests.scenario.test_typing import DONE, GHOST, START


@pytest.fixture(params=["0.12", "0.11"])
def version(request: pytest.FixtureRequest) -> str:
    return available(request.param)


@pytest.fixture
def newest() -> str:
    return available("0.12")


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


def test_the_first_minute(newest: str, place: Place) -> None:
    """No key, no model, nothing configured."""
    for number in range(3):
        (place.workspace / f"shop_{number}.py").write_text(DONE)
    place.settings(None)
    with editor(newest, place) as nvim:
        (place.workspace / ".git").mkdir()
        nvim.use()
        nvim.command("set laststatus=2 statusline=%t\\ %{v:lua.require'spark'.statusline()}")
        nvim.edit("shop.py", START)
        nvim.until(lambda: nvim.metrics()["workspace"]["ready"], "the workspace is learned")
        nvim.type(f"{TO_THE_BLANK_LINE}sub")
        nvim.until(nvim.ghost, "ghost text of the workspace")
        assert nvim.ghost().startswith("total = sum(item.price")
        assert nvim.statusline() == "spark workspace"
        nvim.picture(f"{newest}-first-minute")
        nvim.type("<Esc>")
        nvim.command("Spark status")
        assert "workspace only: set CEREBRAS_API_KEY or start a local model" in nvim.messages()


def test_a_missing_server_is_told_once_and_explained(version: str, place: Place) -> None:
    with editor(version, place) as nvim:
        nvim.use(["spark-lsp-that-is-nowhere"])
        for name in ("one.py", "two.py"):
            nvim.edit(name, START, attached=False)
            nvim.type("jA<Tab>x<Esc>")
        nvim.until(nvim.messages, "a message")
        assert nvim.messages().count("spark-lsp-that-is-nowhere is not found") == 1
        assert nvim.lua("return #vim.lsp.get_clients()") == 0
        assert nvim.statusline() == "spark failed"
        nvim.command("checkhealth spark")
        report = "\n".join(nvim.lines())
        assert "ERROR spark-lsp-that-is-nowhere is not found" in report
        assert "pip install spark-lsp" in report
        nvim.picture(f"{version}-missing")
        # It is there now.
        nvim.lua("vim.lsp.config('spark_lsp', { cmd = ... })", place.server())
        place.settings(None)
        nvim.edit("three.py", START)


def test_a_killed_server_is_started_again(version: str, place: Place, backend: Backend) -> None:
    with typing_in(version, place) as nvim:
        nvim.until_ghost(GHOST)
        [server] = nvim.servers()
        kill(server)
        nvim.until(lambda: nvim.ghost() == "", "what is shown goes with its server")
        nvim.until(
            lambda: nvim.attached() and nvim.servers() not in ([], [server]), "another one is attached"
        )
        nvim.until_ghost(GHOST)
        nvim.type("<Tab><Esc>:write<CR>")
    assert (place.workspace / "shop.py").read_text() == DONE


def test_one_that_dies_at_its_start_is_given_up_and_says_why(newest: str, place: Place) -> None:
    starts = place.folder / "starts"
    broken = place.folder / "broken.py"
    broken.write_text(
        f"import sys, time\nwith open({str(starts)!r}, 'a') as file:\n"
        "    print(round(time.time(), 1), *sys.argv[1:], file=file)\n"
        "raise SystemExit('no module named spark')\n"
    )
    with editor(newest, place) as nvim:
        nvim.use([sys.executable, str(broken)])
        nvim.edit("shop.py", START, attached=False)
        why = "the server ended 5 times at its start: no module named spark. :Spark restart tries again"
        nvim.until(lambda: why in nvim.messages(), "it is given up")
        assert nvim.statusline() == "spark failed"
        nvim.edit("other.py", START, attached=False)
        nvim.command("checkhealth spark")
        assert "no module named spark" in "\n".join(nvim.lines())
        # Five times, once more for its last words, and once for its version.
        assert len(starts.read_text().splitlines()) == 7, starts.read_text()
        nvim.command("close")
        place.settings(None)
        nvim.lua("vim.lsp.config('spark_lsp', { cmd = ... })", place.server())
        nvim.command("Spark restart")
        nvim.until(nvim.attached, "it runs once it can")
        assert nvim.statusline() != "spark failed"


def test_a_backend_goes_and_comes_back(newest: str, place: Place, backend: Backend) -> None:
    with typing_in(newest, place) as nvim:
        nvim.until_ghost(GHOST)
        assert nvim.statusline().startswith("spark remote")
        backend.stop()
        nvim.type("x = unknown(")
        nvim.until(lambda: nvim.statusline() == "spark !", "the status tells")
        nvim.picture(f"{newest}-backend-down")
        assert "remote" in nvim.lua("return require('spark').status().message")
        backend.start()
        nvim.until(lambda: nvim.statusline().startswith("spark remote"), "it is found again")
        nvim.type("<Esc>Ssubt")
        nvim.until(nvim.ghost, "ghost text")
        assert GHOST[4:].startswith(nvim.ghost())


def test_snooze_and_toggle(newest: str, place: Place, backend: Backend) -> None:
    with typing_in(newest, place) as nvim:
        nvim.until_ghost(GHOST)
        nvim.lua("require('spark').snooze(10)")
        assert nvim.ghost() == ""
        assert nvim.statusline().startswith("spark zz ")
        asked = nvim.metrics()["requests"]
        nvim.type("su")
        assert nvim.ghost() == ""
        assert nvim.metrics()["requests"] == asked
        nvim.lua("require('spark').snooze(0)")
        nvim.until(nvim.ghost, "ghost text after the snooze")
        assert GHOST[2:].startswith(nvim.ghost())
        nvim.command("Spark toggle")
        assert nvim.ghost() == ""
        assert nvim.statusline() == "spark off"
        nvim.command("Spark toggle")
        nvim.until(nvim.ghost, "ghost text when it is on again")
        nvim.lua("require('spark').snooze(0.005)")
        assert nvim.ghost() == ""
        nvim.until(nvim.ghost, "a snooze ends by itself")
        nvim.type("<Esc>")
        nvim.lua("vim.b.spark = false")
        nvim.type("A")
        assert nvim.statusline() == "spark off"
        assert nvim.ghost() == ""


def test_nothing_is_left_when_it_quits_while_a_stream_runs(
    newest: str, place: Place, backend: Backend
) -> None:
    backend.script(rate=3)
    with typing_in(newest, place) as nvim:
        nvim.until(lambda: backend.stats()["open"] == 1, "a stream runs")
        nvim.until(nvim.ghost, "ghost text")
    # The editor and its server are gone: `editor` has looked.
    stats = backend.stats()
    assert (stats["open"], stats["cancelled"]) == (0, 1)


def test_wrong_settings_are_told_by_name(newest: str, place: Place, backend: Backend) -> None:
    with editor(newest, place) as nvim:
        nvim.use(
            options="{ keymap = true, enabled = 'yes', keymaps = { acept = '<C-y>', accept = '<C-y>' } }"
        )
        said = nvim.messages()
        assert "keymap is unknown; it is ignored" in said
        assert "enabled must be a boolean; it is ignored" in said
        assert "keymaps.acept is unknown; it is ignored" in said
        nvim.edit("shop.py", START)
        nvim.type(TO_THE_BLANK_LINE)
        nvim.until_ghost(GHOST)
        nvim.type("<C-y>")
        assert nvim.ghost() == ""
        assert "\n".join(nvim.lines()) + "\n" == DONE
        nvim.type("<Esc>")
        nvim.lua(
            "vim.lsp.config('spark_lsp', { settings = { spark = { inline = { max_tokens = 'many' } } } })"
        )
        nvim.command("Spark restart")
        nvim.until(lambda: "inline.max_tokens" in nvim.messages(), "the server tells, too")


def test_the_commands_show_something(newest: str, place: Place, backend: Backend) -> None:
    windows = {
        "doctor": "remote",
        "settings": "base_url",
        "metrics": "requests",
        "health": "spark: the server",
    }
    with typing_in(newest, place) as nvim:
        nvim.type("<Esc>")
        for word, text in windows.items():
            nvim.command(f"Spark {word}")
            nvim.until(partial(shows, nvim, text), f"a window with {text}")
            nvim.picture(f"{newest}-command-{word}")
            nvim.command("close")
        nvim.command("Spark status")
        assert "remote: " in nvim.messages()
        nvim.command("Spark log")
        assert nvim.lua("return vim.api.nvim_buf_get_name(0)").endswith("lsp.log")
        nvim.type(":Spark nonsense<CR>")
        assert "there is no :Spark nonsense, but disable, doctor" in nvim.messages()


def shows(nvim: Neovim, text: str) -> bool:
    return text in "\n".join(nvim.lines())
