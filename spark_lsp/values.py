"""The small frozen values that pass between the layers: ten at most."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Severity = Literal["error", "warning", "information", "hint"]

Lane = Literal["instant", "interactive", "batch"]

Reach = Literal["process", "machine", "anywhere"]
"""How far a document's text may go: nowhere, to backends of this machine, or to any."""

Hit = Literal["typed_through", "cached", "flight", "speculative", "network", "workspace", "none"]
"""Where an answer came from: the names that `spark/metrics` counts."""

Finish = Literal["stop", "length", "filter", "unknown"]
"""Why a generation ended. Only `stop` means that the text is complete."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Text from elsewhere in the workspace, line ends \\n. `path` is what others may see of its file's."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a backend is asked.

    `prefix` and `suffix` are the text on both sides of the cursor, line ends
    \\n. `rendered` is the whole prompt where a FIM template was applied on our
    side; it is None where the wire has fields of its own for both sides. With
    `instructions`, which a chat model is told first, it is the user's message.
    `stop` may hold more strings than a server takes: a backend sends those it
    can, the trimmer applies all of them. `invoked`: a person asked for this
    and wants the best guess, however unsure. `line` is the cursor's, 0-based,
    for a backend that follows the document itself. `said` is how much of the end of `prefix` is the
    beginning of this answer, from a stream that ended early: the rest of the answer is wanted.
    `excerpts` are told beside the text around the cursor. `rendered` has them; where that is None `front` has
    them, as comments: it goes before `prefix` where a wire has no field for them.
    `typed` is the end of `prefix` that was left out of `rendered`, at index `typed_at`: the answer begins
    with it, and whoever listens takes it out again.
    `rewrites`: the answer is lines of the document anew, not a text for the cursor.
    """

    prefix: str
    suffix: str = ""
    rendered: str | None = None
    instructions: str = ""
    stop: tuple[str, ...] = ()
    max_tokens: int = 256
    temperature: float = 0.0
    language: str = ""
    path: str = ""
    line: int | None = None
    lane: Lane = "instant"
    invoked: bool = False
    said: str = ""
    rewrites: bool = False
    excerpts: tuple[Excerpt, ...] = ()
    front: str = ""
    typed: str = ""
    typed_at: int = 0

    @property
    def unhealed(self) -> Prompt:
        """The same with all of `prefix` in it."""
        if not self.typed or self.rendered is None:
            return self
        whole = self.rendered[: self.typed_at] + self.typed + self.rendered[self.typed_at :]
        return replace(self, rendered=whole, typed="", typed_at=0)

    @property
    def text(self) -> str:
        """What goes where a wire has one field: the rendered prompt, or what stands before the cursor."""
        return self.front + self.prefix if self.rendered is None else self.rendered


@dataclass(frozen=True, slots=True)
class Usage:
    """What a provider reported about one generation; None where it said nothing.

    Times in milliseconds. `ttft_ms` is the server's own, `queue_ms`, `prompt_ms` and `generation_ms`
    its parts and what came after. `requests_left` and `tokens_left` are what the rate limits still
    allow, the least of those that the headers name, and `resets_ms` is when that one is full again.
    `connect_ms` is how long a new connection took, None where one was open.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    queue_ms: float | None = None
    prompt_ms: float | None = None
    generation_ms: float | None = None
    ttft_ms: float | None = None
    requests_left: int | None = None
    tokens_left: int | None = None
    resets_ms: float | None = None
    connect_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of a generation. The last one has `finish`, and `usage` where the server reports it.

    `tokens` is how many tokens this step stands for (1 where the wire does not say).
    `confidence` is the probability that the text so far is what the user wants, where known.
    """

    text: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    tokens: int = 1
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that could be inserted at a cursor, line ends \\n, as the cache keeps it.

    `complete` is False while its stream still runs, or when it was cut by a limit.
    An empty `text` is a negative answer: the backend had nothing to say here.
    `speculative`: it was generated before anybody asked for it. `raw`: it is shown as the model said it.
    """

    text: str
    backend: str = ""
    model: str = ""
    tokens: int = 0
    complete: bool = True
    confidence: float | None = None
    speculative: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A suggestion fitted to one snapshot: what the editor is told.

    `text` is what appears at the cursor, with the document's line ends;
    `absorbed` is how many code points after the cursor, on its line, it
    replaces; `dedent` is how many code points before the cursor it replaces
    (whitespace only). `hit` says where it came from.
    """

    text: str
    absorbed: int = 0
    dedent: int = 0
    suggestion: Suggestion = field(default_factory=lambda: Suggestion(""))
    hit: Hit = "none"

    def extends(self, other: Offer) -> bool:
        """Whether it is the other with more behind it, at the same place."""
        same_place = (self.absorbed, self.dedent) == (other.absorbed, other.dedent)
        return same_place and len(self.text) > len(other.text) and self.text.startswith(other.text)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a checker says of a range of a text.

    Lines and columns are 0-based, columns in code points; the end is exclusive. `source` is who says it
    ("ruff"), `code` its own name for it ("F401"), each "" where not told.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    message: str
    code: str = ""
    source: str = ""
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Edit:
    """`text`, line ends \\n, takes the place of a range.

    Lines and columns are 0-based, columns in code points; the end is exclusive.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    text: str
