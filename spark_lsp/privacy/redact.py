"""A prompt without its secrets, and what is needed to put them back into its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from spark_lsp.privacy.detect import everywhere, find, joined
from spark_lsp.privacy.mask import Masks
from spark_lsp.privacy.rules import OPEN, SHORTEST, Span
from spark_lsp.values import Excerpt, Prompt


class Replacement(NamedTuple):
    """One secret taken out of the text around the cursor. `line` is 0-based, from the first of the prefix."""

    rule: str
    line: int
    length: int


@dataclass(frozen=True, slots=True)
class Redacted:
    """`prompt` is what may be sent; `secrets`, by placeholder, are what its answer may be given back."""

    prompt: Prompt
    secrets: Mapping[str, str]
    replaced: tuple[Replacement, ...] = ()


class Redactor:
    """Takes the secrets out of prompts. `key` is what the session's placeholders are made from."""

    def __init__(self, key: bytes) -> None:
        self._masks = Masks(key)

    def redact(self, prompt: Prompt) -> Redacted:
        """Lengths stay, and every character that is no secret's.

        Both sides of the cursor are read as one text, as a secret may be cut there.
        """
        if prompt.typed and prompt.rendered is not None:
            return _healed(self.redact(prompt.unhealed), prompt)
        around, cut = prompt.prefix + prompt.suffix, len(prompt.prefix)
        told = _outside(prompt)
        found = _around(around, cut)
        elsewhere = {text: find(text) for text in told}
        if not found and not any(elsewhere.values()):
            return Redacted(prompt, {})
        secrets = _secrets(around, found, cut)
        for text, spans in elsewhere.items():
            secrets += _secrets(text, spans, 0)
        secrets = list(dict.fromkeys(secrets))
        found = everywhere(around, secrets, found)
        masked = self._mask(around, found, cut)
        prefix, suffix = masked[:cut], masked[cut:]
        clean = {
            text: self._mask(text, everywhere(text, secrets, spans)) for text, spans in elsewhere.items()
        }
        rendered = prompt.rendered
        if rendered is not None:
            parts = _parts(prompt, rendered)
            rendered = "".join(
                clean.get(part, part) if side is None else masked[side] for side, part in parts
            )
        redacted = replace(
            prompt,
            prefix=prefix,
            suffix=suffix,
            rendered=rendered,
            instructions=clean.get(prompt.instructions, prompt.instructions),
            path=clean.get(prompt.path, prompt.path),
            front=clean.get(prompt.front, prompt.front),
            excerpts=tuple(
                Excerpt(clean.get(one.path, one.path), clean.get(one.text, one.text))
                for one in prompt.excerpts
            ),
            said=prefix[len(prefix) - len(prompt.said) :] if prompt.said else "",
        )
        replaced = tuple(
            Replacement(span.rule, around.count("\n", 0, span.start), span.end - span.start) for span in found
        )
        return Redacted(redacted, {self._masks.of(each): each for each in secrets}, replaced)

    def _mask(self, text: str, spans: Sequence[Span], cut: int = 0) -> str:
        parts: list[str] = []
        at = 0
        for start, end in _pieces(spans, cut):
            parts += text[at:start], self._masks.of(text[start:end])
            at = end
        return "".join([*parts, text[at:]])


def _around(text: str, cut: int) -> list[Span]:
    """The secrets on both sides of the cursor: as one text, and as what stands on each side of it."""
    spans = find(text)
    begin = text.rfind("\n", 0, cut) + 1
    end = text.find("\n", cut)
    end = len(text) if end < 0 else end
    if cut and cut < len(text):
        spans += [Span(begin + one.start, begin + one.end, one.rule) for one in find(text[begin:cut])]
        spans += [Span(cut + one.start, cut + one.end, one.rule) for one in find(text[cut:end])]
    if typed := OPEN.search(text[begin:cut]):
        spans.append(Span(begin + typed.start(1), cut, "a key that is being typed"))
    return joined(spans)


def _pieces(spans: Sequence[Span], cut: int) -> list[tuple[int, int]]:
    pieces = []
    for span in spans:
        if span.start < cut < span.end:
            pieces += [(span.start, cut), (cut, span.end)]
        else:
            pieces.append((span.start, span.end))
    return pieces


def _secrets(text: str, spans: Sequence[Span], cut: int) -> list[str]:
    """Those that are long enough to be known again."""
    pieces = [text[start:end] for start, end in _pieces(spans, cut)]
    return [piece for piece in pieces if len(piece) >= SHORTEST or piece.startswith(":")]


def _outside(prompt: Prompt) -> list[str]:
    """What is sent beside the text around the cursor."""
    told = [prompt.instructions, prompt.path, prompt.front]
    for one in prompt.excerpts:
        told += one.path, one.text
    if prompt.rendered is not None:
        told += [part for side, part in _parts(prompt, prompt.rendered) if side is None]
    return [text for text in dict.fromkeys(told) if text]


def _parts(prompt: Prompt, rendered: str) -> list[tuple[slice | None, str]]:
    """The rendered prompt cut into the text on both sides of the cursor, as slices of it all, and what stands
    around that. The cursor's line may stand apart from the lines above it."""
    around, cut = prompt.prefix + prompt.suffix, len(prompt.prefix)
    line = cut if prompt.prefix in rendered else prompt.prefix.rfind("\n") + 1
    parts: list[tuple[slice | None, str]] = [(None, rendered)]
    sides = [slice(0, line), slice(line, cut), slice(cut, len(around))]
    for side in sorted(sides, key=lambda one: one.stop - one.start, reverse=True):
        text = around[side]
        for index, (taken, part) in reversed(list(enumerate(parts))):
            if taken is not None or not text:
                continue
            at = part.rfind(text)
            if at >= 0:
                cut_up = [(None, part[:at]), (side, text), (None, part[at + len(text) :])]
                parts[index : index + 1] = [one for one in cut_up if one[1]]
                break
    return parts


def _healed(redacted: Redacted, asked: Prompt) -> Redacted:
    """Without the end that `asked` was without. Where a secret stands there, it is a placeholder's: no model
    says that, and so it will be asked again with all of it."""
    prompt, start, end = redacted.prompt, asked.typed_at, asked.typed_at + len(asked.typed)
    assert prompt.rendered is not None
    cut = replace(
        prompt,
        rendered=prompt.rendered[:start] + prompt.rendered[end:],
        typed=prompt.rendered[start:end],
        typed_at=start,
    )
    return replace(redacted, prompt=cut)
