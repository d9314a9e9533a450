"""Settings in layers: each source refines what the sources before it have said.

A layer is a tree as TOML or JSON has it. Each value is judged by itself, so a
wrong one costs that setting in that layer and nothing else: what the layers
beneath have said stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spark_lsp.config.backend import NEEDS, BackendSettings, from_preset
from spark_lsp.config.presets import PRESETS
from spark_lsp.config.rules import key_name, mention, spell
from spark_lsp.config.settings import CHECKERS, SECTIONS, ActionSettings, Config, RoutingSettings
from spark_lsp.config.spec import Permission, Spec, specs

# What stands beside the settings in the same trees and is somebody else's: the schema's own
# address in a JSON file, a client capability, what clients of the Copilot family say of themselves.
SILENT = {"$schema", "streaming", "editorInfo", "editorPluginInfo", "editorConfiguration"}

WHERE = "it belongs in your own settings file or in the editor's settings"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a setting. The message says what, and what is used instead.

    `path` is the setting, as "inline.max_tokens", and empty when the problem is
    the whole source; `source` is a file or the name of another source; `line` is
    1-based, 0 when it is not known.
    """

    path: str
    message: str
    source: str = ""
    line: int = 0

    def __str__(self) -> str:
        source = f"{self.source}:{self.line}" if self.line else self.source
        return ": ".join(part for part in (source, self.path, self.message) if part)


def parse(tree: object) -> tuple[Config, tuple[Problem, ...]]:
    """The settings that one tree makes over the defaults. Never raises, whatever is in it."""
    config, problems = refine(Config(), tree)
    config, more = settle(config)
    return config, problems + more


def refine(
    config: Config, tree: object, *, source: str = "", foreign: bool = False
) -> tuple[Config, tuple[Problem, ...]]:
    """The settings with a layer laid over them. Never raises, whatever is in it.

    A `foreign` layer came with the workspace: it may narrow what is sent and
    change tastes, and may not name a URL, key or command nor turn on sending more.
    """
    layer = _Layer(source, foreign)
    return layer.config(config, tree), tuple(layer.problems)


def settle(config: Config) -> tuple[Config, tuple[Problem, ...]]:
    """Put right what only all layers together tell: backends that none of them has made whole, and settings
    that do not go with others."""
    problems = []
    whole = []
    for backend in config.backends:
        lacking = _lacking(backend)
        if lacking:
            problems.append(Problem(_path(backend), f"{lacking}; it is left out"))
        else:
            whole.append(backend)
    routing, found = _settle_routing(config)
    problems += found
    actions, found = _settle_actions(config.actions)
    problems += found
    problems += (
        Problem(
            _path(backend),
            "has neither price_prompt nor price_completion: what it costs is not counted, and spend_per_day "
            "does not limit it",
        )
        for backend in whole
        if _is_unlimited(backend, routing)
    )
    return replace(config, backends=tuple(whole), routing=routing, actions=actions), tuple(problems)


def _settle_actions(actions: ActionSettings) -> tuple[ActionSettings, list[Problem]]:
    known = {*CHECKERS, *actions.checkers}
    kept = tuple(name for name in actions.verify if name in known)
    problems = [
        Problem(
            "actions.verify",
            f"names {mention(name)}, which is no checker{_nearest(name, known)}; it is left out",
        )
        for name in actions.verify
        if name not in known
    ]
    return replace(actions, verify=kept), problems


def _settle_routing(config: Config) -> tuple[RoutingSettings, list[Problem]]:
    routing = config.routing
    problems = []
    # One that is left out, or found by itself later, is no misspelling.
    known = {"workspace", *(backend.name for backend in config.backends)}
    if routing.discover and all(map(_lacking, config.backends)):
        known |= PRESETS.keys()
    changes: dict[str, Any] = {}
    for key in ("lanes", "languages"):
        table = dict(getattr(routing, key))
        for entry, names in table.items():
            table[entry] = kept = tuple(name for name in names if name in known)
            for name in names:
                if name not in known:
                    message = f"names {mention(name)}, which is no backend{_nearest(name, known)}"
                    path = f"routing.{key}.{key_name(entry)}"
                    problems.append(Problem(path, f"{message}; {spell(kept)} is used"))
        changes[key] = table
    if routing.hedge_ceiling_ms < routing.hedge_floor_ms:
        changes["hedge_ceiling_ms"] = routing.hedge_floor_ms
        message = f"is less than hedge_floor_ms; {routing.hedge_floor_ms} is used"
        problems.append(Problem("routing.hedge_ceiling_ms", message))
    return replace(routing, **changes), problems


def _path(backend: BackendSettings) -> str:
    return f"backend.{key_name(backend.name)}"


def _is_unlimited(backend: BackendSettings, routing: RoutingSettings) -> bool:
    """Whether a limit of money is meant to hold for it, and cannot."""
    limited = backend.spend_per_day or (routing.spend_per_day and backend.metered)
    return bool(limited) and not (backend.price_prompt or backend.price_completion or backend.tokens_per_day)


def _lacking(backend: BackendSettings) -> str:
    if not backend.kind:
        return "has neither a preset nor a kind"
    needed = NEEDS.get(backend.kind, "")
    return f"has no {needed}" if needed and not getattr(backend, needed) else ""


def _beneath(known: BackendSettings | None, name: str, preset: object) -> BackendSettings:
    """What a table is laid over: the layers before it, or its preset. Another preset clears them."""
    if isinstance(preset, str) and preset in PRESETS and (known is None or known.preset != preset):
        return from_preset(preset, name)
    return known or BackendSettings(name)


