"""What the editor's status says: who answers, how fast that one is, and why it."""

from __future__ import annotations

from typing import Literal

from spark_lsp.config import Config
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.fleet import Fleet
from spark_lsp.routing.route import Route, two_digits

StatusKind = Literal["Normal", "Warning", "Error", "Inactive"]


def status_of(config: Config, fleet: Fleet) -> tuple[StatusKind, str]:
    """Who answers, or why nobody does."""
    if not config.inline.enabled:
        return "Inactive", "switched off by inline.enabled"
    names = fleet.names
    route, left_out = fleet.standing("instant")
    out = "; ".join(f"{name} {why}" for name, why in left_out.items())
    if route.names and route.names[0] != NAME:
        return "Normal", "; ".join(filter(None, (_speed_of(route), out)))
    if not names:
        if config.workspace.enabled:
            return "Normal", "workspace only: set CEREBRAS_API_KEY or start a local model"
        return "Warning", "no backend: none is configured and workspace.enabled is off"
    return "Warning", f"{out}; workspace only" if route.names else out


def _speed_of(route: Route) -> str:
    """Who answers, how fast it is and why it."""
    leader = route.contenders[0]
    ttft, _, rate, weight = leader.forecast
    if not weight:
        return f"{leader.name}: {route.because}"
    speed = f"first token {two_digits(ttft * 1000)} ms, {two_digits(rate)} tokens/s"
    return f"{leader.name}: {speed}; {route.because}"
