"""Every setting there is: its default, what it takes, what it does, and who may set it.

The dataclasses are what the program reads. Their field metadata is the one
source from which values are checked, and the JSON schema and the settings page
are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Literal, NamedTuple, get_args

from spark_lsp.config.presets import PRESETS
from spark_lsp.config.rules import (
    Rule,
    anything,
    choice,
    either,
    flag,
    number,
    sequence,
    several,
    table,
    text,
    whole,
)
from spark_lsp.values import Lane

Permission = Literal["any", "less", "more", "never"]
"""What a workspace file, which comes with somebody's repository, may do to a setting.

`less` and `more` are measured against what the user has: false is less than
true, and a list is more when it holds all that the other does.
"""

KINDS = (
    "workspace",
    "local",
    "openai-completions",
    "openai-chat",
    "openai-responses",
    "mistral-fim",
    "anthropic",
    "llamacpp",
    "ollama",
    "tgi",
    "tabby",
    "fake",
    "replay",
)
NEEDS: Mapping[str, str] = {
    **dict.fromkeys(KINDS[2:-2], "base_url"),
    "local": "model_file",
    "replay": "recording",
}
"""The setting that a kind cannot do without."""
LANES: tuple[Lane, ...] = ("instant", "interactive", "batch")
Mechanism = Literal["cache", "flights", "pieces", "read_on", "feedback"]
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)
MEBIBYTE = 1 << 20
VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*"


class Spec(NamedTuple):
    """A setting's metadata. A `secret` value is never shown, in no message, repr or command."""

    rule: Rule
    doc: str
    unit: str
    workspace: Permission
    secret: bool


def setting(
    default: object,
    rule: Rule,
    doc: str,
    *,
    unit: str = "",
    workspace: Permission = "never",
    secret: bool = False,
) -> Any:
    metadata = {"spec": Spec(rule, doc, unit, workspace, secret)}
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@cache
def specs(section: type) -> Mapping[str, Spec]:
    """The settings of a section, by key, in the order of their definition."""
    return {item.name: item.metadata["spec"] for item in fields(section)}


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
    without: tuple[Mechanism, ...] = setting(
        (),
        several(choice(*MECHANISMS), f"a list of {', '.join(MECHANISMS)}"),
        "Switches parts off, to measure what each is worth: `cache` answers from what was said before, "
        "`flights` lets a stream go on without its request, `pieces` shows a text from its first line on, "
        "`read_on` reads what comes behind the text that is shown, `feedback` learns from what you take.",
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
    """Which backend answers. Not in effect yet: the first in your list that is up does."""

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
        "A stream that is silent for so long is continued by the next backend.",
        unit="ms",
    )