class _Layer:
    """One layer being read, with what was found wrong in it."""

    def __init__(self, source: str, foreign: bool) -> None:
        self.source = source
        self.foreign = foreign
        self.problems: list[Problem] = []

    def report(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message, self.source))

    def config(self, beneath: Config, tree: object) -> Config:
        if not isinstance(tree, Mapping):
            self.report("", f"must be a table of settings, not {mention(tree)}; it is ignored")
            return beneath
        changes: dict[str, Any] = {}
        for name, value in tree.items():
            if value is None or name in SILENT:
                continue
            if name == "backend":
                changes["backends"] = self.backends(beneath.backends, value)
            elif name not in SECTIONS:
                self.unknown("", name, (*SECTIONS, "backend"))
            elif isinstance(value, Mapping):
                section = getattr(beneath, name)
                changes[name] = replace(section, **self.values(name, section, value))
            else:
                self.report(name, f"must be a table of settings, not {mention(value)}; it is ignored")
        return replace(beneath, **changes)

    def values(self, path: str, beneath: Any, table: Mapping[Any, object]) -> dict[str, Any]:
        """The fields of `beneath` that the table sets rightly."""
        section: type = type(beneath)
        known = specs(section)
        changes = {}
        for name, value in table.items():
            if value is None:
                continue
            if name in known:
                old = getattr(beneath, name)
                changes[name] = self.value(f"{path}.{name}", known[name], old, value)
            else:
                self.unknown(path, name, known)
        return changes

    def value(self, path: str, spec: Spec, old: Any, value: object) -> Any:
        try:
            new = spec.rule.read(value)
        except ValueError:
            new = old if spec.instead is None else spec.instead
            self.wrong(path, spec.rule.expected, value, "it is ignored" if spec.secret else _instead(new))
        if spec.rule.entry is not None:
            return self.entries(path, spec, old, new)
        if self.foreign and spec.workspace == "more" and isinstance(new, tuple):
            # In front: of patterns the last one counts, and that is the user's.
            return (*(item for item in new if item not in old), *old)
        return new if self.permits(path, spec.workspace, new, old) else old

    def entries(
        self, path: str, spec: Spec, old: Mapping[str, Any], table: Mapping[object, object]
    ) -> dict[str, Any]:
        rule = spec.rule
        assert rule.entry is not None
        merged = dict(old)
        for key, value in table.items():
            entry_path = f"{path}.{key_name(key)}"
            if value is None:
                continue
            if not isinstance(key, str) or not re.fullmatch(rule.key, key):
                self.report(entry_path, "is not a name that can stand here; it is ignored")
                continue
            try:
                new = rule.entry.read(value)
            except ValueError:
                self.wrong(entry_path, rule.entry.expected, value, "it is ignored")
                continue
            if self.permits(entry_path, spec.workspace, new, old.get(key, rule.absent)):
                merged[key] = new
        return merged

    def permits(self, path: str, permission: Permission, new: Any, old: Any) -> bool:
        if not self.foreign or permission == "any" or new == old:
            return True
        if permission == "less" and not new <= old:
            self.report(path, f"a workspace file may only lower this or switch it off; {WHERE}")
        elif permission == "more" and not new >= old:
            self.report(path, f"a workspace file may only switch this on; {WHERE}")
        elif permission == "never":
            self.report(path, f"a workspace file may not set this; {WHERE}")
        else:
            return True
        return False

    def backends(self, beneath: tuple[BackendSettings, ...], tables: object) -> tuple[BackendSettings, ...]:
        """The backends with these laid over them by name, new ones after the old."""
        if self.foreign:
            self.report("backend", f"a workspace file may not name backends; {WHERE}")
            return beneath
        if not isinstance(tables, list | tuple):
            self.report("backend", "must be a list of tables, each under [[backend]]; it is ignored")
            return beneath
        merged = {backend.name: backend for backend in beneath}
        seen: set[str] = set()
        for index, table in enumerate(tables):
            if not isinstance(table, Mapping):
                self.report(f"backend[{index}]", "must be a table; it is ignored")
                continue
            name = next((table[key] for key in ("name", "preset", "kind") if table.get(key)), None)
            if not isinstance(name, str):
                self.report(f"backend[{index}]", "needs a name, as a text; it is left out")
            elif name in seen:
                self.report(f"backend.{key_name(name)}", "is named twice: give each its own; it is left out")
            else:
                seen.add(name)
                old = _beneath(merged.get(name), name, table.get("preset"))
                values = self.values(f"backend.{key_name(name)}", old, table)
                if "base_url" in values:
                    # The text and the key go where the settings say, whatever the preset's variable holds.
                    values.setdefault("base_url_env", "")
                merged[name] = replace(old, **values)
        return tuple(merged.values())

    def wrong(self, path: str, expected: str, value: object, instead: str) -> None:
        # A backend's wrong value may be a key that was pasted into the wrong place.
        quoted = "" if path.startswith("backend") else f", not {mention(value)}"
        self.report(path, f"must be {expected}{quoted}; {instead}")

    def unknown(self, path: str, name: object, known: Iterable[str]) -> None:
        self.report(
            f"{path}.{key_name(name)}" if path else key_name(name),
            f"is unknown{_nearest(name, known)}; it is ignored",
        )


def _nearest(name: object, known: Iterable[str]) -> str:
    """What may have been meant, in words."""
    # Imported when something is wrong, as the server's start pays for each import.
    from difflib import get_close_matches

    near = get_close_matches(name[:60], list(known), 1) if isinstance(name, str) else []
    return f" (is {near[0]} meant?)" if near else ""


def _instead(value: object) -> str:
    return f"{spell(value)} is used" if value not in ("", (), {}) else "it is ignored"
