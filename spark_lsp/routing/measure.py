"""How fast each backend is, as far as it is known: learned from every request, and faded with time.

What was measured is kept per backend, model, lane and size of prompt. What was hardly measured is judged
by its relatives of the same backend, and those by what was expected of it. All mixing is of logarithms:
twice as slow is as far from the truth as twice as fast.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeGuard, get_args

from spark_lsp.routing.belief import OWN, Belief, doubt, mixed
from spark_lsp.routing.parts import Parts
from spark_lsp.routing.sample import Sample
from spark_lsp.values import Lane, Usage

SUBJECTS = 512
SIZES = 6
LEAST_CHARACTERS = (0, *(4**bucket * 256 for bucket in range(1, SIZES)))
"""The shortest prompt of each size, as `size_of` has them."""

WINDOW = 48  # first tokens that count for when one is late
RATES = 12

FASTEST, SLOWEST = 1e-4, 120.0  # seconds
LEAST_RATE, MOST_RATE = 0.1, 1e5  # tokens a second

FRESH = 5.0
"""Seconds that a forecast is good for when nothing new was heard: in them it fades by a hundredth at most."""

GUESS = 0.25
"""What the guess weighs among the relatives, in observations."""

_LONG_AGO = 1e12  # seconds
_PER_SIZE = tuple(0.5**apart for apart in range(SIZES))
_OTHER_LANE = 0.5
_OTHER_MODEL = 0.25
_WARM = 0.5
_COLD = 0.25

_LANES = get_args(Lane)


def size_of(characters: int) -> int:
    """The bucket of a prompt of so many characters: 0 below 1,024, one more for each fourfold, up to 5."""
    return min(max((characters.bit_length() - 9) // 2, 0), SIZES - 1) if characters > 0 else 0


class Subject(NamedTuple):
    """What is measured: `size` is a bucket of `size_of`."""

    backend: str
    model: str
    lane: Lane
    size: int


class Forecast(NamedTuple):
    """What to expect of a request over a connection that is open.

    `ttft` is the median of the seconds to the first token, `late` their ninth decile, `rate` the median of
    the tokens a second after it. `weight` is the effective number of recent observations behind it, those
    of relatives counted in part; 0 is a guess.
    """

    ttft: float
    late: float
    rate: float
    weight: float

    def until(self, tokens: float) -> float:
        """Seconds until so many tokens are here."""
        return self.ttft + tokens / self.rate


UNKNOWN = Forecast(0.4, 1.2, 80.0, 0.0)
"""What is expected of a backend that nothing was said of."""


class _Kept(NamedTuple):
    """A forecast, when it was made, and how much its backend had been told: -1 where that does not count."""

    at: float
    told: int
    belief: Belief
    forecast: Forecast


class _Backend:
    """What is known of one backend."""

    __slots__ = ("guess", "meters", "parts", "told")

    def __init__(self) -> None:
        self.told = 0  # counts what was heard of it
        self.meters: list[Meter] = []
        self.guess = _guess(UNKNOWN)
        self.parts = Parts()


class Meter:
    """What was measured of one subject. Times are seconds of one monotonic clock, given by the caller.

    Numbers that cannot be (not finite, zero, negative) say nothing. A clock that is set back makes nothing
    younger than it was.
    """

    __slots__ = ("_backend", "_cold", "_cool", "_firsts", "_forecasts", "_rates", "_warm", "subject")

    def __init__(self, subject: Subject, backend: _Backend) -> None:
        self.subject = subject
        self._backend = backend
        self._cool = Sample(WINDOW)
        self._warm = Sample(WINDOW)
        self._cold = Sample(RATES)
        self._firsts = ((self._cool, 1.0), (self._warm, _WARM), (self._cold, _COLD))
        self._rates = Sample(RATES)
        self._forecasts: list[_Kept | None] = [None, None]

    def __repr__(self) -> str:
        return f"<Meter {' '.join(map(str, self.subject))}: {len(self._cool)} cool, {len(self._warm)} warm>"

    @property
    def heard(self) -> float | None:
        """When the last observation came, None before the first."""
        samples = (self._cool, self._warm, self._cold, self._rates)
        return max((sample.at for sample in samples if len(sample)), default=None)

    def first_token(self, seconds: float, now: float, *, warm: bool = False, cold: bool = False) -> None:
        """`warm`: the server had this document's prompt in its cache. `cold`: a connection had to be made."""
        if 0 < seconds < math.inf:
            sample = self._cold if cold else self._warm if warm else self._cool
            self._add(sample, min(max(seconds, FASTEST), SLOWEST), now)

    def silence(self, seconds: float, now: float, *, warm: bool = False) -> None:
        """Nothing had come for so long when nobody wanted it any more.

        It would have taken longer: where it has taken longer than usual already, that is news.
        """
        if seconds > self.forecast(now, warm=warm).ttft:
            self.first_token(seconds, now, warm=warm)

    def rate(self, tokens_per_s: float, now: float) -> None:
        """How fast the tokens after the first one came."""
        if 0 < tokens_per_s < math.inf:
            self._add(self._rates, min(max(tokens_per_s, LEAST_RATE), MOST_RATE), now)

    def forecast(self, now: float, *, warm: bool = False) -> Forecast:
        """What to expect now. Where nothing new was heard it is up to `FRESH` seconds old."""
        return (self._fresh(now, warm) or self._judge(now, warm)).forecast

    def observations(self, now: float) -> float:
        """The effective number of recent ones, over open connections."""
        return self.seen(now, warm=False) + self.seen(now, warm=True)

    def seen(self, now: float, *, warm: bool) -> float:
        """Of those, the ones with the prompt in the server's cache, or the others."""
        return (self._warm if warm else self._cool).weight(now)

    def _add(self, sample: Sample, number: float, now: float) -> None:
        sample.add(math.log(number), now)
        self._backend.told += 1
        self._forecasts = [None, None]

    def _fresh(self, now: float, warm: bool) -> _Kept | None:
        kept = self._forecasts[warm]
        if kept is not None and 0 <= now - kept.at < FRESH and kept.told in (-1, self._backend.told):
            return kept
        return None

    def _judge(self, now: float, warm: bool) -> _Kept:
        sample, rates = self._warm if warm else self._cool, self._rates
        weight, rated = sample.weight(now), rates.weight(now)
        if weight >= OWN and rated >= OWN / 2:
            told, median = -1, sample.median()
            belief = Belief(median, sample.late() - median, rates.median(), weight)
        else:
            told = self._backend.told
            prior = (
                (self._fresh(now, False) or self._judge(now, False)).belief if warm else self._relatives(now)
            )
            belief = mixed(sample, weight, rates, rated, prior)
        kept = self._forecasts[warm] = _Kept(now, told, belief, _forecast(belief))
        return kept

    def _relatives(self, now: float) -> Belief:
        """What others of the backend say, and the guess."""
        guess = self._backend.guess
        level, spread, rate = guess.level * GUESS, guess.spread * GUESS, guess.rate * GUESS
        firsts = rates = GUESS
        least, most = -math.inf, math.inf
        for other in self._backend.meters:
            likeness = _likeness(self.subject, other.subject)
            for sample, alike in other._firsts:
                if not sample or sample is self._cool:
                    continue
                weight = sample.weight(now)
                median = sample.median()
                if sample is other._cool and self.subject[:3] == other.subject[:3]:
                    # A longer prompt is not read faster, as long as nobody has seen it.
                    doubted = median + (guess.level - median) * doubt(weight)
                    if other.subject.size < self.subject.size:
                        least = max(least, doubted)
                    else:
                        most = min(most, doubted)
                weight *= likeness * alike
                level += weight * median
                spread += weight * (sample.late() - median)
                firsts += weight
            if other._rates and other is not self:
                weight = likeness * other._rates.weight(now)
                rate += weight * other._rates.median()
                rates += weight
        level = min(max(level / firsts, least), max(least, most))
        return Belief(level, spread / firsts, rate / rates, firsts - GUESS)

    def report(self) -> dict[str, list[float]]:
        """By name, milliseconds or tokens a second, the newest last.

        Two numbers lead each list: how many seconds before the last observation of all its own last one
        came, and their weight at that time.
        """
        heard = self.heard or 0.0
        return {
            name: _reported(sample, heard, unit) for name, sample, _, unit in self._named() if len(sample)
        }

    def restore(self, report: Mapping[str, Any], age_s: float, now: float) -> None:
        """Put what was reported so long ago under what is known. Whatever is no such report is left out."""
        for name, sample, (least, most), unit in self._named():
            lag, weight, numbers = _restored(report.get(name), unit)
            logs = [math.log(min(max(number, least), most)) for number in numbers]
            sample.restore(weight, logs, age_s + lag, now)
        self._backend.told += 1
        self._forecasts = [None, None]

    def _named(self) -> tuple[tuple[str, Sample, tuple[float, float], float], ...]:
        """Each sample's name in a report, with its bounds, and its unit there."""
        times = (FASTEST, SLOWEST)
        return (
            ("first", self._cool, times, 1e3),
            ("warm", self._warm, times, 1e3),
            ("cold", self._cold, times, 1e3),
            ("rate", self._rates, (LEAST_RATE, MOST_RATE), 1.0),
        )

    def explained(self, now: float) -> dict[str, float]:
        """For a person: ms, and tokens a second."""
        forecast = self.forecast(now)
        known = {
            "ttft_ms": forecast.ttft * 1e3,
            "late_ms": forecast.late * 1e3,
            "tokens_per_s": forecast.rate,
            "observations": forecast.weight,
        }
        if len(self._warm):
            known["warm_ms"] = self.forecast(now, warm=True).ttft * 1e3
        if len(self._cold):
            known["cold_ms"] = math.exp(self._cold.median()) * 1e3
        return known


