"""One session: a person types into the real server, in real time, with a fake model behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from spark_lsp.backends.oracle import tokens
from spark_lsp.cli.bench_overhead import SERVER
from spark_lsp.cli.client import Call, Client
from spark_lsp.cli.typing.checker import Checker
from spark_lsp.cli.typing.corpus import Module
from spark_lsp.cli.typing.editor import Buffer, Change, Place, Screen, unmatched
from spark_lsp.cli.typing.model import requests, serving, settled
from spark_lsp.cli.typing.person import Erase, Insert, Move, Person, Return, Take, Undo
from spark_lsp.cli.typing.processes import cpu_ms, peak_mb
from spark_lsp.cli.typing.profiles import settings
from spark_lsp.cli.typing.record import Event, Plan, Record, State
from spark_lsp.errors import RequestError
from spark_lsp.text import character_of

AUTOMATIC = 2  # InlineCompletionTriggerKind


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a session takes place: the modules, the folder the model knows them from and the one the person
    finds them in, the servers' environment, and a file for their words."""

    modules: Sequence[Module]
    whole: Path
    opened: Path
    environment: Mapping[str, str]
    log: IO[bytes] | None = None


async def run(plan: Plan, setting: Setting, starting: asyncio.Semaphore) -> Record:
    """The session of a plan, from its servers' start to their end. Raises SparkError when one fails.

    `starting` is held while they start, which takes a processor's whole attention.
    """
    async with AsyncExitStack() as stack:
        async with starting:
            url = await stack.enter_async_context(
                serving(plan, setting.whole, setting.environment, setting.log)
            )
            client = await Client.start(SERVER, env=setting.environment, stderr=setting.log)
            await stack.enter_async_context(client)
            await client.initialize(setting.opened, settings(plan.profile, plan.policy, url))
        session = Session(client, plan, setting.opened)
        await session.type(setting.modules)
        record = session.record
        record.fake = await settled(url)
        record.metrics = await client.request("spark/metrics", {})
        record.peak_mb = peak_mb(client.pid)
        record.events += requests(record.fake, session.began)
        record.events.sort(key=lambda event: event.t)
    return record


