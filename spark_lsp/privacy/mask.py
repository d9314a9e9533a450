"""What stands for a secret, and how it is told again when a model repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b, shake_256

_CLASSES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!#$%&*+?^~")
_CLASS = {character: each for each in _CLASSES for character in each}


class Masks:
    """Placeholders of one session. `key` is random and stays here: nobody gets from one back to its secret.

    A placeholder is as long as the secret, has a letter where it has a letter and a digit where it has a
    digit, and never the same one. Quotes, brackets, dots, dashes and line ends stay: they give it
    its shape.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.of = lru_cache(maxsize=1024)(self._of)

    def _of(self, secret: str) -> str:
        seed = blake2b(secret.encode("utf-8", "surrogatepass"), key=self._key).digest()
        steps = shake_256(seed).digest(2 * len(secret))
        masked: list[str] = []
        escaped = False
        for index, character in enumerate(secret):
            step = int.from_bytes(steps[2 * index : 2 * index + 2])
            # The n of \n is none of the secret's.
            masked.append(character if escaped and character in "nrt" else _other(character, step))
            escaped = character == "\\" and not escaped
        return "".join(masked)


def _other(character: str, step: int) -> str:
    letters = _CLASS.get(character)
    if letters is None:
        if ord(character) < 128 or not character.isalnum():
            return character
        letters = _CLASSES[1] if character.isupper() else _CLASSES[0]
        return letters[step % len(letters)]
    return letters[(letters.index(character) + 1 + step % (len(letters) - 1)) % len(letters)]


class Restorer:
    """Puts secrets back into one answer as it comes: `secrets` by placeholder, those of its prompt only."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._longest_first = sorted(secrets, key=len, reverse=True)
        self._firsts = {placeholder[0] for placeholder in secrets}
        self._held = ""

    def feed(self, text: str, *, last: bool = False) -> str:
        """What can be told of the answer so far: the beginning of a placeholder is held until it is whole, or
        is none. With `last` nothing is held."""
        text, self._held = self._held + text, ""
        told: list[str] = []
        at = 0
        while at < len(text):
            if text[at] not in self._firsts:
                told.append(text[at])
                at += 1
                continue
            rest = text[at:]
            found = next((one for one in self._longest_first if rest.startswith(one)), "")
            if not last and any(
                len(one) > max(len(rest), len(found)) and one.startswith(rest) for one in self._longest_first
            ):
                self._held = rest
                break
            told.append(self._secrets[found] if found else text[at])
            at += len(found) or 1
        return "".join(told)