class Measurements:
    """The meters of all backends: at most `SUBJECTS`, those heard of last."""

    def __init__(self) -> None:
        self._meters: dict[Subject, Meter] = {}
        self._backends: dict[str, _Backend] = {}

    def __repr__(self) -> str:
        return f"<Measurements of {len(self._meters)} subjects>"

    def meter(self, subject: Subject) -> Meter:
        """The one meter of a subject; to be asked for each time, since meters that rest are dropped."""
        meter = self._meters.get(subject)
        if meter is None:
            if len(self._meters) >= SUBJECTS:
                self._drop(min(self._meters.values(), key=_last_heard))
            backend = self._backend(subject.backend)
            meter = self._meters[subject] = Meter(subject, backend)
            backend.meters.append(meter)
        return meter

    def expect(self, backend: str, forecast: Forecast) -> None:
        """What is said of a backend until it was measured; its weight says nothing."""
        known = self._backend(backend)
        known.guess = _guess(forecast)
        known.told += 1

    def parts(self, backend: str, usage: Usage, ttft_s: float, now: float) -> None:
        """Tell the parts of a first-token time apart, as far as the server reported them."""
        self._backend(backend).parts.add(usage, ttft_s, now)

    def report(self, now: float) -> dict[str, Any]:
        """What was learned, ready for JSON: by subject, under a kilobyte for each.

        `age` is how many seconds ago something was heard last.
        """
        return {
            _key(subject): {"age": round(_since(heard, now), 1), **meter.report()}
            for subject, meter in self._meters.items()
            if (heard := meter.heard) is not None
        }

    def restore(self, report: object, age_s: float, now: float) -> None:
        """Put a report that is `age_s` old under what is known. Whatever in it is none is left out."""
        for key, row in report.items() if isinstance(report, Mapping) else ():
            subject = _subject(key)
            if subject is None or not isinstance(row, Mapping):
                continue
            age = row.get("age")
            if _is_number(age) and (subject in self._meters or len(self._meters) < SUBJECTS):
                self.meter(subject).restore(row, max(age_s, 0.0) + max(age, 0.0), now)

    def retain(self, names: Collection[str]) -> None:
        """Forget the backends that are not among these."""
        self._backends = {name: known for name, known in self._backends.items() if name in names}
        self._meters = {key: meter for key, meter in self._meters.items() if key.backend in names}

    def explain(self, backend: str, now: float) -> dict[str, float]:
        """What is known of a backend, for a person: ms and tokens a second, of what was measured most.

        `ttft_ms`, `late_ms`, `tokens_per_s`, `observations`, and where known `warm_ms` and `cold_ms` (first
        tokens with the prompt cached, and over a new connection), `connect_ms`, `network_ms`, `queue_ms`,
        `prompt_ms`, `prompt_tokens_per_s`. Empty for a backend that nothing is known of.
        """
        known = self._backends.get(backend)
        if known is None:
            return {}
        said = known.parts.medians()
        if known.meters:
            most = max(known.meters, key=lambda meter: meter.observations(now))
            said = most.explained(now) | said
        return {name: round(value, 1) for name, value in said.items()}

    def reading_rate(self, backend: str, now: float) -> float | None:
        """Prompt tokens a second: as its server says, else at least what its first tokens leave room for.
        None where neither is known."""
        known = self._backends.get(backend)
        if known is None:
            return None
        said = known.parts.medians().get("prompt_tokens_per_s")
        if said is not None:
            return said
        rates = [
            LEAST_CHARACTERS[meter.subject.size] / 4 / meter.forecast(now).ttft
            for meter in known.meters
            if meter.subject.size and meter.seen(now, warm=False) >= OWN / 2
        ]
        return max(rates, default=None)

    def _backend(self, name: str) -> _Backend:
        known = self._backends.get(name)
        if known is None:
            known = self._backends[name] = _Backend()
        return known

    def _drop(self, meter: Meter) -> None:
        del self._meters[meter.subject]
        self._backends[meter.subject.backend].meters.remove(meter)


