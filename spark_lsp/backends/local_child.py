"""A user's side of kind `local`: find the child that serves a plan, or start it, and hold on to it."""

from __future__ import annotations

import asyncio
import hmac
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, Self

import orjson

from spark_lsp.backends.local_plan import Meeting, Plan
from spark_lsp.backends.payload import quote
from spark_lsp.errors import ServerFault, TimedOut

PUBLISHED = 20.0  # seconds until a child that was started can be found: a cold disk has to give Python first
LOADED = 300.0  # seconds for a model to be read from a slow disk
LOOK_AGAIN = 0.02
LOG = 65_536  # bytes of the log's end that are looked at


class Child:
    """A connection to a child's door: while it is held, the child lives. `url` and `key` are its server's."""

    def __init__(
        self, url: str, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, meeting: Meeting
    ) -> None:
        self.url = url
        self.key = key
        self._reader = reader
        self._writer = writer
        self._meeting = meeting

    def __repr__(self) -> str:
        return f"<Child {self.url}>"

    @property
    def alive(self) -> bool:
        """The system closes the connection of a process that is gone."""
        return not (self._reader.at_eof() or self._reader.exception() or self._writer.is_closing())

    def last_words(self) -> str:
        return last_words(self._meeting)

    async def leave(self) -> None:
        """The last one to leave ends the child."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    @classmethod
    async def find(cls, meeting: Meeting) -> Self | None:
        """The child that is there already, once its model is loaded; None when there is none.

        Raises ServerFault when it cannot load its model, TimedOut when it never ends doing so.
        """
        place = await asyncio.to_thread(_read_place, meeting)
        if place is None:
            return None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", place["port"])
        except OSError:
            return None
        try:
            writer.write(place["token"].encode() + b"\n")
            async with asyncio.timeout(LOADED):
                line = await reader.readline()
            news = _trusted(line, place["proof"])
            if news.get("state") == "ready":
                return cls(news["url"], news["key"], reader, writer, meeting)
        except (OSError, ValueError):  # a line without end is a ValueError
            news = {}
        except TimeoutError as error:
            writer.close()
            raise TimedOut(f"llama.cpp is not done loading the model after {LOADED:g} s") from error
        except BaseException:
            writer.close()
            raise
        writer.close()
        if not news:
            return None  # it ended: on its own account or under our eyes
        raise ServerFault(
            f"llama.cpp does not load the model: {_reason(meeting) or quote(news.get('message', ''))}",
            advice="is it a whole GGUF file, of a kind that this llama.cpp knows?",
        )

    @classmethod
    async def find_or_start(cls, plan: Plan, meeting: Meeting) -> Self:
        """Raises BackendError."""
        if (found := await cls.find(meeting)) is not None:
            return found
        try:
            process = await asyncio.to_thread(start, plan, meeting)
        except OSError as error:
            raise ServerFault(f"the process for the model cannot be started: {error}") from error
        loop = asyncio.get_running_loop()
        end = loop.time() + PUBLISHED
        try:
            while loop.time() < end:
                ended = process.poll()
                if (found := await cls.find(meeting)) is not None:
                    return found
                if ended:
                    said = last_words(meeting)
                    raise ServerFault(f"the process for the model ended with status {ended}: {said}")
                if ended == 0:  # it met another one, which may have been about to end, too
                    process = await asyncio.to_thread(start, plan, meeting)
                await asyncio.sleep(LOOK_AGAIN)
            raise TimedOut(f"the process for the model did not show up in {PUBLISHED:g} s")
        finally:
            # Slower than the one that was found, it would take over, for nobody, when that one ends.
            place = _read_place(meeting)
            if place is None or place["pid"] != process.pid:
                process.kill()


def start(plan: Plan, meeting: Meeting) -> subprocess.Popen[bytes]:
    """A child of its own session: a Ctrl-C that is meant for us, or for one of its users, spares it."""
    meeting.prepare()
    handle = os.open(meeting.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    # -P: the folder that we stand in is somebody's repository, and may have an `asyncio` of its own.
    command = [sys.executable, "-P", "-m", "spark_lsp.backends.local_server"]
    try:
        process = subprocess.Popen(
            [*command, plan.encode(), str(meeting.folder)],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    finally:
        os.close(handle)
    # Not asyncio's subprocess: it kills its process when the loop closes, and others may use this one.
    threading.Thread(target=process.wait, daemon=True, name="reaper of the local model").start()
    return process


def last_words(meeting: Meeting) -> str:
    """The last line of the child's log, "" when it said nothing."""
    return next((quote(line) for line in reversed(_log(meeting))), "")


def _reason(meeting: Meeting) -> str:
    """The first line of the log: each part of llama.cpp that gives up after it only says that it does."""
    return next((quote(line) for line in _log(meeting)), "")


def _log(meeting: Meeting) -> list[bytes]:
    """Short, since the child writes errors only and begins it anew."""
    try:
        return [line for line in meeting.log.read_bytes()[-LOG:].splitlines() if line.strip()]
    except OSError:
        return []


def _trusted(line: bytes, proof: str) -> dict[str, Any]:
    """What the child says, {} where it ended or a stranger has its port."""
    with suppress(ValueError):
        news = orjson.loads(line)
        if isinstance(news, dict) and hmac.compare_digest(str(news.get("proof")).encode(), proof.encode()):
            return news
    return {}


def _read_place(meeting: Meeting) -> dict[str, Any] | None:
    try:
        place = orjson.loads(meeting.place.read_bytes())
        numbers = {name: int(place[name]) for name in ("port", "pid")}
        words = {name: str(place[name]) for name in ("token", "proof")}
        return {**numbers, **words} if words["proof"] else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
