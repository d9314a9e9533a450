"""What is asked, and what the right answer is: made-up functions whose bodies are missing. Pure, by seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from spark_lsp.backends.oracle import tokens

DOCUMENTS = 4
"""That are worked on at a time."""

FUNCTIONS = 60
"""Of each document."""

PREFIX, SUFFIX = 1_600, 600
"""Characters that are sent of the text on each side."""

NOUNS = (
    "order",
    "invoice",
    "ledger",
    "basket",
    "customer",
    "parcel",
    "refund",
    "voucher",
    "tariff",
    "receipt",
)
VERBS = (
    "settle",
    "collect",
    "reserve",
    "compare",
    "reduce",
    "schedule",
    "verify",
    "balance",
    "archive",
    "split",
)
LINES = (
    "{a}_{n} = {b}.{verb}({a}, rate={n})",
    "assert {a}.total > {n} and not {b}.closed",
    "{b}.items.append({a}_{n})",
    "log.info('{verb} %s', {a}.number + {n})",
    "{a}.total += {b}.share(month) * {n}",
)


@dataclass(frozen=True, slots=True)
class Question:
    """A cursor in a document, and the text that belongs there."""

    document: str
    prefix: str
    suffix: str
    answer: str

    @property
    def line(self) -> str:
        """The first line of the answer, with its end where another follows."""
        end = self.answer.find("\n")
        return self.answer if end < 0 else self.answer[: end + 1]


def useful(text: str) -> bool:
    """Whether the first line that says something is whole in `text`."""
    return "\n" in text.lstrip()


def documents(seed: int) -> dict[str, str]:
    """The texts by file name."""
    return {name: "".join(head + body for head, body in parts) for name, parts in _parts(seed).items()}


def questions(seed: int) -> list[Question]:
    """One for each function, the documents in turns."""
    asked = []
    for name, parts in _parts(seed).items():
        text, place = "".join(head + body for head, body in parts), 0
        for number, (head, body) in enumerate(parts[:-1]):  # behind the last one nothing ends an answer
            start, place = place + len(head), place + len(head) + len(body)
            answer = body.rstrip("\n")
            prefix, suffix = text[:start][-PREFIX:], text[start + len(answer) :][:SUFFIX]
            asked.append((number, Question(f"file:///{name}", prefix, suffix, answer)))
    return [question for _, question in sorted(asked, key=lambda pair: (pair[0], pair[1].document))]


def tokens_of(text: str) -> int:
    """As the fake server counts them."""
    return len(tokens(text))


def _parts(seed: int) -> dict[str, list[tuple[str, str]]]:
    """For each document (head, body) of its functions; every head is of its own."""
    random = Random(f"questions {seed}")
    return {
        f"shop_{document}.py": [
            _function(document * FUNCTIONS + number, random) for number in range(FUNCTIONS)
        ]
        for document in range(DOCUMENTS)
    }


def _function(number: int, random: Random) -> tuple[str, str]:
    a, b = random.sample(NOUNS, 2)
    verb = random.choice(VERBS)
    head = f"def {verb}_{a}_{number}({a}, {b}, month):\n    "
    lines = [
        random.choice(LINES).format(a=a, b=b, n=random.randrange(100, 999), verb=random.choice(VERBS))
        for _ in range(random.randint(1, 4))
    ]
    return head, "\n    ".join(lines) + "\n\n\n"
