"""API keys: where they come from, and that they never show."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence

from spark_lsp.errors import MissingExtra, Unauthorized

COMMAND_SECONDS = 20.0  # a password manager may ask its user

_HIDDEN = "[key]"


class Key:
    """A key read when it is first needed: from a command's output, the system's keyring, or a variable.

    Only the source appears in `repr` and in messages.
    """

    __slots__ = ("_command", "_entry", "_environ", "_lock", "_read", "_value", "_variable")

    def __init__(
        self,
        variable: str = "",
        command: Sequence[str] = (),
        entry: str = "",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`entry` is SERVICE or SERVICE:USER of the system's keyring."""
        self._variable = variable
        self._command = tuple(command)
        self._entry = entry
        self._environ = environ
        self._value: str | None = None
        self._read: set[str] = set()
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Key {self.source}>"

    @property
    def source(self) -> str:
        """Where the key comes from, in words for a message; "" when there is none to be had."""
        if self._command:
            return f"from the command {self._command[0]}"
        if self._entry:
            return f"from the keyring's entry {self._entry}"
        return f"from ${self._variable}" if self._variable else ""

    async def read(self) -> str:
        """The key, "" when no source is set. Raises Unauthorized when the source has none."""
        async with self._lock:  # one question of the password manager, however many requests wait
            if self._value is None:
                self._value = self._checked(await self._fresh())
                self._read.add(self._value)
            return self._value

    def forget(self) -> None:
        """Read it again next time: it was refused, and short-lived keys are renewed by their command."""
        self._value = None

    def hide(self, text: str) -> str:
        """`text` without the key, and without the masked forms that vendors echo ("sk-ab****yz").

        Keys that were read before count too: a request may still be told off for one that is forgotten.
        """
        for value in self._read:
            if len(value) >= 4:
                text = text.replace(value, _HIDDEN)
                text = re.sub(rf"{re.escape(value[:3])}[\w-]*[*.…][\w*.…-]*", _HIDDEN, text)
        return text

    async def _fresh(self) -> str:
        if self._command:
            return await self._run()
        if self._entry:
            return await asyncio.to_thread(_from_keyring, self._entry)
        return self._environ.get(self._variable, "") if self._variable else ""

    def _checked(self, value: str) -> str:
        value = value.strip()
        if not value and self.source:
            raise Unauthorized(f"there is no key {self.source}", advice="set the key, then try again")
        if not (value.isascii() and value.isprintable()):
            # Said here, because what the HTTP library says about it quotes the key.
            raise Unauthorized(
                f"the key {self.source} holds characters that a key cannot have",
                advice="copy the key again: one line of plain ASCII",
            )
        return value

    async def _run(self) -> str:
        advice = "run it in a terminal: it must print the key and nothing else"
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except (OSError, ValueError) as error:
            raise Unauthorized(f"the key command cannot run: {self._command[0]}", advice=advice) from error
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise Unauthorized(
                f"the key command said nothing for {COMMAND_SECONDS:g} s", advice=advice
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise Unauthorized(f"the key command ended with status {process.returncode}", advice=advice)
        return output.decode("utf-8", "replace")


def _from_keyring(entry: str) -> str:
    """The password of SERVICE:USER, of any user where none is named. Waits for the user: not for the loop."""
    try:
        import keyring
    except ImportError as error:
        missing = MissingExtra("a key from the keyring", "keyring")
        raise Unauthorized(str(missing)) from error
    service, _, user = entry.partition(":")
    try:
        credential = keyring.get_credential(service, user or None)
    except Exception as error:  # keyrings are plugins, and raise what they like beside KeyringError
        advice = "unlock the keyring, or name the key by `api_key_env` or `api_key_command`"
        raise Unauthorized(f"the keyring does not give {entry} out", advice=advice) from error
    return "" if credential is None else credential.password
