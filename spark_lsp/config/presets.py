"""What is known of vendors and servers: data that fills in what the settings of a backend leave open.

Models are preferences. Which of them is asked is decided by what the server lists; where nothing is
listed, the first one without a `*` is asked on trust.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A vendor, or a server that people run themselves.

    `settings` are keys of a `[[backend]]` table with values that differ from the defaults. `ports` are
    where a server on this machine usually listens, and `sign` how it is told from others there: a path
    to GET without a key, and a text that the answer holds. `limits` is what is known of them, in words
    for a person.
    """

    title: str
    settings: Mapping[str, Any]
    ports: tuple[int, ...] = ()
    sign: tuple[str, str] = ("", "")
    limits: str = ""


_FOR_CODE = (
    "*codestral*",
    "*qwen*coder*",
    "*coder*",
    "*starcoder*",
    "*codegemma*",
    "*codellama*",
    "*mellum*",
    "*granite*",
    "*",
)
"""For servers that list whatever their user has downloaded."""

_FILLS_HOLES = ("instant",)
"""Endpoints that take a prefix and a suffix, and no instructions: nothing for code actions."""

_LOADS = 60_000
"""ms to the first byte where the first request may have to load the model from the disk."""

_FAST_VENDORS = {
    "cerebras": Preset(
        "Cerebras",
        {
            "kind": "openai-chat",
            "base_url": "https://api.cerebras.ai/v1",
            "base_url_env": "CEREBRAS_BASE_URL",
            "api_key_env": "CEREBRAS_API_KEY",
            "models": ("gpt-oss-120b", "gemma-4-*", "qwen-3*", "zai-glm-*"),
            "body": {"reasoning_effort": "low"},
            "metered": True,
            "slots": 4,
        },
        limits="a request reserves its `max_completion_tokens` of the quota of a minute before it starts",
    ),
    "groq": Preset(
        "Groq",
        {
            "kind": "openai-chat",
            "base_url": "https://api.groq.com/openai/v1",
            "base_url_env": "GROQ_BASE_URL",
            "api_key_env": "GROQ_API_KEY",
            "models": ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3*"),
            "body": {"reasoning_effort": "low"},
            "metered": True,
            "slots": 4,
        },
        limits="requests and tokens a minute, for the whole organisation; cached tokens do not count",
    ),
    "sambanova": Preset(
        "SambaNova",
        {
            "kind": "openai-chat",
            "base_url": "https://api.sambanova.ai/v1",
            "base_url_env": "SAMBA_NOVA_BASE_URL",
            "api_key_env": "SAMBANOVA_API_KEY",
            "models": ("gpt-oss-120b", "gemma-4-*", "Meta-Llama-3.3-70B-Instruct", "DeepSeek-V3*"),
            "body": {"reasoning_effort": "low"},
            "metered": True,
            "slots": 4,
        },
        limits="requests a minute and a day: 20 a day without a payment method, 60 a minute with one",
    ),
    "inception": Preset(
        "Inception",
        {
            "kind": "mistral-fim",
            "base_url": "https://api.inceptionlabs.ai/v1",
            "api_key_env": "INCEPTION_API_KEY",
            "models": ("mercury-edit-2", "mercury-edit*", "mercury-coder*"),
            "lanes": _FILLS_HOLES,
            "metered": True,
            "slots": 4,
        },
        limits="prompts of up to 32,000 tokens",
    ),
    "codestral": Preset(
        "Mistral, keys for Codestral",
        {
            "kind": "mistral-fim",
            "base_url": "https://codestral.mistral.ai/v1",
            "api_key_env": "CODESTRAL_API_KEY",
            "models": ("codestral-latest", "codestral-2*"),
            "lanes": _FILLS_HOLES,
            "metered": True,
            "slots": 4,
        },
        limits="requests a minute; its keys are not those of api.mistral.ai",
    ),
    "mistral": Preset(
        "Mistral",
        {
            "kind": "mistral-fim",
            "base_url": "https://api.mistral.ai/v1",
            "api_key_env": "MISTRAL_API_KEY",
            "models": ("codestral-latest", "codestral-2*", "mistral-code-fim-*"),
            "lanes": _FILLS_HOLES,
            "metered": True,
            "slots": 4,
        },
        limits="requests and tokens a minute, by plan; a limit of 0 means that the model is not in it",
    ),
    "openai-spark": Preset(
        "OpenAI, its fastest models",
        {
            "kind": "openai-responses",
            "base_url": "https://api.openai.com/v1",
            "base_url_env": "OPENAI_BASE_URL",
            "api_key_env": "OPENAI_API_KEY",
            "models": ("gpt-5.3-codex-spark", "gpt-6-luna", "gpt-5.6-luna", "gpt-*-luna", "gpt-*-nano"),
            "lanes": ("instant", "interactive"),
            "body": {"reasoning": {"effort": "low"}},
            "websocket": True,
            "metered": True,
            "slots": 4,
        },
        limits="gpt-5.3-codex-spark was open to few accounts; others get the next model of the list",
    ),
}

