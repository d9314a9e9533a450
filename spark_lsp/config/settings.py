"""Every setting there is: its default, what it takes, what it does, and who may set it.

The dataclasses are what the program reads. Their field metadata is the one
source from which values are checked, and the JSON schema and the settings page
are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict, get_args

from spark_lsp.config.backend import LANES, BackendSettings
from spark_lsp.config.rules import (
    choice,
    either,
    flag,
    number,
    patterns,
    record,
    sequence,
    several,
    table,
    text,
    whole,
)
from spark_lsp.config.spec import setting
from spark_lsp.values import Lane

Mechanism = Literal[
    "cache", "flights", "pieces", "read_on", "feedback", "context", "healing", "gate", "fitting"
]
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)
MEBIBYTE = 1 << 20
NAMES = several(text("a backend's name", r"[^\x00-\x1f\x7f]+"), "a list of backends' names")


@dataclass(frozen=True, slots=True)
class InlineSettings:
    """Suggestions in the text while you type."""

    enabled: bool = setting(True, flag(), "Offer inline completions at all.", workspace="less")
    max_tokens: int = setting(
        256, whole(1, 8192), "The longest suggestion asked of a model.", unit="tokens", workspace="any"
    )
    multiline: Literal["auto", "always", "never"] = setting(
        "auto",
        choice("auto", "always", "never"),
        'Whether a suggestion may have several lines. "auto" decides by what stands around the cursor.',
        workspace="any",
    )
    deadline_ms: int = setting(
        400,
        whole(10, 10_000),
        "An automatic request is answered by then, with what there is.",
        unit="ms",
        workspace="any",
    )
    debounce_ms: int | Literal["auto"] = setting(
        "auto",
        either("auto", whole(0, 5_000)),
        "The pause in typing that is waited for before the network is used; "
        "answers that are already here never wait.",
        unit="ms",
    )
    languages: Mapping[str, bool] = setting(
        {"markdown": False},
        table(flag(), "a table of language ids, each true or false", absent=True),
        "Switches suggestions on or off by language id. A language that is not named is on.",
        workspace="less",
    )
    context_tokens: int | Literal["auto"] = setting(
        "auto",
        either("auto", whole(0, 16_384)),
        "How much of other files, and of the rest of this one, a model is told of beside the text around the "
        'cursor: "auto" goes by how fast it reads and whether that costs money; 0 is nothing.',
        unit="tokens",
    )
    gate: Literal["auto", "off"] | float = setting(
        "auto",
        either("off", either("auto", number(0, 0.3))),
        'Asks no model where you hardly ever take what is shown, as far as it has learned. "auto" is less '
        'than one in twenty, a number is that share; "off" always asks. What you ask for by hand always is.',
        unit="probability",
    )
    next_edit: bool = setting(
        True,
        flag(),
        "Offer to carry on an edit where it probably has to be repeated, to clients that ask for it.",
        workspace="less",
    )
    next_edit_model: Literal["free", "any", "never"] = setting(
        "free",
        choice("free", "any", "never"),
        "Whether a model is asked for the next edit where the text alone does not tell it: `free` those that "
        "cost no money for each token, `any` all, `never` none. What they say counts as asked ahead: for "
        "`prefetch.enabled` and `prefetch.tokens_per_minute`.",
    )
    without: tuple[Mechanism, ...] = setting(
        (),
        several(choice(*MECHANISMS), f"a list of {', '.join(MECHANISMS)}"),
        "Switches parts off, to measure what each is worth: `cache` answers from what was said before, "
        "`flights` lets a stream go on without its request, `pieces` shows a text from its first line on, "
        "`read_on` reads what comes behind the text that is shown, `feedback` learns from what you take, "
        "`context` tells a model of other places, `healing` ends a prompt before a word that is half typed, "
        "`gate` asks no model where you take hardly anything, `fitting` cuts a text to what belongs there.",
    )


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Suggestions kept for the next time the same text comes by."""

    max_bytes: int = setting(
        33_554_432,
        whole(65_536, 4096 * MEBIBYTE),
        "Memory for suggestions; the ones not used for longest go first.",
        unit="bytes",
        workspace="less",
    )
    persist: bool = setting(
        False,
        flag(),
        "Keep them, and how often you take them, on disk between sessions, readable by you only.",
        workspace="less",
    )


@dataclass(frozen=True, slots=True)
class PrefetchSettings:
    """Suggestions asked for ahead, for what you probably do next."""

    enabled: bool = setting(True, flag(), "Ask ahead at all.", workspace="less")
    tokens_per_minute: int = setting(
        30_000,
        whole(0, 10_000_000),
        "The most that asking ahead may generate.",
        unit="tokens a minute",
        workspace="less",
    )
    metered: bool = setting(
        False, flag(), "Ask ahead on backends that cost money for each token, too.", workspace="less"
    )


