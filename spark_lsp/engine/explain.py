"""What the router would do, and why: its own decisions about what a checkup found, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from spark_lsp.config import BackendSettings, Config
from spark_lsp.engine.checkup import AFTER, TEXT, Checkup
from spark_lsp.engine.embedded import NAME, WorkspaceBackend
from spark_lsp.engine.fleet import policy_of
from spark_lsp.engine.ledger import limits_of
from spark_lsp.engine.notebook import Notes
from spark_lsp.routing.choose import BATCH_DEADLINE, EDIT, LINE, Contender
from spark_lsp.routing.measure import Subject, size_of
from spark_lsp.routing.route import Ask, Entrant, Route, two_digits
from spark_lsp.routing.router import Router
from spark_lsp.routing.spend import Spend
from spark_lsp.values import Lane, Reach

USUAL = 6_000
"""Characters of the prompt that is asked about: those of an inline completion in the middle of a file."""

FORMULA = (
    f"instant: least p50 + {LINE:.0f} / rate; interactive: least p50 + {EDIT:.0f} / rate; "
    f"batch: cheapest within {BATCH_DEADLINE:.0f} s"
)
"""Times in seconds, the rate in tokens a second."""


class Case(NamedTuple):
    """A kind of question, whom the router would ask, and why not the others: words by name."""

    ask: Ask
    route: Route
    out: dict[str, str]

    @property
    def about(self) -> str:
        """What is asked for, in words."""
        of = f" in {self.ask.language}" if self.ask.language else ""
        return f"{self.ask.lane}{of}" + (" of what privacy.deny lists" if self.ask.reach == "machine" else "")


class Outlook:
    """The router of a server that would start now: with what was just measured, and with what is remembered.

    `now` is in seconds of a monotonic clock, `day` the user's as ISO text.
    """

    def __init__(
        self, config: Config, checkups: Sequence[Checkup], notes: Notes, *, now: float, day: str
    ) -> None:
        self._config = config
        self._now = now
        self._router = Router()
        self._entrants = [one.entrant or Entrant(one.settings.name, one.settings.lanes) for one in checkups]
        if config.workspace.enabled:
            predictor = WorkspaceBackend
            self._entrants.append(
                Entrant(NAME, predictor.lanes, model=predictor.model, local=True, embedded=True)
            )
        self._router.configure(self._entrants, policy_of(config.routing))
        self._router.measurements.restore(notes.measurements, notes.age_s, now)
        for checkup in checkups:
            self._learn(checkup)
        settings = [checkup.settings for checkup in checkups]
        self._unpriced = {
            one.name for one in settings if one.metered and not (one.price_prompt or one.price_completion)
        }
        self._barred = _beyond_limits(config, settings, notes, day) | {
            checkup.settings.name: f"cannot be used: {checkup.problem}"
            for checkup in checkups
            if not checkup.usable
        }

    def _learn(self, checkup: Checkup) -> None:
        if checkup.speed is not None:
            subject = Subject(checkup.settings.name, checkup.model, "instant", size_of(len(TEXT + AFTER)))
            meter = self._router.measurements.meter(subject)
            meter.first_token(checkup.speed.ttft_ms / 1000, self._now)
            if checkup.speed.tokens_per_s is not None:
                meter.rate(checkup.speed.tokens_per_s, self._now)

    def case(self, lane: Lane, language: str = "", reach: Reach = "anywhere") -> Case:
        """What would become of such a question."""
        ask = Ask(lane, USUAL, language=language, reach=reach)
        route = self._router.route(ask, self._now, self._barred, learn=False)
        never = {one.name: self._router.why_not(one, ask) for one in self._entrants}
        return Case(ask, route, {**{name: why for name, why in never.items() if why}, **route.out})

    def cases(self) -> Iterator[Case]:
        """Each lane, and what the settings treat in a way of its own."""
        yield self.case("instant")
        yield self.case("interactive")
        yield self.case("batch")
        for language in self._config.routing.languages:
            yield self.case("instant", language)
        if self._config.privacy.deny:
            yield self.case("instant", reach="machine")

    def report(self) -> dict[str, Any]:
        """All of it, ready for JSON: ms, tokens a second, and money of the prices for an edit."""
        return {
            "formula": FORMULA,
            "prompt_characters": USUAL,
            "cases": [self._reported(case) for case in self.cases()],
        }

    def _reported(self, case: Case) -> dict[str, Any]:
        return {
            "about": case.about,
            "lane": case.ask.lane,
            "language": case.ask.language,
            "reach": case.ask.reach,
            "order": list(case.route.names),
            "reason": case.route.reason,
            "candidates": [self._candidate(case, one) for one in case.route.contenders],
            "left_out": case.out,
        }

    def _candidate(self, case: Case, one: Contender) -> dict[str, Any]:
        forecast = one.forecast
        return {
            "name": one.name,
            "ttft_p50_ms": round(forecast.ttft * 1000, 1),
            "ttft_p90_ms": round(forecast.late * 1000, 1),
            "tokens_per_s": round(forecast.rate, 1),
            "observations": round(forecast.weight, 1),
            "first_line_ms": round(forecast.until(LINE) * 1000, 1),
            "edit_ms": round(forecast.until(EDIT) * 1000, 1),
            "edit_cost": None if one.name in self._unpriced else one.cost,
            "why": self._why(case, one),
        }

    def _why(self, case: Case, one: Contender) -> str:
        first = case.route.contenders[0]
        if one is first:
            return case.route.because
        if one.name == NAME:
            return "answers where no other does"
        if self._config.routing.strategy == "ordered":
            return "comes later in the settings"
        if case.ask.lane == "batch" and one.cost > first.cost:
            return f"costs {one.cost - first.cost:.2g} more an edit"
        later = (one.seconds - first.seconds) * 1000
        return f"{two_digits(later)} ms later" if later >= 1 else "about as fast"


def _beyond_limits(
    config: Config, settings: Sequence[BackendSettings], notes: Notes, day: str
) -> dict[str, str]:
    """Who has spent what they may today, with which limit it is."""
    spend = Spend()
    spend.configure({one.name: limits_of(one) for one in settings}, config.routing.spend_per_day)
    spend.learn(notes.spent)
    reached = {one.name: spend.why(one.name, day).removeprefix(f"{one.name}: ") for one in settings}
    return {name: f"has reached its limit: {why}" for name, why in reached.items() if why}
