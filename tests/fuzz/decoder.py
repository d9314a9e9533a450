"""A coverage-guided fuzzer over decoders, readers and refusals: `python -m tests.fuzz.decoder [SECONDS]`.

It needs atheris, for which `make fuzz` has an environment of its own. It starts from fixtures/streams and
goes on from what it found before, in out/fuzz/corpus; an input that breaks the law (law.py) is kept as
out/fuzz/crash-*, and `python -m tests.fuzz.decoder FILE` runs it again.

An input is four bytes that choose (the kind, the decoder and its limit, two for the chunks), then the body.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

# Not among the project's dependencies: it has wheels for some platforms only.
import atheris  # type: ignore[import-untyped]  # and is not here when types are checked

with atheris.instrument_imports(include=["spark_lsp.backends"]):
    from tests.fuzz import law
    from tests.fuzz.law import DECODERS, ENDINGS, KINDS, NARROW

    BACKENDS = [law.backend(kind) for kind in KINDS]

OUT = Path("out/fuzz")
CHOICES = 4  # bytes
LONGEST = 4_096
CUTS = 12
REFUSALS = (400, 401, 404, 429, 503)


def one_input(data: bytes) -> None:
    if len(data) <= CHOICES:
        return
    kind, decoder, *seed = data[:CHOICES]
    body = data[CHOICES:]
    wide, chosen = divmod(decoder, len(DECODERS))
    make = DECODERS[chosen] if wide % 2 == 0 else partial(DECODERS[chosen], NARROW)
    chunks = _chunks(body, Random(bytes(seed)))
    law.check_decoder(make, chunks)
    law.check_reader(BACKENDS[kind % len(BACKENDS)], make, chunks)
    law.check_refusal(REFUSALS[seed[0] % len(REFUSALS)], body)


def _chunks(body: bytes, random: Random) -> list[bytes]:
    """Byte by byte one time in four."""
    if random.random() < 0.25:
        return [body[place : place + 1] for place in range(len(body))]
    return law.cut(body, (random.randint(0, len(body)) for _ in range(random.randrange(CUTS))))


def _seeds() -> Iterator[bytes]:
    """Each stream as its own kind's, and as another's: grammars are alike."""
    for number, (path, body) in enumerate(law.fixtures().items()):
        kind = KINDS.index(path.parent.name)
        for chosen in (kind, number % len(KINDS)):
            yield bytes((chosen, ENDINGS.index(path.suffix), 0, number % 256)) + body


def _words() -> str:
    """What bodies are made of, in libFuzzer's syntax: a word is put into an input as a whole."""
    names = {name for body in law.fixtures().values() for name in re.findall(rb'"\w{1,40}"', body)}
    grammar = {
        b"data: ",
        b"event: ",
        b"\n\n",
        b"\r\n",
        b"[DONE]",
        b"\\ud83d",
        b"\\ude00",
        b"null",
        b"[]",
        b"{}",
    }
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in sorted(names | grammar))
    return "".join(f'"{word}"\n' for word in quoted)


def main(argument: str = "600") -> None:
    corpus = OUT / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-artifact_prefix={OUT}/", f"-max_len={LONGEST}", "-timeout=10"]
    if argument.isdecimal():
        seeds = OUT / "seeds"
        seeds.mkdir(exist_ok=True)
        for number, seed in enumerate(_seeds()):
            (seeds / str(number)).write_bytes(seed)
        words = OUT / "words"
        words.write_text(_words(), "ascii")
        options += [f"-max_total_time={argument}", f"-dict={words}", "-print_final_stats=1"]
        inputs = [str(corpus), str(seeds)]
    else:
        inputs = [argument]
    atheris.Setup([sys.argv[0], *options, *inputs], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