class Session:
    """Opens one module after the other and types what is missing."""

    def __init__(self, client: Client, plan: Plan, root: Path) -> None:
        self._client = client
        self._plan = plan
        self._habits = plan.habits
        self._root = root
        self._loop = asyncio.get_running_loop()
        self._screen = Screen()
        self._checker = Checker(str(plan))
        self._call: Call | None = None
        self._asking: asyncio.TimerHandle | None = None
        self._woken = asyncio.Event()
        self._waits: set[int] = set()
        self._told = 0
        self._taken_from: tuple[Place, str] | None = None
        self._left: tuple[Place, str] | None = None
        self._used_cpu: float | None = None
        self._buffer: Buffer
        self._person: Person
        self._state: State
        self.began = self._loop.time()
        self.record = Record(plan)

    async def type(self, modules: Sequence[Module]) -> None:
        """Type until the plan's keys are pressed. Raises SparkError when the server ends before."""
        for module in modules:
            if self._over:
                break
            await self._module(module)
        self._stop_asking()
        self.record.counts = self._checker.counts
        self.record.findings = [finding.report() for finding in self._checker.findings]

    @property
    def _over(self) -> bool:
        return self.record.keys >= self._plan.keys

    async def _module(self, module: Module) -> None:
        uri = (self._root / module.name).as_uri()
        self._client.open(uri, module.opened, language="python", version=1)
        self._buffer = Buffer(uri, module.opened, Place(0, 0), closes=self._habits.closes_brackets)
        for number in range(len(module.bodies)):
            if self._over:
                break
            await self._function(module, number)
            self.record.functions += 1
        self._stop_asking()
        self._client.close(uri)

    async def _function(self, module: Module, number: int) -> None:
        seed = f"{self._plan.seed}/{module.name}/{number}/"
        self._person = Person(module.body(number), seed, self._loop.time(), pace=self._plan.pace)
        self._move(self._buffer.line_end(module.head(number).count("\n")))
        while not self._person.done and not self._over:
            await self._until_due()
            self._press()
        if self._buffer.closers:
            self._changed(self._buffer.drop_closers())

    async def _until_due(self) -> None:
        """Wait for the moment of the next key, which what comes on the screen meanwhile may change."""
        while (left := self._person.due - self._loop.time()) > 0:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._woken.wait()

    # --- keys

    def _press(self) -> None:
        self._count_cpu()
        self.record.keys += 1
        action = self._person.act(self._loop.time(), self._buffer.line_before)
        match action:
            case Insert(text, erased):
                self._type(text, erased)
            case Erase(count):
                self._screen.hide()
                self._checker.moved()
                self._event("key", "\b" * count)
                self._changed(self._buffer.insert("", count))
            case Take(text):
                self._take(text)
            case Undo():
                assert self._taken_from is not None
                self._screen.hide()
                self._checker.moved()
                self._event("key", "undo")
                self._changed(self._buffer.undo(*self._taken_from))
            case Move(up):
                self._left = self._buffer.at, self._buffer.closers
                self._buffer.closers = ""
                self._move(self._buffer.line_end(max(self._buffer.at.line - up, 0)))
            case Return():
                assert self._left is not None
                place, self._buffer.closers = self._left
                self._move(place)

    def _type(self, text: str, erased: int) -> None:
        self.record.characters += len(text)
        self._event("key", text)
        if erased:
            self._screen.hide()
            self._checker.moved()
        else:
            self._screen.enter(text)
            self._checker.entered(text)
        self._changed(self._buffer.type(text, erased))

    def _take(self, text: str) -> None:
        item, whole = self._screen.item, text == self._screen.ghost
        assert item is not None
        record = self.record
        record.accepts += 1
        record.characters += len(text)
        record.saved += len(text) - 1
        record.tokens_taken += len(tokens(text))
        self._count_wait(text)
        self._event("accept", text, hit=item.hit)
        self._taken_from = self._buffer.at, self._buffer.closers
        left = self._screen.ghost[len(text) :]
        self._screen.enter(text)
        self._checker.entered(text)
        self._change(self._buffer.take(text, item.absorbed if whole else ""))
        if whole:
            command = item.raw["command"]
            params = {"command": command["command"], "arguments": command["arguments"]}
            self._client.call("workspace/executeCommand", params)
        else:
            taken = item.text[: len(item.text) - len(left)]
            accepted = {"item": item.raw, "acceptedLength": character_of(taken, len(taken), "utf-16")}
            self._client.notify("textDocument/didPartiallyAcceptCompletion", accepted)
        self._new_state(after_accept=True)
        self._ask_when_due()

    def _count_wait(self, text: str) -> None:
        """What was waited for a text that is taken: where it was first seen, or first seen to its end.

        A state was waited for once, however many parts of what it brought are taken.
        """
        states = self.record.states
        counted = self._waits.union(self._screen.states_of(text))
        waits = [states[number].wait or 0.0 for number in counted - self._waits]
        self.record.waited_ms += max(waits, default=0.0) * 1000
        self._waits = counted

    def _move(self, place: Place) -> None:
        self._screen.hide()
        self._checker.moved()
        self._buffer.at = place
        self._stop_asking()
        self._new_state(keyed=False)
        if self._habits.asks_after_moves:
            self._ask_when_due()

    def _changed(self, change: Change) -> None:
        self._change(change)
        self._new_state()
        self._ask_when_due()

    def _change(self, change: Change) -> None:
        document = self._buffer.document
        self._client.change(document.uri, document.version, [change])

    def _new_state(self, *, keyed: bool = True, after_accept: bool = False) -> None:
        person, states = self._person, self.record.states
        wants = person.on_path and bool(person.rest.strip())
        self._state = State(len(states), self._loop.time(), keyed, after_accept, wants)
        states.append(self._state)
        self._show()

    def _show(self) -> None:
        screen, closers = self._screen, self._buffer.closers
        parts = self._habits.takes_parts and not closers
        ghost = screen.ghost if not closers or self._meets(closers) else ""
        self._person.sees(ghost, screen.identity, self._loop.time(), parts=parts)
        self._woken.set()

    def _meets(self, closers: str) -> bool:
        """Whether taking what is shown makes one whole with the closing brackets behind the cursor."""
        item, ghost = self._screen.item, self._screen.ghost
        if item is None or not self._state.shown or unmatched(ghost) != item.absorbed:
            return False
        return "\n" not in ghost or item.absorbed == closers

    # --- asking

    def _ask_when_due(self) -> None:
        self._stop_asking()
        if self._habits.debounce:
            self._asking = self._loop.call_later(self._habits.debounce, self._ask)
        else:
            self._ask()

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        if self._call is not None and self._habits.cancels:
            self._client.cancel(self._call)

    def _ask(self) -> None:
        buffer = self._buffer
        params = {
            "textDocument": {"uri": buffer.document.uri},
            "position": buffer.position(buffer.at),
            "context": {"triggerKind": AUTOMATIC},
        }
        self._call = self._client.call("textDocument/inlineCompletion", params)
        self._call.answer.add_done_callback(partial(self._answered, self._state))

    def _answered(self, state: State, answer: asyncio.Future[Any]) -> None:
        now = self._loop.time()
        record = self.record
        if error := answer.exception():
            record.errors[str(error.code) if isinstance(error, RequestError) else "ended"] += 1
            return
        items = answer.result()["items"]
        raw = items[0] if items else None
        hit = _hit(raw)
        record.answers += 1
        record.hits[hit] += 1
        if state is not self._state:
            return  # an editor drops what it did not ask about this text
        person = self._person
        truth = person.rest if person.on_path else ""
        before = self._screen.ghost
        item = self._checker.answered(raw, self._buffer, before, truth, record.keys)
        state.wait, state.hit, state.shown = now - state.at, hit, item is not None
        self._screen.show(item, state.number)
        if self._screen.ghost and not before:
            self._event("shown", self._screen.ghost, wait=state.wait, hit=hit)
        if item is not None and self._habits.tells_shown and self._screen.identity != self._told:
            self._told = self._screen.identity
            record.shown += 1
            self._client.notify("textDocument/didShowCompletion", {"item": item.raw})
        self._show()

    # --- figures

    def _count_cpu(self) -> None:
        used = cpu_ms(self._client.pid)
        if used is not None and self._used_cpu is not None:
            self.record.cpu_ms.append(used - self._used_cpu)
        self._used_cpu = used

    def _event(self, kind: str, text: str, *, wait: float | None = None, hit: str = "") -> None:
        waited = None if wait is None else round(wait * 1000, 1)
        self.record.events.append(Event(self._since(self._loop.time()), kind, text, waited, hit))

    def _since(self, now: float) -> float:
        return round((now - self.began) * 1000, 1)


def _hit(raw: Any) -> str:
    if raw is None:
        return "none"
    arguments = raw.get("command", {}).get("arguments", [])
    return arguments[1] if len(arguments) > 1 else "unknown"
