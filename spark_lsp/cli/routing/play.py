"""The requests of a script, sent over real sockets by one policy at the times at which they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import NamedTuple, Protocol

from spark_lsp.backends.base import Backend
from spark_lsp.backends.registry import make
from spark_lsp.cli.routing.policies import FAILED, ORACLE, OURS, Policy, oracle_of, ordinary
from spark_lsp.cli.routing.questions import Question, questions, tokens_of, useful
from spark_lsp.cli.routing.script import Script, drawn
from spark_lsp.cli.routing.stage import MARK, Sent, staged
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BackendError, TimedOut
from spark_lsp.values import Prompt

LEAD = 1.0
"""Seconds from when all is ready to the script's beginning."""

LOST = 10.0
"""Seconds after which a request is given up, and that it counts for."""


class Outcome(NamedTuple):
    """What became of one request: when it came (seconds of the script), and how long its first line took.

    `text` is all that was received, `by` who said the last of it; `lost`: there never was a line.
    """

    at: float
    took: float
    text: str = ""
    by: str = ""
    lost: bool = False

    @property
    def used(self) -> int:
        return tokens_of(self.text)


class Run(NamedTuple):
    """All of one policy, and what its servers say of it. So many texts were `wrong`."""

    policy: str
    outcomes: Sequence[Outcome]
    wrong: int
    sent: Sequence[Sent]
    counts: Mapping[str, int]


class Client(Protocol):
    """Asks with a policy."""

    async def ask(self, question: Question, prompt: Prompt) -> tuple[str, str]:
        """(text up to its first useful line at least, who said the last of it). Raises BackendError."""
        ...

    @property
    def counts(self) -> dict[str, int]:
        """`errors`, `failovers` and, where there are such, `hedges`."""
        ...

    async def aclose(self) -> None: ...


async def play(policy: str, seed: int, requests: int) -> Run:
    """A whole run, on servers of its own. Raises SparkError when they cannot be had."""
    script, asked = drawn(seed, requests), questions(seed)
    async with staged(seed, requests) as stage, AsyncExitStack() as stack:
        clock = _Clock()
        client = await _client(policy, script, stage.urls, seed, clock)
        stack.push_async_callback(client.aclose)
        clock.began = time.monotonic() + LEAD
        stage.begin(clock.began)
        tasks = [
            asyncio.create_task(_one(client, asked[number % len(asked)], number, at, clock))
            for number, at in enumerate(script.arrivals)
        ]
        outcomes = await asyncio.gather(*tasks)
        sent = await stage.end()
    wrong = sum(
        not outcome.lost and not right(outcome.text, asked[number % len(asked)])
        for number, outcome in enumerate(outcomes)
    )
    sent = [
        each._replace(started=each.started - clock.began, ended=each.ended - clock.began) for each in sent
    ]
    return Run(policy, outcomes, wrong, sent, client.counts)


def right(text: str, question: Question) -> bool:
    """Whether a text belongs there: its first line whole, and nothing lost or said twice behind it."""
    return question.answer.startswith(text) and text.startswith(question.line)


class _Clock:
    """Seconds of the script."""

    began = 0.0

    def now(self) -> float:
        return time.monotonic() - self.began


async def _one(client: Client, question: Question, number: int, at: float, clock: _Clock) -> Outcome:
    await asyncio.sleep(at - clock.now())
    started = clock.now()
    try:
        async with asyncio.timeout(LOST):
            text, by = await client.ask(question, prompt_of(question, number))
    except (BackendError, TimeoutError):
        return Outcome(started, LOST, lost=True)
    return Outcome(started, clock.now() - started, text, by, lost=not text.strip())


async def _client(policy: str, script: Script, urls: Mapping[str, str], seed: int, clock: _Clock) -> Client:
    settings = [
        BackendSettings(
            name=character.name,
            kind="openai-completions",
            base_url=urls[character.name],
            model="fake",
            fim="suffix",
            slots=character.slots,
        )
        for character in script.cast
    ]
    if policy == OURS:
        from spark_lsp.cli.routing.ours import Ours

        return await Ours.of(settings)
    rule = oracle_of(script) if policy == ORACLE else ordinary(policy, script.names, seed)
    backends = {each.name: make(each) for each in settings}
    await asyncio.gather(*(backend.connect() for backend in backends.values()))
    return Ordinary(rule, backends, clock)


def prompt_of(question: Question, number: int) -> Prompt:
    return Prompt(question.prefix, question.suffix, max_tokens=MARK + number, path=question.document)


class Ordinary:
    """One at a time; the next one, from the beginning, when that one fails or is silent for two seconds."""

    def __init__(self, rule: Policy, backends: Mapping[str, Backend], clock: _Clock) -> None:
        self._rule = rule
        self._backends = backends
        self._clock = clock
        self._errors = self._failovers = 0

    async def ask(self, question: Question, prompt: Prompt) -> tuple[str, str]:
        failure: BackendError | None = None
        for name in self._rule.order(self._clock.now()):
            self._failovers += failure is not None
            started = self._clock.now()
            took: float | None = None
            self._rule.begun(name, started)
            try:
                text = await self._stream(self._backends[name], prompt)
                took = self._clock.now() - started
                return text, name
            except BackendError as error:
                failure = error
                self._errors += 1
            finally:
                self._rule.ended(name, took, self._clock.now())
        assert failure is not None
        raise failure

    @property
    def counts(self) -> dict[str, int]:
        return {"errors": self._errors, "failovers": self._failovers}

    async def _stream(self, backend: Backend, prompt: Prompt) -> str:
        """Up to the first useful line."""
        text, loop = "", asyncio.get_running_loop()
        async with aclosing(backend.stream(prompt)) as deltas:
            try:
                async with asyncio.timeout(FAILED) as patience:
                    async for delta in deltas:
                        text += delta.text
                        patience.reschedule(loop.time() + FAILED)
                        if useful(text):
                            break
            except TimeoutError as error:
                raise TimedOut(f"{backend.name} has not said a word") from error
        return text

    async def aclose(self) -> None:
        for backend in self._backends.values():
            await backend.aclose()
