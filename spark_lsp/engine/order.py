"""What is to be done by a code action, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from spark_lsp.actions.catalog import Action
from spark_lsp.text import Lines, line_body
from spark_lsp.values import Diagnostic, Lane, Reach

if TYPE_CHECKING:
    from spark_lsp.actions.answer import NewFile
    from spark_lsp.actions.edits import Replacement


@dataclass(frozen=True)
class Order:
    """An action at a place of a text.

    `path` is where the document is, `shown` what others may see of that; `first` and `last` (exclusive) are
    the lines that it is about, `selected` when a person chose them. `instruction` is a person's, for the
    action that has one.
    """

    action: Action
    text: Lines
    uri: str
    path: str
    shown: str
    language: str
    first: int
    last: int
    diagnostics: tuple[Diagnostic, ...] = ()
    selected: bool = False
    instruction: str = ""
    reach: Reach = "anywhere"
    lane: Lane = "interactive"

    @cached_property
    def lines(self) -> Sequence[str]:
        """The text as policy sees it: no line ends."""
        return bodies(self.text)

    @cached_property
    def key(self) -> bytes:
        """The same for two orders that the same is to be answered to."""
        from spark_lsp.actions.ask import version_of  # not for who only completes

        parts = (
            self.action.name,
            version_of(self.action),
            self.path,
            self.language,
            str((self.first, self.last, self.selected)),
            repr(self.diagnostics),
            self.instruction,
        )
        return _digest("\0".join(parts)) + _digest_of(self.text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order.

    `replacements` are of the order's own lines; `files` are new ones, `words` are for a person. `checked`
    names the checkers that accept it; where there is none, `remark` says why it is not verified.
    """

    replacements: tuple[Replacement, ...] = ()
    files: tuple[NewFile, ...] = ()
    words: str = ""
    checked: tuple[str, ...] = ()
    remark: str = ""
    backend: str = ""
    rounds: int = 1
    checking_ms: float = 0.0

    @property
    def verified(self) -> bool:
        return bool(self.checked)


@lru_cache(maxsize=4)
def bodies(text: Lines) -> tuple[str, ...]:
    """The lines without their ends. An editor asks about one text many times: each is made once."""
    return tuple(map(line_body, text))


@lru_cache(maxsize=4)
def _digest_of(text: Lines) -> bytes:
    return _digest(text.text())


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
