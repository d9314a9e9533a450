"""Settings: what there is to set, where it is read from, and what is wrong with it.

`spark_lsp.config.reference` makes the JSON schema and the settings page from
the same definitions; it is imported only by the command that prints them.
"""

from spark_lsp.config.backend import BackendSettings
from spark_lsp.config.layers import Problem, parse, refine
from spark_lsp.config.settings import (
    ActionSettings,
    CacheSettings,
    CompatSettings,
    Config,
    InlineSettings,
    PrefetchSettings,
    PrivacySettings,
    RoutingSettings,
    WorkspaceSettings,
)
from spark_lsp.config.sources import load, within

__all__ = [
    "ActionSettings",
    "BackendSettings",
    "CacheSettings",
    "CompatSettings",
    "Config",
    "InlineSettings",
    "PrefetchSettings",
    "PrivacySettings",
    "Problem",
    "RoutingSettings",
    "WorkspaceSettings",
    "load",
    "parse",
    "refine",
    "within",
]
