"""The settings of a backend: what it speaks, where it is, what it costs, how long it is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spark_lsp.config.presets import PRESETS
from spark_lsp.config.rules import anything, choice, flag, number, sequence, several, table, text, whole
from spark_lsp.config.spec import setting
from spark_lsp.values import Lane

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
VARIABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
PRICE = number(0, 1_000_000)


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
    forwards: bool = setting(
        False,
        flag(),
        "It answers on this machine and passes on what it is sent, as a proxy of vendors does: what "
        "`privacy.deny` lists is kept from it.",
    )
    metered: bool = setting(False, flag(), "It costs money for each token.")
    price_prompt: float = setting(
        0.0, PRICE, "What it costs to have it read a million tokens, in any money.", unit="money"
    )
    price_completion: float = setting(
        0.0, PRICE, "What it costs to have it write a million tokens, in the same money.", unit="money"
    )
    tokens_per_day: int = setting(
        0,
        whole(0, 10**12),
        "The most tokens that it may read and write in a day; 0 is no limit. Then it is not asked any more.",
        unit="tokens",
    )
    spend_per_day: float = setting(
        0.0,
        number(0, 1_000_000),
        "The most that it may cost in a day, by its prices; 0 is no limit. Then it is not asked any more.",
        unit="money",
    )
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
    late: str = setting(
        "",
        text(),
        "Kind `fake`: the share of its answers that come later, and by how many seconds: `0.05:0.4`.",
    )
    limit: str = setting("", text(), "Kind `fake`: the requests it answers in so many seconds: `60/60`.")
    faults: str = setting("", text(), "Kind `fake`: what goes wrong, how often and when.")
    oracle: str = setting("", text(), "Kind `fake`: the folder whose files it continues from.")


def from_preset(preset: str, name: str = "") -> BackendSettings:
    """The settings of a backend as its preset has them. Raises KeyError for an unknown one."""
    return BackendSettings(name=name or preset, preset=preset, **PRESETS[preset].settings)
