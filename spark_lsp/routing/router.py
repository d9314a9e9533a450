"""Whom to ask: measurements, health and policy in one place, for the engine and for the simulator alike.

Pure: every call is told the time, in seconds of one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spark_lsp.routing.board import Board, Runner
from spark_lsp.routing.budget import Share
from spark_lsp.routing.choose import LINE, NEAR, Contender, by_cost, by_speed
from spark_lsp.routing.health import Health
from spark_lsp.routing.measure import Forecast, Measurements, Meter, size_of
from spark_lsp.routing.route import Ask, Entrant, Policy, Role, Route
from spark_lsp.routing.run import Run
from spark_lsp.values import Lane

HEDGES = 0.05
"""The share of the requests that a second backend may be asked for because the first is late."""

SAVED = 12.0
"""Hedges that may be saved up: a fault of the leader meets a handful of requests at once."""

LOOKS = 0.04
"""The share that one may be asked for to learn about it. It is not taken from the hedges: when the leader
becomes slow they are all used, and that is when one wants to know who else is there."""

LOOKS_SAVED = 4.0

MARGIN = 1.15
"""Times its p90 that the first is waited for: at the p90 itself a tenth of all requests is late, and uses up
what there is for those that are in trouble."""

AT_ONCE = Forecast(0.003, 0.01, 10_000.0, 0.0)
"""What is expected of the predictor of this process."""

FOR_HEDGES = 1.0
"""Hedges that are left where one is taken for a try after a rest, when all looks are used."""

LOOKED_AT = 10
"""Backends that are weighed for it at one request."""

LOOK_AGAIN = 16.0
"""Requests after which one that is as fast as the leader is asked beside it, to learn how fast it is now; a
slower one is asked so much more seldom as its time is longer, squared."""

BOARDS = 128
"""Kinds of questions whose contenders are kept: a document is one of them."""

NOBODY: frozenset[str] = frozenset()

RISEN = 0.75
"""The share of what was expected of it: one whose last answer took less is taken to have become faster, and
leads as long as that holds. Its forecast follows some answers later."""

FEW = 3.0
"""Recent observations from which on a forecast says something."""

GIVE_UP = 4.0
"""Times its p90: one that is silent for so long is not slow."""

LEAST_SILENCE, LEAST_SILENCE_ALONE = 0.4, 2.0
"""Seconds before one is given up for silent, where another one could be asked and where none could."""

UNKNOWN_SILENCE = 3.0
"""Seconds that one is waited for that little is known of, where another one could be asked: it may load."""

STALLED = 10.0
"""Times the time of its lines: one that is silent for so long within a text says no more."""

LEAST_STALL = 0.2
"""Seconds; a network's hiccup is shorter."""


