"""Makes a flight for a cursor: its context, the prompt, whom to ask, and for what the stream is read on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from spark_lsp.backends.base import Backend
from spark_lsp.completion.amount import Amount
from spark_lsp.completion.cache import PrefixCache
from spark_lsp.completion.context import gather, wants_lines
from spark_lsp.completion.fit import fit
from spark_lsp.completion.lead import lead
from spark_lsp.completion.odds import Odds, kind_of
from spark_lsp.completion.prompt import render, template_for
from spark_lsp.completion.seam import behind
from spark_lsp.completion.speculate import indent_below
from spark_lsp.completion.trim import Trimmer
from spark_lsp.config import InlineSettings
from spark_lsp.engine.course import Course, Record, inline
from spark_lsp.engine.embedded import NAME
from spark_lsp.engine.fleet import Fleet
from spark_lsp.engine.flight import Allowance, Flight, State
from spark_lsp.engine.race import race
from spark_lsp.text import Snapshot
from spark_lsp.values import Excerpt, Prompt, Suggestion


class Launcher:
    """Makes the flights of one session. They fill `cache`.

    `shown` is what others may see of a path; `reads_on` tells whether a backend's stream may be read on
    behind what was asked for, and `allowance` what that may cost; `keep` is told each text once it is whole;
    `excerpts` are what a backend is told of elsewhere, `odds` what this person takes.
    """

    def __init__(
        self,
        settings: InlineSettings,
        cache: PrefixCache,
        fleet: Fleet,
        shown: Callable[[str], str],
        reads_on: Callable[[Backend], bool],
        allowance: Callable[[int], Allowance],
        keep: Callable[[Snapshot, Suggestion], None],
        excerpts: Callable[[Snapshot, Backend], tuple[Excerpt, ...]],
        odds: Callable[[], Odds],
    ) -> None:
        self.settings = settings
        self.generation = 0
        self._cache = cache
        self._fleet = fleet
        self._shown = shown
        self._may_read_on = reads_on
        self._allowance = allowance
        self._keep = keep
        self._excerpts = excerpts
        self._odds = odds
        self._amount = Amount()

    def flight(
        self,
        snapshot: Snapshot,
        path: str,
        course: Course,
        *,
        limit: int,
        invoked: bool = False,
        after_accept: bool = False,
        private: bool = False,
        ahead: bool = False,
    ) -> Flight:
        """A flight for this cursor, not started yet. Ahead of need it says at most `limit` tokens.

        `after_accept`: what stands before the cursor was taken from a suggestion. Of a `private` document
        nothing is remembered over restarts.
        """
        several = invoked or self._several(snapshot, course, after_accept=after_accept)
        state = self._state(snapshot, path, after_accept=after_accept, several=several)
        generation = self.generation

        def prompt_for(backend: Backend) -> Prompt | None:
            said = flight.handed_over()
            # Under other settings this backend, or this path, may not be asked any more.
            if said is None or generation != self.generation:
                return None
            prompt = self.prompt(state, backend, path, said)
            most = min(prompt.max_tokens, limit) if ahead else prompt.max_tokens
            return replace(prompt, invoked=invoked, max_tokens=most)

        def fill(origin: Snapshot, suggestion: Suggestion) -> None:
            self._cache.put(origin, suggestion, generation=generation)
            lasting = suggestion.complete and not private and not suggestion.raw
            if lasting and generation == self.generation:
                self._keep(origin, suggestion)

        def follow(backend: Backend, state: State, text: str, rest: str) -> tuple[State, str] | None:
            return self._follow(state, path, text, rest) if self._reads_on(backend) else None

        flight = Flight(
            state,
            race(course, prompt_for),
            fill,
            withdraw=lambda origin: self._cache.withdraw(origin, generation=generation),
            follow=follow,
            allowance=self._allowance(limit),
            ahead=ahead,
        )
        return flight

    def prompt(self, state: State, backend: Backend, path: str, said: str = "") -> Prompt:
        """What this backend is asked for a state, of whose answer so much is said."""
        fim = backend.fim or template_for(backend.model)
        reads_on = self._reads_on(backend)
        led = said or (lead(state.context) if fim == "prefix" else "")
        context = behind(state.context, led)
        context = replace(context, excerpts=self._excerpts(state.snapshot, backend))
        # What was said ends where a token does: see `resumed`. Indentation that leads it does not.
        heals = not said and "healing" not in self.settings.without
        prompt = render(context, fim, max_tokens=self.settings.max_tokens, reads_on=reads_on, heals=heals)
        prompt = replace(prompt, line=state.snapshot.line + led.count("\n"), said=led)
        # The index knows files by where they are; to others that would tell the user's name, and more.
        return replace(prompt, path=path) if backend.name == NAME else prompt

    async def predict(
        self, snapshot: Snapshot, path: str, embedded: Backend, *, invoked: bool = False
    ) -> Suggestion | None:
        """What the predictor says here, None when nothing. However unsure, when somebody asks for it."""
        state = self._state(snapshot, path, after_accept=False)
        trimmer, confidence, tokens = Trimmer(state.context), 0.0, 0
        record = Record(self._fleet, embedded, inline(snapshot, "process"), "ahead")
        prompt = replace(self.prompt(state, embedded, path), invoked=invoked)
        async with aclosing(embedded.stream(prompt)) as deltas:
            async for delta in deltas:
                record.heard(delta)
                trimmer.feed(delta.text)
                confidence, tokens = delta.confidence or 0.0, delta.tokens
        trimmer.finish("stop")
        record.ended()
        if not trimmer.text:
            return None
        return Suggestion(
            trimmer.text,
            backend=NAME,
            model=embedded.model,
            tokens=tokens,
            confidence=confidence,
            raw=not state.context.fitting,
        )

    def asked(self, snapshot: Snapshot, path: str, course: Course) -> list[tuple[Backend, Prompt]]:
        """What each one would be asked here, in order."""
        state = self._state(snapshot, path, after_accept=False)
        return [(backend, self.prompt(state, backend, path)) for backend in course.backends]

    async def prefill(self, snapshot: Snapshot, path: str, backend: Backend) -> None:
        """Have the server read what stands here, where that is cheap."""
        await backend.prefill(self.prompt(self._state(snapshot, path, after_accept=False), backend, path))

    def wants_lines(self, snapshot: Snapshot) -> bool:
        """Whether more than a line is wanted here, whoever is asked."""
        multiline = self.settings.multiline
        wants = wants_lines(snapshot.line_before, snapshot.line_after, snapshot.language)
        return multiline == "always" or (multiline == "auto" and wants)

    def _several(self, snapshot: Snapshot, course: Course, *, after_accept: bool) -> bool:
        """Whether more than a line is asked for where the syntax would have it."""
        many, one = (
            self._odds().probability(
                snapshot.language, kind_of(snapshot, many=many, after_accept=after_accept), "all"
            )
            for many in (True, False)
        )
        return self._amount.several(rate=course.rate, many=many, one=one)

    def _state(self, snapshot: Snapshot, path: str, *, after_accept: bool, several: bool = True) -> State:
        context = gather(
            snapshot,
            path=self._shown(path),
            multiline=self.settings.multiline,
            several=several,
            after_accept=after_accept,
            fitting="fitting" not in self.settings.without,
        )
        return State(snapshot, context)

    def _reads_on(self, backend: Backend) -> bool:
        return "read_on" not in self.settings.without and self._may_read_on(backend)

    def _follow(self, state: State, path: str, text: str, rest: str) -> tuple[State, str] | None:
        """The state after `text`, for which the stream goes on with `rest`."""
        snapshot = state.snapshot
        if snapshot.line_after.strip():
            return None
        if text:
            offer = fit(Suggestion(text, raw=not state.context.fitting), snapshot, "network")
            if (
                offer is None
                or offer.absorbed
                or not offer.text.endswith(text.replace("\n", snapshot.newline))
            ):
                return None
            after = snapshot.edited(offer.dedent, 0, offer.text)
            return self._state(after, path, after_accept=True), rest
        # Nothing more on this line: what comes is for the line that Enter begins.
        begun = snapshot.edited(0, 0, f"{snapshot.newline}{indent_below(snapshot)}")
        return self._state(begun, path, after_accept=False), rest.lstrip("\n")
