"""What a setting is: a field whose metadata says what it takes, what it does, and who may set it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from functools import cache
from typing import Any, Literal, NamedTuple

from spark_lsp.config.rules import Rule

Permission = Literal["any", "less", "more", "never"]
"""What a workspace file, which comes with somebody's repository, may do to a setting.

`less` and `more` are measured against what the user has: false is less than
true. A list of which there may be more is added to the user's.
"""


class Spec(NamedTuple):
    """A setting's metadata. A `secret` value is never shown, in no message, repr or command.

    A wrong value counts as `instead`; where that is None, what the layers beneath have said stays.
    """

    rule: Rule
    doc: str
    unit: str
    workspace: Permission
    secret: bool
    instead: object


def setting(
    default: object,
    rule: Rule,
    doc: str,
    *,
    unit: str = "",
    workspace: Permission = "never",
    secret: bool = False,
    instead: object = None,
) -> Any:
    metadata = {"spec": Spec(rule, doc, unit, workspace, secret, instead)}
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@cache
def specs(section: type) -> Mapping[str, Spec]:
    """The settings of a section, by key, in the order of their definition."""
    return {item.name: item.metadata["spec"] for item in fields(section)}
