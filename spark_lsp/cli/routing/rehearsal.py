"""The script on a made-up clock: many seeds in a second, and no machine that is busy. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from spark_lsp.cli.routing.script import OTHERS, EventKind, Script
from spark_lsp.cli.routing.world import Server, State, World

TICK = 0.05

STATES: Mapping[EventKind, State] = {
    "reset": "breaks",
    "refuse": "refuses",
    "hang": "hangs",
    "stall": "stalls",
}


class Rehearsal(World):
    """The servers of a script, with those other people who use one of them."""

    def __init__(self, script: Script, seed: int) -> None:
        servers = [
            Server(number, each.name, each.ttft, each.rate, slots=each.slots)
            for number, each in enumerate(script.cast)
        ]
        super().__init__(servers, TICK)
        self._script = script
        self._seed = seed
        self.passed(0.0)
        for event in script.events:
            if event.kind == "load":
                self._send_others(event.backend, event.start, event.end, event.size)

    def wait(self, server: Server, request: int) -> float:
        character = self._script.cast[server.number]
        luck = Random(f"{self._seed} {server.number} {request}")
        seconds = server.level + luck.random() * character.jitter
        return seconds + character.late if luck.random() < character.late_share else seconds

    def passed(self, now: float) -> None:
        for server in self.servers:
            moment = self._script.at(server.name, now)
            server.level = moment.character.ttft
            limit, window = moment.limit or (0, 0.0)
            if limit != server.limit:
                server.limit, server.window, server.used = limit, window, 0
            server.state = "up"
            for event in self._script.events:
                if event.backend == server.name and event.start <= now < event.end:
                    server.state = STATES.get(event.kind, server.state)

    def _send_others(self, name: str, start: float, end: float, rate: float) -> None:
        server = next(server for server in self.servers if server.name == name)
        random = Random(f"others {self._seed} {name}")

        def begin(now: float) -> None:
            self.at(now + self.wait(server, -1) + OTHERS / server.rate, through)

        def through(now: float) -> None:
            self.free(server, now)

        def arrive(now: float) -> None:
            self.slot(server, now, begin)

        due = start
        while due < end:
            self.at(due, arrive)
            due += random.expovariate(rate)