_SERVERS = {
    "llamacpp": Preset(
        "llama.cpp",
        {
            "kind": "llamacpp",
            "base_url": "http://127.0.0.1:8080",
            "api_key_env": "LLAMA_API_KEY",
        },
        ports=(8080, 8012),
        sign=("/v1/models", '"llamacpp"'),
        limits="as many requests at a time as it has slots (--parallel)",
    ),
    "vllm": Preset(
        "vLLM",
        {
            "kind": "openai-completions",
            "base_url": "http://127.0.0.1:8000/v1",
            "api_key_env": "VLLM_API_KEY",
            "slots": 8,
        },
        ports=(8000,),
        sign=("/metrics", "vllm:"),
        limits="takes no `suffix`: the template of the model is applied here",
    ),
    "sglang": Preset(
        "SGLang",
        {
            "kind": "openai-completions",
            "base_url": "http://127.0.0.1:30000/v1",
            "slots": 8,
        },
        ports=(30000,),
        sign=("/v1/models", '"sglang"'),
        limits="takes `suffix` only when started with --completion-template: the template is applied here",
    ),
    "tabby": Preset(
        "Tabby",
        {
            "kind": "tabby",
            "base_url": "http://127.0.0.1:8080",
            "api_key_env": "TABBY_TOKEN",
            "lanes": _FILLS_HOLES,
        },
        ports=(8080,),
        sign=("/api-docs/openapi.json", "Tabby Server"),
        limits="answers in one piece, without streaming",
    ),
    "ollama": Preset(
        "Ollama",
        {
            "kind": "ollama",
            "base_url": "http://127.0.0.1:11434",
            "base_url_env": "OLLAMA_HOST",
            "models": _FOR_CODE,
            "first_byte_ms": _LOADS,
        },
        ports=(11434,),
        sign=("/", "Ollama is running"),
        limits="the first request loads the model, which may take tens of seconds",
    ),
    "lmstudio": Preset(
        "LM Studio",
        {
            "kind": "openai-completions",
            "base_url": "http://127.0.0.1:1234/v1",
            "api_key_env": "LM_API_TOKEN",
            "models": _FOR_CODE,
            "first_byte_ms": _LOADS,
        },
        ports=(1234,),
        sign=("/lmstudio-greeting", '"lmstudio"'),
        limits="the first request loads the model, which may take tens of seconds",
    ),
    "tgi": Preset(
        "Text Generation Inference",
        {
            "kind": "tgi",
            "base_url": "http://127.0.0.1:8080",
            "lanes": _FILLS_HOLES,
            "slots": 8,
        },
        ports=(8080,),
        sign=("/info", '"max_total_tokens"'),
        limits="takes no suffix: the template of the model is applied here",
    ),
    "litellm": Preset(
        "LiteLLM proxy",
        {
            "kind": "openai-chat",
            "base_url": "http://127.0.0.1:4000/v1",
            "base_url_env": "LITELLM_PROXY_API_BASE",
            "api_key_env": "LITELLM_PROXY_API_KEY",
            "models": _FOR_CODE,
            "forwards": True,
            "metered": True,
            "slots": 4,
        },
        ports=(4000,),
        sign=("/health/liveliness", "I'm alive!"),
        limits="those of whoever is behind it, and of the key it gave out",
    ),
}

