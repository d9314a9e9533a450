"""Makes a flight for a cursor: its context, the prompt, whom to ask, and for what the stream is read on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from spark_lsp.backends.base import Backend
from spark_lsp.completion.cache import PrefixCache
from spark_lsp.completion.context import gather
from spark_lsp.completion.fit import fit
from spark_lsp.completion.lead import lead
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
from spark_lsp.values import Prompt, Suggestion


class Launcher:
    """Makes the flights of one session. They fill `cache`.

    `shown` is what others may see of a path; `reads_on` tells whether a backend's stream may be read on
    behind what was asked for, and `allowance` what that may cost; `keep` is told each text once it is whole.
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
    ) -> None:
        self.settings = settings
        self.generation = 0
        self._cache = cache
        self._fleet = fleet
        self._shown = shown
        self._may_read_on = reads_on
        self._allowance = allowance
        self._keep = keep

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
        state = self._state(snapshot, path, after_accept=after_accept)
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
            if suggestion.complete and not private and generation == self.generation:
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
        prompt = render(context, fim, max_tokens=self.settings.max_tokens, reads_on=reads_on)
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
            trimmer.text, backend=NAME, model=embedded.model, tokens=tokens, confidence=confidence
        )

    def asked(self, snapshot: Snapshot, path: str, course: Course) -> list[tuple[Backend, Prompt]]:
        """What each one would be asked here, in order."""
        state = self._state(snapshot, path, after_accept=False)
        return [(backend, self.prompt(state, backend, path)) for backend in course.backends]

    async def prefill(self, snapshot: Snapshot, path: str, backend: Backend) -> None:
        """Have the server read what stands here, where that is cheap."""
        await backend.prefill(self.prompt(self._state(snapshot, path, after_accept=False), backend, path))

    def _state(self, snapshot: Snapshot, path: str, *, after_accept: bool) -> State:
        context = gather(
            snapshot,
            path=self._shown(path),
            multiline=self.settings.multiline,
            after_accept=after_accept,
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
            offer = fit(Suggestion(text), snapshot, "network")
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
