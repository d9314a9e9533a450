"""What is known of vendors and servers: data that fills in what the settings of a backend leave open.

Models are preferences. Which of them is asked is decided by what the server lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A vendor, or a server that people run themselves.

    `settings` are keys of a `[[backend]]` table with values that differ from the defaults. `ports` are
    where a server on this machine usually listens, and `sign` how it is told from others there: a path
    to GET and a text that the answer holds. `limits` is what is known of them, in words for a person.
    """

    title: str
    settings: Mapping[str, Any]
    ports: tuple[int, ...] = ()
    sign: tuple[str, str] = ("", "")
    limits: str = ""


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "cerebras": Preset(
            "Cerebras",
            {
                "kind": "openai-chat",
                "base_url": "https://api.cerebras.ai/v1",
                "api_key_env": "CEREBRAS_API_KEY",
                "models": ("gpt-oss-120b", "gemma-4-*", "zai-glm-*", "qwen-3-coder*"),
                "body": {"reasoning_effort": "low"},
                "metered": True,
                "slots": 4,
            },
            limits="a request reserves its `max_completion_tokens` of the quota of a minute before it starts",
        ),
        "llamacpp": Preset(
            "llama.cpp",
            {"kind": "llamacpp", "base_url": "http://127.0.0.1:8080"},
            ports=(8080, 8012),
            sign=("/props", "default_generation_settings"),
        ),
    }
)
"""In the order in which those that are found by themselves are asked: the fastest vendors first."""
