"""Keys come from where they should, and show nowhere."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from spark_lsp.backends.key import Key
from spark_lsp.errors import Unauthorized


def printing(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_from_the_environment() -> None:
    assert await Key("MY_KEY", environ={"MY_KEY": " secret \n"}).read() == "secret"


async def test_from_a_command_run_once_however_many_wait(tmp_path: Path) -> None:
    log = tmp_path / "log"
    key = Key(
        "MY_KEY",
        printing(f"open({str(log)!r}, 'a').write('x'); print('secret')"),
        environ={"MY_KEY": "other"},
    )
    assert set(await asyncio.gather(*(key.read() for _ in range(5)))) == {"secret"}
    assert log.read_text() == "x"
    key.forget()
    await key.read()
    assert log.read_text() == "xx"


async def test_none_is_needed() -> None:
    key = Key()
    assert (await key.read(), key.source) == ("", "")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (Key("MY_KEY", environ={}), r"no key from \$MY_KEY"),
        (Key("MY_KEY", environ={"MY_KEY": "  "}), "no key"),
        (Key("MY_KEY", environ={"MY_KEY": "sécret"}), "cannot have"),
        (Key("MY_KEY", environ={"MY_KEY": "sec\nret"}), "cannot have"),
        (Key(command=["/no/such/command"]), "cannot run: /no/such/command"),
        (Key(command=printing("raise SystemExit(3)")), "status 3"),
        (Key(command=printing("")), "no key from the command"),
    ],
)
async def test_there_is_none(key: Key, says: str) -> None:
    with pytest.raises(Unauthorized, match=says) as caught:
        await key.read()
    assert caught.value.advice
    assert "ret" not in str(caught.value).partition("/")[0]


async def test_a_command_that_asks_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_lsp.backends.key.COMMAND_SECONDS", 0.1)
    with pytest.raises(Unauthorized, match="said nothing"):
        await Key(command=printing("import time; time.sleep(60)")).read()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("bad key sk-proj-0123456789", "bad key [key]"),
        ("Incorrect API key provided: sk-pr***********6789.", "Incorrect API key provided: [key]"),
        ("sk-pr…789 is wrong", "[key] is wrong"),
        ("the task-runner failed", "the task-runner failed"),
    ],
)
async def test_messages_hide_it(said: str, shown: str) -> None:
    key = Key("MY_KEY", environ={"MY_KEY": "sk-proj-0123456789"})
    await key.read()
    assert key.hide(said) == shown
    assert "0123" not in repr(key)