_OTHER_VENDORS = {
    "deepseek": Preset(
        "DeepSeek",
        {
            "kind": "openai-completions",
            "base_url": "https://api.deepseek.com/beta",
            "api_key_env": "DEEPSEEK_API_KEY",
            "models": ("deepseek-v4-flash", "deepseek-flash", "deepseek-v4-pro"),
            "fim": "suffix",
            "lanes": _FILLS_HOLES,
            "metered": True,
            "slots": 4,
        },
        limits="answers of up to 4,096 tokens; no limit on requests, slower under load",
    ),
    "openrouter": Preset(
        "OpenRouter",
        {
            "kind": "openai-chat",
            "base_url": "https://openrouter.ai/api/v1",
            "api_key_env": "OPENROUTER_API_KEY",
            "models": (
                "qwen/qwen3-coder-next",
                "mistralai/codestral-2*",
                "openai/gpt-oss-120b",
                "qwen/qwen3-coder*",
            ),
            "body": {"provider": {"sort": "latency"}},
            "metered": True,
            "slots": 4,
        },
        limits="those of whoever it passes the request to",
    ),
    "nvidia": Preset(
        "NVIDIA NIM",
        {
            "kind": "openai-chat",
            "base_url": "https://integrate.api.nvidia.com/v1",
            "api_key_env": "NVIDIA_API_KEY",
            "models": (
                "qwen/qwen3-coder*",
                "nvidia/nemotron-3-nano*",
                "openai/gpt-oss-20b",
                "openai/gpt-oss*",
            ),
            "body": {"reasoning_effort": "low"},
            "metered": True,
            "slots": 4,
        },
        limits="the hosted trial counts requests against credits",
    ),
    "openai": Preset(
        "OpenAI",
        {
            "kind": "openai-chat",
            "base_url": "https://api.openai.com/v1",
            "base_url_env": "OPENAI_BASE_URL",
            "api_key_env": "OPENAI_API_KEY",
            "models": ("gpt-6*-terra", "gpt-5.6-terra", "gpt-6*-luna", "gpt-5.4-mini", "gpt-5-mini"),
            "lanes": ("interactive", "batch"),
            "body": {"reasoning_effort": "low"},
            "metered": True,
            "slots": 4,
        },
        limits="requests and tokens a minute, by model and tier of the account",
    ),
    "anthropic": Preset(
        "Anthropic",
        {
            "kind": "anthropic",
            "base_url": "https://api.anthropic.com/v1",
            "base_url_env": "ANTHROPIC_BASE_URL",
            "api_key_env": "ANTHROPIC_API_KEY",
            "models": ("claude-haiku-5*", "claude-haiku-4-5", "claude-haiku-*", "claude-sonnet-*"),
            "lanes": ("interactive", "batch"),
            "metered": True,
            "slots": 4,
        },
        limits="requests, input and output tokens a minute, by model and tier of the account",
    ),
}

PRESETS: Mapping[str, Preset] = MappingProxyType(_FAST_VENDORS | _SERVERS | _OTHER_VENDORS)
"""In the order in which those that are found by themselves are asked, the fastest first.

Vendors that sell speed, then servers of one's own, which cost nothing more and send nothing away, then
the others. What was meant for few (`openai-spark`) stands behind what everybody with a key gets.
"""