class Router:
    """Chooses among the entrants, and keeps the record that it chooses by."""

    def __init__(self) -> None:
        self.measurements = Measurements()
        self.health = Health()
        self.policy = Policy()
        self._runners: dict[str, Runner] = {}
        self._boards: dict[tuple[str | int, ...], Board] = {}
        self._incumbents: dict[Lane, str] = {}
        self._hedges = Share(HEDGES, SAVED)
        self._risen: dict[str, float] = {}
        self._looks = Share(LOOKS, LOOKS_SAVED)
        self._requests = 0

    def configure(self, entrants: Sequence[Entrant], policy: Policy) -> None:
        """From now on these. What was learned of those that stay is kept."""
        known, self._runners = self._runners, {}
        for place, entrant in enumerate(entrants):
            runner = known.get(entrant.name)
            if runner is None or runner.entrant != entrant:
                runner = Runner(entrant, place)
            runner.place = place
            self._runners[entrant.name] = runner
            if entrant.embedded:
                self.measurements.expect(entrant.name, AT_ONCE)
        self.measurements.retain(self._runners)
        self.policy = policy
        self._boards.clear()

    # --- the decision

    def route(
        self, ask: Ask, now: float, barred: Mapping[str, str] | None = None, *, learn: bool = True
    ) -> Route:
        """Whom to ask. `barred` names those that may not be asked now, each with the reason.

        Without `learn` it is a question and no decision: nothing is remembered of it.
        """
        board = self._board(ask)
        fit, last = board.look(now)
        out = dict(board.left_out)
        trials: list[Contender] = []
        concerns = self.health.concerns(now)
        if barred or concerns:
            fit = self._sort_out(fit, ask, now, barred or {}, concerns, trials, out)
        ordered = self._ordered(fit, ask)
        risen = ""
        if self._risen and ask.lane == "instant" and self.policy.strategy == "fastest":
            risen = self._raise(ordered)
        beside = self._beside(ordered, trials) if ordered and learn and ask.lane != "batch" else ""
        if ordered and not beside and ask.lane != "batch":
            # One that costs money is not asked beside another: it gets its one try in front.
            trial = next((one for one in trials if not self._may_learn_from(one.name)), None)
            if trial is not None and trial.seconds < ordered[0].seconds:
                trials.remove(trial)
                ordered.insert(0, trial)
        # The predictor must not outrank a model that is up: on single lines it lowered even a 0.5B model's
        # exact answers from 44 to 35 in a hundred.
        order = (*ordered, *self._ordered(trials, ask), *last)
        if learn and order and not order[0].embedded:
            self._incumbents[ask.lane] = order[0].name
        tried = frozenset(filter(self.health.on_trial, concerns)) if concerns else NOBODY
        return Route(ask.lane, order, beside, out, tried, self.policy.strategy, risen)

    def _sort_out(
        self,
        contenders: Sequence[Contender],
        ask: Ask,
        now: float,
        barred: Mapping[str, str],
        concerns: frozenset[str],
        trials: list[Contender],
        out: dict[str, str],
    ) -> list[Contender]:
        """Those of whom nothing is known but good. Who may not be asked goes into `out`, who is on trial into
        `trials`."""
        health, fit = self.health, []
        for one in contenders:
            if one.name in barred:
                out[one.name] = barred[one.name]
            elif one.name not in concerns:
                fit.append(one)
            elif not health.usable(one.name, now, ask.size // 4):
                out[one.name] = health.why(one.name, now)
            elif health.on_trial(one.name):
                trials.append(one)
            else:
                fit.append(one)
        return fit

    def _ordered(self, contenders: list[Contender], ask: Ask) -> list[Contender]:
        if self.policy.strategy == "ordered":
            listed = self.policy.listed(ask.lane, ask.language)
            if listed is None:
                return sorted(contenders, key=lambda contender: self._runners[contender.name].place)
            return sorted(contenders, key=lambda contender: listed.index(contender.name))
        if ask.lane == "batch":
            return by_cost(contenders)
        return by_speed(contenders, self._incumbents.get(ask.lane, ""))

    def _raise(self, ordered: list[Contender]) -> str:
        """Put one in front whose last answer was faster than the leader's usual one, and than its own."""
        risen = [one for one in ordered if one.name in self._risen]
        best = min(risen, key=lambda one: self._risen[one.name], default=None)
        if best is not None and self._risen[best.name] < ordered[0].seconds * (1 - NEAR):
            ordered.remove(best)
            ordered.insert(0, best)
            return best.name
        return ""

    # --- who may be asked at all

    def _board(self, ask: Ask) -> Board:
        size = size_of(ask.size)
        key = ask.lane, size, ask.document, ask.language, ask.reach
        board = self._boards.get(key)
        if board is None:
            if len(self._boards) >= BOARDS:
                self._boards.clear()
            serving = [runner for runner in self._runners.values() if ask.lane in runner.entrant.lanes]
            reasons = {runner.entrant.name: self.why_not(runner.entrant, ask) for runner in serving}
            runners = [runner for runner in serving if not reasons[runner.entrant.name]]
            left_out = {name: why for name, why in reasons.items() if why}
            board = Board(runners, left_out, self.measurements, ask.lane, size, ask.document)
            self._boards[key] = board
        return board

    def why_not(self, entrant: Entrant, ask: Ask) -> str:
        """Why this one is never asked such a thing, "" when it may be."""
        if ask.lane not in entrant.lanes:
            return f"does not serve {ask.lane}"
        if entrant.embedded:
            return ""
        if ask.reach == "process" or (ask.reach == "machine" and not entrant.local):
            return "is not on this machine" if ask.reach == "machine" else "is not in this process"
        listed = self.policy.listed(ask.lane, ask.language)
        return "" if listed is None or entrant.name in listed else "is not listed for this"

    # --- learning

    def _may_learn_from(self, name: str) -> bool:
        entrant = self._runners[name].entrant
        return not entrant.metered or self.policy.explore_metered

    def _beside(self, ordered: Sequence[Contender], trials: Sequence[Contender]) -> str:
        """Who is asked with the first: one that is tried again, or was not heard of for long."""
        leader = ordered[0]
        server = self._runners[leader.name].entrant.server
        if not self._looks.has() and not (trials and self._hedges.has(FOR_HEDGES)):
            return ""
        due = [one for one in trials if self._may_learn_from(one.name)]
        if not due and self._looks.has() and self.policy.strategy == "fastest":
            # Some of them at each request: all of many would be half of what a decision costs.
            every = 1 + len(ordered) // LOOKED_AT
            some = ordered[1 + self._requests % every :: every]
            due = [one for one in some if self._may_learn_from(one.name) and self._is_due(one, leader)]
        for one in sorted(due, key=lambda one: self._runners[one.name].asked_at):
            other = self._runners[one.name].entrant.server
            if not server or other != server:
                return one.name
        return ""

    def _is_due(self, one: Contender, leader: Contender) -> bool:
        silent = self._requests - self._runners[one.name].asked_at
        runner = self._runners[one.name]
        if runner.asked < FEW:
            return silent >= LOOK_AGAIN / 4
        # What was fast once may be again.
        squared = one.seconds * (runner.best or one.seconds) / leader.seconds**2
        return silent >= LOOK_AGAIN * max(squared, 1.0)

    # --- one request

    def begin(self, name: str, ask: Ask, now: float, role: Role = "first") -> Run:
        """One request goes to this backend."""
        if role == "first":
            self._requests += 1
            self._hedges.passed()
            self._looks.passed()
        elif role == "beside" and not self._looks.take():
            self._hedges.take()
        runner = self._runner(name)
        self.health.asked(name, ask.size // 4)
        return Run(self, runner, ask, now)

    def patience(self, name: str, ask: Ask, now: float) -> float:
        """Seconds of silence from the request on until the next backend is asked beside this one."""
        late = self._forecast(name, ask, now).late
        return min(max(late * MARGIN, self.policy.hedge_floor), self.policy.hedge_ceiling)

    def line_within(self, name: str, ask: Ask, now: float) -> float:
        """Seconds from its first token on in which its first line is expected, however it varies."""
        return self.policy.hedge_floor + 2.0 * LINE / self._forecast(name, ask, now).rate

    def give_up(self, name: str, ask: Ask, now: float, *, alone: bool) -> float | None:
        """Seconds of silence from the request on after which it has failed; None is never.

        `alone`: nobody could be asked instead of it but the predictor.
        """
        meter, warm = self.meter(name, ask), self._runner(name).has_read(ask.document, now)
        # Of its relatives nothing follows here: a local model that answers a prompt that it has read in 0.1 s
        # takes 4 s to read another.
        if meter.seen(now, warm=warm) < FEW:
            return None if alone else UNKNOWN_SILENCE
        late = meter.forecast(now, warm=warm).late
        return max(GIVE_UP * late, LEAST_SILENCE_ALONE if alone else LEAST_SILENCE)

    def stalls_after(self, name: str, ask: Ask, now: float) -> float:
        """Seconds of silence within its text from which on it has failed: `stall` at the latest."""
        line = LINE / self._forecast(name, ask, now).rate
        return min(max(STALLED * line, LEAST_STALL), self.policy.stall)

    def may_hedge(self, name: str, now: float, beside: str = "") -> bool:
        """Whether this one may be asked beside `beside`, which is late. Takes from the share: ask at once."""
        if not self.policy.hedge or name not in self._runners:
            return False
        entrant = self._runners[name].entrant
        if entrant.embedded or not self.health.usable(name, now):
            return False
        if (
            entrant.server
            and beside in self._runners
            and self._runners[beside].entrant.server == entrant.server
        ):
            return False
        return self._hedges.take()

    def rises(self, name: str, took: float, usual: float) -> None:
        """A line of this one took so long, in seconds, which usually takes so long."""
        if took < RISEN * usual:
            self._risen[name] = took
        else:
            self._risen.pop(name, None)

    def _forecast(self, name: str, ask: Ask, now: float) -> Forecast:
        warm = self._runner(name).has_read(ask.document, now)
        return self.meter(name, ask).forecast(now, warm=warm)

    def meter(self, name: str, ask: Ask) -> Meter:
        """What was measured of it for such a question."""
        return self.measurements.meter(self._runner(name).subject(ask.lane, size_of(ask.size)))

    def _runner(self, name: str) -> Runner:
        """Of one that left while it was asked, because the settings changed, nothing is known any more."""
        return self._runners.get(name) or Runner(Entrant(name, ()), 0)