@dataclass(frozen=True, slots=True)
class RoutingSettings:
    """Which backend answers."""

    strategy: Literal["fastest", "ordered"] = setting(
        "fastest",
        choice("fastest", "ordered"),
        '"fastest" goes by live measurements, "ordered" by the order in which the backends are listed.',
    )
    hedge: bool = setting(
        True,
        flag(),
        "Ask a second backend when the first is slower than it usually is; the first useful text wins.",
        workspace="less",
    )
    hedge_floor_ms: int = setting(
        40, whole(0, 60_000), "However fast the first usually is: the second is not asked before.", unit="ms"
    )
    hedge_ceiling_ms: int = setting(
        1500,
        whole(0, 60_000),
        "However slow the first usually is: the second is asked by then, while hedges are left.",
        unit="ms",
    )
    lanes: Mapping[Lane, tuple[str, ...]] = setting(
        {},
        table(NAMES, "a table of lanes, each a list of backends' names", key="|".join(LANES)),
        'Per lane, who may be asked: only these, in this order where `strategy` is "ordered". The embedded '
        "predictor answers where none of them does, named or not. What a backend's own `lanes` leave out "
        "stays out.",
    )
    languages: Mapping[str, tuple[str, ...]] = setting(
        {},
        table(NAMES, "a table of language ids, each a list of backends' names"),
        "The same per language id. Where the lane has a list, too, only who is in both may be asked, in the "
        "order of this one.",
    )
    explore_metered: bool = setting(
        False,
        flag(),
        "Now and then, ask a backend that costs money for each token beside the first, to learn how fast it "
        "is. Others are asked so anyway.",
        workspace="less",
    )
    spend_per_day: float = setting(
        0.0,
        number(0, 1_000_000),
        "The most that all backends together may cost in a day, by their `price_prompt` and "
        "`price_completion`; 0 is no limit. Then what has a price is not asked any more.",
        unit="the money of the prices",
    )
    remember: bool = setting(
        True,
        flag(),
        "Keep what was measured between sessions, in a small file readable by you only. What was spent is "
        "kept there anyway, where there is a limit for a day.",
        workspace="less",
    )
    discover: bool = setting(
        True,
        flag(),
        "With no backend in the settings: use the vendors whose key variable is set, and the servers that "
        "answer on this machine.",
        workspace="less",
    )
    stall_ms: int = setting(
        1500,
        whole(100, 60_000),
        "The longest silence within a text: then the next backend goes on with it. Sooner, where the stream "
        "used to be so fast that less is long.",
        unit="ms",
    )


CHECKERS = ("ruff", "pyright", "basedpyright", "mypy", "tsc", "eslint", "go vet", "cargo check", "clang")
"""The names of the table in `actions/checkers.py`."""
FORMATS = ("ruff", "pyright", "mypy", "tsc", "eslint", "go vet", "cargo", "clang", "sarif", "lines")
"""What a checker's output may look like: the readers of `actions/checkers.py`."""
WORD = text("a word", r"[^\x00]+")
COMMAND = sequence(WORD, "a list of words: a program and its arguments")


LANGUAGES = several(text("a language id", r"[^\x00-\x1f\x7f]+"), "a list of language ids")


class OwnChecker(TypedDict):
    """A checker of the user's own. What is not said is as of the known one of that name, else: all
    `languages`, the format "lines", no stdin."""

    command: tuple[str, ...]
    languages: NotRequired[tuple[str, ...]]
    format: NotRequired[str]
    stdin: NotRequired[bool]


CHECKER = record(
    {
        "command": COMMAND._replace(
            schema={**COMMAND.schema, "minItems": 1}, read=lambda value: COMMAND.read(value or None)
        ),
        "languages": LANGUAGES,
        "format": choice(*FORMATS),
        "stdin": flag(),
    },
    f"a table with a command (a list of words), and if wanted languages (a list), format (one of "
    f"{', '.join(FORMATS)}) and stdin (true or false)",
    needed=("command",),
)


class OwnAction(TypedDict):
    """A code action of the user's own. No `languages`: all."""

    title: str
    prompt: str
    kind: NotRequired[str]
    languages: NotRequired[tuple[str, ...]]


OWN_KIND = r"(?:refactor|source)(?:\.[\w-]+)*"
OWN_ACTION = record(
    {
        "title": text("a title of one line", r"[^\x00-\x1f\x7f]+"),
        "prompt": text("a text", r"[^\x00]+"),
        "kind": text("refactor or source, and what comes behind a dot", OWN_KIND),
        "languages": LANGUAGES,
    },
    "a table with a title and a prompt, and if wanted a kind (refactor.rewrite and the like) and languages",
    needed=("title", "prompt"),
)