def _forecast(belief: Belief) -> Forecast:
    level, spread, rate, weight = belief
    return Forecast(math.exp(level), math.exp(level + spread), math.exp(rate), weight)


def _guess(forecast: Forecast) -> Belief:
    ttft = _within(forecast.ttft, FASTEST, SLOWEST, UNKNOWN.ttft)
    late = _within(forecast.late, ttft, SLOWEST, ttft)
    rate = _within(forecast.rate, LEAST_RATE, MOST_RATE, UNKNOWN.rate)
    return Belief(math.log(ttft), math.log(late / ttft), math.log(rate), 0.0)


def _within(value: float, least: float, most: float, otherwise: float) -> float:
    return min(max(value, least), most) if math.isfinite(value) else otherwise


def _likeness(one: Subject, other: Subject) -> float:
    likeness = _PER_SIZE[abs(one.size - other.size)]
    if one.lane != other.lane:
        likeness *= _OTHER_LANE
    return likeness if one.model == other.model else likeness * _OTHER_MODEL


def _last_heard(meter: Meter) -> float:
    heard = meter.heard
    return -math.inf if heard is None else heard


def _since(heard: float, now: float) -> float:
    return min(now - heard, _LONG_AGO) if now > heard else 0.0


def _key(subject: Subject) -> str:
    return f"{subject.lane} {subject.size} {subject.backend}\t{subject.model}"


def _subject(key: object) -> Subject | None:
    """None for what is no key of ours."""
    if not isinstance(key, str):
        return None
    lane, _, rest = key.partition(" ")
    size, _, names = rest.partition(" ")
    backend, tab, model = names.partition("\t")
    if lane not in _LANES or size not in map(str, range(SIZES)) or not tab:
        return None
    return Subject(backend, model, lane, int(size))  # type: ignore[arg-type]  # checked to be a lane


def _reported(sample: Sample, heard: float, unit: float) -> list[float]:
    weight, numbers = sample.report()
    shown = [float(f"{math.exp(number) * unit:.4g}") for number in numbers]
    return [round(_since(sample.at, heard), 1), round(weight, 3), *shown]


def _restored(row: object, unit: float) -> tuple[float, float, list[float]]:
    """The lag, the weight and the numbers of a reported list; no numbers when it is no such list."""
    if not isinstance(row, list) or len(row) < 3 or not all(map(_is_number, row)):
        return 0.0, 0.0, []
    lag, weight, *numbers = row
    return max(lag, 0.0), weight, [number / unit for number in numbers if number > 0]


def _is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number, and no flag."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
