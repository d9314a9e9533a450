"""Keys come from where they should, and show nowhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.credentials import Credential, SimpleCredential
from keyring.errors import KeyringLocked

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


class InMemory(KeyringBackend):
    """Holds what a test puts there. Without a lock, unless it is told to raise something."""

    priority = 1.0

    def __init__(self, held: dict[tuple[str, str], str], failure: Exception | None = None) -> None:
        super().__init__()
        self._held = held
        self._failure = failure

    def get_password(self, service: str, username: str) -> str | None:
        if self._failure is not None:
            raise self._failure
        return self._held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._held[service, username] = password

    def get_credential(self, service: str, username: str | None) -> Credential | None:
        known = username or next((user for name, user in self._held if name == service), "")
        password = self.get_password(service, known)
        return None if password is None else SimpleCredential(known, password)


@pytest.fixture
def in_keyring() -> Iterator[Callable[[InMemory], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


HELD = {("spark", "me"): "mine", ("spark", "you"): "yours"}


@pytest.mark.parametrize(
    ("entry", "secret"), [("spark", "mine"), ("spark:me", "mine"), ("spark:you", "yours")]
)
async def test_from_the_keyring(entry: str, secret: str, in_keyring: Callable[[InMemory], None]) -> None:
    in_keyring(InMemory(HELD))
    assert await Key("MY_KEY", entry=entry, environ={"MY_KEY": "other"}).read() == secret


@pytest.mark.parametrize(
    ("entry", "failure", "says"),
    [
        ("elsewhere", None, "no key from the keyring's entry elsewhere"),
        ("spark:nobody", None, "no key"),
        ("spark", KeyringLocked("secret words"), "does not give spark out"),
        ("spark", RuntimeError("secret words"), "does not give spark out"),
    ],
)
async def test_the_keyring_has_none(
    entry: str, failure: Exception | None, says: str, in_keyring: Callable[[InMemory], None]
) -> None:
    in_keyring(InMemory(HELD, failure))
    with pytest.raises(Unauthorized, match=says) as caught:
        await Key(entry=entry).read()
    assert caught.value.advice
    assert "secret words" not in f"{caught.value} {caught.value.advice}"


async def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(Unauthorized, match=r"spark-lsp\[keyring\]"):
        await Key(entry="spark").read()


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
    key.forget()
    assert key.hide(said) == shown
    assert "0123" not in repr(key)