@dataclass(frozen=True, slots=True)
class ActionSettings:
    """Code actions: fixes and edits on request. Not in effect yet."""

    verify: tuple[str, ...] = setting(
        ("ruff", "pyright"),
        several(text("a checker", r"[^\x00-\x1f\x7f]+"), "a list of checkers"),
        "Checkers that an edit has to pass before it is offered as preferred. Run where installed.",
    )
    rounds: int = setting(
        2, whole(1, 10), "How often an edit is proposed, applied, checked and corrected.", workspace="less"
    )


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What stays here."""

    ignore_files: tuple[str, ...] = setting(
        (".gitignore", ".aiignore"),
        several(text("a file name", r"[^/\\\x00-\x1f\x7f]+"), "a list of file names, without folders"),
        "Files that list, in the syntax of .gitignore, what is neither read nor sent.",
        workspace="more",
    )
    redact_secrets: bool = setting(
        True,
        flag(),
        "Take keys and passwords out of what is sent to a model. Not in effect yet.",
        workspace="more",
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
    """Older clients. Not in effect yet."""

    copilot_legacy: bool = setting(
        False, flag(), "Answer the older `getCompletions` family of requests.", workspace="any"
    )


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """One place that generations come from.

    `name` is what later sources, measurements and messages call it: a table
    without one is named after its preset or kind.
    """

    name: str = setting("", text("a name", r"[^\x00-\x1f\x7f]+"), "What this backend is called.")
    preset: str = setting(
        "", choice(*PRESETS), "A known vendor or server: fills in whatever is not set here."
    )
    kind: str = setting("", choice(*KINDS), "The protocol it speaks.")
    base_url: str = setting(
        "",
        text(
            "a URL that begins with http:// or https:// and holds no password", r"https?://[^\s/@]+(?:/\S*)?"
        ),
        "Where it is, with the path that its protocol starts from, such as `/v1`.",
    )
    base_url_env: str = setting(
        "",
        text("the name of an environment variable", VARIABLE_NAME),
        "The environment variable that replaces `base_url` when it is set: a proxy of your own gets the key "
        "then, not the vendor.",
    )
    model: str = setting("", text(), "The model to ask for. Empty: by `models`.")
    models: tuple[str, ...] = setting(
        ("*",),
        several(text("a model's name", r"[^\x00-\x1f\x7f]+"), "a list of models' names"),
        "The models to prefer, the best first, `*` for anything. The first that the server lists is asked; "
        "one that is refused is passed over.",
    )
    fim: str = setting(
        "",
        text(),
        "How it is given the text on both sides of the cursor: a template's name, or `suffix` where the "
        "server takes a field for it. Empty: by the model's name.",
    )
    lanes: tuple[Lane, ...] = setting(
        LANES,
        several(choice(*LANES), f"a list of {', '.join(LANES)}"),
        "The kinds of work it does: `instant` is inline completion, `interactive` code actions, `batch` "
        "many files at once. An empty list switches it off.",
    )
    api_key_env: str = setting(
        "",
        text("the name of an environment variable, not the key itself", VARIABLE_NAME),
        "The environment variable that holds the key.",
    )
    api_key_command: tuple[str, ...] = setting(
        (),
        sequence(text("a word", r"[^\x00]+"), "a command as a list of words"),
        "A command that prints the key.",
        secret=True,
    )
    api_key_keyring: str = setting(
        "",
        text("SERVICE or SERVICE:USER, not the key itself", r"[^\x00-\x1f\x7f]+"),
        "The entry of the system's keyring that holds the key (extra: keyring).",
    )
    headers: Mapping[str, str] = setting(
        {},
        table(
            text("a text of one line", r"[\t\x20-\x7e\x80-\xff]*"),
            "a table of header names and texts",
            key=r"[A-Za-z0-9!#$%&'*+.^_`|~-]+",
        ),
        "Headers sent with each request.",
        secret=True,
    )
    body: Mapping[str, Any] = setting(
        {},
        table(anything(), "a table of fields"),
        "Fields added to each request's body, such as `reasoning_effort`. One that the server does not know "
        "is dropped.",
    )
    websocket: bool = setting(
        False,
        flag(),
        "Kind `openai-responses`: ask over a WebSocket that is kept open, and over HTTP where there is none.",
    )
    verify: bool = setting(True, flag(), "Whether the server's certificate has to be good.")
    ca_file: str = setting("", text("a file name"), "A file of certificates to trust, beside the system's.")
    client_cert: str = setting("", text("a file name"), "The certificate to show to the server, in PEM.")
    client_key: str = setting(
        "", text("a file name"), "The certificate's private key, when it is in a file of its own."
    )
    metered: bool = setting(False, flag(), "It costs money for each token.")
    slots: int = setting(1, whole(0, 1024), "Requests it serves at the same time; 0 when that is not known.")
    connect_ms: int = setting(2_000, whole(10, 120_000), "The longest wait for a connection.", unit="ms")
    first_byte_ms: int = setting(
        10_000, whole(10, 600_000), "The longest wait for an answer to begin.", unit="ms"
    )
    stall_ms: int = setting(10_000, whole(10, 600_000), "The longest silence within an answer.", unit="ms")
    total_ms: int = setting(120_000, whole(10, 3_600_000), "The longest time for one answer.", unit="ms")
    model_file: str = setting("", text("a file name"), "Kind `local`: the model, a GGUF file.")
    threads: int = setting(
        0, whole(0, 1024), "Kind `local`: threads; 0 is one less than there are processor cores."
    )
    context_tokens: int = setting(
        0,
        whole(0, 1 << 20),
        "Kind `local`: the longest prompt and answer; 0 is by the machine.",
        unit="tokens",
    )
    idle_minutes: int = setting(
        15, whole(0, 10_080), "Kind `local`: the model is unloaded after so long; 0 is never.", unit="minutes"
    )
    recording: str = setting("", text("a file name"), "Kind `replay`: the recorded answer.")
    ttft: float = setting(0.0, number(0, 600), "Kind `fake`: time to the first token.", unit="seconds")
    rate: float = setting(
        0.0, number(0, 1_000_000), "Kind `fake`: speed; 0 is at once.", unit="tokens a second"
    )
    jitter: float = setting(0.0, number(0, 60), "Kind `fake`: how far its times vary.", unit="seconds")
    faults: str = setting("", text(), "Kind `fake`: what goes wrong, how often and when.")
    oracle: str = setting("", text(), "Kind `fake`: the folder whose files it continues from.")


def from_preset(preset: str, name: str = "") -> BackendSettings:
    """The settings of a backend as its preset has them. Raises KeyError for an unknown one."""
    return BackendSettings(name=name or preset, preset=preset, **PRESETS[preset].settings)


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
