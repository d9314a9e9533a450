"""The real model that the settings name, if they do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.cli.files import settings_in_force

NOT_MODELS = ("workspace", "fake", "replay")


@dataclass(frozen=True, slots=True)
class Named:
    """The backends of somebody's settings, and how a server is started that has them."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def named_in(config: Path | None) -> Named | None:
    """None where the settings list no model. Raises UsageError for a file that is none."""
    backends = [one for one in settings_in_force(config, None).backends if one.kind not in NOT_MODELS]
    if not backends:
        return None
    arguments = ("--config", str(config.resolve())) if config is not None else ()
    name = ", ".join(f"{one.name} ({one.model})" if one.model else one.name for one in backends)
    return Named(name, arguments, dict(os.environ))
