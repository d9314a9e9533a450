"""What a fake backend says: the text that follows the prompt in a folder of files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from typing import Protocol

TAILS = (512, 128, 32, 12)  # lengths of the prompt's end that are looked for, longest first
HEADS = (256, 64, 24, 8)  # of the suffix's beginning
MARKS = 6  # characters that are not blank in a tail or head of less than the whole
CANDIDATES = 256
LONGEST = 200_000  # characters in one answer

_END = "\0"  # between two files: no text goes on from one to the next
_TOKEN = re.compile(r"\n[ \t]*|[ \t]*(?:[^\W\d_]{1,6}|\d{1,3}|_|[^\w\s]{1,3})|\s")

_WORD = re.compile(r"\s*(\w+|[^\w\s]+|$)")

_FIM_MARKS = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<PRE> ", " <SUF>", " <MID>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    ("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    ("[PREFIX]", "[SUFFIX]", ""),
    ("</after-cursor>\n<before-cursor>", "<after-cursor>", "</before-cursor>"),
)


STATE = 200  # characters at the end of the prefix, by which a mistaken source knows a state again
MISTAKE = 6  # lines


class Source(Protocol):
    """Where a fake backend's answers come from."""

    def answer(self, prefix: str, suffix: str) -> str:
        """The text between the two, "" when there is none."""
        ...


class Oracle:
    """Knows some files by heart. `files` maps names to texts; line ends are read as \\n.

    The longest end of the prefix that occurs in a file, at least 12 characters of it, says where the
    cursor is; of several such places the first one whose text goes on to the suffix is taken. A shorter
    prefix counts only as the beginning of a file.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        texts = (
            files[name].replace("\r\n", "\n").replace("\r", "\n").replace(_END, "") for name in sorted(files)
        )
        self._text = "".join(f"{_END}{text}" for text in texts) + _END
        self._count = len(files)

    def __repr__(self) -> str:
        return f"<Oracle {self._count} files>"

    @property
    def text(self) -> str:
        """All its files."""
        return self._text

    def answer(self, prefix: str, suffix: str) -> str:
        best = ""
        longest, meets = 0, False
        for place in self._places(prefix, suffix):
            rest = self._text[place : min(self._text.index(_END, place), place + LONGEST)]
            met = _until(rest, suffix)
            length = self._tail(prefix, place)
            if (length, met is not None) > (longest, meets):
                best, longest, meets = (rest if met is None else met), length, met is not None
        return best

    def _places(self, prefix: str, suffix: str) -> Iterator[int]:
        if not prefix.strip() and not suffix.strip():
            return
        if len(prefix) < TAILS[-1]:
            places = islice(_occurrences(self._text, _END + prefix), CANDIDATES)
            yield from (place for place in places if place < len(self._text))  # not the last file's end
            return
        for length in TAILS:
            tail = prefix[-length:]
            if len(tail) == length and _marks(tail) >= MARKS:
                found = list(islice(_occurrences(self._text, tail), CANDIDATES))
                if found:
                    yield from found
                    return

    def _tail(self, prefix: str, place: int) -> int:
        """How many characters before `place` are also the end of `prefix`."""
        low, high = 0, min(len(prefix), place)
        while low < high:
            middle = (low + high + 1) // 2
            if self._text.startswith(prefix[-middle:], place - middle):
                low = middle
            else:
                high = middle - 1
        return low


class Mistaken:
    """An oracle that is wrong at a share of the states, 0 to 1.

    Whether it is, and what it says then, follows from the seed and the end of the prefix alone: the same
    state gets the same answer whoever asks, and however often. A wrong answer is code of the same files,
    indented as it would be here, whose first word is not the right one. Where the oracle knows nothing
    this one does not either.
    """

    def __init__(self, oracle: Oracle, share: float, seed: int = 0) -> None:
        self._oracle = oracle
        self._share = share
        self._seed = seed
        self._lines = [line for line in oracle.text.split("\n") if _END not in line]
        self._code = [index for index, line in enumerate(self._lines) if _marks(line) >= MARKS]

    def __repr__(self) -> str:
        return f"<Mistaken {self._oracle} {self._share:g} wrong>"

    def answer(self, prefix: str, suffix: str) -> str:
        right = self._oracle.answer(prefix, suffix)
        state = f"{self._seed}{_END}{prefix[-STATE:]}".encode("utf-8", "replace")
        number = int.from_bytes(blake2b(state, digest_size=8).digest(), "big")
        if not right.strip() or number >= self._share * 2**64:
            return right
        lead = right[: len(right) - len(right.lstrip())]
        line = (prefix + lead).rpartition("\n")[2]
        return lead + self._other(right, number, line[: len(line) - len(line.lstrip())])

    def _other(self, right: str, number: int, indent: str) -> str:
        """Some lines of another place, whose first word differs from that of `right`."""
        first = _first_word(right)
        for step in range(len(self._code)):
            start = self._code[(number + step) % len(self._code)]
            if _first_word(self._lines[start]) != first:
                return "\n".join(self._block(start, indent)).lstrip()
        return f"not_{first}"

    def _block(self, start: int, indent: str) -> Iterator[str]:
        width = len(self._lines[start]) - len(self._lines[start].lstrip())
        for line in self._lines[start : start + MISTAKE]:
            if not line.strip() or line[:width].strip():
                return
            yield indent + line[width:]


class Filler:
    """Has no files: answers everything with the same made-up lines."""

    text = "".join(f"step_{n} = next_step(step_{n - 1})\n" for n in range(1, 2_001))

    def answer(self, prefix: str, suffix: str) -> str:
        return self.text


def tokens(text: str, limit: int | None = None) -> list[str]:
    """`text` in pieces of about four characters, as models cut code; the first `limit` of them.

    Joined they are `text` again.
    """
    return [match[0] for match in islice(_TOKEN.finditer(text), limit)]


def split_prompt(prompt: str) -> tuple[str, str]:
    """Prefix and suffix of a prompt in which a FIM template has been applied, in either order.

    A prompt without a template's marks is all prefix.
    """
    for before, after, middle in _FIM_MARKS:
        start, hole = prompt.rfind(before), prompt.rfind(after)
        if start < 0 or hole < 0:
            continue
        end = prompt.rfind(middle) if middle else len(prompt)
        if end < max(start, hole):
            continue
        if start < hole:  # the cursor's line may stand behind both, as the beginning of the answer
            prefix = prompt[start + len(before) : hole] + prompt[end + len(middle) :]
            return prefix, prompt[hole + len(after) : end]
        return prompt[start + len(before) : end], prompt[hole + len(after) : start]
    return prompt, ""


def _until(rest: str, suffix: str) -> str | None:
    """`rest` up to where the suffix begins, None where it is not met. A blank suffix asks for all."""
    if not suffix.strip():
        return rest
    if len(suffix) <= HEADS[0] and rest.endswith(suffix):
        return rest[: -len(suffix)]
    for length in HEADS:
        head = suffix[:length]
        place = rest.find(head) if _marks(head) >= min(MARKS, _marks(suffix)) else -1
        if place >= 0:
            return rest[:place]
    return None


def _first_word(text: str) -> str:
    match = _WORD.match(text)
    return match[1] if match else ""


def _occurrences(text: str, part: str) -> Iterator[int]:
    """Where each occurrence of `part` ends."""
    place = text.find(part)
    while place >= 0:
        yield place + len(part)
        place = text.find(part, place + 1)


def _marks(text: str) -> int:
    return sum(not character.isspace() for character in text)