@dataclass(frozen=True, slots=True)
class ActionSettings:
    """Code actions: fixes and edits on request."""

    verify: tuple[str, ...] = setting(
        ("ruff", "pyright", "tsc", "eslint", "go vet", "cargo check", "clang"),
        several(text("a checker", r"[^\x00-\x1f\x7f]+"), "a list of checkers"),
        "Checkers that an edit has to pass before it is offered as preferred, by the names in "
        "[checkers.md](checkers.md) or of your own. Run where installed, each on its languages.",
    )
    checkers: Mapping[str, OwnChecker] = setting(
        {},
        table(CHECKER, "a table of checkers, each a table with a command"),
        "Checkers of your own, or other ways to run the known ones: `[actions.checkers.NAME]` with "
        "`command`, a list of words in which `{file}` is the file; `languages`; `format`, what it prints; "
        "and `stdin = true` where it reads the text there.",
    )
    timeout_ms: int = setting(
        10_000,
        whole(100, 600_000),
        "A checker that takes longer is ended, and what it checked counts as not verified.",
        unit="ms",
    )
    tests: tuple[str, ...] = setting(
        (),
        COMMAND,
        "A command that has to pass, too: it runs in a copy of the project with the edit in it. `{file}` in "
        "its words is the file.",
    )
    project_tools: bool = setting(
        False,
        flag(),
        "Run the programs that the project brings with it (`.venv`, `node_modules/.bin`) and checkers whose "
        "settings there are programs (eslint, cargo's build scripts, mypy's plugins). That is to run the "
        "code of whatever is opened: for those who trust what they open.",
    )
    own: Mapping[str, OwnAction] = setting(
        {},
        table(OWN_ACTION, "a table of actions, each a table with a title and a prompt", key=r"[\w-]+"),
        "Actions of your own: `[actions.own.NAME]` with `title`, `prompt`, and if wanted `kind` and "
        "`languages`. What may stand in a prompt: [actions.md](actions.md#your-own).",
    )
    rounds: int = setting(
        2, whole(1, 10), "How often an edit is proposed, applied, checked and corrected.", workspace="less"
    )


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What stays here."""

    deny: tuple[str, ...] = setting(
        (),
        patterns(),
        "Documents that may not leave this machine, by patterns in the syntax of .gitignore: only backends "
        "on it are asked. A pattern counts within the workspace folder that the document is in; one that "
        "begins with `/name` or `~/` counts for its whole path, too, and outside of all folders every one "
        "does. A list with something wrong in it denies all.",
        workspace="more",
        instead=("*",),
    )
    ignore_files: tuple[str, ...] = setting(
        (".gitignore", ".aiignore"),
        several(text("a file name", r"[^/\\\x00-\x1f\x7f]+"), "a list of file names, without folders"),
        "Files that list, in the syntax of .gitignore, what is neither read nor sent.",
        workspace="more",
    )
    redact_secrets: bool = setting(
        True,
        flag(),
        "Put placeholders for keys, tokens, private keys and passwords into what is sent to a model, and the "
        "secrets back into its answer.",
        workspace="more",
    )
    untitled: Literal["process", "machine", "anywhere"] = setting(
        "machine",
        choice("process", "machine", "anywhere"),
        'How far the text of a document goes that is no file (`untitled:` and other schemes): "process" asks '
        'the embedded predictor only, "machine" backends on this machine, too, "anywhere" all. A notebook\'s '
        "cells go as far as the notebook.",
    )


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """The embedded predictor, which learns from the files of this workspace and sends nothing."""

    enabled: bool = setting(True, flag(), "Read the workspace and predict from it.", workspace="less")
    threshold: float = setting(
        0.4,
        number(0, 1),
        "A prediction less probable than this is not shown.",
        unit="probability",
        workspace="any",
    )
    stand_in: float = setting(
        0.85,
        number(0, 1),
        "A prediction at least so probable is shown at once and no model is asked; 1 always asks.",
        unit="probability",
        workspace="any",
    )
    max_files: int = setting(20_000, whole(0, 1_000_000), "The most files that are read.", workspace="less")
    max_file_bytes: int = setting(
        1_000_000,
        whole(1, 64 * MEBIBYTE),
        "Files larger than this are left out.",
        unit="bytes",
        workspace="less",
    )
    max_index_bytes: int = setting(
        100_663_296, whole(MEBIBYTE, 4096 * MEBIBYTE), "Memory for the index.", unit="bytes", workspace="less"
    )


@dataclass(frozen=True, slots=True)
class CompatSettings:
    """Other clients."""

    copilot_legacy: bool = setting(
        False,
        flag(),
        "Answer the older requests of Copilot clients, `getCompletions` and its like: copilot.lua and "
        "LSP-copilot send them.",
        workspace="any",
    )


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. No `backends` means: those that are found by themselves."""

    inline: InlineSettings = field(default_factory=InlineSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    prefetch: PrefetchSettings = field(default_factory=PrefetchSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    actions: ActionSettings = field(default_factory=ActionSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    workspace: WorkspaceSettings = field(default_factory=WorkspaceSettings)
    compat: CompatSettings = field(default_factory=CompatSettings)
    backends: tuple[BackendSettings, ...] = ()


SECTIONS: Mapping[str, type] = {
    "inline": InlineSettings,
    "cache": CacheSettings,
    "prefetch": PrefetchSettings,
    "routing": RoutingSettings,
    "actions": ActionSettings,
    "privacy": PrivacySettings,
    "workspace": WorkspaceSettings,
    "compat": CompatSettings,
}
