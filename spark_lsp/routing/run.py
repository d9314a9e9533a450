"""One request to one backend, as it goes: what is heard of it is what is known of the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_lsp.errors import BackendError
from spark_lsp.routing.board import Runner
from spark_lsp.routing.choose import LINE
from spark_lsp.routing.route import Ask
from spark_lsp.values import Usage

if TYPE_CHECKING:
    from spark_lsp.routing.router import Router

RATED = 8
"""Tokens from which on an answer says something about a rate."""

TRICKLE = 1.0
"""Seconds after which even fewer tokens do."""


class Run:
    """Made by `Router.begin`. Times are seconds of the router's clock."""

    def __init__(self, router: Router, runner: Runner, ask: Ask, now: float) -> None:
        self.name = runner.entrant.name
        self.started = now
        self.first: float | None = None
        self.tokens = 0
        self._router = router
        self._runner = runner
        self._meter = router.meter(self.name, ask)
        self._warm = runner.has_read(ask.document, now)
        self._document = ask.document
        self._last = now
        self._rate: float | None = None
        self._connecting = 0.0
        self._open = True
        runner.open += 1
        runner.changed += 1
        runner.asked += 1
        runner.asked_at = router._requests

    @property
    def took(self) -> float | None:
        """Seconds to the first token; None while nothing was said."""
        return None if self.first is None else self.first - self.started

    @property
    def rate(self) -> float | None:
        """Tokens a second, where the answer was long enough to tell."""
        if self._rate is not None:
            return self._rate
        if self.first is None or self.tokens < RATED or self._last <= self.first:
            return None
        return (self.tokens - 1) / (self._last - self.first)

    def heard(self, tokens: int, now: float) -> bool:
        """Text of so many tokens came. True when it is the first since the backend failed."""
        recovered = False
        if self.first is None:
            self.first = now
            recovered = self._router.health.succeeded(self.name)
            self._runner.reads(self._document, now)
            self._runner.changed += 1
            self._meter.first_token(
                now - self.started - self._connecting, now, warm=self._warm, cold=self._connecting > 0
            )
        self.tokens += tokens
        self._last = now
        return recovered

    def usage(self, usage: Usage, now: float) -> None:
        """What the vendor reports."""
        self._router.health.limited(self.name, usage, now)
        if usage.connect_ms is not None:
            self._connecting = usage.connect_ms / 1000
        if usage.generation_ms and usage.completion_tokens and usage.completion_tokens >= RATED:
            self._rate = usage.completion_tokens / usage.generation_ms * 1000
        if self.first is not None:
            self._router.measurements.parts(self.name, usage, self.first - self.started, now)

    def ended(self, now: float) -> None:
        """No more will be heard, by whoever's wish."""
        if not self._open:
            return
        self._open = False
        self._runner.open -= 1
        self._runner.changed += 1
        if self.first is None:
            self._router.health.left(self.name)
            self._meter.silence(now - self.started, now, warm=self._warm)
        elif self.rate is not None:
            took = self.first - self.started - self._connecting + LINE / self.rate
            usual = self._meter.forecast(now, warm=self._warm).until(LINE)
            self._meter.rate(self.rate, now)
            self._runner.took(took)
            self._router.rises(self.name, took, usual)
        elif now - self.first > TRICKLE:
            self._meter.rate(self.tokens / (now - self.first), now)

    def failed(self, error: BackendError, now: float) -> None:
        """It could not answer, or not to the end."""
        self._router.health.failed(self.name, error, now, paid=self._runner.entrant.metered)
        self.ended(now)
